//! What an API server adds to a volume.

use serde_json::{Map, Value};

use super::container::complete_field_reference;
use super::image::set_pull_policy;
use super::json::{for_each, set_absent, set_zero, with_child};

/// Mode of files that come from the API: 0644.
const FILE_MODE: i64 = 0o644;

/// How long a token in a volume is valid, in seconds.
const TOKEN_SECONDS: i64 = 3_600;

/// Completes a volume. One without a source is an `emptyDir`; here both are no source at all.
pub(super) fn complete(volume: &mut Map<String, Value>) {
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        with_child(volume, source, |source| set_absent(source, "defaultMode", FILE_MODE));
    }
    with_child(volume, "downwardAPI", |source| for_each(source, "items", complete_field_reference));
    with_child(volume, "projected", |projected| for_each(projected, "sources", complete_projection));
    with_child(volume, "image", |image| set_pull_policy(image, "reference", "pullPolicy"));
    with_child(volume, "ephemeral", |ephemeral| {
        with_child(ephemeral, "volumeClaimTemplate", |template| {
            with_child(template, "spec", |spec| set_absent(spec, "volumeMode", "Filesystem"));
        });
    });
    complete_storage(volume);
}

fn complete_projection(source: &mut Map<String, Value>) {
    with_child(source, "downwardAPI", |source| for_each(source, "items", complete_field_reference));
    with_child(source, "serviceAccountToken", |token| set_absent(token, "expirationSeconds", TOKEN_SECONDS));
}

/// Completes volumes of storage systems.
fn complete_storage(volume: &mut Map<String, Value>) {
    with_child(volume, "iscsi", |source| set_zero(source, "iscsiInterface", "default"));
    with_child(volume, "rbd", |source| {
        set_zero(source, "pool", "rbd");
        set_zero(source, "user", "admin");
        set_zero(source, "keyring", "/etc/ceph/keyring");
    });
    with_child(volume, "azureDisk", |source| {
        set_absent(source, "cachingMode", "ReadWrite");
        set_absent(source, "fsType", "ext4");
        set_absent(source, "kind", "Shared");
    });
    with_child(volume, "scaleIO", |source| {
        set_zero(source, "storageMode", "ThinProvisioned");
        set_zero(source, "fsType", "xfs");
    });
}

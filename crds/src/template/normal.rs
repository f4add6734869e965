//! The normal form: what a template means, after everything that an API server adds, rewrites or drops.

use serde_json::{Map, Value};

use super::compact::compact;
use super::hash::Digest;
use super::injected::{remove_anti_affinity, remove_hash_labels};
use super::json::{for_each, set_absent, set_zero, text, with_child};
use super::{container, quantity, volume};

/// Switches that are off when they are absent.
const OFF_WHEN_ABSENT: [&str; 8] =
    ["hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly", "optional"];

/// Numbers that are 0 when they are absent.
const ZERO_WHEN_ABSENT: [&str; 6] =
    ["initialDelaySeconds", "hostPort", "partition", "lun", "seconds", "divisor"];

/// Texts that mean something else when they are empty than when they are absent.
const MEANINGFUL_WHEN_EMPTY: [&str; 5] =
    ["storageClassName", "volumeAttributesClassName", "hostnameOverride", "runtimeClassName", "apiGroup"];

/// Fields whose keys belong to users; nothing in them is dropped.
const FREE: [&str; 6] =
    ["labels", "annotations", "matchLabels", "nodeSelector", "volumeAttributes", "options"];

/// Maps from a resource to an amount.
const AMOUNTS: [&str; 3] = ["limits", "requests", "overhead"];

/// Single amounts.
const AMOUNT: [&str; 2] = ["sizeLimit", "divisor"];

/// Returns the normal form of a pod template. Templates that ask for the same pods have the same one, whether they
/// were written by a user or read back from an API server.
///
/// Anything that is not a pod template comes back compacted; nothing is refused.
#[must_use]
pub fn normal_form(template: &Value) -> Value {
    let mut template = template.clone();
    if let Value::Object(map) = &mut template {
        with_child(map, "metadata", |metadata| {
            metadata.remove("creationTimestamp");
            remove_hash_labels(metadata);
        });
        with_child(map, "spec", complete_pod);
    }
    tidy(&mut template);
    compact(&template)
}

/// Says whether two templates ask for the same pods.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    one == other || normal_form(one) == normal_form(other)
}

/// Returns what a template means, in 128 bits: [`same`] templates have the same digest.
#[must_use]
pub fn digest(template: &Value) -> Digest {
    Digest::of(&normal_form(template))
}

fn complete_pod(spec: &mut Map<String, Value>) {
    set_zero(spec, "dnsPolicy", "ClusterFirst");
    set_zero(spec, "restartPolicy", "Always");
    set_absent(spec, "terminationGracePeriodSeconds", 30);
    set_zero(spec, "schedulerName", "default-scheduler");
    set_absent(spec, "enableServiceLinks", true);
    settle_service_account(spec);
    remove_anti_affinity(spec);
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool) == Some(true);
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        for_each(spec, containers, |one| {
            container::complete(one);
            if host_network {
                container::open_host_ports(one);
            }
        });
    }
    for_each(spec, "volumes", volume::complete);
}

/// `serviceAccount` is the old name of `serviceAccountName`; the new name wins.
fn settle_service_account(spec: &mut Map<String, Value>) {
    let alias = text(spec, "serviceAccount").to_owned();
    set_zero(spec, "serviceAccountName", alias);
    spec.remove("serviceAccount");
}

/// Settles amounts and drops what is the same as nothing, at every depth.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => tidy_map(map),
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn tidy_map(map: &mut Map<String, Value>) {
    for (key, value) in map.iter_mut() {
        let key = key.as_str();
        if AMOUNT.contains(&key) {
            quantity::canonicalize(value);
        } else if AMOUNTS.contains(&key) {
            value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(quantity::canonicalize);
        } else if !FREE.contains(&key) {
            tidy(value);
        }
    }
    map.retain(|key, value| !is_nothing(key, value));
}

fn is_nothing(key: &str, value: &Value) -> bool {
    match value {
        Value::Bool(on) => !on && OFF_WHEN_ABSENT.contains(&key),
        Value::Number(number) => number.as_i64() == Some(0) && ZERO_WHEN_ABSENT.contains(&key),
        Value::String(text) if text == "0" => key == "divisor",
        Value::String(text) => text.is_empty() && !MEANINGFUL_WHEN_EMPTY.contains(&key),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

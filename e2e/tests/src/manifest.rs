//! Manifests: the repository's own examples, read, changed where a test says so, and applied.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, discovery};
use serde_json::Value;

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned).unwrap_or_default()
}

/// The manifests of a directory of `examples/`, in the order of its kustomization.
///
/// # Errors
/// When the directory, its kustomization or one of its files cannot be read.
pub fn example(name: &str) -> Result<Vec<Value>> {
    let directory = repository().join("examples").join(name);
    let kustomization = documents(&directory.join("kustomization.yaml"))?;
    let resources =
        kustomization.first().and_then(|it| it["resources"].as_array().cloned()).unwrap_or_default();
    let mut manifests = Vec::new();
    for resource in resources.iter().filter_map(Value::as_str) {
        manifests.extend(documents(&directory.join(resource))?);
    }
    Ok(manifests)
}

/// The documents of a YAML file.
///
/// # Errors
/// When the file cannot be read or is no YAML.
pub fn documents(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_saphyr::from_multiple(&text).with_context(|| format!("cannot understand {}", path.display()))
}

/// Merges a change into the document of a kind: what the change sets to null is removed.
///
/// # Errors
/// When there is no such document.
pub fn change(manifests: &mut [Value], kind: &str, change: &Value) -> Result<()> {
    json_patch::merge(of_kind(manifests, kind)?, change);
    Ok(())
}

/// The document of a kind among others.
///
/// # Errors
/// When there is none.
fn of_kind<'a>(manifests: &'a mut [Value], kind: &str) -> Result<&'a mut Value> {
    match manifests.iter_mut().find(|manifest| manifest["kind"] == kind) {
        Some(manifest) => Ok(manifest),
        None => bail!("there is no {kind} among the manifests"),
    }
}

/// Applies manifests in a namespace, in their order, as `kubectl apply --server-side` does.
///
/// # Errors
/// When the API server refuses one.
pub async fn apply(client: &Client, namespace: &str, manifests: &[Value]) -> Result<()> {
    for manifest in manifests {
        let (api, name) = target(client, namespace, manifest).await?;
        let params = PatchParams::apply("e2e").force();
        api.patch(&name, &params, &Patch::Apply(manifest))
            .await
            .with_context(|| format!("cannot apply {} {name}", manifest["kind"]))?;
    }
    Ok(())
}

async fn target(client: &Client, namespace: &str, manifest: &Value) -> Result<(Api<DynamicObject>, String)> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let kind = GroupVersionKind::gvk(group, version, text("/kind"));
    let (resource, _) =
        discovery::pinned_kind(client, &kind).await.with_context(|| format!("{kind:?} is not served"))?;
    Ok((api(client, namespace, &resource), text("/metadata/name").to_owned()))
}

/// The objects of a kind that is known by its group, version, kind and plural only.
#[must_use]
pub fn api(client: &Client, namespace: &str, resource: &ApiResource) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, resource)
}

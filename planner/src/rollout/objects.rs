//! The objects that a Rollout owns, as JSON.

use std::collections::BTreeMap;

use crds::names::{
    API_VERSION, DESIRED_REPLICAS, LAST_APPLIED, NOTIFIED, POD_TEMPLATE_HASH, REVISION, REVISION_HISTORY,
    WORKLOAD_GENERATION,
};
use serde_json::{Map, Value, json};

use super::view::View;
use super::{anti_affinity, role_metadata};
use crate::facts::Meta;

/// Annotations of the Rollout that its ReplicaSets do not get.
const NOT_COPIED: [&str; 6] =
    [LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, NOTIFIED, WORKLOAD_GENERATION];

/// The name of the ReplicaSet of a version.
pub(crate) fn replica_set_name(rollout: &str, hash: &str) -> String {
    format!("{rollout}-{hash}")
}

/// The owner reference that makes the Rollout the controller of an object.
pub(crate) fn owner(rollout: &Meta) -> Value {
    json!([{
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "name": rollout.name,
        "uid": rollout.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// The ReplicaSet of the wanted template, without pods.
pub(crate) fn replica_set(view: &View<'_>) -> Value {
    let rollout = &view.snapshot.rollout.meta;
    let hash = &view.template.hash;
    let mut template: Value = view.template.text.to_value();
    insert(&mut template, &["metadata", "labels"], POD_TEMPLATE_HASH, hash);
    let mut selector = serde_json::to_value(view.selector).unwrap_or_default();
    insert(&mut selector, &["matchLabels"], POD_TEMPLATE_HASH, hash);
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
    let mut annotations = annotations(view);
    annotations.extend(role_metadata::begin(view, &mut template));
    anti_affinity::keep_apart(view, &mut template);
    let mut spec = json!({ "replicas": 0, "selector": selector, "template": template });
    if view.spec.min_ready_seconds > 0 {
        set(&mut spec, "minReadySeconds", json!(view.spec.min_ready_seconds));
    }
    let metadata = json!({
        "name": replica_set_name(&rollout.name, hash),
        "namespace": rollout.namespace,
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": owner(rollout),
    });
    json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec })
}

fn annotations(view: &View<'_>) -> BTreeMap<String, String> {
    let mut annotations: BTreeMap<String, String> = view
        .snapshot
        .rollout
        .meta
        .annotations
        .iter()
        .filter(|(key, _)| !NOT_COPIED.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    annotations.insert(REVISION.to_owned(), view.revisions.number.to_string());
    annotations.insert(DESIRED_REPLICAS.to_owned(), view.replicas().to_string());
    if let Some(workload) = view.workload {
        annotations.insert(WORKLOAD_GENERATION.to_owned(), workload.meta.generation.to_string());
    }
    annotations
}

/// Puts a text into a map inside an object; whatever is missing on the way is made.
pub(crate) fn insert(object: &mut Value, path: &[&str], key: &str, text: &str) {
    match path.split_first() {
        None => set(object, key, json!(text)),
        Some((first, rest)) => {
            if object.get(first).is_none_or(|inner| !inner.is_object()) {
                set(object, first, json!({}));
            }
            if let Some(inner) = object.get_mut(first) {
                insert(inner, rest, key, text);
            }
        }
    }
}

/// Puts a value into an object; what is no object becomes one.
pub(crate) fn set(object: &mut Value, key: &str, value: Value) {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

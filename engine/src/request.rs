//! From an action to the one request that carries it out.

use std::collections::BTreeMap;

use crds::names::{API_VERSION, EPHEMERAL_METADATA, MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use crds::object_ref::{Kind, ObjectRef};
use planner::event::Event;
use planner::facts::{Meta, ReplicaSetFacts};
use planner::rollout::{Action, MetadataChanges, Scale};
use planted_bugs::{Bug, planted};
use serde_json::{Map, Value, json};
use traffic_routers::{Edit, Target};

use crate::effect::{Call, Request};
use crate::gather::Gathered;

/// What an action comes to.
#[derive(Debug, PartialEq)]
pub(crate) enum Built {
    /// A write.
    Send(Request),
    /// Nothing: the object already is as the action wants it.
    Nothing,
    /// It cannot be carried out: why, in words.
    Impossible(String),
}

/// Builds the request that carries out `action`, with its preconditions.
pub(crate) fn build(action: &Action, gathered: &Gathered) -> Built {
    let meta = &gathered.snapshot.rollout.meta;
    let call = match action {
        Action::PatchRollout { annotations, replicas, .. } => {
            Call::MergePatch(rollout_patch(meta, annotations, *replicas))
        }
        Action::CreateReplicaSet { object, .. } | Action::CreateAnalysisRun { object, .. } => {
            Call::Create(object.clone())
        }
        Action::PatchReplicaSet { name, uid, scale, annotations, .. } => {
            let held = gathered.snapshot.sets().find(|set| set.meta.name == *name);
            Call::JsonPatch(replica_set_patch(held, uid, *scale, annotations))
        }
        Action::AdoptReplicaSet { uid, resource_version, is_owned, .. } => {
            Call::JsonPatch(adoption_patch(meta, uid, resource_version, *is_owned))
        }
        Action::PatchTemplateMetadata { uid, resource_version, added, changes, .. } => {
            Call::MergePatch(json!({
                "metadata": {
                    "uid": uid, "resourceVersion": resource_version,
                    "annotations": { EPHEMERAL_METADATA: added },
                },
                "spec": { "template": { "metadata": metadata(changes) } },
            }))
        }
        Action::PatchPod { uid, resource_version, changes, .. } => {
            let mut fields = metadata(changes);
            fields.insert("uid".to_owned(), json!(uid));
            fields.insert("resourceVersion".to_owned(), json!(resource_version));
            Call::MergePatch(json!({ "metadata": fields }))
        }
        Action::EvictPod { uid, resource_version, .. } => {
            Call::Evict { uid: uid.clone(), resource_version: resource_version.clone() }
        }
        Action::DeleteReplicaSet { uid, resource_version, .. } => {
            Call::Delete { uid: uid.clone(), resource_version: Some(resource_version.clone()) }
        }
        Action::ScaleWorkload { uid, scale, .. } => {
            Call::JsonPatch(Value::Array(size_operations(uid, Some(*scale))))
        }
        Action::SwitchService { resource_version, hash, .. } => {
            Call::MergePatch(service_patch(resource_version, &meta.name, hash))
        }
        Action::SetWeight { .. } => return weight(action, gathered),
        Action::TerminateAnalysisRun { uid, .. } => Call::JsonPatch(json!([
            { "op": "test", "path": "/metadata/uid", "value": uid },
            { "op": "add", "path": "/spec/terminate", "value": true },
        ])),
        Action::DeleteAnalysisRun { uid, .. } => Call::Delete { uid: uid.clone(), resource_version: None },
    };
    Built::Send(Request { object: target(action, &meta.namespace, &meta.name), call })
}

/// The object that an action writes.
pub(crate) fn target(action: &Action, namespace: &str, rollout: &str) -> ObjectRef {
    match action {
        Action::PatchRollout { .. } => ObjectRef::new(Kind::Rollout, namespace, rollout),
        Action::CreateReplicaSet { name, .. }
        | Action::AdoptReplicaSet { name, .. }
        | Action::PatchReplicaSet { name, .. }
        | Action::PatchTemplateMetadata { name, .. }
        | Action::DeleteReplicaSet { name, .. } => ObjectRef::new(Kind::ReplicaSet, namespace, name),
        Action::PatchPod { name, .. } | Action::EvictPod { name, .. } => {
            ObjectRef::new(Kind::Pod, namespace, name)
        }
        Action::ScaleWorkload { workload, .. } => workload.clone(),
        Action::SwitchService { name, .. } => ObjectRef::new(Kind::Service, namespace, name),
        Action::SetWeight { route, .. } => route.clone(),
        Action::CreateAnalysisRun { name, .. }
        | Action::TerminateAnalysisRun { name, .. }
        | Action::DeleteAnalysisRun { name, .. } => ObjectRef::new(Kind::AnalysisRun, namespace, name),
    }
}

/// What people are told once an action was accepted.
pub(crate) fn events(action: &Action) -> &[Event] {
    match action {
        Action::PatchRollout { events, .. }
        | Action::CreateReplicaSet { events, .. }
        | Action::PatchReplicaSet { events, .. }
        | Action::ScaleWorkload { events, .. }
        | Action::SwitchService { events, .. }
        | Action::SetWeight { events, .. }
        | Action::CreateAnalysisRun { events, .. } => events,
        Action::DeleteReplicaSet { .. }
        | Action::AdoptReplicaSet { .. }
        | Action::PatchTemplateMetadata { .. }
        | Action::PatchPod { .. }
        | Action::EvictPod { .. }
        | Action::TerminateAnalysisRun { .. }
        | Action::DeleteAnalysisRun { .. } => &[],
    }
}

/// A short word for an action, for the log.
pub(crate) const fn word(action: &Action) -> &'static str {
    match action {
        Action::PatchRollout { .. } => "patch Rollout",
        Action::CreateReplicaSet { .. } => "create ReplicaSet",
        Action::AdoptReplicaSet { .. } => "adopt ReplicaSet",
        Action::PatchReplicaSet { .. } => "patch ReplicaSet",
        Action::PatchTemplateMetadata { .. } => "patch template of ReplicaSet",
        Action::PatchPod { .. } => "patch Pod",
        Action::EvictPod { .. } => "evict Pod",
        Action::DeleteReplicaSet { .. } => "delete ReplicaSet",
        Action::ScaleWorkload { .. } => "scale Deployment",
        Action::SwitchService { .. } => "switch Service",
        Action::SetWeight { .. } => "set weight",
        Action::CreateAnalysisRun { .. } => "create AnalysisRun",
        Action::TerminateAnalysisRun { .. } => "terminate AnalysisRun",
        Action::DeleteAnalysisRun { .. } => "delete AnalysisRun",
    }
}

/// A merge patch of the status alone, conditioned on the version that the decision saw.
pub(crate) fn status_patch(meta: &Meta, status: Value) -> Value {
    let mut patch = Map::from_iter([("status".to_owned(), status)]);
    if !planted(Bug::StatusWithoutVersion) {
        patch.insert("metadata".to_owned(), json!({ "resourceVersion": meta.resource_version }));
    }
    Value::Object(patch)
}

/// For a planted bug: a status that is written whatever others wrote meanwhile, above all whether to abort.
pub(crate) fn overwriting_status_patch(mut status: Value, abort: bool) -> Value {
    if let Some(fields) = status.as_object_mut() {
        fields.insert("abort".to_owned(), abort.into());
    }
    json!({ "status": status })
}

fn rollout_patch(
    meta: &Meta,
    annotations: &BTreeMap<String, Option<String>>,
    replicas: Option<i32>,
) -> Value {
    let mut metadata = Map::from_iter([("resourceVersion".to_owned(), json!(meta.resource_version))]);
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), json!(annotations));
    }
    let mut patch = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
    if let Some(replicas) = replicas {
        patch.insert("spec".to_owned(), json!({ "replicas": replicas }));
    }
    Value::Object(patch)
}

/// What changes in labels and annotations, null for what goes.
fn metadata(changes: &MetadataChanges) -> Map<String, Value> {
    [("labels", &changes.labels), ("annotations", &changes.annotations)]
        .into_iter()
        .filter(|(_, texts)| !texts.is_empty())
        .map(|(field, texts)| (field.to_owned(), json!(texts)))
        .collect()
}

fn service_patch(resource_version: &str, rollout: &str, hash: &str) -> Value {
    json!({
        "metadata": { "resourceVersion": resource_version, "annotations": { MANAGED_BY_ROLLOUTS: rollout } },
        "spec": { "selector": { POD_TEMPLATE_HASH: hash } },
    })
}

/// Conditioned on uid and old size, not on the version, which moves with every pod. A test that fails answers 422.
fn replica_set_patch(
    held: Option<&ReplicaSetFacts>,
    uid: &str,
    scale: Option<Scale>,
    annotations: &BTreeMap<String, Option<String>>,
) -> Value {
    let mut operations = size_operations(uid, scale);
    operations.extend(annotation_operations(held, annotations));
    Value::Array(operations)
}

fn size_operations(uid: &str, scale: Option<Scale>) -> Vec<Value> {
    let mut operations = vec![json!({ "op": "test", "path": "/metadata/uid", "value": uid })];
    if let Some(Scale { from, to }) = scale {
        if !planted(Bug::ScaleWithoutCondition) {
            operations.push(json!({ "op": "test", "path": "/spec/replicas", "value": from }));
        }
        operations.push(json!({ "op": "replace", "path": "/spec/replicas", "value": to }));
    }
    operations
}

/// Adds the Rollout to the owners, as their controller. The server refuses a second controller, too.
fn adoption_patch(rollout: &Meta, uid: &str, resource_version: &str, is_owned: bool) -> Value {
    let owner = json!({
        "apiVersion": API_VERSION, "kind": Kind::Rollout.name(), "name": rollout.name, "uid": rollout.uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    let added = if is_owned {
        json!({ "op": "add", "path": "/metadata/ownerReferences/-", "value": owner })
    } else {
        json!({ "op": "add", "path": "/metadata/ownerReferences", "value": [owner] })
    };
    json!([
        { "op": "test", "path": "/metadata/uid", "value": uid },
        { "op": "replace", "path": "/metadata/resourceVersion", "value": resource_version },
        added,
    ])
}

fn annotation_operations(
    held: Option<&ReplicaSetFacts>,
    annotations: &BTreeMap<String, Option<String>>,
) -> Vec<Value> {
    let has = |key: &str| held.is_some_and(|set| set.meta.annotations.contains_key(key));
    if held.is_some_and(|set| set.meta.annotations.is_empty()) {
        let all: Map<String, Value> = annotations
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), json!(value.as_ref()?))))
            .collect();
        return (!all.is_empty())
            .then(|| json!({ "op": "add", "path": "/metadata/annotations", "value": all }))
            .into_iter()
            .collect();
    }
    let path = |key: &str| format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
    let operation = |(key, value): (&String, &Option<String>)| match value {
        Some(value) => Some(json!({ "op": "add", "path": path(key), "value": value })),
        None => has(key).then(|| json!({ "op": "remove", "path": path(key) })),
    };
    annotations.iter().filter_map(operation).collect()
}

fn weight(action: &Action, gathered: &Gathered) -> Built {
    let Action::SetWeight { route, canary_weight, canary_hash, stable_hash, managed, .. } = action else {
        return Built::Nothing;
    };
    let Some(router) = gathered.routers.iter().find(|router| router.routes().contains(route)) else {
        return Built::Impossible(format!("{route}: no traffic router of the Rollout drives it"));
    };
    let target = Target {
        canary_weight: *canary_weight,
        canary_hash: canary_hash.clone(),
        stable_hash: stable_hash.clone(),
        managed: managed.clone(),
    };
    let call = match router.edit(route, &gathered.objects, &target) {
        Ok(Edit::Nothing) => return Built::Nothing,
        Ok(Edit::Create(object)) => Call::Create(object),
        Ok(Edit::MergePatch(patch)) => Call::MergePatch(patch),
        Ok(Edit::JsonPatch(patch)) => Call::JsonPatch(patch),
        Err(error) => return Built::Impossible(error.to_string()),
    };
    Built::Send(Request { object: route.clone(), call })
}

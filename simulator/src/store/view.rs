//! Between projections and JSON: what a patch is applied to, and what comes of it.

use std::collections::BTreeMap;

use crds::names::EPHEMERAL_METADATA;
use engine::object::{View, decode};
use planner::facts::{Meta, ReplicaSetFacts};
use planner::shared::Shared;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crds::object_ref::Kind;

/// Whether the projection of a kind holds its status.
pub(super) const fn holds_status(kind: Kind) -> bool {
    matches!(kind, Kind::Rollout | Kind::ReplicaSet | Kind::AnalysisRun)
}

/// The status of a projection as JSON; null where it holds none.
pub(super) fn status(view: &View) -> Value {
    match view {
        View::Rollout(facts) => serde_json::to_value(&facts.status).unwrap_or_default(),
        View::AnalysisRun(facts) => serde_json::to_value(&facts.status).unwrap_or_default(),
        View::ReplicaSet(facts) => replica_set_status(facts),
        View::Service(_)
        | View::Template(_)
        | View::Pod(_)
        | View::Workload(_)
        | View::Route(_)
        | View::Secret(_)
        | View::MetaOnly => Value::Null,
    }
}

fn replica_set_status(facts: &ReplicaSetFacts) -> Value {
    let conditions: Vec<Value> = facts
        .failure
        .iter()
        .map(|failure| {
            json!({ "type": "ReplicaFailure", "status": "True", "reason": failure.reason, "message": failure.message })
        })
        .collect();
    json!({
        "replicas": facts.current_replicas,
        "readyReplicas": facts.ready_replicas,
        "availableReplicas": facts.available_replicas,
        "observedGeneration": facts.observed_generation,
        "conditions": conditions,
    })
}

/// Puts a status into a projection.
///
/// # Errors
/// In words, when a field has the wrong type.
pub(super) fn set_status(view: &mut View, status: &Value) -> Result<(), String> {
    match view {
        View::Rollout(facts) => facts.status = read(status)?,
        View::AnalysisRun(facts) => facts.status = read(status)?,
        View::ReplicaSet(facts) => {
            let text = json!({ "metadata": { "name": "x" }, "status": status }).to_string();
            let View::ReplicaSet(read) = decode(Kind::ReplicaSet, &text)?.view else { return Ok(()) };
            copy_counts(facts, &read);
        }
        View::Service(_)
        | View::Template(_)
        | View::Pod(_)
        | View::Workload(_)
        | View::Route(_)
        | View::Secret(_)
        | View::MetaOnly => {}
    }
    Ok(())
}

fn read<T: Default + for<'de> Deserialize<'de>>(status: &Value) -> Result<T, String> {
    if status.is_null() {
        return Ok(T::default());
    }
    if !status.is_object() {
        return Err("status: must be an object".to_owned());
    }
    T::deserialize(status).map_err(|error| format!("status: {error}"))
}

fn copy_counts(facts: &mut ReplicaSetFacts, from: &ReplicaSetFacts) {
    facts.current_replicas = from.current_replicas;
    facts.ready_replicas = from.ready_replicas;
    facts.available_replicas = from.available_replicas;
    facts.observed_generation = from.observed_generation;
    facts.failure.clone_from(&from.failure);
}

/// The projection of an object whose manifest has changed. Its status stays, its metadata are put in later.
///
/// # Errors
/// In words, when there is no such projection.
pub(super) fn reread(kind: Kind, before: &View, held: &Value, manifest: &Value) -> Result<View, String> {
    let same = |pointer: &str| held.pointer(pointer) == manifest.pointer(pointer);
    match before {
        // The digest of a template is dear, and it is the size that changes.
        View::ReplicaSet(facts) if same("/spec/template") => {
            let mut facts = facts.clone();
            facts.replicas = number(manifest, "/spec/replicas").unwrap_or(1);
            facts.min_ready_seconds = number(manifest, "/spec/minReadySeconds").unwrap_or_default();
            Ok(View::ReplicaSet(facts))
        }
        View::Route(_) => Ok(View::Route(Shared::default())),
        _ => {
            let mut view = project(kind, manifest)?;
            keep_status(&mut view, before);
            Ok(view)
        }
    }
}

fn number(manifest: &Value, pointer: &str) -> Option<i32> {
    manifest.pointer(pointer)?.as_i64()?.try_into().ok()
}

fn keep_status(view: &mut View, before: &View) {
    match (view, before) {
        (View::Rollout(facts), View::Rollout(before)) => facts.status.clone_from(&before.status),
        (View::AnalysisRun(facts), View::AnalysisRun(before)) => facts.status.clone_from(&before.status),
        (View::ReplicaSet(facts), View::ReplicaSet(before)) => copy_counts(facts, before),
        (View::Pod(facts), View::Pod(before)) => facts.ready_since = before.ready_since,
        _ => {}
    }
}

/// Works out anew what the projection of a ReplicaSet says about its template, where an annotation tells that a role
/// added to it, or told so until now.
pub(super) fn note_role(
    view: &mut View,
    before: &Meta,
    after: &Meta,
    manifest: &Value,
) -> Result<(), String> {
    let View::ReplicaSet(facts) = view else { return Ok(()) };
    let note = |meta: &Meta| meta.annotations.get(EPHEMERAL_METADATA).cloned();
    let noted = note(after);
    if noted.is_none() && note(before).is_none() {
        return Ok(());
    }
    let annotations: BTreeMap<&str, String> =
        noted.map(|text| (EPHEMERAL_METADATA, text)).into_iter().collect();
    let metadata = json!({ "name": "x", "annotations": annotations });
    let text = json!({ "metadata": metadata, "spec": manifest.get("spec") }).to_string();
    if let View::ReplicaSet(read) = decode(Kind::ReplicaSet, &text)?.view {
        facts.template_digest.clone_from(&read.template_digest);
        facts.template_metadata.clone_from(&read.template_metadata);
    }
    Ok(())
}

/// The projection of a manifest, without a status and without metadata but a name.
///
/// # Errors
/// In words, when there is none.
pub(super) fn project(kind: Kind, manifest: &Value) -> Result<View, String> {
    if matches!(kind, Kind::Ingress | Kind::VirtualService) {
        return Ok(View::Route(Shared::default()));
    }
    let mut fields = manifest.as_object().cloned().unwrap_or_default();
    fields.insert("metadata".to_owned(), json!({ "name": "x" }));
    Ok(decode(kind, &Value::Object(fields).to_string())?.view)
}

/// What is wrong with the spec of a projection, if it cannot be read.
pub(super) fn complaint(view: &View) -> Option<&String> {
    match view {
        View::Rollout(facts) => facts.spec.as_ref().err(),
        View::AnalysisRun(facts) => facts.spec.as_ref().err(),
        View::Template(facts) => facts.spec.as_ref().err(),
        View::ReplicaSet(_)
        | View::Service(_)
        | View::Pod(_)
        | View::Workload(_)
        | View::Route(_)
        | View::Secret(_)
        | View::MetaOnly => None,
    }
}

/// Puts back into a manifest what somebody has changed in the projection.
pub(super) fn write_back(before: &View, after: &View, manifest: &mut Value) {
    let change = match (before, after) {
        (View::Rollout(before), View::Rollout(after)) => {
            spec_change(before.spec.as_ref(), after.spec.as_ref())
        }
        (View::AnalysisRun(before), View::AnalysisRun(after)) => {
            spec_change(before.spec.as_ref(), after.spec.as_ref())
        }
        (View::Template(before), View::Template(after)) => {
            spec_change(before.spec.as_ref(), after.spec.as_ref())
        }
        (View::ReplicaSet(before), View::ReplicaSet(after)) => {
            let sizes = |facts: &ReplicaSetFacts| json!({ "spec": { "replicas": facts.replicas, "minReadySeconds": facts.min_ready_seconds } });
            difference(&sizes(before), &sizes(after))
        }
        (View::Workload(before), View::Workload(after)) => difference(
            &json!({ "spec": { "replicas": before.replicas } }),
            &json!({ "spec": { "replicas": after.replicas } }),
        ),
        (View::Service(before), View::Service(after)) => difference(
            &json!({ "spec": { "selector": before.selector } }),
            &json!({ "spec": { "selector": after.selector } }),
        ),
        (View::Route(_), View::Route(after)) => {
            let mut fields = after.as_object().cloned().unwrap_or_default();
            fields.remove("metadata");
            *manifest = Value::Object(fields);
            return;
        }
        _ => return,
    };
    json_patch::merge(manifest, &change);
}

fn spec_change<S: serde::Serialize>(before: Result<&S, &String>, after: Result<&S, &String>) -> Value {
    let spec = |spec: Result<&S, &String>| json!({ "spec": spec.ok() });
    difference(&spec(before), &spec(after))
}

/// The merge patch that leads from one object to another: changed keys, null for those that go.
pub(super) fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return after.clone() };
    let mut patch = Map::new();
    for (key, value) in after {
        match before.get(key) {
            Some(held) if held == value => {}
            Some(held) => {
                patch.insert(key.clone(), difference(held, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    patch.extend(gone.map(|key| (key.clone(), Value::Null)));
    Value::Object(patch)
}

/// The merge patch of somebody who applies `next` and applied `last` before: all of `next`, null for what has gone
/// from it. What others have added stays.
pub(super) fn three_way(last: &Value, next: &Value) -> Value {
    let (Value::Object(last), Value::Object(next)) = (last, next) else { return next.clone() };
    let mut patch: Map<String, Value> = next
        .iter()
        .map(|(key, value)| (key.clone(), three_way(last.get(key).unwrap_or(&Value::Null), value)))
        .collect();
    let gone = last.keys().filter(|key| !next.contains_key(*key));
    patch.extend(gone.map(|key| (key.clone(), Value::Null)));
    Value::Object(patch)
}

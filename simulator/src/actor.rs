//! What a person does to a Rollout: the patches that every client of this API sends.

use crds::analysis::AnalysisPhase;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutStatus;
use engine::effect::{Call, Request};
use engine::object::View;
use jiff::Timestamp;
use planner::facts::RolloutFacts;
use serde_json::{Value, json};

use crate::roles;
use crate::scenario::Deed;
use crate::store::Store;

/// Carries a deed out on `rollout`; `former` is the pod template before the last change. Says whether anything changed.
pub(crate) fn act(
    store: &mut Store,
    deed: &Deed,
    rollout: &ObjectRef,
    former: Option<&Value>,
    now: Timestamp,
) -> bool {
    let before = store.version();
    match deed {
        Deed::SetImage(image) => set_image(store, rollout, image, now),
        Deed::Undo => {
            if let Some(template) = former {
                let operations = json!([{ "op": "replace", "path": "/spec/template", "value": template }]);
                let keeper = roles::keeper(store, rollout);
                patch(store, &keeper, operations, now);
            }
        }
        Deed::Abort => {
            store.merge(rollout, &json!({ "status": { "abort": true } }), true, now);
        }
        Deed::Retry => {
            store.merge(rollout, &json!({ "status": { "abort": false } }), true, now);
        }
        Deed::Promote => promote(store, rollout, now),
        Deed::PromoteFull => promote_full(store, rollout, now),
        Deed::Pause => {
            store.merge(rollout, &json!({ "spec": { "paused": true } }), false, now);
        }
        Deed::Resume => {
            store.merge(rollout, &json!({ "spec": { "paused": false } }), false, now);
        }
        Deed::Restart => {
            let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
            store.merge(rollout, &json!({ "spec": { "restartAt": crds::Time::from(at) } }), false, now);
        }
        Deed::Scale(replicas) => {
            store.merge(rollout, &json!({ "spec": { "replicas": replicas } }), false, now);
        }
        Deed::Apply(manifest) => {
            // What the server refuses changes nothing, which the answer says.
            let _ = store.apply(manifest, now);
        }
        Deed::Merge { object, patch } => {
            store.merge(object, patch, false, now);
        }
        Deed::Delete(object) => {
            store.remove(object, now);
        }
        Deed::MakeAnew => make_anew(store, rollout, now),
    }
    store.version() != before
}

/// What `kubectl delete --cascade=orphan` and `kubectl apply` come to.
fn make_anew(store: &mut Store, rollout: &ObjectRef, now: Timestamp) {
    let Some(uid) = facts(store, rollout).map(|facts| facts.meta.uid.clone()) else { return };
    let Some(mut manifest) = store.manifest(rollout) else { return };
    let sets: Vec<ObjectRef> = store
        .list(Kind::ReplicaSet)
        .filter(|set| set.meta.controller.as_ref().is_some_and(|owner| owner.uid == uid))
        .map(|set| ObjectRef::new(Kind::ReplicaSet, &set.meta.namespace, &set.meta.name))
        .collect();
    for set in sets {
        store.merge(&set, &json!({ "metadata": { "ownerReferences": null } }), false, now);
    }
    store.remove(rollout, now);
    if let Some(fields) = manifest.as_object_mut() {
        fields.remove("status");
        let metadata = json!({ "name": rollout.name, "namespace": rollout.namespace });
        fields.insert("metadata".to_owned(), metadata);
    }
    let _ = store.apply(&manifest, now);
}

/// Another image for the first container.
pub(crate) fn set_image(store: &mut Store, rollout: &ObjectRef, image: &str, now: Timestamp) {
    let path = "/spec/template/spec/containers/0/image";
    let keeper = roles::keeper(store, rollout);
    patch(store, &keeper, json!([{ "op": "add", "path": path, "value": image }]), now);
}

fn patch(store: &mut Store, object: &ObjectRef, operations: Value, now: Timestamp) {
    store.call(&Request { object: object.clone(), call: Call::JsonPatch(operations) }, now);
}

fn facts<'a>(store: &'a Store, rollout: &ObjectRef) -> Option<&'a RolloutFacts> {
    match &store.get(rollout)?.view {
        View::Rollout(facts) => Some(facts),
        _ => None,
    }
}

/// Sends the status part first: an update that is let go on must not see its old status.
fn promote(store: &mut Store, rollout: &ObjectRef, now: Timestamp) {
    let Some(facts) = facts(store, rollout) else { return };
    let paused = facts.spec.as_ref().is_ok_and(|spec| spec.paused);
    let status = promotion(facts, paused);
    if let Some(status) = status {
        store.merge(rollout, &json!({ "status": status }), true, now);
    }
    unpause(store, rollout, paused, now);
}

fn promote_full(store: &mut Store, rollout: &ObjectRef, now: Timestamp) {
    let Some(facts) = facts(store, rollout) else { return };
    let paused = facts.spec.as_ref().is_ok_and(|spec| spec.paused);
    if facts.status.current_pod_hash != facts.status.stable_rs {
        store.merge(rollout, &json!({ "status": { "promoteFull": true } }), true, now);
    }
    unpause(store, rollout, paused, now);
}

fn unpause(store: &mut Store, rollout: &ObjectRef, paused: bool, now: Timestamp) {
    if paused {
        store.merge(rollout, &json!({ "spec": { "paused": false } }), false, now);
    }
}

/// Ends the pause if there is one, else the step.
fn promotion(facts: &RolloutFacts, paused: bool) -> Option<Value> {
    let status = &facts.status;
    let next = next_index(facts);
    if is_inconclusive(status) && !status.pause_conditions.is_empty() {
        return Some(json!({ "pauseConditions": null, "controllerPause": false, "currentStepIndex": next }));
    }
    if !status.pause_conditions.is_empty() {
        return Some(json!({ "pauseConditions": null }));
    }
    if paused || status.current_pod_hash == status.stable_rs {
        return None;
    }
    Some(json!({ "pauseConditions": null, "currentStepIndex": next? }))
}

fn next_index(facts: &RolloutFacts) -> Option<i32> {
    let steps = &facts.spec.as_ref().ok()?.strategy.canary.as_ref()?.steps;
    let next = facts.status.current_step_index? + 1;
    (usize::try_from(next).ok()? <= steps.len()).then_some(next)
}

fn is_inconclusive(status: &RolloutStatus) -> bool {
    let summary = status.canary.current_step_analysis_run_status.as_ref();
    summary.is_some_and(|summary| summary.status == AnalysisPhase::Inconclusive)
}

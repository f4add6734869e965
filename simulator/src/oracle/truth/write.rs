//! What a write is about, and whether a decision holds it.

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutStatus;
use engine::effect::{Call, Request};
use engine::object::View;
use engine::scrutiny::Decision;
use planner::facts::RolloutFacts;
use serde_json::Value;

use crate::oracle::{rollouts, workload};
use crate::store::Store;
use crate::world::scaled_to;

/// The Rollouts on whose behalf a write may be.
pub(super) fn concerned(request: &Request, store: &Store) -> Vec<ObjectRef> {
    let object = &request.object;
    let reference =
        |facts: &RolloutFacts| ObjectRef::new(Kind::Rollout, &facts.meta.namespace, &facts.meta.name);
    if object.kind == Kind::Rollout {
        return vec![object.clone()];
    }
    if object.kind == Kind::Deployment {
        return workload::referring(store, object).map(reference).collect();
    }
    if object.kind == Kind::ReplicaSet {
        let owner = match &request.call {
            Call::Create(body) => {
                body.pointer("/metadata/ownerReferences/0/name").and_then(Value::as_str).map(str::to_owned)
            }
            _ => store.get(object).and_then(|held| Some(held.meta.controller.as_ref()?.name.clone())),
        };
        return owner
            .map(|name| ObjectRef::new(Kind::Rollout, &object.namespace, name))
            .into_iter()
            .collect();
    }
    rollouts(store)
        .filter(|facts| {
            let spec = facts.readable_spec();
            let routed = |spec: &crds::rollout::RolloutSpec| {
                spec.strategy.blue_green.is_some()
                    || spec.strategy.canary.as_ref().is_some_and(|canary| {
                        canary.traffic_routing.is_some() || !canary.canary_service.is_empty()
                    })
            };
            facts.meta.namespace == object.namespace && spec.is_some_and(routed)
        })
        .map(reference)
        .collect()
}

/// Whether a write takes the hash out of the selector of a Service.
pub(super) fn is_release(request: &Request) -> bool {
    let Call::MergePatch(patch) = &request.call else { return false };
    let hash = patch.pointer("/spec/selector").and_then(|selector| selector.get(POD_TEMPLATE_HASH));
    request.object.kind == Kind::Service && hash == Some(&Value::Null)
}

/// Whether a write takes pods away or moves requests.
pub(super) fn is_guarded(request: &Request, store: &Store) -> bool {
    match (&request.call, request.object.kind) {
        (Call::JsonPatch(_), Kind::ReplicaSet) => {
            scaled(request, store).is_some_and(|(held, to)| held.is_none_or(|held| to < held))
        }
        (Call::Delete { .. }, kind) => kind == Kind::ReplicaSet,
        (_, kind) => {
            matches!(kind, Kind::Service | Kind::Ingress | Kind::VirtualService | Kind::Deployment)
        }
    }
}

/// Whether a write adds pods.
pub(super) fn adds_pods(request: &Request, store: &Store) -> bool {
    scaled(request, store).is_some_and(|(held, to)| held.is_some_and(|held| to > held))
}

/// The size that a ReplicaSet has, if it exists, and the one that a write gives it.
fn scaled(request: &Request, store: &Store) -> Option<(Option<i64>, i64)> {
    let Call::JsonPatch(patch) = &request.call else { return None };
    let held = store.get(&request.object).and_then(|object| match &object.view {
        View::ReplicaSet(set) => Some(i64::from(set.replicas)),
        _ => None,
    });
    Some((held, scaled_to(patch)?))
}

/// Whether a write does more than to report what is observed.
pub(super) fn is_weighty(
    request: &Request,
    before: Option<&RolloutStatus>,
    after: Option<&RolloutStatus>,
) -> bool {
    let Call::MergePatchStatus(_) = &request.call else { return true };
    let nothing = RolloutStatus::default();
    before.is_some_and(|before| facts(before) != facts(after.unwrap_or(&nothing)))
}

/// The status of a Rollout before and after a patch of it.
pub(super) fn statuses<'a>(
    request: &Request,
    store: &'a Store,
) -> (Option<&'a RolloutStatus>, Option<RolloutStatus>) {
    let Call::MergePatchStatus(patch) = &request.call else { return (None, None) };
    let held = store.get(&request.object).and_then(|object| match &object.view {
        View::Rollout(facts) => Some(&facts.status),
        _ => None,
    });
    let after = held.and_then(|held| {
        let mut value = serde_json::to_value(held).ok()?;
        json_patch::merge(&mut value, patch.get("status")?);
        serde_json::from_value(value).ok()
    });
    (held, after)
}

/// What of a status steers an update, without times, counts and words.
fn facts(status: &RolloutStatus) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (status.abort, status.aborted_at.is_some(), status.promote_full, status.controller_pause),
        status.current_step_index,
        status.stable_rs.clone(),
        status.current_pod_hash.clone(),
        status.pause_conditions.iter().map(|pause| pause.reason).collect::<Vec<_>>(),
        status.linnet.as_ref().and_then(|own| own.attempt).unwrap_or(1),
        status.blue_green.active_selector.clone(),
        status.linnet.as_ref().is_some_and(|own| own.handing_over),
    )
}

/// Whether a decision holds this write.
pub(super) fn is_decided(request: &Request, decision: &Decision, after: Option<&RolloutStatus>) -> bool {
    let same_object = decision.requests.iter().filter(|wanted| wanted.object == request.object);
    let mut same_object = same_object.peekable();
    match &request.call {
        Call::MergePatchStatus(_) => {
            let is_status = same_object.any(|wanted| matches!(wanted.call, Call::MergePatchStatus(_)));
            is_status && after.is_some_and(|after| facts(after) == facts(&decision.plan.status))
        }
        call => same_object.any(|wanted| is_same(call, &wanted.call)),
    }
}

/// Whether two calls do the same, apart from versions and times.
fn is_same(call: &Call, wanted: &Call) -> bool {
    match (call, wanted) {
        (Call::Create(_), Call::Create(_)) | (Call::Delete { .. }, Call::Delete { .. }) => true,
        (Call::MergePatch(one), Call::MergePatch(other)) => normal(one) == normal(other),
        (Call::JsonPatch(one), Call::JsonPatch(other)) => match (scaled_to(one), scaled_to(other)) {
            (None, None) => normal(one) == normal(other),
            (one, other) => one == other,
        },
        _ => false,
    }
}

/// A body without what differs from try to try.
fn normal(value: &Value) -> u64 {
    let mut hash = crate::trace::Hash::default();
    hash.body(value);
    hash.get()
}

pub(super) fn describe(rollout: &ObjectRef, decision: Option<&Decision>) -> String {
    let Some(decision) = decision else { return format!("nothing is decided about {rollout}") };
    let wanted: Vec<String> = decision
        .requests
        .iter()
        .map(|request| format!("{} {}", request.call.word(), request.object))
        .collect();
    if wanted.is_empty() {
        return format!("{rollout} would wait: {:?}", decision.plan.waiting);
    }
    format!("{rollout} would rather {}", wanted.join(", "))
}

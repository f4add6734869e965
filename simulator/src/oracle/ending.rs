//! S7, L2 and the end: nothing is left behind, and everything is where it would be without faults.

use crds::condition::{self, ConditionType};
use crds::names::{MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use crds::object_ref::{Kind, ObjectRef};
use engine::object::View;
use planner::facts::RolloutFacts;

use super::{ownership, rollouts};
use crate::data_plane::DataPlane;
use crate::outcome::EndState;
use crate::roles;
use crate::store::Store;

/// S7: what is left at rest and should not be.
pub(super) fn leaks(store: &Store) -> Vec<String> {
    let of_rollouts = rollouts(store).filter(|facts| facts.spec.is_ok());
    of_rollouts.flat_map(|facts| leaks_of(facts, store)).chain(unreleased(store)).collect()
}

/// Services that select a version on behalf of a Rollout although none names them.
fn unreleased(store: &Store) -> impl Iterator<Item = String> {
    store.list(Kind::Service).filter_map(|object| match &object.view {
        View::Service(service) => {
            let is_named = rollouts(store).any(|facts| ownership::names(facts, service));
            let manager = service.meta.annotations.get(MANAGED_BY_ROLLOUTS).filter(|_| !is_named)?;
            let hash = service.selector.get(POD_TEMPLATE_HASH)?;
            Some(format!(
                "Service {} still selects {hash} for {manager}, which has let go of it",
                service.meta.name
            ))
        }
        _ => None,
    })
}

fn leaks_of(facts: &RolloutFacts, store: &Store) -> Vec<String> {
    let status = &facts.status;
    let name = &facts.meta.name;
    let mut messages = Vec::new();
    let is_old = |hash: &str| hash != status.stable_rs && hash != status.current_pod_hash;
    let mut old = 0;
    for set in roles::sets(store, facts).filter(|set| is_old(&set.hash)) {
        if set.replicas > 0 && !is_waiting(facts) {
            let (set, replicas) = (&set.meta.name, set.replicas);
            messages.push(format!("{name}: the old ReplicaSet {set} still wants {replicas} pods"));
        }
        old += usize::from(set.replicas == 0);
    }
    let limit = facts.spec.as_ref().ok().and_then(|spec| spec.revision_history_limit).unwrap_or(10);
    if old > usize::try_from(limit).unwrap_or(0) && !is_invalid(facts) {
        messages.push(format!("{name}: {old} old ReplicaSets are kept instead of {limit}"));
    }
    let is_over = matches!(status.phase.as_str(), "Healthy") || status.abort;
    for run in store.list(Kind::AnalysisRun) {
        let View::AnalysisRun(run) = &run.view else { continue };
        let ours = run.meta.controller.as_ref().is_some_and(|owner| owner.uid == facts.meta.uid);
        if is_over && ours && !run.status.phase.is_completed() {
            messages.push(format!("{name}: {} still measures although the update is over", run.meta.name));
        }
    }
    messages
}

/// Whether a person holds everything up, by a pause or by a spec that cannot be acted on: older pods may wait with it.
fn is_waiting(facts: &RolloutFacts) -> bool {
    is_invalid(facts)
        || facts.status.phase.as_str() == "Paused"
        || facts.spec.as_ref().is_ok_and(|spec| spec.paused)
}

fn is_invalid(facts: &RolloutFacts) -> bool {
    condition::find(&facts.status.conditions, ConditionType::InvalidSpec).is_some()
}

/// Whether the Service that would get the requests back is missing: sent there, they would all fail.
fn has_no_way_back(facts: &RolloutFacts, store: &Store) -> bool {
    let is_canary = facts.spec.as_ref().is_ok_and(|spec| spec.strategy.canary.is_some());
    roles::services(facts).filter(|_| is_canary).is_some_and(|[stable, _]| {
        let service = ObjectRef::new(Kind::Service, &facts.meta.namespace, &stable);
        !stable.is_empty() && store.get(&service).is_none()
    })
}

/// L2: aborted versions that still get requests at rest.
pub(super) fn unfinished_aborts(store: &Store, plane: &DataPlane) -> Vec<String> {
    rollouts(store)
        .filter(|facts| facts.status.abort && facts.status.stable_rs != facts.status.current_pod_hash)
        .filter(|facts| !has_no_way_back(facts, store))
        .filter_map(|facts| {
            let weights = plane.effective_weights(facts);
            let left = weights.get(&facts.status.current_pod_hash).copied().unwrap_or(0);
            (left > 0).then(|| format!("{}: the aborted version still gets {left} %", facts.meta.name))
        })
        .collect()
}

/// How an end differs from the one of the run without faults; empty if it does not.
pub(crate) fn differences(reference: &EndState, found: &EndState) -> Vec<String> {
    let mut messages = Vec::new();
    for (name, want) in &reference.rollouts {
        match found.rollouts.get(name) {
            None => messages.push(format!("{name} is gone")),
            Some(have) if have != want => messages.push(format!("{name} is {have:?} instead of {want:?}")),
            Some(_) => {}
        }
    }
    for (name, want) in &reference.services {
        let have = found.services.get(name);
        if have != Some(want) {
            messages.push(format!("Service {name} selects {have:?} instead of {want:?}"));
        }
    }
    for (name, want) in &reference.weights {
        let have = found.weights.get(name);
        if have != Some(want) {
            messages.push(format!("the weights of {name} are {have:?} instead of {want:?}"));
        }
    }
    messages
}

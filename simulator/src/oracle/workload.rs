//! The Deployment that a Rollout takes its pod template from: it is its owner's, but for the pods that it hands over.

use crds::names::REVISION;
use crds::object_ref::{Kind, ObjectRef};
use engine::object::View;
use planner::facts::{RolloutFacts, WorkloadFacts};

use super::rollouts;
use crate::store::Store;

/// The Rollouts that take their pod template from a Deployment.
pub(super) fn referring<'a>(
    store: &'a Store,
    deployment: &ObjectRef,
) -> impl Iterator<Item = &'a RolloutFacts> {
    rollouts(store).filter(move |facts| object(facts).as_ref() == Some(deployment))
}

/// The object that a Rollout takes its pod template from, if that is a Deployment.
fn object(facts: &RolloutFacts) -> Option<ObjectRef> {
    let reference = facts.readable_spec()?.workload_ref.as_ref()?;
    reference.object(&facts.meta.namespace).filter(|object| object.kind == Kind::Deployment)
}

/// The Deployment of a Rollout.
fn of<'a>(store: &'a Store, facts: &RolloutFacts) -> Option<&'a WorkloadFacts> {
    match &store.get(&object(facts)?)?.view {
        View::Workload(workload) => Some(workload),
        _ => None,
    }
}

/// Whether a Rollout takes pods over: it says that it does, and this is its first version or it has not ended since.
fn takes_over(facts: &RolloutFacts) -> bool {
    let word = facts.readable_spec().and_then(|spec| Some(spec.workload_ref.as_ref()?.scale_down.as_str()));
    let is_asked = matches!(word, Some("onsuccess" | "progressively"));
    let is_first = facts.meta.annotations.get(REVISION).is_none_or(|revision| revision == "1");
    is_asked && (is_first || facts.status.linnet.as_ref().is_some_and(|own| own.handing_over))
}

/// The Deployment whose pods serve together with those of a Rollout until they are handed over.
pub(super) fn serving<'a>(store: &'a Store, facts: &RolloutFacts) -> Option<&'a WorkloadFacts> {
    takes_over(facts).then(|| of(store, facts)).flatten()
}

/// What a write changed of a workload although it must be left alone.
pub(super) fn trespass(
    kind: Kind,
    (old, new): (&WorkloadFacts, &WorkloadFacts),
    store: &Store,
) -> Option<String> {
    let mut same = new.clone();
    same.meta.resource_version.clone_from(&old.meta.resource_version);
    same.meta.generation = old.meta.generation;
    same.replicas = old.replicas;
    if kind != Kind::Deployment || same != *old {
        return Some("more than the size of a Deployment was changed".to_owned());
    }
    if new.replicas > old.replicas {
        return Some(format!("it was made larger, from {} to {}", old.replicas, new.replicas));
    }
    let deployment = ObjectRef::new(kind, &new.meta.namespace, &new.meta.name);
    let is_asked = referring(store, &deployment).any(takes_over);
    (!is_asked).then(|| "no Rollout takes its pods over".to_owned())
}

/// Deployments that still have pods at rest although a healthy Rollout has taken them over.
pub(super) fn left(store: &Store) -> Vec<String> {
    let is_over = |facts: &&RolloutFacts| {
        facts.status.phase.as_str() == "Healthy" && facts.spec.as_ref().is_ok_and(|spec| !spec.paused)
    };
    rollouts(store)
        .filter(is_over)
        .filter_map(|facts| serving(store, facts))
        .filter(|workload| workload.replicas > 0)
        .map(|workload| format!("Deployment {} still wants {} pods", workload.meta.name, workload.replicas))
        .collect()
}

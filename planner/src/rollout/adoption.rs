//! ReplicaSets that nobody controls and that the Rollout's selector fits: left by a Rollout that was deleted without
//! them, as a rule. They become its own, as every controller of ReplicaSets does it; what somebody else controls never.

use crds::names::EXPERIMENT_NAME;
use crds::rollout::RolloutSpec;

use super::draft::Draft;
use super::validate::matches;
use super::view::View;
use super::{Action, Plan};
use crate::facts::ReplicaSetFacts;

/// Whether a ReplicaSet is one that a Rollout with that spec takes over.
#[must_use]
pub fn takes_over(spec: &RolloutSpec, set: &ReplicaSetFacts) -> bool {
    let fits = || spec.selector.as_ref().is_some_and(|selector| matches(selector, &set.meta.labels));
    // Those of an experiment belong to it even after its end.
    set.meta.controller.is_none()
        && !set.meta.deleting
        && !set.hash.is_empty()
        && !set.meta.annotations.contains_key(EXPERIMENT_NAME)
        && fits()
}

/// What is done before anything else is decided: everything that was left to itself is taken over.
pub(super) fn first(view: &View<'_>) -> Option<Plan> {
    let mut draft = Draft::new(view.snapshot, view.now);
    for set in view.snapshot.orphans.iter().filter(|set| takes_over(view.spec, set)) {
        draft.act(Action::AdoptReplicaSet {
            name: set.meta.name.clone(),
            uid: set.meta.uid.clone(),
            resource_version: set.meta.resource_version.clone(),
            is_owned: set.meta.is_owned,
        });
    }
    (!draft.actions.is_empty()).then(|| draft.into_plan())
}

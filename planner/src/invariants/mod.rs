//! What every plan must keep, whatever led to it.
//!
//! A plan and the snapshot that it was made from show much of what a safe rollout is: that requests never go where
//! there are no pods, that an abort comes first, that no step is skipped, that nothing is promoted without its
//! analyses. Every test and every simulated event checks it.

mod blue_green;

use std::collections::BTreeMap;

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::ObjectRef;
use crds::rollout::{BlueGreenStrategy, CanaryStrategy, RolloutStatus};

use crate::facts::{ReplicaSetFacts, ServiceFacts};
use crate::rollout::{Action, Plan, Scale, Snapshot, current_runs};

/// Something that a plan must not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A weight is more than all of the traffic.
    #[error("{route} is to get the weight {weight} of {max}")]
    WeightTooLarge {
        /// The route object.
        route: ObjectRef,
        /// The weight.
        weight: u32,
        /// The weight that is all of the traffic.
        max: u32,
    },
    /// Requests are sent to a version without available pods, or to a Service that selects another version.
    #[error("{route} is to send more requests to a version without pods behind its Service")]
    WeightWithoutPods {
        /// The route object.
        route: ObjectRef,
    },
    /// An update that was taken back gets more requests.
    #[error("{route} is to get more than {weight} though the update was aborted")]
    WeightRaisedAfterAbort {
        /// The route object.
        route: ObjectRef,
        /// The weight that was observed.
        weight: u32,
    },
    /// Pods are taken away that requests may still be sent to.
    #[error("ReplicaSet {name} is to shrink from {from} to {to} while requests may be sent to it")]
    PodsTakenUnderTraffic {
        /// The ReplicaSet.
        name: String,
        /// Its size.
        from: i32,
        /// Its size afterwards.
        to: i32,
    },
    /// An action names an object that is not there, is another incarnation, or has another size.
    #[error("an action names {name}, which is not as it says")]
    UnknownObject {
        /// The object.
        name: String,
    },
    /// A Service is pointed at pods that do not exist or are not available.
    #[error("Service {service} is to select {hash}, which has no available pods")]
    ServiceWithoutPods {
        /// The Service.
        service: String,
        /// The hash.
        hash: String,
    },
    /// All users are sent to a version that lacks pods.
    #[error("Service {service} is to select {hash} for all users with {have} of {want} pods available")]
    ActiveWithoutPods {
        /// The Service.
        service: String,
        /// The hash of the version.
        hash: String,
        /// How many pods are wanted.
        want: i32,
        /// How many are available.
        have: i32,
    },
    /// All users are sent to a version, or are about to be, that has not earned it.
    #[error("{hash} is to get all users, but {why}")]
    SwitchedTooEarly {
        /// The hash of the version.
        hash: String,
        /// What is missing.
        why: &'static str,
    },
    /// The update is taken back, and something else than the routes or the active Service comes first.
    #[error("the update is taken back, but the routes do not come first")]
    AbortNotFirst,
    /// A step was skipped or repeated.
    #[error("the step index goes from {from:?} to {to:?}")]
    StepSkipped {
        /// The index as it was.
        from: Option<i32>,
        /// The index as it is to be.
        to: Option<i32>,
    },
    /// A version is promoted that has not earned it.
    #[error("{hash} is promoted, but {why}")]
    PromotedTooEarly {
        /// The hash of the version.
        hash: String,
        /// What is missing.
        why: &'static str,
    },
    /// Something else than an abort rests on a store that is behind our own writes.
    #[error("the plan acts on a store that is behind our own writes")]
    ActedOnStaleStore,
    /// Nothing is done and nobody is told why.
    #[error("the plan does nothing and does not say why")]
    SilentWait,
}

/// Returns what a plan must not do but does.
#[must_use]
pub fn check(snapshot: &Snapshot, plan: &Plan) -> Vec<Violation> {
    let world = World::new(snapshot);
    let mut violations = Vec::new();
    for action in &plan.actions {
        world.action(action, &mut violations);
    }
    // An abort goes ahead of everything, so only its own writes may rest on a stale store.
    if !snapshot.stale.is_empty() && plan.actions.iter().any(|action| !lowers(&world, action)) {
        violations.push(Violation::ActedOnStaleStore);
    }
    if world.must_abort_first() && !plan.actions.first().is_some_and(|action| lowers(&world, action)) {
        violations.push(Violation::AbortNotFirst);
    }
    if plan.actions.is_empty() {
        if plan.waiting.is_empty() {
            violations.push(Violation::SilentWait);
        }
        world.steps(&plan.status, &mut violations);
        world.promotion(&plan.status, &mut violations);
        world.shortcuts(&plan.status, &mut violations);
    }
    violations
}

fn lowers(world: &World<'_>, action: &Action) -> bool {
    match action {
        Action::SetWeight { route, canary_weight, .. } => *canary_weight < world.weight_of(route),
        other => world.switches_back(other),
    }
}

/// A snapshot as the rules look at it, on purpose without the planner's own helpers.
struct World<'a> {
    snapshot: &'a Snapshot,
    status: &'a RolloutStatus,
    canary: Option<&'a CanaryStrategy>,
    blue_green: Option<&'a BlueGreenStrategy>,
    sets: BTreeMap<&'a str, &'a ReplicaSetFacts>,
}

impl<'a> World<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let spec = snapshot.rollout.spec.as_ref().ok();
        let sets = snapshot.replica_sets.iter().map(|set| (set.hash.as_str(), set)).collect();
        let canary = spec.and_then(|spec| spec.strategy.canary.as_ref());
        let blue_green = spec.and_then(|spec| spec.strategy.blue_green.as_ref());
        Self { snapshot, status: &snapshot.rollout.status, canary, blue_green, sets }
    }

    fn action(&self, action: &Action, violations: &mut Vec<Violation>) {
        match action {
            Action::SetWeight { route, canary_weight, canary_hash, .. } => {
                self.weight(route, *canary_weight, canary_hash, violations);
            }
            Action::PatchReplicaSet { name, uid, scale, .. } => self.scale(name, uid, *scale, violations),
            Action::DeleteReplicaSet { name, uid, .. } => {
                let is_empty = |set: &&ReplicaSetFacts| {
                    set.meta.name == *name && set.meta.uid == *uid && set.replicas == 0
                };
                if !self.snapshot.replica_sets.iter().any(|set| is_empty(&set)) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
            }
            Action::SwitchService { name, hash, .. } => {
                if let Some(strategy) = self.blue_green {
                    return self.switch(strategy, (name, hash), violations);
                }
                let available = self.sets.get(hash.as_str()).map_or(0, |set| set.available_replicas);
                if available <= 0 {
                    let (service, hash) = (name.clone(), hash.clone());
                    violations.push(Violation::ServiceWithoutPods { service, hash });
                }
            }
            Action::CreateReplicaSet { name, .. } => {
                if self.snapshot.replica_sets.iter().any(|set| set.meta.name == *name) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
            }
            Action::CreateAnalysisRun { name, .. } => {
                if self.snapshot.analysis_runs.iter().any(|run| run.meta.name == *name) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
            }
            Action::TerminateAnalysisRun { name, uid } | Action::DeleteAnalysisRun { name, uid } => {
                let is_it =
                    |run: &crate::facts::AnalysisRunFacts| run.meta.name == *name && run.meta.uid == *uid;
                if !self.snapshot.analysis_runs.iter().any(is_it) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
            }
            Action::PatchRollout { .. } => {}
        }
    }

    fn weight(&self, route: &ObjectRef, weight: u32, hash: &str, violations: &mut Vec<Violation>) {
        let max = self.max_weight();
        let observed = self.weight_of(route);
        if weight > max {
            violations.push(Violation::WeightTooLarge { route: route.clone(), weight, max });
        }
        if weight <= observed {
            return;
        }
        if self.status.abort && self.status.stable_rs != self.status.current_pod_hash {
            violations.push(Violation::WeightRaisedAfterAbort { route: route.clone(), weight: observed });
        }
        let available = self.sets.get(hash).map_or(0, |set| set.available_replicas.min(set.replicas));
        if available <= 0 || !self.canary_service_selects(hash) {
            violations.push(Violation::WeightWithoutPods { route: route.clone() });
        }
    }

    fn scale(&self, name: &str, uid: &str, scale: Option<Scale>, violations: &mut Vec<Violation>) {
        let set = self.snapshot.replica_sets.iter().find(|set| set.meta.name == name && set.meta.uid == uid);
        let Some(set) = set else {
            violations.push(Violation::UnknownObject { name: name.to_owned() });
            return;
        };
        let Some(Scale { from, to }) = scale else { return };
        if set.replicas != from || to < 0 {
            violations.push(Violation::UnknownObject { name: name.to_owned() });
        }
        if to < from && to < self.needed(set) {
            violations.push(Violation::PodsTakenUnderTraffic { name: name.to_owned(), from, to });
        }
    }

    /// How many pods of a version the routes, as observed, send requests to.
    fn needed(&self, set: &ReplicaSetFacts) -> i32 {
        if let Some(strategy) = self.blue_green {
            return self.served(strategy, set);
        }
        if self.snapshot.routes.is_empty() {
            return 0;
        }
        let (weight, max) = (self.highest_weight(), self.max_weight());
        let share = |weight: u32| {
            let pods = u64::try_from(self.replicas().max(0)).unwrap_or(0) * u64::from(weight);
            i32::try_from(pods.div_ceil(u64::from(max.max(1)))).unwrap_or(i32::MAX)
        };
        let of_canary = if self.canary_service_selects(&set.hash) { share(weight) } else { 0 };
        let is_stable = self
            .canary
            .is_some_and(|canary| hash_of(self.snapshot.services.get(&canary.stable_service)) == set.hash);
        let of_stable = if is_stable { share(max.saturating_sub(weight)) } else { 0 };
        of_canary.max(of_stable)
    }

    fn canary_service_selects(&self, hash: &str) -> bool {
        self.canary.is_some_and(|canary| hash_of(self.snapshot.services.get(&canary.canary_service)) == hash)
    }

    fn replicas(&self) -> i32 {
        self.snapshot.rollout.spec.as_ref().ok().and_then(|spec| spec.replicas).unwrap_or(1)
    }

    fn max_weight(&self) -> u32 {
        self.canary
            .and_then(|canary| canary.traffic_routing.as_ref()?.max_traffic_weight)
            .and_then(|max| u32::try_from(max).ok())
            .unwrap_or(100)
    }

    fn weight_of(&self, route: &ObjectRef) -> u32 {
        let known = self.snapshot.routes.iter().find(|known| known.reference == *route);
        known.and_then(|route| route.canary_weight).unwrap_or(0)
    }

    fn highest_weight(&self) -> u32 {
        self.snapshot.routes.iter().filter_map(|route| route.canary_weight).max().unwrap_or(0)
    }

    /// Whether a person aborted, some route still sends requests to the new version, and every stable pod is there.
    fn must_abort_first(&self) -> bool {
        if let Some(strategy) = self.blue_green {
            return self.must_switch_back(strategy);
        }
        let status = self.status;
        let stable = self.sets.get(status.stable_rs.as_str()).map_or(0, |set| set.available_replicas);
        let can_move = |route: &crate::facts::RouteFacts| {
            route.problem.is_none() && route.canary_weight.unwrap_or(0) > 0
        };
        status.abort
            && !status.stable_rs.is_empty()
            && !status.current_pod_hash.is_empty()
            && status.stable_rs != status.current_pod_hash
            && !self.snapshot.rollout.meta.deleting
            && stable >= self.replicas()
            && self.snapshot.routes.iter().any(can_move)
    }

    fn steps(&self, new: &RolloutStatus, violations: &mut Vec<Violation>) {
        let old = self.status;
        let attempt = |status: &RolloutStatus| status.linnet.as_ref().and_then(|own| own.attempt);
        let is_another_story = old.current_pod_hash != new.current_pod_hash
            || attempt(old) != attempt(new)
            || (new.abort && !old.abort)
            || new.aborted_at != old.aborted_at
            || old.promote_full
            || new.stable_rs == new.current_pod_hash;
        let (from, to) = (old.current_step_index.unwrap_or(0), new.current_step_index.unwrap_or(0));
        let is_next = to == from || to == from.saturating_add(1);
        if !is_another_story && !is_next {
            let (from, to) = (old.current_step_index, new.current_step_index);
            violations.push(Violation::StepSkipped { from, to });
        }
    }

    fn promotion(&self, new: &RolloutStatus, violations: &mut Vec<Violation>) {
        let old = self.status;
        if new.stable_rs == old.stable_rs || old.stable_rs.is_empty() {
            return;
        }
        let steps = self.canary.map_or(0, |canary| canary.steps.len());
        let index = usize::try_from(old.current_step_index.unwrap_or(0)).unwrap_or(0);
        let available = self.sets.get(new.stable_rs.as_str()).map_or(0, |set| set.available_replicas);
        let is_bad = current_runs(self.snapshot).all().any(blue_green::is_bad);
        let why = if old.abort {
            "the update was aborted"
        } else if !old.promote_full && index < steps {
            "not all steps are completed"
        } else if available < self.replicas() {
            "it lacks pods"
        } else if !old.promote_full && is_bad {
            "an analysis failed"
        } else if let Some(why) = self.not_proven(&new.stable_rs) {
            why
        } else {
            return;
        };
        violations.push(Violation::PromotedTooEarly { hash: new.stable_rs.clone(), why });
    }
}

fn hash_of(service: Option<&ServiceFacts>) -> &str {
    service.and_then(|service| service.selector.get(POD_TEMPLATE_HASH)).map_or("", String::as_str)
}

#[cfg(test)]
mod tests;

//! What every plan must keep, whatever led to it.
//!
//! A plan and the snapshot that it was made from show much of what a safe rollout is: that requests never go where
//! there are no pods, that an abort comes first, that no step is skipped, that nothing is promoted without its
//! analyses. Every test and every simulated event checks it.

mod blue_green;
mod eviction;
mod managed_routes;
mod pods;
mod violation;

use std::collections::BTreeMap;

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::ObjectRef;
use crds::rollout::{BlueGreenStrategy, CanaryStrategy, ManagedRule, RolloutSpec, RolloutStatus};

pub use self::violation::Violation;
use crate::facts::{AnalysisRunFacts, ReplicaSetFacts, RouteFacts, ServiceFacts};
use crate::rollout::{Action, MetadataChanges, Plan, Snapshot, current_runs};
use crate::shared::Shared;

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
        world.managed_routes(plan, &mut violations);
        world.steps(&plan.status, &mut violations);
        world.promotion(&plan.status, &mut violations);
        world.shortcuts(&plan.status, &mut violations);
    }
    violations
}

fn lowers(world: &World<'_>, action: &Action) -> bool {
    match action {
        Action::SetWeight { route, canary_weight, managed, .. } => {
            let held = world.managed_of(route);
            let is_less = *canary_weight < world.weight_of(route) || managed.len() < held.len();
            *canary_weight <= world.weight_of(route)
                && managed.iter().all(|rule| held.contains(rule))
                && is_less
        }
        other => world.switches_back(other),
    }
}

/// A snapshot as the rules look at it, on purpose without the planner's own helpers.
struct World<'a> {
    snapshot: &'a Snapshot,
    status: &'a RolloutStatus,
    spec: Option<&'a RolloutSpec>,
    canary: Option<&'a CanaryStrategy>,
    blue_green: Option<&'a BlueGreenStrategy>,
    sets: BTreeMap<&'a str, &'a ReplicaSetFacts>,
}

impl<'a> World<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        // An abort is carried out on the last spec that could be read.
        let spec = snapshot.rollout.readable_spec();
        let sets = snapshot.sets().map(|set| (set.hash.as_str(), set)).collect();
        let canary = spec.and_then(|spec| spec.strategy.canary.as_ref());
        let blue_green = spec.and_then(|spec| spec.strategy.blue_green.as_ref());
        Self { snapshot, status: &snapshot.rollout.status, spec, canary, blue_green, sets }
    }

    fn action(&self, action: &Action, violations: &mut Vec<Violation>) {
        match action {
            Action::SetWeight { route, canary_weight, canary_hash, managed, .. } => {
                self.weight(route, *canary_weight, canary_hash, violations);
                self.managed(route, managed, canary_hash, violations);
            }
            Action::PatchReplicaSet { name, uid, scale, .. } => self.scale(name, uid, *scale, violations),
            Action::DeleteReplicaSet { name, uid, .. } => {
                let is_empty = |set: &ReplicaSetFacts| {
                    set.meta.name == *name && set.meta.uid == *uid && set.replicas == 0
                };
                if !self.snapshot.sets().any(is_empty) {
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
                let is_it = |run: &AnalysisRunFacts| run.meta.name == *name && run.meta.uid == *uid;
                if !self.snapshot.runs().any(is_it) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
            }
            Action::PatchTemplateMetadata { name, uid, changes, .. } => {
                if !self.snapshot.sets().any(|set| set.meta.name == *name && set.meta.uid == *uid) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
                self.selected(name, changes, violations);
            }
            Action::PatchPod { name, uid, changes, .. } => {
                let mut pods = self.snapshot.pods.iter().flatten();
                if !pods.any(|pod| pod.meta.name == *name && pod.meta.uid == *uid) {
                    violations.push(Violation::UnknownObject { name: name.clone() });
                }
                self.selected(name, changes, violations);
            }
            Action::AdoptReplicaSet { name, uid, .. } => self.adopts(name, uid, violations),
            Action::EvictPod { name, uid, .. } => self.evicts(name, uid, violations),
            Action::ScaleWorkload { workload, uid, scale, .. } => {
                self.workload(workload, uid, *scale, violations);
            }
            Action::PatchRollout { .. } => {}
        }
    }

    /// Nobody's ReplicaSet is taken away from its controller.
    fn adopts(&self, name: &str, uid: &str, violations: &mut Vec<Violation>) {
        let is_it = |set: &ReplicaSetFacts| set.meta.name == name && set.meta.uid == uid;
        if !self.snapshot.orphans.iter().any(|set| is_it(set) && set.meta.controller.is_none()) {
            violations.push(Violation::UnknownObject { name: name.to_owned() });
        }
    }

    /// No pod loses a label by which its ReplicaSet knows it.
    fn selected(&self, name: &str, changes: &MetadataChanges, violations: &mut Vec<Violation>) {
        let spec = self.snapshot.rollout.spec.as_ref().ok();
        let of_workload = self.snapshot.workload.as_ref().and_then(|workload| workload.selector.as_ref());
        let selector = spec.and_then(|spec| spec.selector.as_ref()).or(of_workload);
        let selector = selector.and_then(|selector| selector.match_labels.as_ref());
        let is_known_by =
            |key: &str| key == POD_TEMPLATE_HASH || selector.is_some_and(|labels| labels.contains_key(key));
        if changes.labels.keys().any(|key| is_known_by(key)) {
            violations.push(Violation::SelectorLabelChanged { name: name.to_owned() });
        }
    }

    fn weight(&self, route: &ObjectRef, weight: u32, hash: &str, violations: &mut Vec<Violation>) {
        let max = self.max_weight();
        let observed = self.weight_of(route);
        if weight > max {
            violations.push(Violation::WeightTooLarge { route: route.clone(), weight, max });
        }
        if weight <= observed {
            if weight < observed && self.stable_lacks_pods(weight) {
                violations.push(Violation::StableOverloaded { route: route.clone(), weight });
            }
            return;
        }
        self.more_requests(route, hash, violations);
    }

    /// A managed route sends requests to the new version as a weight does.
    fn managed(&self, route: &ObjectRef, rules: &[ManagedRule], hash: &str, violations: &mut Vec<Violation>) {
        let held = self.managed_of(route);
        if rules.iter().any(|rule| !held.contains(rule)) {
            self.more_requests(route, hash, violations);
        }
    }

    /// Nobody gets more requests than before after an abort, or without pods.
    fn more_requests(&self, route: &ObjectRef, hash: &str, violations: &mut Vec<Violation>) {
        if self.status.abort && self.status.stable_rs != self.status.current_pod_hash {
            let weight = self.weight_of(route);
            violations.push(Violation::WeightRaisedAfterAbort { route: route.clone(), weight });
        }
        let available = self.sets.get(hash).map_or(0, |set| set.available_replicas.min(set.replicas));
        if available <= 0 || !self.canary_service_selects(hash) {
            violations.push(Violation::WeightWithoutPods { route: route.clone() });
        }
    }

    fn stable_service_hash(&self) -> &str {
        hash_of(self.snapshot.services.get(self.services()[0]))
    }

    fn canary_service_selects(&self, hash: &str) -> bool {
        self.canary.is_some() && hash_of(self.snapshot.services.get(self.services()[1])) == hash
    }

    /// The Services of a canary's stable and new version; no names without a canary.
    fn services(&self) -> [&str; 2] {
        self.canary.map_or([""; 2], |canary| canary.services(self.status.canary.stable_ping_pong))
    }

    fn replicas(&self) -> i32 {
        self.spec.and_then(|spec| spec.replicas).unwrap_or(1)
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

    fn managed_of(&self, route: &ObjectRef) -> &[ManagedRule] {
        let known = self.snapshot.routes.iter().find(|known| known.reference == *route);
        known.and_then(|route| route.managed.as_deref()).unwrap_or_default()
    }

    fn lowest_weight(&self) -> u32 {
        self.snapshot.routes.iter().map(|route| route.canary_weight.unwrap_or(0)).min().unwrap_or(0)
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
        // Without the stable Service nobody would answer what is sent back.
        let is_served = self.stable_service_hash() == status.stable_rs;
        let stable = self.sets.get(status.stable_rs.as_str()).map_or(0, |set| set.available_replicas);
        let can_move = |route: &RouteFacts| {
            route.problem.is_none() && (route.canary_weight.unwrap_or(0) > 0 || has_managed(route))
        };
        status.abort
            && !status.stable_rs.is_empty()
            && !status.current_pod_hash.is_empty()
            && status.stable_rs != status.current_pod_hash
            && !self.snapshot.rollout.meta.deleting
            && stable >= self.replicas()
            && (is_served || self.services()[0].is_empty())
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

fn has_managed(route: &RouteFacts) -> bool {
    route.managed.as_ref().is_some_and(|rules| !rules.is_empty())
}

fn hash_of(service: Option<&Shared<ServiceFacts>>) -> &str {
    service.and_then(|service| service.selector.get(POD_TEMPLATE_HASH)).map_or("", String::as_str)
}

#[cfg(test)]
mod tests;

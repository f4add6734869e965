//! A snapshot with everything looked up that more than one decision needs.

use std::cell::OnceCell;

use crds::rollout::{
    BlueGreenStrategy, CanaryStep, CanaryStrategy, LinnetStatus, RolloutSpec, RolloutStatus,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::revision::{self, Revisions};
use super::strategy::Strategy;
use super::validate::Valid;
use super::{Snapshot, TemplateIdentity, runs, step};
use crate::facts::{ReplicaSetFacts, RouteFacts, ServiceFacts, WorkloadFacts};

/// A Rollout whose spec can be acted on, and its surroundings, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    /// All facts.
    pub snapshot: &'a Snapshot,
    /// The moment.
    pub now: Timestamp,
    /// The Rollout's spec.
    pub spec: &'a RolloutSpec,
    /// Its strategy.
    pub strategy: Strategy<'a>,
    /// The wanted template.
    pub template: &'a TemplateIdentity,
    /// Which pods belong to the Rollout.
    pub selector: &'a LabelSelector,
    /// The object that the template is taken from, if the spec names one.
    pub workload: Option<&'a WorkloadFacts>,
    /// Which ReplicaSet has which role.
    pub revisions: Revisions<'a>,
    /// What [`Self::step_hash`] says, once somebody has asked.
    pub(super) step_hash: OnceCell<String>,
    /// What [`Self::runs`] says, once somebody has asked.
    pub(super) runs: OnceCell<runs::Current<'a>>,
}

impl<'a> View<'a> {
    /// Looks up what the decisions need.
    pub(crate) fn new(snapshot: &'a Snapshot, now: Timestamp, valid: Valid<'a>) -> Self {
        let Valid { spec, strategy, template, selector, workload } = valid;
        let revisions = revision::find(snapshot, template);
        let (step_hash, runs) = <_>::default();
        Self { snapshot, now, spec, strategy, template, selector, workload, revisions, step_hash, runs }
    }

    /// The strategy, if it is a canary.
    pub(crate) fn canary(&self) -> Option<&'a CanaryStrategy> {
        match self.strategy {
            Strategy::Canary(canary) => Some(canary),
            Strategy::BlueGreen(_) => None,
        }
    }

    /// The strategy, if it is blue-green.
    pub(crate) fn blue_green(&self) -> Option<&'a BlueGreenStrategy> {
        match self.strategy {
            Strategy::BlueGreen(blue_green) => Some(blue_green),
            Strategy::Canary(_) => None,
        }
    }

    /// The status as it was last seen.
    pub(crate) fn status(&self) -> &'a RolloutStatus {
        &self.snapshot.rollout.status
    }

    /// The name of the Rollout.
    pub(crate) fn name(&self) -> &'a str {
        &self.snapshot.rollout.meta.name
    }

    /// How many pods the user wants.
    pub(crate) fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// The hash that tells whether the steps changed; blue-green has none to change.
    pub(crate) fn step_hash(&self) -> &str {
        let of = |canary: &CanaryStrategy| step::hash(&canary.steps);
        self.step_hash.get_or_init(|| self.canary().map_or_else(String::new, of))
    }

    /// The AnalysisRuns that decide about the update.
    pub(crate) fn runs(&self) -> runs::Current<'a> {
        *self.runs.get_or_init(|| runs::current(self.snapshot))
    }

    /// The steps of a canary, in order.
    pub(crate) fn steps(&self) -> &'a [CanaryStep] {
        self.canary().map_or(&[], |canary| canary.steps.as_slice())
    }

    /// The Service of a canary that selects the stable version; empty if none is named.
    pub(crate) fn stable_service(&self) -> &'a str {
        self.canary_services()[0]
    }

    /// The Service of a canary that selects the new version; empty if none is named.
    pub(crate) fn canary_service(&self) -> &'a str {
        self.canary_services()[1]
    }

    fn canary_services(&self) -> [&'a str; 2] {
        self.canary().map_or([""; 2], |canary| canary.services(self.status().canary.stable_ping_pong))
    }

    /// Whether two Services take the roles of stable and canary in turns.
    pub(crate) fn takes_turns(&self) -> bool {
        self.canary().is_some_and(|canary| canary.ping_pong.is_some())
    }

    /// The Services that the strategy points at versions, those of the users first.
    pub(crate) fn services(&self) -> [&'a str; 2] {
        self.strategy.services(self.status())
    }

    /// The weight that is all of the traffic.
    pub(crate) fn max_weight(&self) -> u32 {
        self.canary()
            .and_then(|canary| canary.traffic_routing.as_ref()?.max_traffic_weight)
            .and_then(|weight| u32::try_from(weight).ok())
            .filter(|weight| *weight > 0)
            .unwrap_or(100)
    }

    /// Whether a router splits the traffic.
    pub(crate) fn is_routed(&self) -> bool {
        self.canary().is_some_and(|canary| canary.traffic_routing.is_some())
    }

    /// The hash of the new version: that of its ReplicaSet, or the one that it will get.
    pub(crate) fn hash(&self) -> &'a str {
        self.revisions.new.map_or(self.template.hash.as_str(), |set| set.hash.as_str())
    }

    /// The hash of the stable version; empty before the first one is promoted.
    pub(crate) fn stable_hash(&self) -> &'a str {
        stable_hash(self.status())
    }

    /// Whether the new version is the stable one.
    pub(crate) fn is_promoted(&self) -> bool {
        self.stable_hash() == self.hash()
    }

    /// Whether there is no stable version yet.
    pub(crate) fn is_first_deploy(&self) -> bool {
        self.stable_hash().is_empty()
    }

    /// Whether the update was aborted and no retry was asked for.
    pub(crate) fn is_aborted(&self) -> bool {
        self.status().abort && !self.is_promoted()
    }

    /// Whether the user wants the new version without its remaining steps.
    pub(crate) fn is_promoted_by_force(&self) -> bool {
        self.status().promote_full && !self.is_promoted() && !self.is_aborted()
    }

    /// Whether the update returns to a version that users had a moment ago, without pause and analysis.
    pub(crate) fn is_fast_track(&self) -> bool {
        self.status().linnet.as_ref().is_some_and(|own| own.fast_track)
    }

    /// The index of the current step; `None` when all steps are done or there are none.
    pub(crate) fn current_index(&self) -> Option<usize> {
        current_index(self.status(), self.steps())
    }

    /// Which attempt to bring in the current version this is.
    pub(crate) fn attempt(&self) -> i64 {
        runs::attempt(self.snapshot)
    }

    /// A Service that the spec names, if there is one.
    pub(crate) fn service(&self, name: &str) -> Option<&'a ServiceFacts> {
        self.snapshot.services.get(name).map(|service| &**service)
    }

    /// The highest weight of the new version that any route object asks for.
    pub(crate) fn highest_weight(&self) -> u32 {
        highest_weight(&self.snapshot.routes)
    }

    /// Whether any of the routes asks for requests to be sent to the new version.
    pub(crate) fn reaches_canary(&self) -> bool {
        self.snapshot.routes.iter().any(RouteFacts::reaches_canary)
    }

    /// The lowest weight of the new version that any route object asks for.
    pub(crate) fn lowest_weight(&self) -> u32 {
        self.snapshot.routes.iter().map(|route| route.canary_weight.unwrap_or(0)).min().unwrap_or(0)
    }

    /// Whether the stable version shrinks as the traffic leaves it.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.is_routed() && self.canary().is_some_and(|canary| canary.dynamic_stable_scale)
    }

    /// The ReplicaSets that are neither new nor stable and have, or want, pods.
    pub(crate) fn older_with_pods(&self) -> impl Iterator<Item = &'a ReplicaSetFacts> + '_ {
        self.revisions.older.iter().copied().filter(|set| set.replicas > 0)
    }
}

/// The hash of the stable version; very old statuses kept it inside `canary`.
pub(crate) fn stable_hash(status: &RolloutStatus) -> &str {
    if status.stable_rs.is_empty() { &status.canary.stable_rs } else { &status.stable_rs }
}

/// The index of the current step; `None` when all steps are done or there are none.
pub(crate) fn current_index(status: &RolloutStatus, steps: &[CanaryStep]) -> Option<usize> {
    let index = usize::try_from(status.current_step_index.unwrap_or(0)).unwrap_or(0);
    (index < steps.len()).then_some(index)
}

/// Our own block of a status, made if it is not there.
pub(crate) fn own_block(status: &mut RolloutStatus) -> &mut LinnetStatus {
    status.linnet.get_or_insert_default()
}

/// The highest weight of the new version that any of the routes asks for.
pub(crate) fn highest_weight(routes: &[RouteFacts]) -> u32 {
    routes.iter().filter_map(|route| route.canary_weight).max().unwrap_or(0)
}

/// How many pods of a ReplicaSet are available; pods that it is about to lose do not count.
pub(crate) fn available(set: Option<&ReplicaSetFacts>) -> i32 {
    set.map_or(0, |set| set.available_replicas.min(set.replicas).max(0))
}

/// Whether the counts of a ReplicaSet are about its present spec: one that was made smaller and larger again still
/// shows pods that have gone.
pub(crate) const fn is_counted(set: &ReplicaSetFacts) -> bool {
    set.observed_generation >= set.meta.generation
}

//! Taking an update back: whether, why, and what is written first.

use crds::rollout::{RolloutSpec, RolloutStatus};
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::strategy::Strategy;
use super::view::{available, highest_weight, stable_hash};
use super::weights::{self, Capacity};
use super::{Plan, Snapshot, blue_green, pause, replicas, reset, runs};
use crate::facts::{ReplicaSetFacts, RouteFacts};
use crate::waiting::Waiting;

/// Why an update is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// In words; nothing if a person asked for it.
    pub why: Option<String>,
}

/// Whether the update is to be taken back, by what a person wrote or by the verdict of an analysis.
///
/// It needs no readable spec and no store that is up to date: it rests on the status and on verdicts, which never
/// change.
pub(crate) fn cause(snapshot: &Snapshot) -> Option<Cause> {
    let status = &snapshot.rollout.status;
    let stable = stable_hash(status);
    if stable.is_empty() || status.current_pod_hash.is_empty() || status.current_pod_hash == stable {
        return None;
    }
    if status.abort {
        return Some(Cause { why: None });
    }
    // A retry was asked for and is not noted yet: the old verdicts are about the old attempt.
    if status.aborted_at.is_some() || status.promote_full {
        return None;
    }
    verdict(snapshot).map(|why| Cause { why: Some(why) })
}

fn verdict(snapshot: &Snapshot) -> Option<String> {
    if planted(Bug::VerdictIgnored) {
        return None;
    }
    let runs = runs::current(snapshot);
    let of = |run: Option<&crate::facts::AnalysisRunFacts>, kind: &str| {
        let run = run?;
        let is_bad = run.status.phase.is_bad();
        is_bad.then(|| format!("{kind} analysis phase error/failed: {}", run.status.message))
    };
    of(runs.step, "Step-based")
        .or_else(|| of(runs.background, "Background"))
        .or_else(|| of(runs.pre_promotion, "Blue/green pre-promotion"))
        .or_else(|| of(runs.post_promotion, "Blue/green post-promotion"))
}

/// The writes that come before everything else, if some route or the active Service still sends requests to the new
/// version that the stable one can take.
pub(crate) fn routes_first(snapshot: &Snapshot, now: Timestamp) -> Option<Plan> {
    if planted(Bug::AbortStatusBeforeRoutes) {
        return None;
    }
    let status = &snapshot.rollout.status;
    let spec = snapshot.rollout.readable_spec();
    if let (Some(spec), Some(Strategy::BlueGreen(strategy))) = (spec, spec.and_then(Strategy::of)) {
        return blue_green::services::back_first(snapshot, spec, strategy, now);
    }
    let find = |hash: &str| snapshot.sets().find(|set| set.hash == hash && !set.meta.deleting);
    let (stable_service, canary_service) = match spec.and_then(Strategy::of) {
        Some(Strategy::Canary(canary)) => canary.services(status.canary.stable_ping_pong).into(),
        _ => ("", ""),
    };
    let canary = weights::served(snapshot, canary_service, find(&status.current_pod_hash));
    let stable = weights::keeper(snapshot, stable_service, find(stable_hash(status)));
    let target = target(snapshot, spec, stable, canary);
    let mut draft = Draft::new(snapshot, now);
    let reach = if planted(Bug::OnlyFirstRouteTakenBack) { 1 } else { usize::MAX };
    let is_back =
        |route: &&RouteFacts| route.canary_weight.unwrap_or(0) <= target && route.managed_rules().is_empty();
    for route in snapshot.routes.iter().take(reach).filter(|route| !is_back(route)) {
        if let Some(message) = &route.problem {
            let (route, message) = (route.reference.clone(), message.clone());
            draft.wait(Waiting::RouteProblem { route, message });
        } else {
            let weight = target.min(route.canary_weight.unwrap_or(0));
            let hashes = [status.current_pod_hash.as_str(), stable_hash(status)];
            draft.act(weights::action(route, weight, Vec::new(), hashes));
        }
    }
    (!draft.actions.is_empty()).then(|| draft.into_plan())
}

/// The smallest share of the new version that the stable pods allow.
fn target(
    snapshot: &Snapshot,
    spec: Option<&RolloutSpec>,
    stable: Option<&ReplicaSetFacts>,
    canary: Option<&ReplicaSetFacts>,
) -> u32 {
    if available(canary) == 0 || planted(Bug::AbortIntoMissingPods) {
        return 0;
    }
    let strategy = spec.and_then(Strategy::of);
    let wanted = spec.map(|spec| spec.replicas.unwrap_or(1)).or(stable.map(|set| set.replicas)).unwrap_or(1);
    let tolerated = strategy.map_or(0, |strategy| replicas::allowance_of(strategy, wanted).unavailable);
    let max_weight = max_weight(strategy, &snapshot.routes);
    let stable = Capacity { pods: available(stable), tolerated, replicas: wanted, max_weight };
    weights::lowest(0, highest_weight(&snapshot.routes), &stable)
}

fn max_weight(strategy: Option<Strategy<'_>>, routes: &[RouteFacts]) -> u32 {
    let weight = match strategy {
        Some(Strategy::Canary(canary)) => {
            canary.traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight)
        }
        _ => None,
    };
    weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or_else(|| highest_weight(routes).max(100))
}

/// Notes that the update is taken back.
pub(crate) fn commit(status: &mut RolloutStatus, has_steps: bool, now: Timestamp) {
    pause::clear(status);
    status.abort = true;
    status.promote_full = false;
    status.aborted_at = Some(now.into());
    if !planted(Bug::RetryKeepsStep) {
        status.current_step_index = has_steps.then_some(0);
    }
}

/// Removes an abort that came after the promotion: there is nothing to take back.
pub(crate) fn forget(status: &mut RolloutStatus, has_steps: &[crds::rollout::CanaryStep]) {
    status.abort = false;
    status.aborted_at = None;
    status.current_step_index = reset::last_index(has_steps);
}

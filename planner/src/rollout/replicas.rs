//! How many pods each version is to have, and how far a round may go towards that.

use std::collections::BTreeMap;

use crds::IntOrString;
use crds::names::{DESIRED_REPLICAS, SCALE_DOWN_DEADLINE};
use crds::rollout::SetCanaryScale;
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::strategy::Strategy;
use super::view::{View, available};
use super::{Action, Scale, basic, blue_green, managed_routes, revision, step, weights};
use crate::event::Event;
use crate::facts::ReplicaSetFacts;
use crate::waiting::Waiting;

/// How many pods the two versions are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    /// The new version.
    pub canary: i32,
    /// The stable version.
    pub stable: i32,
}

/// How many pods a share of the traffic needs: rounded up.
pub(crate) fn share(replicas: i32, weight: u32, max_weight: u32) -> i32 {
    let pods = u64::try_from(replicas.max(0)).unwrap_or(0);
    let need = pods.saturating_mul(u64::from(weight)).div_ceil(u64::from(max_weight.max(1)));
    i32::try_from(need).unwrap_or(i32::MAX).min(replicas.max(0))
}

/// How many pods the two versions are to have in the end of the current step.
pub(crate) fn targets(view: &View<'_>) -> Targets {
    let replicas = view.replicas();
    let weight = step::wanted_weight(view);
    if view.is_promoted() || view.is_first_deploy() {
        return Targets { canary: replicas, stable: replicas };
    }
    if let Strategy::BlueGreen(strategy) = view.strategy {
        return blue_green::targets(view, strategy);
    }
    if view.is_routed() {
        let stable = match view.is_dynamic() {
            true => beside(view, weights::aim(view)),
            false if planted(Bug::StableShrunkWithTheStep) => {
                share(replicas, view.max_weight().saturating_sub(weight), view.max_weight())
            }
            false => replicas,
        };
        return Targets { canary: of_canary(view), stable };
    }
    let surge = allowance(view).surge;
    let (canary, stable) = basic::split(replicas, weight, view.max_weight(), surge > 0);
    Targets { canary, stable }
}

/// How many pods of the new version the current step wants behind a router: what the last `setCanaryScale` says, else
/// what its weight needs. Where there is a weight there is a pod, whatever the scale, or the step would never be done;
/// and so there is for chosen requests, unless the scale says none.
pub(crate) fn of_canary(view: &View<'_>) -> i32 {
    let (replicas, weight) = (view.replicas(), step::wanted_weight(view));
    let least = i32::from(weight > 0 && replicas > 0);
    match step::scale_in_force(view) {
        Some(SetCanaryScale { replicas: Some(pods), .. }) => (*pods).max(least),
        Some(SetCanaryScale { weight: Some(scale), .. }) => {
            with_floor(view, share(replicas, u32::try_from(*scale).unwrap_or(0), 100).max(least))
        }
        _ => {
            let chosen = i32::from(replicas > 0 && !managed_routes::of_step(view).is_empty());
            with_floor(view, share(replicas, weight, view.max_weight()).max(chosen))
        }
    }
}

/// How many pods the stable version needs while the new one gets that weight: enough for what the routes leave it now
/// and for what they will leave it.
fn beside(view: &View<'_>, weight: u32) -> i32 {
    let max = view.max_weight();
    let left = max.saturating_sub(weight.min(view.lowest_weight()));
    with_floor(view, share(view.replicas(), left, max))
}

/// Applies `minPodsPerReplicaSet`: a version with pods has at least so many, but never more than are wanted in all.
pub(crate) fn with_floor(view: &View<'_>, pods: i32) -> i32 {
    match view.canary().and_then(|canary| canary.min_pods_per_replica_set) {
        Some(floor) if pods > 0 => pods.max(floor.min(view.replicas())),
        _ => pods,
    }
}

/// Whether both versions have the pods that the current step asks for.
pub(crate) fn at_target(view: &View<'_>) -> bool {
    let want = targets(view);
    let is_there = |set: Option<&ReplicaSetFacts>, want: i32| available(set) >= want;
    let canary = view.revisions.new.map_or(0, |set| set.replicas);
    if view.is_routed() {
        return canary == want.canary && is_there(view.revisions.new, enough(view, want.canary));
    }
    canary == want.canary
        && is_there(view.revisions.new, enough(view, want.canary))
        && view.revisions.stable.map_or(0, |set| set.replicas) == want.stable
        && is_there(view.revisions.stable, want.stable)
        && view.revisions.older.iter().all(|set| set.available_replicas <= 0 && set.replicas <= 0)
}

/// How many available pods of the new version let a step go on (`replicaProgressThreshold`).
pub(crate) fn enough(view: &View<'_>, want: i32) -> i32 {
    let threshold = view.canary().and_then(|canary| canary.replica_progress_threshold.as_ref());
    let Some(threshold) = threshold else { return want };
    let pods = match threshold.type_.as_str() {
        "Percent" => share(want, u32::try_from(threshold.value).unwrap_or(100), 100),
        _ => threshold.value,
    };
    pods.clamp(0, want.max(0))
}

/// By how many pods an update may exceed or miss the wanted number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Beyond it.
    pub surge: i32,
    /// Short of it.
    pub unavailable: i32,
}

/// `maxSurge` (rounded up) and `maxUnavailable` (rounded down), 25% each; if both come to nothing, one may be missing.
pub(crate) fn allowance(view: &View<'_>) -> Allowance {
    allowance_of(view.strategy, view.replicas())
}

/// The same, for so many wanted pods.
pub(crate) fn allowance_of(strategy: Strategy<'_>, replicas: i32) -> Allowance {
    let quarter = IntOrString::from("25%");
    let count = |value: Option<&IntOrString>, up: bool| {
        let pods = value.unwrap_or(&quarter).of(i64::from(replicas), up).unwrap_or(0);
        i32::try_from(pods.max(0)).unwrap_or(i32::MAX)
    };
    let surge = count(strategy.max_surge(), true);
    let unavailable = count(strategy.max_unavailable(), false);
    Allowance { surge, unavailable: if surge == 0 && unavailable == 0 { 1 } else { unavailable } }
}

/// Adds pods where some are missing, as far as this round may.
pub(crate) fn scale_up(view: &View<'_>, draft: &mut Draft) {
    let want = targets(view);
    let goal = if view.strategy.is_steered() || view.is_promoted() || view.is_first_deploy() {
        want
    } else {
        basic::growth(view, want)
    };
    if let Some(stable) = view.revisions.stable
        && stable.replicas < goal.stable
    {
        draft.act(scale(view, stable, goal.stable));
    }
    let Some(new) = view.revisions.new.filter(|_| !view.is_promoted()) else { return };
    if new.replicas < goal.canary && !view.is_aborted() {
        draft.act(scale(view, new, goal.canary));
    } else if has_deadline(new) && !view.is_aborted() {
        draft.act(annotate(new, BTreeMap::from([(SCALE_DOWN_DEADLINE.to_owned(), None)])));
    }
}

fn has_deadline(set: &ReplicaSetFacts) -> bool {
    set.meta.annotations.contains_key(SCALE_DOWN_DEADLINE)
}

/// Says which pods are waited for.
pub(crate) fn explain(view: &View<'_>, draft: &mut Draft) {
    let want = targets(view);
    let stable = available(view.revisions.stable);
    if view.revisions.stable.is_some() && stable < want.stable {
        draft.wait(Waiting::StablePodsNotReady { want: want.stable, have: stable });
    }
    let canary = available(view.revisions.new);
    if view.revisions.new.is_some() && canary < want.canary && !view.is_promoted() && !view.is_aborted() {
        draft.wait(Waiting::CanaryPodsNotReady { want: want.canary, have: canary });
    }
    let left: i32 = view.revisions.older.iter().map(|set| set.current_replicas.max(0)).sum();
    if left > 0 {
        draft.wait(Waiting::OldPodsLeaving { left });
    }
}

/// Sets a ReplicaSet's size; its deadline ends, because it was either met or is no longer wanted.
pub(crate) fn scale(view: &View<'_>, set: &ReplicaSetFacts, to: i32) -> Action {
    let direction = if to > set.replicas { "up" } else { "down" };
    let message = format!(
        "Scaled {direction} ReplicaSet {} (revision {}) from {} to {to}",
        set.meta.name,
        revision::number(&set.meta),
        set.replicas
    );
    let mut annotations = BTreeMap::new();
    let desired = view.replicas().to_string();
    if set.meta.annotations.get(DESIRED_REPLICAS) != Some(&desired) {
        annotations.insert(DESIRED_REPLICAS.to_owned(), Some(desired));
    }
    if has_deadline(set) {
        annotations.insert(SCALE_DOWN_DEADLINE.to_owned(), None);
    }
    Action::PatchReplicaSet {
        name: set.meta.name.clone(),
        uid: set.meta.uid.clone(),
        scale: Some(Scale { from: set.replicas, to }),
        annotations,
        events: vec![Event::normal("ScalingReplicaSet", message)],
    }
}

/// Sets or removes annotations of a ReplicaSet.
pub(crate) fn annotate(set: &ReplicaSetFacts, annotations: BTreeMap<String, Option<String>>) -> Action {
    Action::PatchReplicaSet {
        name: set.meta.name.clone(),
        uid: set.meta.uid.clone(),
        scale: None,
        annotations,
        events: Vec::new(),
    }
}

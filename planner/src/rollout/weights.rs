//! Which share of the traffic the new version is to get now.

use crds::rollout::ManagedRule;
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::replicas::{self, share};
use super::view::{View, available, is_counted};
use super::{Action, Snapshot, drain, managed_routes, services, step};
use crate::event::Event;
use crate::facts::{ReplicaSetFacts, RouteFacts};
use crate::waiting::Waiting;

/// The weight that the routes are to have now. The first rule that applies decides; none of them raises a weight on
/// pods that are not available, and none lowers it further than the stable version can carry.
pub(crate) fn wanted(view: &View<'_>) -> u32 {
    let observed = view.highest_weight();
    if view.is_promoted() || view.is_first_deploy() {
        let has_taken_over =
            view.replicas() == 0 || services::selects(view, view.stable_service(), view.stable_hash());
        let is_left = planted(Bug::RollbackLeavesWeight) || unheard_of(view).is_some();
        return if has_taken_over && !is_left { lowered(view, 0) } else { observed };
    }
    if planted(Bug::TrafficBeforePods) && !view.is_aborted() {
        return step::wanted_weight(view);
    }
    if available(served(view.snapshot, view.canary_service(), view.revisions.new)) == 0 {
        // Where nobody has pods, the first version that has some again decides.
        let helps = available(keeper(view.snapshot, view.stable_service(), view.revisions.stable)) > 0;
        return if helps || view.replicas() == 0 { 0 } else { observed };
    }
    if planted(Bug::WeightRaisedAfterAbort) && view.is_aborted() {
        return step::weight_at(view.steps(), 0);
    }
    let weight = aim(view);
    if weight < observed {
        lowered(view, weight)
    } else if view.revisions.new.is_some_and(is_counted) && inherited(view, weight).is_none() {
        weight
    } else {
        observed
    }
}

/// Why the routes still send all requests to a promoted version by its canary Service: a proxy may learn of the weight
/// before it learns that the stable Service has turned, and the version before is short of pods for all requests.
fn unheard_of(view: &View<'_>) -> Option<Waiting> {
    let tolerated = replicas::allowance(view).unavailable;
    let most = view.older_with_pods().map(|set| available(Some(set))).max()?;
    let is_short = most.saturating_add(tolerated) < view.replicas();
    let waits = is_short && view.is_promoted() && view.highest_weight() > 0;
    waits.then(|| drain::service_drain(view, view.stable_service())).flatten()
}

/// Why the weight does not rise that far yet: a proxy may learn of it before it learns that the canary Service has turned,
/// and send the share to the version before, which lacks pods for it.
fn inherited(view: &View<'_>, weight: u32) -> Option<Waiting> {
    let rises = weight > view.highest_weight() && !view.is_promoted() && !view.is_aborted();
    let need = share(view.replicas(), weight, view.max_weight());
    let is_short = |set: &ReplicaSetFacts| set.replicas > 0 && available(Some(set)) < need;
    let waits = rises && view.revisions.older.iter().any(|set| is_short(set));
    waits.then(|| drain::service_drain(view, view.canary_service())).flatten()
}

/// The weight that the new version is to have now as far as its own pods and the canary Service allow, whatever the
/// stable version can carry.
pub(crate) fn aim(view: &View<'_>) -> u32 {
    let observed = view.highest_weight();
    let have = available(view.revisions.new);
    if view.is_aborted() || have == 0 || !services::selects(view, view.canary_service(), view.hash()) {
        return 0;
    }
    if view.is_promoted_by_force() {
        let reached = if view.is_dynamic() { carried(have, view.replicas(), view.max_weight()) } else { 0 };
        return if planted(Bug::FullPromotionBeforePods) { view.max_weight() } else { observed.max(reached) };
    }
    // A Rollout that its user paused gets no further.
    if view.spec.paused { of_step(view).min(observed) } else { of_step(view) }
}

/// The version that the canary's share of the requests goes to: the one that the canary Service selects, which is not
/// the new one as long as the Service has not followed.
pub(crate) fn served<'a>(
    snapshot: &'a Snapshot,
    canary_service: &str,
    new: Option<&'a ReplicaSetFacts>,
) -> Option<&'a ReplicaSetFacts> {
    let hash = snapshot.services.get(canary_service).map_or("", |service| services::selected(service));
    snapshot.sets().find(|set| !hash.is_empty() && set.hash == hash).or(new)
}

/// The version that the rest of the requests goes to: the one that the stable Service selects. Without that Service they
/// go nowhere.
pub(crate) fn keeper<'a>(
    snapshot: &'a Snapshot,
    stable_service: &str,
    stable: Option<&'a ReplicaSetFacts>,
) -> Option<&'a ReplicaSetFacts> {
    if stable_service.is_empty() {
        return stable;
    }
    match services::selected(snapshot.services.get(stable_service)?) {
        "" => stable,
        hash => snapshot.sets().find(|set| set.hash == hash),
    }
}

/// The weight of the current step once the new version has the pods for it, else that of the step before.
///
/// Pods that are missing because more are wanted than a moment ago take no traffic away from those that are there: the
/// weight stays while both versions have pods in its proportion.
fn of_step(view: &View<'_>) -> u32 {
    let max = view.max_weight();
    let steps = view.steps();
    let have = available(view.revisions.new);
    if have >= replicas::enough(view, replicas::of_canary(view)) {
        return step::wanted_weight(view);
    }
    let observed = view.highest_weight();
    let serving = view.replicas().min(available(view.revisions.stable));
    if observed > 0
        && observed <= step::wanted_weight(view)
        && serving > 0
        && have >= share(serving, observed, max)
    {
        return observed;
    }
    let before = match view.current_index() {
        Some(index) => step::weight_before(steps, index),
        None => step::weight_at(steps, steps.len()),
    }
    .min(max);
    if have >= replicas::enough(view, share(view.replicas(), before, max)) {
        return before;
    }
    before.min(carried(have, view.replicas(), max))
}

/// The largest share that so many pods carry.
fn carried(pods: i32, replicas: i32, max_weight: u32) -> u32 {
    let (pods, replicas) = (i64::from(pods.max(0)), i64::from(replicas.max(0)));
    if pods >= replicas {
        return max_weight;
    }
    u32::try_from(pods * i64::from(max_weight) / replicas.max(1)).unwrap_or(max_weight).min(max_weight)
}

/// The weight that is closest to `weight` among those that leave the stable version no more than it can carry.
fn lowered(view: &View<'_>, weight: u32) -> u32 {
    let tolerated = replicas::allowance(view).unavailable;
    let stable = available(keeper(view.snapshot, view.stable_service(), view.revisions.stable));
    lowest(
        weight,
        view.highest_weight(),
        &Capacity { pods: stable, tolerated, replicas: view.replicas(), max_weight: view.max_weight() },
    )
}

/// What the stable version can carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// Its available pods.
    pub pods: i32,
    /// How many pods may be missing.
    pub tolerated: i32,
    /// How many pods the user wants.
    pub replicas: i32,
    /// The weight that is all of the traffic.
    pub max_weight: u32,
}

/// The weight of the new version that is closest to `weight`, not above `observed`, and leaves the stable version no
/// more than it can carry. Missing pods that `maxUnavailable` tolerates do not count as missing, but without any pod
/// nothing can be carried.
pub(crate) fn lowest(weight: u32, observed: u32, stable: &Capacity) -> u32 {
    let is_enough = stable.pods >= stable.replicas
        || (stable.pods > 0 && stable.pods.saturating_add(stable.tolerated) >= stable.replicas);
    let share =
        if is_enough { stable.max_weight } else { carried(stable.pods, stable.replicas, stable.max_weight) };
    weight.max(stable.max_weight.saturating_sub(share)).min(observed.max(weight))
}

/// Whether every route asks for the weight of the current step. Where no pods are wanted, there is no traffic to move.
pub(crate) fn are_reached(view: &View<'_>) -> bool {
    if !view.is_routed() || view.replicas() == 0 {
        return true;
    }
    let want = step::wanted_weight(view);
    let is_selected = services::selects(view, view.canary_service(), view.hash());
    (is_selected || want == 0) && are_at(view, want)
}

/// Whether every route asks for that weight.
pub(crate) fn are_at(view: &View<'_>, weight: u32) -> bool {
    !view.snapshot.routes.is_empty() && view.snapshot.routes.iter().all(|route| is_at(route, weight))
}

/// A route that does not exist yet and is in shape is one whose absence says 0: its router would write nothing.
fn is_at(route: &RouteFacts, weight: u32) -> bool {
    route.problem.is_none() && route.in_shape && route.canary_weight.unwrap_or(0) == weight
}

/// Writes the routes that do not ask for the wanted weight.
pub(crate) fn set(view: &View<'_>, draft: &mut Draft) {
    if !view.is_routed() {
        return;
    }
    if let Some(reason) = unheard_of(view).or_else(|| inherited(view, aim(view))) {
        draft.wait(reason);
    }
    let want = wanted(view);
    let observed = view.highest_weight();
    let stable = available(view.revisions.stable);
    let need = share(view.replicas(), view.max_weight().saturating_sub(want), view.max_weight());
    // A stable version that is gone serves nobody, so its share cannot be kept for it.
    if want > observed && stable < need && view.revisions.stable.is_some() {
        draft.wait(Waiting::StablePodsNotReady { want: need, have: stable });
        return;
    }
    let reach = if planted(Bug::OnlyFirstRouteTakenBack) && want < observed { 1 } else { usize::MAX };
    let is_uncapped = planted(Bug::TrafficBeforePods) || planted(Bug::WeightRaisedAfterAbort);
    let meant = if is_uncapped { u32::MAX } else { aim(view) };
    for route in view.snapshot.routes.iter().take(reach) {
        if let Some(message) = &route.problem {
            draft.wait(Waiting::RouteProblem { route: route.reference.clone(), message: message.clone() });
            continue;
        }
        // Where others are still above what is meant, because the stable version lacks pods, this one does not follow.
        let want = want.min(route.canary_weight.unwrap_or(0).max(meant));
        if !is_at(route, want) || !managed_routes::is_set(view, route) {
            let managed = managed_routes::wanted(view, route);
            draft.act(action(route, want, managed, [view.hash(), view.stable_hash()]));
        }
    }
}

/// Brings a route to a weight and to these managed routes; `hashes` are those of the new and the stable version.
pub(crate) fn action(
    route: &RouteFacts,
    weight: u32,
    managed: Vec<ManagedRule>,
    [canary_hash, stable_hash]: [&str; 2],
) -> Action {
    let events = match route.canary_weight {
        Some(old) if old != weight => {
            let message = format!("Traffic weight updated from {old} to {weight}");
            vec![Event::normal("TrafficWeightUpdated", message)]
        }
        _ => Vec::new(),
    };
    Action::SetWeight {
        route: route.reference.clone(),
        canary_weight: weight,
        canary_hash: canary_hash.to_owned(),
        stable_hash: stable_hash.to_owned(),
        managed,
        events,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::everything_is_there(0, 60, 5, 0)]
    #[case::one_missing_is_tolerated(0, 60, 4, 0)]
    #[case::two_of_five_carry_forty(0, 80, 2, 60)]
    #[case::never_raised(0, 30, 2, 30)]
    #[case::without_a_pod_nothing_moves(0, 60, 0, 60)]
    #[case::part_of_the_way(20, 60, 5, 20)]
    fn lowering(#[case] weight: u32, #[case] observed: u32, #[case] pods: i32, #[case] want: u32) {
        let stable = Capacity { pods, tolerated: 1, replicas: 5, max_weight: 100 };
        assert_eq!(lowest(weight, observed, &stable), want);
    }
}

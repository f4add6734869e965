//! A canary without a router: the share of pods is the share of traffic.

use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::replicas::{Targets, allowance, scale, targets};
use super::view::{View, available, is_counted};
use crate::facts::ReplicaSetFacts;

/// The numbers of new and stable pods that come closest to the weight.
///
/// Candidates are the share rounded down and up, of all wanted pods and, if there may be more, of one more. The
/// first with the smallest distance wins; half a pod is rounded up. No side is left without pods unless the weight
/// says so, or there is a single pod.
pub(crate) fn split(replicas: i32, weight: u32, max_weight: u32, may_surge: bool) -> (i32, i32) {
    let (weight, max) = (i64::from(weight.min(max_weight)), i64::from(max_weight.max(1)));
    let extremes_allowed = weight == 0 || weight == max || (replicas <= 1 && !may_surge);
    let totals = [Some(i64::from(replicas.max(0))), may_surge.then(|| i64::from(replicas.max(0)) + 1)];
    if replicas <= 0 {
        return (0, 0);
    }
    if weight == 0 || weight == max {
        return if weight == 0 { (0, replicas) } else { (replicas, 0) };
    }
    let mut best: Option<(i64, i64, i64)> = None;
    for total in totals.into_iter().flatten() {
        let (floor, rest) = ((total * weight).div_euclid(max), (total * weight).rem_euclid(max));
        let is_half = rest * 2 == max;
        let ceil = if rest > 0 { floor + 1 } else { floor };
        let candidates = [Some(ceil), (!is_half).then_some(floor)];
        for canary in candidates.into_iter().flatten() {
            let is_extreme = canary == 0 || canary == total;
            // The distance of canary / total from weight / max, with a denominator that all candidates share.
            let distance = (canary * max - weight * total).abs()
                * (i64::from(replicas) * (i64::from(replicas) + 1) / total);
            if (!is_extreme || extremes_allowed) && best.is_none_or(|(least, _, _)| distance < least) {
                best = Some((distance, canary, total));
            }
        }
    }
    let (canary, total) = best.map_or((0, i64::from(replicas)), |(_, canary, total)| (canary, total));
    let as_pods = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    (as_pods(canary), as_pods(total - canary))
}

/// How far the two versions may grow in this round: all pods together stay within `replicas` plus `maxSurge`, and
/// the stable version comes first. It takes the place of older ones: the new version may never get the pods that it lacks.
pub(crate) fn growth(view: &View<'_>, want: Targets) -> Targets {
    let (stable, canary) = (size(view.revisions.stable), size(view.revisions.new));
    let room = room(view);
    let for_stable = want.stable.max(in_place_of_older(view)).saturating_sub(stable).clamp(0, room);
    let for_canary = want.canary.saturating_sub(canary).clamp(0, room.saturating_sub(for_stable));
    Targets { stable: stable.saturating_add(for_stable), canary: canary.saturating_add(for_canary) }
}

/// How many pods all versions together may still get.
fn room(view: &View<'_>) -> i32 {
    let older = view.revisions.older.iter().map(|set| set.replicas);
    let sizes = older.chain([size(view.revisions.stable), size(view.revisions.new)]);
    let limit = view.replicas().saturating_add(allowance(view).surge);
    limit.saturating_sub(sizes.fold(0, i32::saturating_add)).max(0)
}

/// The size of the stable version with which no pod of an older one is needed any more; nothing without older ones.
fn in_place_of_older(view: &View<'_>) -> i32 {
    let has_older = view.older_with_pods().next().is_some();
    if has_older { floor(view).saturating_sub(sure(view.revisions.new)) } else { 0 }
}

/// How many pods have to be available at every moment.
fn floor(view: &View<'_>) -> i32 {
    view.replicas().saturating_sub(allowance(view).unavailable).max(0)
}

fn size(set: Option<&ReplicaSetFacts>) -> i32 {
    set.map_or(0, |set| set.replicas)
}

/// Takes pods away where there are too many: older versions first, then the new or the stable one. What is available
/// never falls below `replicas` less `maxUnavailable`; pods that are not available protect nobody and may always go.
pub(crate) fn scale_down(view: &View<'_>, draft: &mut Draft) {
    let want = targets(view);
    let floor = if planted(Bug::AvailabilityFloorForgotten) { 0 } else { floor(view) };
    let others: i32 = view.revisions.older.iter().map(|set| sure(Some(set))).sum();
    let stable = view.revisions.stable.filter(|_| !view.is_promoted());
    let all = sure(view.revisions.new).saturating_add(sure(stable)).saturating_add(others);
    let mut spare = all.saturating_sub(floor).max(0);
    for set in view.older_with_pods() {
        let goal = shrunk(set, 0, spare);
        if goal < set.replicas {
            spare = spare.saturating_sub(available(Some(set)).saturating_sub(goal).max(0));
            draft.act(scale(view, set, goal));
        }
    }
    if view.older_with_pods().next().is_some() {
        cede(view, want.canary, draft);
        return;
    }
    let shrinking = [(view.revisions.new, want.canary), (stable, want.stable)];
    for (set, want) in shrinking {
        let Some(set) = set.filter(|set| set.replicas > want) else { continue };
        // A promoted version follows `spec.replicas` at once: that is scaling, not an update.
        let goal = if view.is_promoted() { want } else { shrunk(set, want, spare) };
        if goal < set.replicas {
            draft.act(scale(view, set, goal));
            return;
        }
    }
}

/// Takes pods of the new version away that are not available: those that it should not have, and those in whose place the
/// stable version has to come before an older one can go.
fn cede(view: &View<'_>, want: i32, draft: &mut Draft) {
    let (Some(new), Some(_)) = (view.revisions.new.filter(|_| !view.is_promoted()), view.revisions.stable)
    else {
        return;
    };
    let missing = in_place_of_older(view).saturating_sub(size(view.revisions.stable)).max(0);
    let ceded = new.replicas.saturating_sub(missing.saturating_sub(room(view)).max(0));
    let goal = want.min(ceded).max(available(Some(new)));
    if goal < new.replicas {
        draft.act(scale(view, new, goal));
    }
}

/// The available pods that others may be taken away for: none where the counts are about an older spec.
fn sure(set: Option<&ReplicaSetFacts>) -> i32 {
    available(set.filter(|set| is_counted(set)))
}

/// The size that a ReplicaSet may shrink to when `spare` of its available pods may go.
fn shrunk(set: &ReplicaSetFacts, want: i32, spare: i32) -> i32 {
    let keep = available(Some(set)).saturating_sub(spare).max(0);
    want.max(keep).min(set.replicas)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::split;

    #[rstest]
    #[case::ten_percent_of_ten(10, 10, true, (1, 9))]
    #[case::one_more_than_one(1, 5, true, (1, 1))]
    #[case::one_alone_rounds_up(1, 50, false, (1, 0))]
    #[case::nobody_is_left_without(2, 99, false, (1, 1))]
    #[case::surge_comes_closer(3, 25, true, (1, 3))]
    #[case::no_surge(3, 25, false, (1, 2))]
    #[case::none(5, 0, true, (0, 5))]
    #[case::all(5, 100, true, (5, 0))]
    #[case::nothing_wanted(0, 50, true, (0, 0))]
    #[case::exact(5, 20, true, (1, 4))]
    #[case::sixty_of_five(5, 60, true, (3, 2))]
    #[case::one_at_one_percent_alone(1, 1, false, (0, 1))]
    fn closest(#[case] replicas: i32, #[case] weight: u32, #[case] surge: bool, #[case] want: (i32, i32)) {
        assert_eq!(split(replicas, weight, 100, surge), want);
    }
}

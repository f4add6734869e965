//! Managed routes: which chosen requests go to the new version, or are copied to it, whatever the weight.
//!
//! A header or mirror step makes such a route, and it stays until a later step removes it, or the update ends or is
//! taken back. What is wanted follows from the steps alone, so neither a later step nor a restart loses one.

use crds::rollout::{CanaryStep, ManagedRule};
use planted_bugs::{Bug, planted};

use super::view::{View, available};
use super::{replicas, services};
use crate::facts::RouteFacts;

/// The managed routes that the current step wants, in the order of `managedRoutes`. None once the update was taken back,
/// is promoted in full, or has ended.
pub(crate) fn of_step(view: &View<'_>) -> Vec<ManagedRule> {
    if view.is_promoted() || view.is_first_deploy() || view.is_aborted() || view.is_promoted_by_force() {
        return Vec::new();
    }
    let steps = view.steps();
    let reached = view.current_index().map_or(steps, |index| steps.get(..=index).unwrap_or(steps));
    let reached = match (planted(Bug::ManagedRoutesOfThisStepOnly), reached) {
        (true, [.., current]) => std::slice::from_ref(current),
        _ => reached,
    };
    let routing = view.canary().and_then(|canary| canary.traffic_routing.as_ref());
    let names = routing.map(|routing| routing.managed_routes.as_slice()).unwrap_or_default();
    names.iter().filter_map(|route| in_force(reached, &route.name)).collect()
}

/// What the last of these steps about a route asks for; nothing if it removes the route.
fn in_force(steps: &[CanaryStep], name: &str) -> Option<ManagedRule> {
    let rule = |step: &CanaryStep| {
        let header = step.set_header_route.as_ref().map(ManagedRule::header);
        header.or_else(|| step.set_mirror_route.as_ref().map(ManagedRule::mirror))
    };
    let last = steps.iter().rev().filter_map(rule).find(|rule| rule.name() == name)?;
    (!last.is_removal()).then_some(last)
}

/// The managed routes that a route object is to hold now: none whose requests nobody would answer, and while the user
/// holds the Rollout none that is not there yet.
pub(crate) fn wanted(view: &View<'_>, route: &RouteFacts) -> Vec<ManagedRule> {
    if route.managed.is_none() {
        return Vec::new();
    }
    if view.is_promoted() && !services::selects(view, view.stable_service(), view.stable_hash()) {
        // They go with the weight, when the stable Service has followed.
        return route.managed_rules().to_vec();
    }
    let can_answer =
        available(view.revisions.new) > 0 && services::selects(view, view.canary_service(), view.hash());
    if !can_answer && !planted(Bug::ManagedRouteBeforePods) {
        return Vec::new();
    }
    let mut rules = of_step(view);
    rules.retain(|rule| !view.spec.paused || route.managed_rules().contains(rule));
    rules
}

/// Whether every route holds the managed routes of the current step; none of them can where no pods are wanted.
pub(crate) fn are_reached(view: &View<'_>) -> bool {
    let want = if replicas::of_canary(view) > 0 { of_step(view) } else { Vec::new() };
    view.snapshot.routes.iter().all(|route| route.managed.as_ref().is_none_or(|held| *held == want))
}

/// Whether a route holds the managed routes that it is to hold now.
pub(crate) fn is_set(view: &View<'_>, route: &RouteFacts) -> bool {
    route.managed_rules() == wanted(view, route)
}

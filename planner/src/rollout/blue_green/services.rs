//! Which version the active and the preview Service select.

use crds::rollout::{BlueGreenStrategy, RolloutSpec};
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use super::gate;
use crate::facts::{ReplicaSetFacts, ServiceFacts};
use crate::rollout::draft::Draft;
use crate::rollout::services::{action, selected};
use crate::rollout::strategy::Strategy;
use crate::rollout::view::{View, available, stable_hash};
use crate::rollout::{Plan, Snapshot, replicas};
use crate::waiting::Waiting;

/// Whether the users were switched to the new version: the active Service selects it, and not because somebody else
/// pointed it there before its time.
pub(crate) fn is_switched(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    let selects_new = view.service(&strategy.active_service).is_some_and(|one| selected(one) == view.hash());
    let is_known = view.status().blue_green.active_selector == view.hash();
    selects_new && (is_known || gate::is_open(view, strategy))
}

/// Points the preview Service at the new version, pods or not: whoever looks at a preview waits for it.
pub(crate) fn preview(view: &View<'_>, strategy: &BlueGreenStrategy, draft: &mut Draft) {
    let name = &strategy.preview_service;
    let Some(new) = view.revisions.new.filter(|_| !name.is_empty()) else { return };
    match view.service(name) {
        None => draft.wait(missing(name)),
        Some(service) if selected(service) != new.hash => draft.act(action(service, new)),
        Some(_) => {}
    }
}

/// Points the active Service at the version that the users are to get now, once that has its pods.
pub(crate) fn active(view: &View<'_>, strategy: &BlueGreenStrategy, draft: &mut Draft) {
    let name = &strategy.active_service;
    let Some(service) = view.service(name) else {
        draft.wait(missing(name));
        return;
    };
    let Some(set) = wanted(view, strategy, service) else { return };
    if selected(service) == set.hash {
        return;
    }
    if may_take_over(view, service, set) {
        draft.act(action(service, set));
    } else {
        let (have, want) = (available(Some(set)), view.replicas());
        let message = format!("{have} of {want} pods of ReplicaSet {} are available", set.meta.name);
        draft.wait(Waiting::ServiceNotReady { service: name.clone(), message });
    }
}

fn missing(service: &str) -> Waiting {
    Waiting::ServiceNotReady { service: service.to_owned(), message: "it does not exist".to_owned() }
}

/// The version that the users are to get now. Until the new one may serve, it is the one that serves; whoever serves
/// without pods, or without having been allowed to, gives way to the stable one.
fn wanted<'a>(
    view: &View<'a>,
    strategy: &BlueGreenStrategy,
    service: &ServiceFacts,
) -> Option<&'a ReplicaSetFacts> {
    let stable = view.revisions.stable;
    if view.is_first_deploy() || view.is_aborted() || view.is_promoted() {
        return stable;
    }
    let new = view.revisions.new?;
    let is_allowed = gate::is_open(view, strategy) && !view.spec.paused && is_complete(view, new);
    if is_allowed || is_switched(view, strategy) {
        return Some(new);
    }
    let serves = |set: &&ReplicaSetFacts| set.hash == selected(service) && available(Some(set)) > 0;
    view.revisions.older.iter().copied().find(serves).or(stable)
}

/// Whether a version has all its pods, by counts that speak of its current size.
fn is_complete(view: &View<'_>, set: &ReplicaSetFacts) -> bool {
    let is_current = set.observed_generation >= set.meta.generation;
    let has_pods = available(Some(set)) >= view.replicas() || planted(Bug::ActiveServiceSwitchedBeforePods);
    set.replicas == view.replicas() && has_pods && is_current
}

/// A version gets the users when it has all its pods. The stable one gets them back when it misses no more than
/// `maxUnavailable` tolerates, or still has more pods than the one that serves; but for an abort, never with fewer.
fn may_take_over(view: &View<'_>, service: &ServiceFacts, set: &ReplicaSetFacts) -> bool {
    let serving = view.snapshot.sets().find(|one| one.hash == selected(service));
    let tolerated = replicas::allowance(view).unavailable;
    let loses_none = view.is_aborted() || available(Some(set)) >= available(serving);
    let is_return = set.hash == view.stable_hash() && serving.is_some() && loses_none;
    planted(Bug::ActiveServiceSwitchedBeforePods)
        || available(Some(set)) >= view.replicas()
        || (is_return && may_return(set, serving, view.replicas(), tolerated))
}

fn may_return(
    stable: &ReplicaSetFacts,
    serving: Option<&ReplicaSetFacts>,
    want: i32,
    tolerated: i32,
) -> bool {
    let have = available(Some(stable));
    have >= want || (have > 0 && (have.saturating_add(tolerated) >= want || have > available(serving)))
}

/// The write that comes before everything else when an update is taken back: the active Service returns to the stable
/// version, if that can carry the users.
pub(crate) fn back_first(
    snapshot: &Snapshot,
    spec: &RolloutSpec,
    strategy: &BlueGreenStrategy,
    now: Timestamp,
) -> Option<Plan> {
    let find = |hash: &str| snapshot.sets().find(|set| set.hash == hash && !set.meta.deleting);
    let service = snapshot.services.get(&strategy.active_service)?;
    let stable = find(stable_hash(&snapshot.rollout.status))?;
    let want = spec.replicas.unwrap_or(1);
    let tolerated = replicas::allowance_of(Strategy::BlueGreen(strategy), want).unavailable;
    let is_back = selected(service) == stable.hash;
    if is_back || !may_return(stable, find(selected(service)), want, tolerated) {
        return None;
    }
    let mut draft = Draft::new(snapshot, now);
    draft.act(action(service, stable));
    Some(draft.into_plan())
}

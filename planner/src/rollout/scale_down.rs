//! Which pods may go, where routes or Services steer: none that one of them may still send requests to.

use std::collections::BTreeMap;

use crds::names::SCALE_DOWN_DEADLINE;
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::pause::after;
use super::replicas::{annotate, scale, share, targets};
use super::strategy::Strategy;
use super::view::{View, available};
use super::{blue_green, drain, services, step};
use crate::facts::ReplicaSetFacts;
use crate::waiting::Waiting;

/// Takes away the pods that are no longer needed.
pub(crate) fn steered(view: &View<'_>, draft: &mut Draft) {
    let want = targets(view);
    if let Some(stable) = view.revisions.stable.or(view.revisions.new.filter(|_| view.is_first_deploy()))
        && stable.replicas > want.stable
    {
        // What the traffic leaves behind goes when the routes are in force; what the user takes away, at once.
        if view.is_dynamic() && !view.is_promoted() && !view.is_first_deploy() {
            when_drained(view, stable, want.stable, draft);
        } else {
            draft.act(scale(view, stable, want.stable));
        }
    }
    if let Some(new) = view.revisions.new.filter(|_| !view.is_promoted() && !view.is_first_deploy()) {
        if view.is_aborted() {
            aborted(view, new, draft);
        } else {
            surplus(view, new, want.canary, draft);
        }
    }
    older(view, draft);
}

/// The new version has more pods than the step asks for: they go once the routes ask for no more.
fn surplus(view: &View<'_>, new: &ReplicaSetFacts, want: i32, draft: &mut Draft) {
    let least = i32::from(view.reaches_canary() && view.replicas() > 0);
    let needed = share(view.replicas(), view.highest_weight(), view.max_weight()).max(least);
    // A user may want fewer pods than the weight needs, but not none.
    let needed = if step::scale_in_force(view).is_some() { needed.min(want.max(1)) } else { needed };
    let goal = want.max(needed);
    if goal < new.replicas {
        when_drained(view, new, goal, draft);
    }
}

/// The new version was aborted: it is kept for a while, counted from when the stable version has all its pods.
fn aborted(view: &View<'_>, new: &ReplicaSetFacts, draft: &mut Draft) {
    if planted(Bug::AbortTakesPodsFirst) && new.replicas > 0 {
        return draft.act(scale(view, new, 0));
    }
    let delay = view.strategy.abort_scale_down_delay_seconds();
    if new.replicas == 0 || delay == 0 {
        return;
    }
    if is_pointed_at(view, new) {
        // Both versions share the room that there is: what the new one no longer needs, the stable one may have.
        if view.is_dynamic() {
            surplus(view, new, 0, draft);
        }
        return;
    }
    if deadline(new).is_some() {
        at_deadline(view, new, draft);
    } else if available(view.revisions.stable) >= view.replicas() {
        draft.act(with_deadline(view, new, delay));
    }
}

/// Gives a version that was stable before its time to stay.
///
/// Behind a router it is known by the stable Service that still selects it, so this comes before the Service is
/// switched. The active Service of blue-green is switched before the promotion, and Services that take turns are not
/// switched at all, so that promotion notes who it was.
pub(crate) fn keep_former_stable(view: &View<'_>, draft: &mut Draft) {
    if !view.strategy.is_steered() || view.is_dynamic() {
        return;
    }
    for set in view.older_with_pods().filter(|set| deadline(set).is_none()) {
        let was_stable = match view.strategy {
            Strategy::Canary(_) if !view.takes_turns() => {
                view.is_promoted() && selects(view, view.stable_service(), set)
            }
            Strategy::Canary(_) | Strategy::BlueGreen(_) => {
                blue_green::formerly_stable(view.status()).contains(&set.hash) && !is_pointed_at(view, set)
            }
        };
        if was_stable {
            draft.act(with_deadline(view, set, view.strategy.scale_down_delay_seconds()));
        }
    }
}

/// Versions that are neither new nor stable: the one that was stable before is kept for a while, all others go.
fn older(view: &View<'_>, draft: &mut Draft) {
    let limit = view.strategy.scale_down_delay_revision_limit();
    let newest_first: Vec<_> = view.revisions.older.iter().rev().filter(|set| set.replicas > 0).collect();
    let mut delayed = 0;
    for set in newest_first {
        if deadline(set).is_some() {
            delayed += 1;
        }
        if is_pointed_at(view, set) {
            // The Service or the routes leave first; until then it has what users need.
            if view.blue_green().is_some() && set.replicas != view.replicas() {
                draft.act(scale(view, set, view.replicas()));
            }
        } else if deadline(set).is_some() && limit.is_none_or(|limit| delayed <= limit) {
            at_deadline(view, set, draft);
        } else if follows_new_version(view)
            && view.replicas() > 0
            && selects(view, view.canary_service(), set)
        {
            let (service, name) = (view.canary_service().to_owned(), &set.meta.name);
            let message = format!("it still selects ReplicaSet {name}, whose pods stay until it does not");
            draft.wait(Waiting::ServiceNotReady { service, message });
        } else {
            when_drained(view, set, 0, draft);
        }
    }
}

/// Whether the canary Service will turn to another version: one that takes turns stays as it is until the next update.
fn follows_new_version(view: &View<'_>) -> bool {
    view.is_routed() && !(view.takes_turns() && view.is_promoted())
}

/// Whether users' requests are sent to a version: by the stable or the active Service, or by the canary Service and a
/// route that reaches it. Where no pods are wanted, nobody is to answer requests.
pub(crate) fn is_pointed_at(view: &View<'_>, set: &ReplicaSetFacts) -> bool {
    let [of_users, other] = view.services();
    let is_canary = view.reaches_canary() && selects(view, other, set);
    view.replicas() > 0 && (selects(view, of_users, set) || is_canary)
}

fn selects(view: &View<'_>, service: &str, set: &ReplicaSetFacts) -> bool {
    view.service(service).is_some_and(|service| services::selected(service) == set.hash)
}

fn at_deadline(view: &View<'_>, set: &ReplicaSetFacts, draft: &mut Draft) {
    let until = deadline(set).unwrap_or(view.now);
    if until > view.now {
        draft.wait(Waiting::ScaleDownDelay { replica_set: set.meta.name.clone(), until });
    } else {
        when_drained(view, set, 0, draft);
    }
}

fn when_drained(view: &View<'_>, set: &ReplicaSetFacts, to: i32, draft: &mut Draft) {
    match drain::pending(view).filter(|_| !planted(Bug::ScaleDownBeforeDrain)) {
        None => draft.act(scale(view, set, to)),
        Some(reason) => draft.wait(reason),
    }
}

/// When a ReplicaSet may be scaled down; nothing if no time was set, or none that can be read.
pub(crate) fn deadline(set: &ReplicaSetFacts) -> Option<Timestamp> {
    set.meta.annotations.get(SCALE_DOWN_DEADLINE)?.parse().ok()
}

fn with_deadline(view: &View<'_>, set: &ReplicaSetFacts, seconds: i32) -> super::Action {
    let end = after(view.now, SignedDuration::from_secs(i64::from(seconds.max(0))));
    // Whole seconds, as other readers expect them, and never earlier than was asked for.
    let cut = Timestamp::from_second(end.as_second()).unwrap_or(end);
    let whole = if cut < end { after(cut, SignedDuration::from_secs(1)) } else { cut };
    annotate(set, BTreeMap::from([(SCALE_DOWN_DEADLINE.to_owned(), Some(whole.to_string()))]))
}

//! What people are told: every event follows from the difference of two statuses, so none is told twice.

use crds::condition::{self, ConditionStatus, ConditionType, message};
use crds::names::REVISION;
use crds::rollout::{RolloutPhase, RolloutStatus};

use super::change::Change;
use super::reset::{self, Reset};
use super::view::View;
use super::{Snapshot, analysis, step};
use crate::event::Event;

/// The event about a Rollout that was never seen before.
pub(crate) fn first_sight(snapshot: &Snapshot) -> Option<Event> {
    let rollout = &snapshot.rollout;
    let is_new =
        rollout.status.phase == RolloutPhase::Unknown && !rollout.meta.annotations.contains_key(REVISION);
    is_new.then(|| {
        let message =
            format!("Rollout resource added to informer: {}/{}", rollout.meta.namespace, rollout.meta.name);
        Event::normal("RolloutAddedToInformer", message)
    })
}

/// What changed between the status that was seen and the one that will be written.
pub(crate) fn of(view: &View<'_>, change: &Change, new: &RolloutStatus) -> Vec<Event> {
    let old = view.status();
    let mut events = analysis::events(old, new);
    let revision = view.revisions.number;
    let is_completed = |status: &RolloutStatus| {
        condition::find(&status.conditions, ConditionType::Completed)
            .map(|condition| condition.status == ConditionStatus::True)
    };
    // The reference says it of a first deploy only where there are steps to complete.
    let is_told = view.canary().is_some() || !view.is_first_deploy();
    if is_told && is_completed(old) != Some(false) && is_completed(new) == Some(false) {
        let message = format!(
            "Rollout not completed, started update to revision {revision} with hash {}",
            new.current_pod_hash
        );
        events.push(Event::normal("RolloutNotCompleted", message));
    }
    if matches!(change.reset, Some(Reset::Template)) && view.canary().is_some() {
        events.extend(steps_skipped(view, is_completed(old) == Some(false)));
    }
    if let Some(cause) = &change.abort {
        events.push(Event::warning("RolloutAborted", message::aborted(revision, cause.why.as_deref())));
    }
    if change.reset.is_none() && change.abort.is_none() && change.promotion.is_none() {
        events.extend(step_completed(view, new));
    }
    events.extend(pauses(old, new));
    if let Some(reason) = &change.promotion {
        let message =
            format!("Rollout completed update to revision {revision} ({}): {reason}", new.current_pod_hash);
        events.push(Event::normal("RolloutCompleted", message));
    }
    events
}

/// Why an update that begins anew passes over all steps, where a person might expect them.
fn steps_skipped(view: &View<'_>, was_under_way: bool) -> Option<Event> {
    if view.is_promoted() {
        return was_under_way.then(|| Event::normal("SkipSteps", "Rollback to stable ReplicaSets"));
    }
    (!view.is_first_deploy() && reset::is_within_window(view))
        .then(|| Event::normal("SkipSteps", "Rollback within window"))
}

fn step_completed(view: &View<'_>, new: &RolloutStatus) -> Option<Event> {
    let (old, new) = (view.status().current_step_index?, new.current_step_index?);
    let done = view.steps().get(usize::try_from(old).ok()?).filter(|_| new == old.saturating_add(1))?;
    let message = format!("Rollout step {new}/{} completed ({})", view.steps().len(), step::text(done));
    Some(Event::normal("RolloutStepCompleted", message))
}

fn pauses(old: &RolloutStatus, new: &RolloutStatus) -> Vec<Event> {
    let has =
        |status: &RolloutStatus, reason| status.pause_conditions.iter().any(|pause| pause.reason == reason);
    let mut events = Vec::new();
    let is_over = |status: &RolloutStatus| status.linnet.as_ref().is_some_and(|own| own.pause_over);
    let was_paused = (old.controller_pause || !old.pause_conditions.is_empty()) && !is_over(old);
    let goes_on = !new.controller_pause || is_over(new);
    if was_paused && goes_on && !new.abort && new.pause_conditions.is_empty() {
        events.push(Event::normal("RolloutResumed", message::RESUMED));
    }
    for pause in &new.pause_conditions {
        if !has(old, pause.reason) {
            events.push(Event::normal("RolloutPaused", format!("{} ({})", message::PAUSED, pause.reason)));
        }
    }
    events
}

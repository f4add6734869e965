//! How long an update took, and how much of that it waited for a person (`status.duration`).
//!
//! It changes only together with other facts, so it costs no write of its own.

use crds::Time;
use crds::rollout::{CompletionStatus, PauseReason, RolloutDuration, RolloutStatus};
use jiff::Timestamp;

use super::change::Change;
use super::reset::{self, Reset};
use super::view::{View, current_index};
use super::{blue_green, pause};

/// Brings the times into line with what this round decided; `status` already holds it.
pub(crate) fn note(view: &View<'_>, change: &Change, status: &mut RolloutStatus) {
    if change.reset.is_some() {
        let rollout_started_at = Some(Time::from(view.now));
        status.duration = Some(RolloutDuration { rollout_started_at, ..RolloutDuration::default() });
    }
    let is_manual = waits_for_a_person(view, status);
    if let Some(duration) = status.duration.as_mut().filter(|duration| duration.finished_at.is_none()) {
        count_pause(duration, is_manual, view.now);
    }
    if let Some(how) = ending(view, change) {
        end(status, how, view.now);
    }
}

/// The update has ended, unless it already had.
pub(crate) fn end(status: &mut RolloutStatus, how: CompletionStatus, now: Timestamp) {
    if let Some(duration) = status.duration.as_mut().filter(|duration| duration.finished_at.is_none()) {
        count_pause(duration, false, now);
        duration.finished_at = Some(Time::from(now));
        duration.completion_status = Some(how);
    }
}

fn count_pause(duration: &mut RolloutDuration, is_manual: bool, now: Timestamp) {
    match duration.manual_pause_started_at {
        None if is_manual => duration.manual_pause_started_at = Some(pause::rounded_up(now)),
        Some(since) if !is_manual => {
            let seconds = since.get().duration_until(now).as_secs().max(0);
            let before = duration.total_manual_pause_duration_seconds;
            duration.total_manual_pause_duration_seconds = before.saturating_add(seconds);
            duration.manual_pause_started_at = None;
        }
        _ => {}
    }
}

/// Whether one of the pauses takes a person to end it.
fn waits_for_a_person(view: &View<'_>, status: &RolloutStatus) -> bool {
    status.pause_conditions.iter().any(|pause| match pause.reason {
        PauseReason::CanaryPauseStep => {
            let step = current_index(status, view.steps()).and_then(|index| view.steps().get(index));
            step.and_then(|step| step.pause.as_ref()).is_some_and(|pause| pause.duration.is_none())
        }
        PauseReason::BlueGreenPause => {
            view.blue_green().is_some_and(|strategy| blue_green::gate::length(strategy).is_none())
        }
        _ => true,
    })
}

/// How the update ends in this round, if it does.
fn ending(view: &View<'_>, change: &Change) -> Option<CompletionStatus> {
    if change.abort.is_some() {
        return Some(CompletionStatus::Aborted);
    }
    if change.reset == Some(Reset::Template) && view.is_promoted() {
        return Some(CompletionStatus::FastRolledBack);
    }
    change.promotion.as_ref()?;
    if view.is_promoted_by_force() {
        return Some(CompletionStatus::FastPromoted);
    }
    if view.is_fast_track() || reset::is_within_window(view) {
        return Some(CompletionStatus::FastRolledBack);
    }
    let created = |set: Option<&crate::facts::ReplicaSetFacts>| set.and_then(|set| set.meta.created);
    let is_return =
        view.revisions.stable.is_some() && created(view.revisions.new) < created(view.revisions.stable);
    Some(if is_return { CompletionStatus::RolledBack } else { CompletionStatus::Promoted })
}

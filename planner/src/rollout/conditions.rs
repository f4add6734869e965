//! The conditions of the status.

use crds::Time;
use crds::condition::{self, Condition, ConditionStatus, ConditionType, Reason, message};
use crds::names::REVISION_HISTORY;
use crds::rollout::{RolloutPhase, RolloutStatus};
use jiff::Timestamp;

use super::abort::Cause;
use super::change::Change;
use super::reset::Reset;
use super::view::View;
use super::{progress, promotion, readiness};

/// Sets a condition; one that says the same keeps its times.
pub(super) fn set(
    status: &mut RolloutStatus,
    of: (ConditionType, ConditionStatus, Reason),
    text: String,
    now: Timestamp,
) {
    let (type_, value, reason) = of;
    condition::set(
        &mut status.conditions,
        Condition::new(type_, value, reason, text, Time::from(now)),
        false,
    );
}

pub(super) fn truth(holds: bool) -> ConditionStatus {
    if holds { ConditionStatus::True } else { ConditionStatus::False }
}

/// Brings all conditions up to date but those that follow from the phase; `status` already holds the new facts and counts.
pub(crate) fn update(view: &View<'_>, change: &Change, status: &mut RolloutStatus) {
    condition::remove(&mut status.conditions, ConditionType::InvalidSpec);
    progressing(view, change, status);
    let is_enough = status.available_replicas >= view.replicas() && is_served(view, status);
    let text = if is_enough { message::AVAILABLE } else { message::NOT_AVAILABLE };
    set(status, (ConditionType::Available, truth(is_enough), Reason::Available), text.to_owned(), view.now);
    let is_paused = is_paused(view, status);
    if is_paused || condition::find(&status.conditions, ConditionType::Paused).is_some() {
        let text = message::PAUSED.to_owned();
        set(status, (ConditionType::Paused, truth(is_paused), Reason::RolloutPaused), text, view.now);
    }
    let is_completed = promotion::is_promoted(status);
    let text = message::COMPLETED.to_owned();
    set(status, (ConditionType::Completed, truth(is_completed), Reason::RolloutCompleted), text, view.now);
    replica_failure(view, status);
}

/// Sets the conditions that follow from the phase, once it is known.
pub(crate) fn follow_phase(status: &mut RolloutStatus, now: Timestamp) {
    healthy(status, now);
    readiness::tell(status, now);
}

fn healthy(status: &mut RolloutStatus, now: Timestamp) {
    let is_healthy = status.phase == RolloutPhase::Healthy;
    if is_healthy || condition::find(&status.conditions, ConditionType::Healthy).is_some() {
        let text = if is_healthy { message::HEALTHY } else { message::NOT_HEALTHY };
        let of = (ConditionType::Healthy, truth(is_healthy), Reason::RolloutHealthy);
        set(status, of, text.to_owned(), now);
    }
}

/// Says that the spec cannot be acted on.
pub(crate) fn invalid(status: &mut RolloutStatus, text: String, now: Timestamp) {
    set(status, (ConditionType::InvalidSpec, ConditionStatus::True, Reason::InvalidSpec), text, now);
}

/// Says that the update was taken back; a reason that is already given stays.
pub(crate) fn aborted(status: &mut RolloutStatus, revision: i64, cause: Option<&Cause>, now: Timestamp) {
    let known = condition::find(&status.conditions, ConditionType::Progressing)
        .is_some_and(|current| current.because(Reason::RolloutAborted));
    if !known || cause.is_some() {
        let text = message::aborted(revision, cause.and_then(|cause| cause.why.as_deref()));
        set(status, (ConditionType::Progressing, ConditionStatus::False, Reason::RolloutAborted), text, now);
    }
}

/// Whether users reach pods at all: with blue-green, those that the active Service selects.
fn is_served(view: &View<'_>, status: &RolloutStatus) -> bool {
    let active = &status.blue_green.active_selector;
    view.blue_green().is_none() || view.snapshot.sets().any(|set| set.hash == *active)
}

fn is_paused(view: &View<'_>, status: &RolloutStatus) -> bool {
    !status.abort && (view.spec.paused || !status.pause_conditions.is_empty())
}

fn progressing(view: &View<'_>, change: &Change, status: &mut RolloutStatus) {
    if status.abort {
        aborted(status, view.revisions.number, change.abort.as_ref(), view.now);
        return;
    }
    let current = condition::find(&status.conditions, ConditionType::Progressing);
    let has = |reason: Reason| current.is_some_and(|current| current.because(reason));
    let is_complete = progress::is_complete(view);
    let moved = progress::is_made(view.status(), status);
    let (value, reason) = match change.reset {
        Some(Reset::Retry) => (ConditionStatus::Unknown, Reason::RolloutRetry),
        Some(Reset::Template) => (ConditionStatus::True, appearance(view)),
        _ if is_paused(view, status) => (ConditionStatus::Unknown, Reason::RolloutPaused),
        _ if has(Reason::RolloutPaused) => (ConditionStatus::Unknown, Reason::RolloutResumed),
        _ if is_complete => (ConditionStatus::True, Reason::NewReplicaSetAvailable),
        _ if has(Reason::NewReplicaSetAvailable) && view.is_promoted() && !moved => {
            (ConditionStatus::True, Reason::ReplicaSetNotAvailable)
        }
        _ if progress::is_timed_out(view) && !moved => {
            (ConditionStatus::False, Reason::ProgressDeadlineExceeded)
        }
        _ if current.is_none() || moved || has(Reason::RolloutAborted) => {
            (ConditionStatus::True, Reason::ReplicaSetUpdated)
        }
        _ => return,
    };
    let Some(text) = text(view, reason) else { return };
    let refresh = moved && value != ConditionStatus::False && !is_complete;
    let next = Condition::new(ConditionType::Progressing, value, reason, text, Time::from(view.now));
    condition::set(&mut status.conditions, next, refresh);
}

/// Whether the new ReplicaSet was made for this update, or found from an earlier one.
fn appearance(view: &View<'_>) -> Reason {
    let is_found = view
        .revisions
        .new
        .is_some_and(|set| set.meta.annotations.contains_key(REVISION_HISTORY) || set.replicas > 0);
    if is_found { Reason::FoundNewReplicaSet } else { Reason::NewReplicaSetCreated }
}

fn text(view: &View<'_>, reason: Reason) -> Option<String> {
    match reason {
        Reason::RolloutPaused => Some(message::PAUSED.to_owned()),
        Reason::RolloutResumed => Some(message::RESUMED.to_owned()),
        Reason::RolloutRetry => Some(message::RETRY.to_owned()),
        Reason::ReplicaSetNotAvailable => Some(message::NOT_AVAILABLE.to_owned()),
        _ => message::replica_set(reason, &view.revisions.new?.meta.name),
    }
}

fn replica_failure(view: &View<'_>, status: &mut RolloutStatus) {
    let sets = view.revisions.new.into_iter().chain(view.revisions.stable);
    match sets.into_iter().find_map(|set| set.failure.clone()) {
        Some(failure) => {
            let next = Condition {
                type_: ConditionType::ReplicaFailure.as_str().to_owned(),
                status: ConditionStatus::True,
                last_update_time: Some(view.now.into()),
                last_transition_time: Some(view.now.into()),
                reason: failure.reason,
                message: failure.message,
            };
            condition::set(&mut status.conditions, next, false);
        }
        None => {
            condition::remove(&mut status.conditions, ConditionType::ReplicaFailure);
        }
    }
}

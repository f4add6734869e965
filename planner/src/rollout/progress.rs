//! Whether the update moves on, and until when it must.

use crds::condition::{self, ConditionType, Reason};
use crds::rollout::RolloutStatus;
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::analysis;
use super::pause::after;
use super::scale_down::deadline;
use super::view::{View, available};

/// For how long after a time in which nobody decided no update counts as stuck: one that waited for nothing else goes
/// on within it.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// When the update counts as stuck, if its clock runs.
///
/// It does not run while a person or a timer is waited for, at an analysis, while an older version is kept until its
/// deadline, and once the new version has all its pods and is stable. Whoever begins to decide, or was away, judges it
/// after [`GRACE`], or after the deadline's own length if that is shorter.
pub(crate) fn deadline_at(view: &View<'_>) -> Option<Timestamp> {
    let status = view.status();
    let progressing = condition::find(&status.conditions, ConditionType::Progressing)?;
    let is_over = [Reason::RolloutAborted, Reason::NewReplicaSetAvailable, Reason::RolloutPaused]
        .into_iter()
        .any(|reason| progressing.because(reason));
    let is_over = (is_over || waits(view)) && !planted(Bug::DeadlineCountsPauses);
    if is_over || is_complete(view) || view.is_aborted() || view.spec.paused {
        return None;
    }
    let seconds = view.spec.progress_deadline_seconds.unwrap_or(600);
    let limit = SignedDuration::from_secs(i64::from(seconds));
    // What an analysis waited for begins when it ends.
    let measured = analysis::ended_at(view).unwrap_or(Timestamp::MIN);
    let since = progressing.last_update_time?.get().max(measured);
    let attended = view.snapshot.tenure.map_or(Timestamp::MIN, |tenure| tenure.attending_since);
    Some(after(since, limit).max(after(attended, limit.min(GRACE))))
}

fn waits(view: &View<'_>) -> bool {
    let step = view.current_index().and_then(|index| view.steps().get(index));
    let is_waiting_step =
        step.is_some_and(|step| step.pause.is_some() || step.analysis.is_some() || step.experiment.is_some());
    is_waiting_step && !view.is_promoted_by_force()
        || !view.status().pause_conditions.is_empty()
        || analysis::is_beside(view)
        || view.older_with_pods().any(|set| deadline(set).is_some())
}

/// Whether the clock has run out.
pub(crate) fn is_timed_out(view: &View<'_>) -> bool {
    deadline_at(view).is_some_and(|at| at <= view.now)
}

/// Whether the new version is stable and has all its pods.
pub(crate) fn is_complete(view: &View<'_>) -> bool {
    view.is_promoted() && available(view.revisions.new) >= view.replicas()
}

/// Whether something moved between two statuses.
pub(crate) fn is_made(old: &RolloutStatus, new: &RolloutStatus) -> bool {
    let outdated = |status: &RolloutStatus| status.replicas.saturating_sub(status.updated_replicas);
    new.updated_replicas != old.updated_replicas
        || outdated(new) < outdated(old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
        || new.stable_rs != old.stable_rs
        || new.current_step_index != old.current_step_index
        || new.current_step_hash != old.current_step_hash
        || new.current_pod_hash != old.current_pod_hash
        || new.blue_green.active_selector != old.blue_green.active_selector
        || new.blue_green.preview_selector != old.blue_green.preview_selector
}

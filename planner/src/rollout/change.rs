//! What must not be lost: facts that are written to the status before anything is done because of them.

use crds::rollout::{PauseReason, RolloutStatus};
use planted_bugs::{Bug, planted};

use super::abort::{self, Cause};
use super::draft::Draft;
use super::reset::{self, Reset};
use super::view::View;
use super::{analysis, blue_green, pause, progress, promotion, status, step};

/// What changes in this round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// The update begins anew.
    pub reset: Option<Reset>,
    /// The update is taken back.
    pub abort: Option<Cause>,
    /// The new version becomes the stable one, and why.
    pub promotion: Option<String>,
    /// Some other fact changes.
    pub other: bool,
}

impl Change {
    /// Whether anything changes.
    pub(crate) fn is_any(&self) -> bool {
        self.reset.is_some() || self.abort.is_some() || self.promotion.is_some() || self.other
    }
}

/// Puts into the draft's status the next fact, if there is one. The first that applies decides: a new beginning, an
/// abort, a promotion, the end of a step, a pause.
pub(crate) fn decide(view: &View<'_>, cause: Option<&Cause>, draft: &mut Draft) -> Change {
    let status = &mut draft.status;
    if let Some(cause) = reset::cause(view) {
        reset::commit(view, cause, status);
        return Change { reset: Some(cause), ..Change::default() };
    }
    if view.is_promoted() {
        return Change { other: rest(view, status), ..Change::default() };
    }
    if let Some(cause) = cause
        && !(status.abort && status.aborted_at.is_some())
    {
        abort::commit(status, !view.steps().is_empty(), view.now);
        return Change { abort: Some(cause.clone()), ..Change::default() };
    }
    if view.is_aborted() {
        return Change::default();
    }
    if analysis::begins_anew(view) {
        return Change::default();
    }
    if let Some(reason) = promotion::reason(view) {
        promotion::commit(view, status);
        return Change { promotion: Some(reason), ..Change::default() };
    }
    let is_held = view.spec.paused && !planted(Bug::UserPauseIgnored);
    Change { other: !is_held && advance(view, status), ..Change::default() }
}

/// Why the update is to be taken back because it does not move.
pub(crate) fn deadline_cause(view: &View<'_>) -> Option<Cause> {
    let is_update = !view.is_promoted() && !view.is_first_deploy() && !view.is_aborted();
    let is_due = view.spec.progress_deadline_abort && is_update && progress::is_timed_out(view);
    if !is_due || has_moved(view) {
        return None;
    }
    let name = view.revisions.new.map(|set| set.meta.name.as_str())?;
    Some(Cause { why: Some(format!("ReplicaSet \"{name}\" has timed out progressing.")) })
}

/// Whether pods have come, or Services were switched, since the status was written: nobody looked at the right time.
fn has_moved(view: &View<'_>) -> bool {
    let mut counted = view.status().clone();
    status::count(view, &mut counted);
    progress::is_made(view.status(), &counted)
}

/// A promoted version has nothing to abort, to pause or to skip.
fn rest(view: &View<'_>, status: &mut RolloutStatus) -> bool {
    let before = status.clone();
    if status.abort || status.aborted_at.is_some() {
        abort::forget(status, view.steps());
    }
    status.promote_full = false;
    status.blue_green.scale_up_preview_check_point = false;
    status.current_step_index = reset::last_index(view.steps());
    pause::clear(status);
    *status != before
}

/// Ends the current step, or begins or ends a pause.
fn advance(view: &View<'_>, status: &mut RolloutStatus) -> bool {
    if view.is_promoted_by_force() {
        let was_paused = status.controller_pause || !status.pause_conditions.is_empty();
        pause::clear(status);
        return was_paused;
    }
    if analysis::must_pause(view) {
        pause::begin(status, PauseReason::InconclusiveAnalysis, view.now);
        if let Some(own) = &mut status.linnet {
            own.pause_over = false;
        }
        return true;
    }
    if pause::find(status, PauseReason::InconclusiveAnalysis).is_some() {
        return false;
    }
    if let Some(strategy) = view.blue_green() {
        let before = status.clone();
        blue_green::gate::advance(view, strategy, status);
        return before != *status;
    }
    let before = (status.current_step_index, status.controller_pause, status.pause_conditions.len());
    if step::is_done(view) {
        pause::clear(status);
        status.canary.current_step_analysis_run_status = None;
        let steps = if planted(Bug::StepSkipped) { 2 } else { 1 };
        status.current_step_index = Some(status.current_step_index.unwrap_or(0).saturating_add(steps));
    }
    let current = super::view::current_index(status, view.steps()).and_then(|index| view.steps().get(index));
    if current.is_some_and(|step| step.pause.is_some()) {
        if !pause::was_resumed(status) {
            pause::begin(status, PauseReason::CanaryPauseStep, view.now);
        }
    } else if pause::was_resumed(status) {
        pause::clear(status);
    }
    before != (status.current_step_index, status.controller_pause, status.pause_conditions.len())
}

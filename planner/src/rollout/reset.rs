//! A new template, other steps, or a retry: the update begins anew.

use crds::rollout::{CanaryStep, RolloutStatus};
use planted_bugs::{Bug, planted};

use super::view::{View, own_block};
use super::{blue_green, pause, restart};
use crate::facts::ReplicaSetFacts;

/// Why the update begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// Another template.
    Template,
    /// The same template, other steps.
    Steps,
    /// A person asked for another attempt after an abort.
    Retry,
}

/// Decides whether the update begins anew.
pub(crate) fn cause(view: &View<'_>) -> Option<Reset> {
    let status = view.status();
    if status.current_pod_hash != view.hash() {
        return Some(Reset::Template);
    }
    // Another operator hashes the steps in another way: what it left is taken over, not begun anew.
    let is_ours = planted(Bug::StepsBegunAnewOnTakeover)
        || (status.linnet.is_some() && !status.current_step_hash.is_empty());
    if is_ours && status.current_step_hash != view.step_hash() {
        return Some(Reset::Steps);
    }
    (!status.abort && status.aborted_at.is_some() && !view.is_promoted()).then_some(Reset::Retry)
}

/// Lets the update begin anew.
pub(crate) fn commit(view: &View<'_>, cause: Reset, status: &mut RolloutStatus) {
    pause::clear(status);
    status.abort = false;
    status.aborted_at = None;
    status.promote_full = false;
    if cause != Reset::Retry {
        restart::begin_anew(view, status);
    }
    view.hash().clone_into(&mut status.current_pod_hash);
    status.canary.current_step_analysis_run_status = None;
    status.canary.current_background_analysis_run_status = None;
    status.canary.step_plugin_statuses.clear();
    status.canary.current_experiment.clear();
    blue_green::begin_anew(view, cause, status);
    let is_return = is_within_window(view) && !planted(Bug::ReturnGoesStepByStep);
    let skips = view.is_first_deploy() || view.is_promoted() || is_return;
    if cause != Reset::Retry || !planted(Bug::RetryKeepsStep) {
        status.current_step_index =
            if skips { last_index(view.steps()) } else { last_index(view.steps()).map(|_| 0) };
    }
    let attempt = view.attempt();
    own_block(status).attempt = Some(match cause {
        Reset::Template => 1,
        Reset::Retry if planted(Bug::RetryFindsOldVerdicts) => attempt,
        Reset::Steps | Reset::Retry => attempt.saturating_add(1),
    });
}

/// The index that says that all steps are done; none without steps.
pub(crate) fn last_index(steps: &[CanaryStep]) -> Option<i32> {
    (!steps.is_empty()).then(|| i32::try_from(steps.len()).unwrap_or(i32::MAX))
}

/// Whether the update is a return to a recent version, which has skipped all steps: it is not measured either.
pub(crate) fn is_return(view: &View<'_>) -> bool {
    view.current_index().is_none() && is_within_window(view)
}

/// Whether the wanted version is so recent that a return to it skips all steps (`rollbackWindow`).
pub(crate) fn is_within_window(view: &View<'_>) -> bool {
    let (Some(window), Some(new), Some(stable)) =
        (&view.spec.rollback_window, view.revisions.new, view.revisions.stable)
    else {
        return false;
    };
    let created = |set: &ReplicaSetFacts| set.meta.created;
    if created(new).is_none() || created(new) >= created(stable) {
        return false;
    }
    let between = view
        .revisions
        .older
        .iter()
        .filter(|set| created(set) > created(new) && created(set) < created(stable))
        .count();
    usize::try_from(window.revisions).is_ok_and(|revisions| between < revisions)
}

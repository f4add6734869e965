//! The phase: where a Rollout stands, in one word and one sentence.

use crds::condition::{self, ConditionType, Reason};
use crds::rollout::{BlueGreenStatus, RolloutPhase, RolloutStatus};

use super::promotion;

/// What the phase depends on beside the status itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// `spec.paused`.
    pub paused: bool,
    /// Whether a restart that was asked for is under way.
    pub restarting: bool,
    /// `spec.replicas`.
    pub replicas: i32,
    /// What makes an update complete.
    pub end: End,
}

/// What makes an update complete, beside all pods of the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Pods alone share the traffic: no old ones are left.
    OldPodsGone,
    /// A router splits the traffic: all steps are done.
    StepsDone,
    /// All users were switched, and an analysis may have to agree.
    UsersSwitched {
        /// Whether an analysis follows the switch.
        measured: bool,
    },
}

/// Returns phase and message; the first test that applies decides.
pub(crate) fn of(status: &RolloutStatus, around: Surroundings) -> (RolloutPhase, String) {
    if let Some(invalid) = condition::find(&status.conditions, ConditionType::InvalidSpec) {
        return (RolloutPhase::Degraded, format!("InvalidSpec: {}", invalid.message));
    }
    let is_bad = |condition: &&condition::Condition| {
        condition.because(Reason::RolloutAborted) || condition.because(Reason::ProgressDeadlineExceeded)
    };
    if let Some(bad) = status.conditions.iter().find(is_bad) {
        return (RolloutPhase::Degraded, format!("{}: {}", bad.reason, bad.message));
    }
    if around.paused {
        return (RolloutPhase::Paused, "manually paused".to_owned());
    }
    if let Some(pause) = status.pause_conditions.first() {
        return (RolloutPhase::Paused, pause.reason.as_str().to_owned());
    }
    match progress(status, around) {
        Some(message) => (RolloutPhase::Progressing, message.to_owned()),
        None => (RolloutPhase::Healthy, String::new()),
    }
}

fn progress(status: &RolloutStatus, around: Surroundings) -> Option<&'static str> {
    if around.restarting {
        return Some("rollout is restarting");
    }
    if status.updated_replicas < around.replicas {
        return Some("more replicas need to be updated");
    }
    if status.available_replicas < status.updated_replicas {
        return Some("updated replicas are still becoming available");
    }
    let is_promoted = promotion::is_promoted(status);
    match around.end {
        End::UsersSwitched { measured } => switch(status, is_promoted, measured),
        End::OldPodsGone if status.replicas > status.updated_replicas => {
            Some("old replicas are pending termination")
        }
        End::OldPodsGone | End::StepsDone => (!is_promoted).then_some("waiting for all steps to complete"),
    }
}

/// What a blue-green update waits for once all pods are there.
fn switch(status: &RolloutStatus, is_promoted: bool, measured: bool) -> Option<&'static str> {
    let BlueGreenStatus { active_selector, post_promotion_analysis_run_status: run, .. } = &status.blue_green;
    if active_selector.is_empty() || *active_selector != status.current_pod_hash {
        return Some("active service cutover pending");
    }
    if is_promoted {
        return None;
    }
    if measured && run.as_ref().is_none_or(|run| !run.status.is_completed()) {
        return Some("waiting for analysis to complete");
    }
    Some("waiting for post-promotion verification to complete")
}

#[cfg(test)]
mod tests {
    use crds::analysis::AnalysisPhase;
    use crds::condition::{Condition, ConditionStatus};
    use crds::rollout::{AnalysisRunSummary, PauseCondition, PauseReason};
    use rstest::rstest;

    use super::*;

    fn healthy() -> RolloutStatus {
        RolloutStatus {
            replicas: 5,
            updated_replicas: 5,
            available_replicas: 5,
            stable_rs: "a".to_owned(),
            current_pod_hash: "a".to_owned(),
            ..RolloutStatus::default()
        }
    }

    fn condition(type_: ConditionType, reason: Reason) -> Condition {
        Condition::new(type_, ConditionStatus::True, reason, "why".to_owned(), crds::Time::default())
    }

    #[rstest]
    #[case::healthy(|_: &mut RolloutStatus| {}, RolloutPhase::Healthy, "")]
    #[case::invalid_comes_first(
        |status: &mut RolloutStatus| {
            status.conditions.push(condition(ConditionType::Progressing, Reason::RolloutAborted));
            status.conditions.push(condition(ConditionType::InvalidSpec, Reason::InvalidSpec));
        }, RolloutPhase::Degraded, "InvalidSpec: why")]
    #[case::aborted(
        |status: &mut RolloutStatus| {
            status.conditions.push(condition(ConditionType::Progressing, Reason::RolloutAborted));
        }, RolloutPhase::Degraded, "RolloutAborted: why")]
    #[case::stuck(
        |status: &mut RolloutStatus| {
            status.conditions.push(condition(ConditionType::Progressing, Reason::ProgressDeadlineExceeded));
        }, RolloutPhase::Degraded, "ProgressDeadlineExceeded: why")]
    #[case::paused(
        |status: &mut RolloutStatus| {
            let reason = PauseReason::CanaryPauseStep;
            status.pause_conditions.push(PauseCondition { reason, start_time: None });
            status.updated_replicas = 1;
        }, RolloutPhase::Paused, "CanaryPauseStep")]
    #[case::not_updated(
        |status: &mut RolloutStatus| status.updated_replicas = 4,
        RolloutPhase::Progressing, "more replicas need to be updated")]
    #[case::not_available(
        |status: &mut RolloutStatus| status.available_replicas = 4,
        RolloutPhase::Progressing, "updated replicas are still becoming available")]
    #[case::old_pods_left(
        |status: &mut RolloutStatus| status.replicas = 6,
        RolloutPhase::Progressing, "old replicas are pending termination")]
    #[case::not_promoted(
        |status: &mut RolloutStatus| "b".clone_into(&mut status.stable_rs),
        RolloutPhase::Progressing, "waiting for all steps to complete")]
    fn first_match(
        #[case] change: fn(&mut RolloutStatus),
        #[case] phase: RolloutPhase,
        #[case] message: &str,
    ) {
        let mut status = healthy();
        change(&mut status);
        let around = Surroundings { paused: false, restarting: false, replicas: 5, end: End::OldPodsGone };
        assert_eq!(of(&status, around), (phase, message.to_owned()));
    }

    #[rstest]
    #[case::nobody_is_served(|status: &mut RolloutStatus| status.blue_green.active_selector.clear(), false,
        "active service cutover pending")]
    #[case::the_old_version_serves(
        |status: &mut RolloutStatus| "b".clone_into(&mut status.blue_green.active_selector), false,
        "active service cutover pending")]
    #[case::not_measured(|status: &mut RolloutStatus| "b".clone_into(&mut status.stable_rs), true,
        "waiting for analysis to complete")]
    #[case::still_measured(
        |status: &mut RolloutStatus| {
            "b".clone_into(&mut status.stable_rs);
            status.blue_green.post_promotion_analysis_run_status = Some(measured(AnalysisPhase::Running));
        }, true, "waiting for analysis to complete")]
    #[case::measured(
        |status: &mut RolloutStatus| {
            "b".clone_into(&mut status.stable_rs);
            status.blue_green.post_promotion_analysis_run_status = Some(measured(AnalysisPhase::Successful));
        }, true, "waiting for post-promotion verification to complete")]
    #[case::not_promoted(|status: &mut RolloutStatus| "b".clone_into(&mut status.stable_rs), false,
        "waiting for post-promotion verification to complete")]
    #[case::old_pods_are_no_reason(|status: &mut RolloutStatus| status.replicas = 10, true, "")]
    fn a_switch(#[case] change: fn(&mut RolloutStatus), #[case] measured: bool, #[case] message: &str) {
        let mut status = healthy();
        "a".clone_into(&mut status.blue_green.active_selector);
        change(&mut status);
        let around = Surroundings {
            paused: false,
            restarting: false,
            replicas: 5,
            end: End::UsersSwitched { measured },
        };
        assert_eq!(of(&status, around).1, message);
    }

    fn measured(status: AnalysisPhase) -> AnalysisRunSummary {
        AnalysisRunSummary { name: "web-a-2-post".to_owned(), status, message: String::new() }
    }

    #[rstest]
    #[case::at_rest(|_: &mut RolloutStatus| {}, "rollout is restarting")]
    #[case::before_all_else_that_is_missing(
        |status: &mut RolloutStatus| status.updated_replicas = 4, "rollout is restarting")]
    #[case::a_pause_says_more(
        |status: &mut RolloutStatus| {
            let reason = PauseReason::CanaryPauseStep;
            status.pause_conditions.push(PauseCondition { reason, start_time: None });
        }, "CanaryPauseStep")]
    fn a_restart(#[case] change: fn(&mut RolloutStatus), #[case] message: &str) {
        let mut status = healthy();
        change(&mut status);
        let around = Surroundings { paused: false, restarting: true, replicas: 5, end: End::OldPodsGone };
        assert_eq!(of(&status, around).1, message);
    }

    #[test]
    fn old_pods_behind_a_router_are_no_reason_to_wait() {
        let status = RolloutStatus { replicas: 10, ..healthy() };
        let around = Surroundings { paused: false, restarting: false, replicas: 5, end: End::StepsDone };
        assert_eq!(of(&status, around).0, RolloutPhase::Healthy);
    }
}

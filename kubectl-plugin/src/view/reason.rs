//! What a rollout waits for, in plain words, and what would move it on.

use crds::analysis::AnalysisRun;
use crds::duration;
use crds::rollout::{PauseCondition, PauseReason, Rollout, RolloutStatus};
use jiff::Timestamp;
use kube::ResourceExt;

use super::age;

/// What the rollout waits for; nothing when it is healthy, or when the status message already says all.
pub(crate) fn of(rollout: &Rollout, runs: &[AnalysisRun], now: Timestamp) -> Option<String> {
    let status = rollout.status.as_ref()?;
    let name = rollout.name_any();
    if status.abort {
        return Some(format!(
            "a fix: apply another template, or start over with `kubectl linnet retry rollout {name}`"
        ));
    }
    if rollout.spec.paused {
        return Some(format!("a person: `kubectl linnet promote {name}` goes on"));
    }
    if let Some(pause) = status.pause_conditions.first() {
        return Some(pause_ends(rollout, status, pause, now));
    }
    let running = runs.iter().find(|run| {
        let phase = run.status.as_ref().map(|status| status.phase).unwrap_or_default();
        let summary = status.canary.current_step_analysis_run_status.as_ref();
        !phase.is_completed() && summary.is_some_and(|summary| summary.name == run.name_any())
    });
    running.map(|run| format!("the verdict of analysis run {}", run.name_any()))
}

fn pause_ends(rollout: &Rollout, status: &RolloutStatus, pause: &PauseCondition, now: Timestamp) -> String {
    let name = rollout.name_any();
    if pause.reason != PauseReason::CanaryPauseStep {
        return format!(
            "a person ({}): `kubectl linnet promote {name}` goes on, `abort` goes back",
            pause.reason
        );
    }
    let Some((length, start)) = step_duration(rollout, status).zip(pause.start_time) else {
        return format!("a person: `kubectl linnet promote {name}` goes on, `abort` goes back");
    };
    let left = start.get().duration_until(now);
    format!("the end of the pause, in {}", age::seconds(length.saturating_sub(left).as_secs()))
}

/// How long the current pause step lasts; nothing for a pause until a person resumes.
fn step_duration(rollout: &Rollout, status: &RolloutStatus) -> Option<jiff::SignedDuration> {
    let steps = &rollout.spec.strategy.canary.as_ref()?.steps;
    let step = steps.get(usize::try_from(status.current_step_index?).ok()?)?;
    duration::seconds_or_text(step.pause.as_ref()?.duration.as_ref()?).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn rollout(spec: &Value, status: &Value) -> Rollout {
        serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec, "status": status }))
            .unwrap()
    }

    fn steps() -> Value {
        json!({ "strategy": { "canary": { "steps": [{ "pause": { "duration": "30s" } }, { "pause": {} }] } } })
    }

    fn paused(index: i32, reason: &str) -> Value {
        json!({ "currentStepIndex": index, "pauseConditions": [{ "reason": reason, "startTime": "2026-11-21T03:00:00Z" }] })
    }

    #[rstest]
    #[case::timed(steps(), paused(0, "CanaryPauseStep"), "the end of the pause, in 20s")]
    #[case::for_ever(
        steps(),
        paused(1, "CanaryPauseStep"),
        "a person: `kubectl linnet promote web` goes on, `abort` goes back"
    )]
    #[case::inconclusive(
        steps(),
        paused(0, "InconclusiveAnalysisRun"),
        "a person (InconclusiveAnalysisRun): `kubectl linnet promote web` goes on, `abort` goes back"
    )]
    #[case::aborted(steps(), json!({ "abort": true }),
        "a fix: apply another template, or start over with `kubectl linnet retry rollout web`")]
    #[case::by_hand(json!({ "paused": true }), json!({}), "a person: `kubectl linnet promote web` goes on")]
    fn words(#[case] spec: Value, #[case] status: Value, #[case] want: &str) {
        let now = "2026-11-21T03:00:10Z".parse().unwrap();
        assert_eq!(of(&rollout(&spec, &status), &[], now).as_deref(), Some(want));
    }

    #[test]
    fn a_healthy_rollout_waits_for_nothing() {
        let now = "2026-11-21T03:00:10Z".parse().unwrap();
        assert_eq!(of(&rollout(&steps(), &json!({ "phase": "Healthy" })), &[], now), None);
    }
}

//! What a rollout waits for, in plain words, and what would move it on.

use crds::analysis::AnalysisRun;
use crds::duration;
use crds::rollout::{AnalysisRunSummary, PauseCondition, PauseReason, Rollout, RolloutStatus};
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
        let decides = deciding(status).any(|summary| summary.name == run.name_any());
        !phase.is_completed() && decides
    });
    running.map(|run| format!("the verdict of analysis run {}", run.name_any()))
}

/// The analysis runs without whose verdict the rollout does not go on.
fn deciding(status: &RolloutStatus) -> impl Iterator<Item = &AnalysisRunSummary> {
    let around = [
        &status.canary.current_step_analysis_run_status,
        &status.blue_green.pre_promotion_analysis_run_status,
        &status.blue_green.post_promotion_analysis_run_status,
    ];
    around.into_iter().flatten()
}

fn pause_ends(rollout: &Rollout, status: &RolloutStatus, pause: &PauseCondition, now: Timestamp) -> String {
    let name = rollout.name_any();
    let length = match pause.reason {
        PauseReason::CanaryPauseStep => step_duration(rollout, status),
        PauseReason::BlueGreenPause => promotion_delay(rollout),
        _ => {
            return format!(
                "a person ({}): `kubectl linnet promote {name}` goes on, `abort` goes back",
                pause.reason
            );
        }
    };
    let Some((length, start)) = length.zip(pause.start_time) else {
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

/// How long a blue-green update waits for its promotion; nothing if that takes a person.
fn promotion_delay(rollout: &Rollout) -> Option<jiff::SignedDuration> {
    let strategy = rollout.spec.strategy.blue_green.as_ref()?;
    let is_timed = strategy.auto_promotion_enabled != Some(false) && strategy.auto_promotion_seconds > 0;
    is_timed.then(|| jiff::SignedDuration::from_secs(i64::from(strategy.auto_promotion_seconds)))
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
    #[case::blue_green(
        json!({ "strategy": { "blueGreen": { "autoPromotionEnabled": false, "autoPromotionSeconds": 30 } } }),
        paused(0, "BlueGreenPause"),
        "a person: `kubectl linnet promote web` goes on, `abort` goes back"
    )]
    #[case::blue_green_with_a_timer(
        json!({ "strategy": { "blueGreen": { "autoPromotionSeconds": 30 } } }),
        paused(0, "BlueGreenPause"),
        "the end of the pause, in 20s"
    )]
    #[case::aborted(steps(), json!({ "abort": true }),
        "a fix: apply another template, or start over with `kubectl linnet retry rollout web`")]
    #[case::by_hand(json!({ "paused": true }), json!({}), "a person: `kubectl linnet promote web` goes on")]
    fn words(#[case] spec: Value, #[case] status: Value, #[case] want: &str) {
        let now = "2026-11-21T03:00:10Z".parse().unwrap();
        assert_eq!(of(&rollout(&spec, &status), &[], now).as_deref(), Some(want));
    }

    #[rstest]
    #[case::before_the_switch("prePromotionAnalysisRunStatus")]
    #[case::after_the_switch("postPromotionAnalysisRunStatus")]
    fn a_verdict(#[case] field: &str) {
        let status = json!({ "blueGreen": { field: { "name": "web-b-2-pre", "status": "Running" } } });
        let run =
            json!({ "metadata": { "name": "web-b-2-pre" }, "spec": {}, "status": { "phase": "Running" } });
        let runs = [serde_json::from_value(run).unwrap()];
        let now = "2026-11-21T03:00:10Z".parse().unwrap();
        let want = "the verdict of analysis run web-b-2-pre";
        assert_eq!(of(&rollout(&json!({}), &status), &runs, now).as_deref(), Some(want));
    }

    #[test]
    fn a_healthy_rollout_waits_for_nothing() {
        let now = "2026-11-21T03:00:10Z".parse().unwrap();
        assert_eq!(of(&rollout(&steps(), &json!({ "phase": "Healthy" })), &[], now), None);
    }
}

//! What a rollout waits for, as far as its status and its analysis runs tell: the tree is drawn again and again, and reads
//! no more than it shows.

use crds::analysis::AnalysisRun;
use crds::duration;
use crds::rollout::{AnalysisRunSummary, PauseCondition, PauseReason, Rollout, RolloutStatus};
use jiff::Timestamp;
use kube::ResourceExt;
use planner::waiting::Waiting;

/// What the rollout waits for; nothing when it is healthy, or when the status message already says all.
pub(crate) fn of(rollout: &Rollout, runs: &[AnalysisRun], now: Timestamp) -> Option<Waiting> {
    let status = rollout.status.as_ref()?;
    if status.abort {
        return Some(Waiting::Aborted { message: status.message.clone() });
    }
    if rollout.spec.paused {
        return Some(Waiting::PausedByUser);
    }
    if let Some(pause) = status.pause_conditions.first() {
        return Some(pause_ends(rollout, status, pause, now));
    }
    let running = runs.iter().find(|run| {
        let phase = run.status.as_ref().map(|status| status.phase).unwrap_or_default();
        let decides = deciding(status).any(|summary| summary.name == run.name_any());
        !phase.is_completed() && decides
    });
    running.map(|run| Waiting::Analysis { run: run.name_any() })
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

fn pause_ends(rollout: &Rollout, status: &RolloutStatus, pause: &PauseCondition, now: Timestamp) -> Waiting {
    let length = match pause.reason {
        PauseReason::CanaryPauseStep => step_duration(rollout, status),
        PauseReason::BlueGreenPause => promotion_delay(rollout),
        _ => None,
    };
    let start = pause.start_time.map(crds::Time::get);
    match length.zip(start).and_then(|(length, start)| start.checked_add(length).ok()) {
        Some(at) => Waiting::PauseEnds { at },
        None => Waiting::Resume { since: start.unwrap_or(now), reason: pause.reason.as_str().to_owned() },
    }
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

    fn start() -> Timestamp {
        "2026-11-21T03:00:00Z".parse().unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-21T03:00:10Z".parse().unwrap()
    }

    fn ends() -> Waiting {
        Waiting::PauseEnds { at: "2026-11-21T03:00:30Z".parse().unwrap() }
    }

    fn person(reason: &str) -> Waiting {
        Waiting::Resume { since: start(), reason: reason.to_owned() }
    }

    #[rstest]
    #[case::timed(steps(), paused(0, "CanaryPauseStep"), ends())]
    #[case::for_ever(steps(), paused(1, "CanaryPauseStep"), person("CanaryPauseStep"))]
    #[case::inconclusive(steps(), paused(0, "InconclusiveAnalysisRun"), person("InconclusiveAnalysisRun"))]
    #[case::blue_green(
        json!({ "strategy": { "blueGreen": { "autoPromotionEnabled": false, "autoPromotionSeconds": 30 } } }),
        paused(0, "BlueGreenPause"),
        person("BlueGreenPause")
    )]
    #[case::blue_green_with_a_timer(
        json!({ "strategy": { "blueGreen": { "autoPromotionSeconds": 30 } } }),
        paused(0, "BlueGreenPause"),
        ends()
    )]
    #[case::aborted(
        steps(),
        json!({ "abort": true, "message": "it failed" }),
        Waiting::Aborted { message: "it failed".to_owned() }
    )]
    #[case::by_hand(json!({ "paused": true }), json!({}), Waiting::PausedByUser)]
    fn reasons(#[case] spec: Value, #[case] status: Value, #[case] want: Waiting) {
        assert_eq!(of(&rollout(&spec, &status), &[], now()), Some(want));
    }

    #[rstest]
    #[case::before_the_switch("prePromotionAnalysisRunStatus")]
    #[case::after_the_switch("postPromotionAnalysisRunStatus")]
    fn a_verdict(#[case] field: &str) {
        let status = json!({ "blueGreen": { field: { "name": "web-b-2-pre", "status": "Running" } } });
        let run =
            json!({ "metadata": { "name": "web-b-2-pre" }, "spec": {}, "status": { "phase": "Running" } });
        let runs = [serde_json::from_value(run).unwrap()];
        let want = Waiting::Analysis { run: "web-b-2-pre".to_owned() };
        assert_eq!(of(&rollout(&json!({}), &status), &runs, now()), Some(want));
    }

    #[test]
    fn a_healthy_rollout_waits_for_nothing() {
        assert_eq!(of(&rollout(&steps(), &json!({ "phase": "Healthy" })), &[], now()), None);
    }
}

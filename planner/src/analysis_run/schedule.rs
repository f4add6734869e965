//! When a metric is measured next.

use crds::analysis::{AnalysisPhase, MetricResult};
use jiff::{SignedDuration, Timestamp};

use super::rule::Rule;

/// Time between a measurement that ended in an error and the next one.
pub(super) const ERROR_RETRY: SignedDuration = SignedDuration::from_secs(10);

/// A shorter interval would keep the API server busy with one run.
const SHORTEST_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// When the metric is due; `None` if it is not measured again.
///
/// The interval runs from the end of the last measurement. After an error it is 10 s, whatever the interval.
pub(super) fn due_at(rule: &Rule, result: Option<&MetricResult>, started_at: Timestamp) -> Option<Timestamp> {
    let Some(last) = result.and_then(|result| result.measurements.last()) else {
        let is_over = result.is_some_and(|result| result.phase.is_completed());
        return if is_over { None } else { Some(after(started_at, rule.metric.initial_delay)) };
    };
    let is_over = result.is_some_and(|result| {
        result.phase.is_completed()
            || rule.metric.count.is_some_and(|count| i64::from(result.count) >= i64::from(count))
    });
    if is_over {
        return None;
    }
    let Some(finished_at) = last.finished_at else {
        // Begun by somebody else, who is gone: it is measured anew.
        return Some(last.resume_at.or(last.started_at).map_or(started_at, Timestamp::from));
    };
    let interval = rule.metric.interval.map(|interval| interval.max(SHORTEST_INTERVAL));
    let pause = if last.phase == AnalysisPhase::Error { Some(ERROR_RETRY) } else { interval };
    pause.map(|pause| after(finished_at.get(), pause))
}

/// A moment later; the end of time if that is beyond it.
fn after(moment: Timestamp, pause: SignedDuration) -> Timestamp {
    moment.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::analysis_run::tests::rule;

    const START: &str = "2026-11-21T03:00:00Z";

    fn due(metric: Value, result: Value) -> Option<String> {
        let rule = rule(metric);
        let result: Option<MetricResult> = serde_json::from_value(result).unwrap();
        due_at(&rule, result.as_ref(), START.parse().unwrap()).map(|at| at.to_string())
    }

    fn measured(phase: &str, count: i32) -> Value {
        json!({ "name": "m", "phase": "Running", "count": count,
            "measurements": [{ "phase": phase, "startedAt": START, "finishedAt": "2026-11-21T03:01:00.250Z" }] })
    }

    #[rstest]
    #[case::at_once(json!({}), json!(null), Some("2026-11-21T03:00:00Z"))]
    #[case::initial_delay(json!({ "initialDelay": "90s" }), json!(null), Some("2026-11-21T03:01:30Z"))]
    #[case::long_delay(json!({ "initialDelay": "2000000h" }), json!(null), Some("2255-01-18T11:00:00Z"))]
    #[case::interval_from_the_end(json!({ "interval": "30s" }), measured("Successful", 1), Some("2026-11-21T03:01:30.25Z"))]
    #[case::no_interval_is_below_a_second(json!({ "interval": "1ms" }), measured("Successful", 1), Some("2026-11-21T03:01:01.25Z"))]
    #[case::error_retry(json!({}), measured("Error", 0), Some("2026-11-21T03:01:10.25Z"))]
    #[case::error_retry_beats_a_longer_interval(json!({ "interval": "5m" }), measured("Error", 0), Some("2026-11-21T03:01:10.25Z"))]
    #[case::error_retry_beats_a_shorter_interval(json!({ "interval": "1s" }), measured("Error", 0), Some("2026-11-21T03:01:10.25Z"))]
    #[case::count_reached(json!({ "interval": "30s", "count": 2 }), measured("Successful", 2), None)]
    #[case::count_not_reached(json!({ "interval": "30s", "count": 2 }), measured("Failed", 1), Some("2026-11-21T03:01:30.25Z"))]
    #[case::ended(json!({ "interval": "30s" }), json!({ "name": "m", "phase": "Failed" }), None)]
    #[case::left_open(json!({}), json!({ "name": "m", "phase": "Running", "measurements": [{ "phase": "Running", "startedAt": START }] }), Some(START))]
    #[case::left_open_until(json!({}),
        json!({ "name": "m", "phase": "Running", "measurements": [{ "phase": "Running", "resumeAt": "2026-11-21T03:05:00Z" }] }),
        Some("2026-11-21T03:05:00Z"))]
    fn times(#[case] metric: Value, #[case] result: Value, #[case] want: Option<&str>) {
        assert_eq!(due(metric, result).as_deref(), want);
    }
}

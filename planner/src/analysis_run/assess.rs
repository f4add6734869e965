//! What the measurements of one metric amount to.

use crds::analysis::{AnalysisPhase, MetricResult};
use planted_bugs::{Bug, planted};

use super::rule::Rule;

/// Why a metric ended without a verdict of its own.
pub(super) const TERMINATED: &str = "Metric Terminated";

/// The end of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// Successful, Failed, Error or Inconclusive.
    pub phase: AnalysisPhase,
    /// Why; empty for a success.
    pub reason: String,
}

/// How the metric ends; `None` as long as it goes on.
///
/// Limits come first, then successes in a row, then the count, then termination.
pub(super) fn ending(rule: &Rule, result: &MetricResult, terminating: bool) -> Option<Ending> {
    if let Some(ending) = beyond_limit(rule, result) {
        return Some(ending);
    }
    let wanted = rule.metric.consecutive_success_limit;
    if wanted.is_some_and(|wanted| is_at_least(result.consecutive_success, wanted)) {
        return Some(successful());
    }
    if rule.metric.count.is_some_and(|count| is_at_least(result.count, count)) {
        return Some(match wanted {
            Some(wanted) => inconclusive(format!(
                "consecutiveSuccess ({}) < consecutiveSuccessLimit ({wanted})",
                result.consecutive_success
            )),
            None if result.successful > 0 => successful(),
            None => inconclusive(format!("successful (0) of count ({})", result.count)),
        });
    }
    if !terminating {
        return None;
    }
    let is_good = result.successful > 0 || planted(Bug::NothingMeasuredIsSuccess);
    Some(if is_good { successful() } else { inconclusive(TERMINATED.to_owned()) })
}

/// The limit that the measurements went beyond, if they did.
pub(super) fn beyond_limit(rule: &Rule, result: &MetricResult) -> Option<Ending> {
    let metric = &rule.metric;
    let over = |found: i32, limit: Option<u32>, phase: AnalysisPhase, words: (&str, &str)| {
        let limit = limit.filter(|limit| i64::from(found) > i64::from(*limit))?;
        Some(Ending { phase, reason: format!("{} ({found}) > {} ({limit})", words.0, words.1) })
    };
    over(result.failed, metric.failure_limit, AnalysisPhase::Failed, ("failed", "failureLimit"))
        .or_else(|| {
            let words = ("consecutiveErrors", "consecutiveErrorLimit");
            over(result.consecutive_error, Some(metric.consecutive_error_limit), AnalysisPhase::Error, words)
        })
        .or_else(|| {
            let words = ("inconclusive", "inconclusiveLimit");
            over(result.inconclusive, Some(metric.inconclusive_limit), AnalysisPhase::Inconclusive, words)
        })
}

fn is_at_least(found: i32, wanted: u32) -> bool {
    i64::from(found) >= i64::from(wanted)
}

/// Whether a metric of that phase ends the whole run.
pub(super) fn is_bad(phase: AnalysisPhase) -> bool {
    matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error | AnalysisPhase::Inconclusive)
}

fn successful() -> Ending {
    Ending { phase: AnalysisPhase::Successful, reason: String::new() }
}

fn inconclusive(reason: String) -> Ending {
    Ending { phase: AnalysisPhase::Inconclusive, reason }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::analysis_run::tests::rule;

    fn end(metric: Value, counts: Value, terminating: bool) -> Option<(&'static str, String)> {
        let result = serde_json::from_value(counts).unwrap();
        ending(&rule(metric), &result, terminating).map(|ending| (ending.phase.as_str(), ending.reason))
    }

    #[rstest]
    #[case::one_failure_is_too_many(json!({}), json!({ "failed": 1, "count": 1 }), Some(("Failed", "failed (1) > failureLimit (0)")))]
    #[case::failures_within_the_limit(json!({ "interval": "1m", "failureLimit": 2 }), json!({ "failed": 2, "count": 2 }), None)]
    #[case::failures_beyond_the_limit(json!({ "interval": "1m", "failureLimit": "2" }), json!({ "failed": 3, "count": 9 }), Some(("Failed", "failed (3) > failureLimit (2)")))]
    #[case::no_failure_limit(json!({ "interval": "1m", "failureLimit": -1 }), json!({ "failed": 99, "count": 99 }), None)]
    #[case::inconclusive(json!({}), json!({ "inconclusive": 1, "count": 1 }), Some(("Inconclusive", "inconclusive (1) > inconclusiveLimit (0)")))]
    #[case::four_errors_in_a_row_are_borne(json!({}), json!({ "error": 4, "consecutiveError": 4 }), None)]
    #[case::the_fifth_is_not(json!({}), json!({ "error": 5, "consecutiveError": 5 }), Some(("Error", "consecutiveErrors (5) > consecutiveErrorLimit (4)")))]
    #[case::errors_with_successes_between(json!({ "interval": "1m" }), json!({ "error": 50, "consecutiveError": 1, "successful": 50, "count": 50 }), None)]
    #[case::count_reached(json!({ "interval": "1m", "count": 3 }), json!({ "successful": 3, "count": 3 }), Some(("Successful", "")))]
    #[case::count_reached_with_failures_borne(json!({ "interval": "1m", "count": 3, "failureLimit": 2 }), json!({ "successful": 1, "failed": 2, "count": 3 }), Some(("Successful", "")))]
    #[case::count_reached_without_a_success(json!({ "interval": "1m", "count": 3, "failureLimit": -1 }), json!({ "failed": 3, "count": 3 }), Some(("Inconclusive", "successful (0) of count (3)")))]
    #[case::successes_in_a_row(json!({ "interval": "1m", "consecutiveSuccessLimit": 2, "failureLimit": -1 }), json!({ "failed": 7, "successful": 2, "consecutiveSuccess": 2, "count": 9 }), Some(("Successful", "")))]
    #[case::too_few_in_a_row(json!({ "interval": "1m", "count": 4, "consecutiveSuccessLimit": 3, "failureLimit": 4 }), json!({ "failed": 1, "successful": 3, "consecutiveSuccess": 2, "count": 4 }), Some(("Inconclusive", "consecutiveSuccess (2) < consecutiveSuccessLimit (3)")))]
    #[case::a_failure_beats_successes_in_a_row(json!({ "interval": "1m", "consecutiveSuccessLimit": 1 }), json!({ "failed": 1, "successful": 1, "consecutiveSuccess": 1, "count": 2 }), Some(("Failed", "failed (1) > failureLimit (0)")))]
    #[case::nothing_yet(json!({}), json!({}), None)]
    fn limits(#[case] metric: Value, #[case] counts: Value, #[case] want: Option<(&str, &str)>) {
        assert_eq!(end(metric, counts, false), want.map(|(phase, reason)| (phase, reason.to_owned())));
    }

    #[rstest]
    #[case::after_a_success(json!({ "successful": 1, "count": 1 }), "Successful", "")]
    #[case::before_the_first(json!({}), "Inconclusive", "Metric Terminated")]
    #[case::after_errors_alone(json!({ "error": 2, "consecutiveError": 2 }), "Inconclusive", "Metric Terminated")]
    #[case::beyond_a_limit(json!({ "failed": 1, "count": 1 }), "Failed", "failed (1) > failureLimit (0)")]
    fn termination(#[case] counts: Value, #[case] phase: &str, #[case] reason: &str) {
        assert_eq!(end(json!({ "interval": "1m" }), counts, true), Some((phase, reason.to_owned())));
    }
}

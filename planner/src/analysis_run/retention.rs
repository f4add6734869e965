//! Which metrics never decide, and how many measurements are kept of which.

use analysis::arguments::ResolvedMetric;
use crds::analysis::{AnalysisRunSpec, MetricResult};
use regex::Regex;

/// How many measurements are kept unless the spec says otherwise.
const DEFAULT: usize = 10;

/// What is wrong with a pattern of metric names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("{path}: {pattern:?} is no regular expression: {message}")]
    Malformed { path: String, pattern: String, message: String },
    #[error("{path}: {pattern:?} matches the name of no metric: correct or remove it")]
    Unmatched { path: String, pattern: String },
}

/// The patterns of `dryRun` and `measurementRetention`.
#[derive(Debug)]
pub(super) struct Patterns {
    dry_run: Vec<Regex>,
    retention: Vec<(Regex, usize)>,
}

impl Patterns {
    /// Reads them; each has to match a metric, or a misspelled name would let a dry run decide.
    ///
    /// # Errors
    /// The first pattern that is none or matches nothing.
    pub(super) fn of(spec: &AnalysisRunSpec, metrics: &[ResolvedMetric]) -> Result<Self, PatternError> {
        let dry_run =
            spec.dry_run.iter().enumerate().map(|(index, one)| {
                pattern(format!("dryRun[{index}].metricName"), &one.metric_name, metrics)
            });
        let retention = spec.measurement_retention.iter().enumerate().map(|(index, one)| {
            let path = format!("measurementRetention[{index}].metricName");
            // The schedule needs the last measurement, so at least one is kept.
            let limit = usize::try_from(one.limit).unwrap_or(0).max(1);
            pattern(path, &one.metric_name, metrics).map(|pattern| (pattern, limit))
        });
        Ok(Self {
            dry_run: dry_run.collect::<Result<_, _>>()?,
            retention: retention.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a metric never decides.
    pub(super) fn is_dry_run(&self, metric: &str) -> bool {
        self.dry_run.iter().any(|pattern| pattern.is_match(metric))
    }

    /// How many measurements of a metric are kept; the last pattern that matches decides.
    pub(super) fn retention(&self, metric: &str) -> usize {
        self.retention
            .iter()
            .rev()
            .find(|(pattern, _)| pattern.is_match(metric))
            .map_or(DEFAULT, |(_, limit)| *limit)
    }
}

/// Drops the oldest measurements beyond `limit`; the counters remember them.
pub(super) fn trim(result: &mut MetricResult, limit: usize) {
    let surplus = result.measurements.len().saturating_sub(limit);
    result.measurements.drain(..surplus);
}

fn pattern(path: String, text: &str, metrics: &[ResolvedMetric]) -> Result<Regex, PatternError> {
    let pattern = Regex::new(text).map_err(|error| PatternError::Malformed {
        path: path.clone(),
        pattern: text.to_owned(),
        message: error.to_string(),
    })?;
    if metrics.iter().any(|metric| pattern.is_match(&metric.name)) {
        return Ok(pattern);
    }
    Err(PatternError::Unmatched { path, pattern: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn patterns(mut spec: Value) -> Result<Patterns, String> {
        let provider = json!({ "prometheus": { "query": "up" } });
        spec["metrics"] = json!([
            { "name": "errors", "provider": provider }, { "name": "latency-p99", "provider": provider },
        ]);
        let spec: AnalysisRunSpec = serde_json::from_value(spec).unwrap();
        let metrics =
            analysis::arguments::resolve_all(&spec.metrics, &std::collections::BTreeMap::new()).unwrap();
        Patterns::of(&spec, &metrics).map_err(|error| error.to_string())
    }

    #[test]
    fn metrics_are_chosen_by_pattern() {
        let retention = json!([{ "metricName": ".*", "limit": 3 }, { "metricName": "errors", "limit": 0 }]);
        let patterns =
            patterns(json!({ "dryRun": [{ "metricName": "latency" }], "measurementRetention": retention }));
        let patterns = patterns.unwrap();
        assert_eq!((patterns.is_dry_run("errors"), patterns.is_dry_run("latency-p99")), (false, true));
        assert_eq!((patterns.retention("errors"), patterns.retention("latency-p99")), (1, 3));
    }

    #[rstest]
    #[case::no_match(json!({ "dryRun": [{ "metricName": "latencies" }] }), "dryRun[0].metricName: \"latencies\" matches the name of no metric: correct or remove it")]
    #[case::retention(json!({ "measurementRetention": [{ "metricName": "x", "limit": 1 }] }), "measurementRetention[0].metricName: \"x\" matches the name of no metric: correct or remove it")]
    fn a_pattern_without_a_metric_is_refused(#[case] spec: Value, #[case] want: &str) {
        assert_eq!(patterns(spec).unwrap_err(), want);
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = patterns(json!({ "dryRun": [{ "metricName": "(" }] })).unwrap_err();
        assert!(error.starts_with("dryRun[0].metricName: \"(\" is no regular expression: "), "{error}");
    }
}

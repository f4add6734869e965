//! From an answer to a measurement, and from a measurement to the counters of its metric.

use analysis::arguments::ResolvedMetric;
use analysis::provider::{self, Environment};
use analysis::verdict;
use crds::Time;
use crds::analysis::{AnalysisPhase, AnalysisRunStatus, Measurement, MetricResult};
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use super::resolve::Resolved;
use super::rule::Rule;
use super::{Measured, Snapshot};

/// The measurement that an answer is.
pub(super) fn measurement(
    resolved: &Resolved,
    metric: &ResolvedMetric,
    measured: &Measured,
    environment: &Environment<'_>,
) -> Measurement {
    let reading = provider::answer(&metric.provider, environment, &measured.outcome);
    let mut verdict = verdict::of_reading(&reading, &metric.conditions());
    let is_nan = verdict.value.contains("NaN");
    if (is_nan && planted(Bug::NanIsSuccess)) || (reading.is_err() && planted(Bug::ErrorIsSuccess)) {
        verdict.phase = AnalysisPhase::Successful;
    }
    let metadata = reading.map(|reading| reading.metadata()).unwrap_or_default();
    Measurement {
        phase: verdict.phase,
        message: resolved.hide(verdict.message),
        value: resolved.hide(verdict.value),
        started_at: Some(measured.started_at.into()),
        finished_at: Some(measured.finished_at.into()),
        metadata: metadata.into_iter().map(|(key, text)| (key, resolved.hide(text))).collect(),
        resume_at: None,
    }
}

/// A measurement that could not even be asked for.
pub(super) fn unasked(message: String, now: Timestamp) -> Measurement {
    let at: Option<Time> = Some(now.into());
    Measurement {
        phase: AnalysisPhase::Error,
        message,
        started_at: at,
        finished_at: at,
        ..Measurement::default()
    }
}

/// The environment of questions and answers.
pub(super) fn environment(snapshot: &Snapshot, now: Timestamp) -> Environment<'_> {
    Environment { prometheus_address: snapshot.settings.prometheus_address.as_deref(), now }
}

/// Whether an answer is in the measurements already: a status that was written is not counted twice.
pub(super) fn is_recorded(result: Option<&MetricResult>, measured: &Measured) -> bool {
    let last = result.and_then(|result| result.measurements.last());
    last.is_some_and(|last| last.finished_at.is_some() && last.started_at >= Some(measured.started_at.into()))
}

/// Adds a finished measurement to its metric, in place of one that was left open.
pub(super) fn record(result: &mut MetricResult, measurement: Measurement) {
    count(result, measurement.phase);
    if result.measurements.last().is_some_and(|last| last.finished_at.is_none()) {
        result.measurements.pop();
    }
    result.measurements.push(measurement);
}

/// The result of a metric; a new one if it has none.
pub(super) fn result_of<'a>(status: &'a mut AnalysisRunStatus, rule: &Rule) -> Option<&'a mut MetricResult> {
    let results = &mut status.metric_results;
    let found = results.iter().position(|result| result.name == rule.metric.name);
    let index = found.unwrap_or_else(|| {
        results.push(MetricResult {
            name: rule.metric.name.clone(),
            phase: AnalysisPhase::Running,
            dry_run: rule.dry_run,
            metadata: provider::metadata(&rule.metric.provider),
            ..MetricResult::default()
        });
        results.len().saturating_sub(1)
    });
    results.get_mut(index)
}

/// The result of a metric, if it has one.
pub(super) fn find<'a>(status: &'a AnalysisRunStatus, rule: &Rule) -> Option<&'a MetricResult> {
    status.metric_results.iter().find(|result| result.name == rule.metric.name)
}

/// Errors do not count as measurements of the version, so they leave `count` alone.
fn count(result: &mut MetricResult, phase: AnalysisPhase) {
    let add = |counter: &mut i32| *counter = counter.saturating_add(1);
    let is_error = phase == AnalysisPhase::Error;
    match phase {
        AnalysisPhase::Successful => add(&mut result.successful),
        AnalysisPhase::Failed => add(&mut result.failed),
        AnalysisPhase::Inconclusive => add(&mut result.inconclusive),
        AnalysisPhase::Error => add(&mut result.error),
        AnalysisPhase::Pending | AnalysisPhase::Running | AnalysisPhase::Unknown => return,
    }
    if is_error {
        add(&mut result.consecutive_error);
    } else {
        add(&mut result.count);
        result.consecutive_error = 0;
    }
    if phase == AnalysisPhase::Successful {
        add(&mut result.consecutive_success);
    } else {
        result.consecutive_success = 0;
    }
}

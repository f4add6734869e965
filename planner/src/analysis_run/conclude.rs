//! How metrics end and what that makes of the run.

use crds::analysis::{AnalysisPhase, AnalysisRunStatus, MetricResult, RunSummary};
use jiff::Timestamp;

use super::assess::{self, Ending, TERMINATED, is_bad};
use super::measure::{find, result_of};
use super::rule::Rule;
use crate::event::{Event, Severity};

const RUN_TERMINATED: &str = "Run Terminated";

/// Whether a metric that decides has ended badly, so that nothing is left to measure.
pub(super) fn is_lost(status: &AnalysisRunStatus) -> bool {
    status.metric_results.iter().any(|result| !result.dry_run && is_bad(result.phase))
}

/// Ends the metrics that are over, and all others with them once the run is decided; returns what to tell people.
pub(super) fn end_metrics(
    status: &mut AnalysisRunStatus,
    rules: &[Rule],
    terminate: bool,
    now: Timestamp,
) -> Vec<Event> {
    let mut events = end_those_over(status, rules, terminate, now);
    if is_decided(status, rules) {
        events.extend(end_those_over(status, rules, true, now));
    }
    events
}

/// Brings phase, message and summaries of the run up to date; returns what to tell people if it has ended.
pub(super) fn end_run(
    status: &mut AnalysisRunStatus,
    rules: &[Rule],
    terminate: bool,
    now: Timestamp,
) -> Option<Event> {
    summarize(status, rules);
    let is_open = |rule: &Rule| !find(status, rule).is_some_and(|result| result.phase.is_completed());
    if rules.iter().any(is_open) {
        return None;
    }
    let mut worst: Option<(&Rule, &MetricResult)> = None;
    for rule in rules.iter().filter(|rule| !rule.dry_run) {
        let Some(result) = find(status, rule) else { continue };
        if worst.is_none_or(|(_, other)| result.phase.severity() > other.phase.severity()) {
            worst = Some((rule, result));
        }
    }
    let phase = worst.map_or(AnalysisPhase::Successful, |(_, result)| result.phase);
    let message = match worst {
        Some((_, result)) if terminate && result.message == TERMINATED => RUN_TERMINATED.to_owned(),
        Some((rule, result)) if is_bad(phase) => {
            format!("Metric \"{}\" assessed {phase} due to {}", result.name, reason(rule, result))
        }
        _ if terminate => RUN_TERMINATED.to_owned(),
        _ => String::new(),
    };
    Some(finish(status, phase, message, now))
}

/// Ends the run because it cannot be carried out at all.
pub(super) fn give_up(status: &mut AnalysisRunStatus, message: String, now: Timestamp) -> Event {
    finish(status, AnalysisPhase::Error, message, now)
}

/// Ends a metric for a reason that is no measurement.
pub(super) fn settle(result: &mut MetricResult, ending: Ending) -> Event {
    let last = result.measurements.last().map(|last| last.message.clone()).unwrap_or_default();
    result.phase = ending.phase;
    result.message = if ending.reason.is_empty() { last } else { ending.reason };
    ended(result)
}

fn finish(status: &mut AnalysisRunStatus, phase: AnalysisPhase, message: String, now: Timestamp) -> Event {
    status.phase = phase;
    status.message = message;
    status.started_at.get_or_insert(now.into());
    status.completed_at = Some(now.into());
    let reason = match phase {
        AnalysisPhase::Failed => "AnalysisRunFailed",
        AnalysisPhase::Error => "AnalysisRunError",
        AnalysisPhase::Inconclusive => "AnalysisRunInconclusive",
        _ => "AnalysisRunSuccessful",
    };
    Event { severity: severity(phase), reason, message: format!("Analysis Completed. Result: {phase}") }
}

fn end_those_over(
    status: &mut AnalysisRunStatus,
    rules: &[Rule],
    terminating: bool,
    now: Timestamp,
) -> Vec<Event> {
    let mut events = Vec::new();
    for rule in rules {
        if find(status, rule).is_none() && !terminating {
            continue;
        }
        let Some(result) = result_of(status, rule).filter(|result| !result.phase.is_completed()) else {
            continue;
        };
        if !close_last(result, terminating, now) {
            continue;
        }
        if let Some(ending) = assess::ending(rule, result, terminating) {
            events.push(end_metric(rule, result, ending));
        }
    }
    events
}

/// A limit is told by the run's message, so the metric's own says what the last measurement said; but nothing else
/// would tell it of a dry run.
fn end_metric(rule: &Rule, result: &mut MetricResult, ending: Ending) -> Event {
    let is_limit = assess::beyond_limit(rule, result).is_some();
    let words = if is_limit { String::new() } else { ending.reason };
    let event = settle(result, Ending { phase: ending.phase, reason: words });
    if rule.dry_run && is_bad(result.phase) {
        result.message = format!("Metric assessed {} due to {}", result.phase, reason(rule, result));
    }
    event
}

/// Whether the last measurement is finished; one that was left open is ended with its metric.
fn close_last(result: &mut MetricResult, terminating: bool, now: Timestamp) -> bool {
    let Some(last) = result.measurements.last_mut().filter(|last| last.finished_at.is_none()) else {
        return true;
    };
    if terminating {
        last.phase = AnalysisPhase::Inconclusive;
        TERMINATED.clone_into(&mut last.message);
        last.finished_at = Some(now.into());
    }
    terminating
}

/// Whether nothing is left that could change the verdict: a dry run without an end does not keep a run alive.
fn is_decided(status: &AnalysisRunStatus, rules: &[Rule]) -> bool {
    let is_over = |rule: &Rule| find(status, rule).is_some_and(|result| result.phase.is_completed());
    let mut deciding = rules.iter().filter(|rule| !rule.dry_run).peekable();
    let all_over = deciding.peek().is_some() && deciding.all(is_over);
    let no_dry_run_ends =
        rules.iter().all(|rule| !rule.dry_run || is_over(rule) || rule.metric.count.is_none());
    is_lost(status) || (all_over && no_dry_run_ends)
}

/// Why a metric ended badly: the limit that it went beyond and the last message, or else its own message.
fn reason(rule: &Rule, result: &MetricResult) -> String {
    match assess::beyond_limit(rule, result).filter(|ending| ending.phase == result.phase) {
        Some(ending) if result.message.is_empty() => ending.reason,
        Some(ending) => format!("{}: \"Error Message: {}\"", ending.reason, result.message),
        None => result.message.clone(),
    }
}

fn summarize(status: &mut AnalysisRunStatus, rules: &[Rule]) {
    let summary = |dry_run: bool| {
        let mut summary = RunSummary::default();
        for rule in rules.iter().filter(|rule| rule.dry_run == dry_run) {
            summary.count += 1;
            match find(status, rule).map(|result| result.phase) {
                Some(AnalysisPhase::Successful) => summary.successful += 1,
                Some(AnalysisPhase::Failed) => summary.failed += 1,
                Some(AnalysisPhase::Inconclusive) => summary.inconclusive += 1,
                Some(AnalysisPhase::Error) => summary.error += 1,
                _ => {}
            }
        }
        summary
    };
    let (run, dry_run) = (summary(false), summary(true));
    status.run_summary = run;
    status.dry_run_summary = (dry_run.count > 0).then_some(dry_run);
}

fn ended(result: &MetricResult) -> Event {
    let reason = match result.phase {
        AnalysisPhase::Failed => "MetricFailed",
        AnalysisPhase::Error => "MetricError",
        AnalysisPhase::Inconclusive => "MetricInconclusive",
        _ => "MetricSuccessful",
    };
    let message = format!("Metric '{}' Completed. Result: {}", result.name, result.phase);
    Event { severity: severity(result.phase), reason, message }
}

fn severity(phase: AnalysisPhase) -> Severity {
    match phase {
        AnalysisPhase::Failed | AnalysisPhase::Error => Severity::Warning,
        _ => Severity::Normal,
    }
}

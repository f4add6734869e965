//! What a Rollout will do, before it is applied: its manifests are played in a cluster in memory.
//!
//! The version before is brought up first, then the new one is applied as a person would apply it. The operator's own
//! engine decides; pods, proxies and metric backends are made up. What is told comes from the objects' own history.

pub mod answer;
mod assume;
pub mod bundle;
mod change;
mod error;
pub mod manifest;
pub mod options;
mod play;
pub mod report;
mod rig;
mod setup;
mod tell;

use std::collections::BTreeMap;

use crds::object_ref::ObjectRef;
use serde_json::Value;

pub use self::bundle::{Bundle, BundleError};
pub use self::error::PreviewError;
pub use self::options::{Options, Trouble};

use self::play::{Performance, failing, obstacle, passing, perform, unreachable};
use self::report::{Outcome, Report, Stage, Verdict, WhatIf};
use self::rig::Rigged;
use self::setup::{Pace, Setup, set_up};
use self::tell::{asked, tell};
use crate::prepared::PrepareError;
use crate::scenario::MetricScript;

/// The objects that were otherwise before the change: the Rollout, or the workload that keeps its pod template, or both.
pub type Before = BTreeMap<ObjectRef, Value>;

/// Objects that the Rollout names and that are not in the bundle; names in objects that are not there are not known yet.
#[must_use]
pub fn wanted(bundle: &Bundle, rollout: &ObjectRef) -> Vec<ObjectRef> {
    setup::wanted(bundle, rollout)
}

/// The workload that a Rollout of the bundle takes its pod template from; nothing if it has its own, or if the operator
/// refuses the kind.
#[must_use]
pub fn workload(bundle: &Bundle, rollout: &ObjectRef) -> Option<ObjectRef> {
    change::workload(&change::spec(&bundle.objects.get(rollout)?.value), &rollout.namespace)
}

/// What a Rollout of the bundle will do; `before` is what was otherwise, or an earlier version is assumed.
///
/// # Errors
/// If the workload that keeps the pod template is not there, nothing changes, or what is to go wrong cannot.
pub fn preview(
    bundle: &Bundle,
    rollout: &ObjectRef,
    before: Option<&Before>,
    options: &Options,
) -> Result<Report, PreviewError> {
    let setup = set_up(bundle, rollout, before, options, Pace::Sparse)?;
    let full = set_up(bundle, rollout, before, options, Pace::Full)?;
    let mut report = play_all(&setup, &full, options)?;
    report.origin = bundle.objects.get(rollout).map(|it| it.place.to_string()).unwrap_or_default();
    report.images.clone_from(&setup.images);
    report.trouble = options.trouble.words();
    report.assumptions = setup.assumptions;
    Ok(report)
}

/// Plays the update, and again with what goes wrong; `full` measures as often as the intervals say.
fn play_all(setup: &Setup, full: &Setup, options: &Options) -> Result<Report, PreviewError> {
    let scripts = if options.trouble.metrics_down { unreachable() } else { passing(&setup.metrics) };
    let first = match perform(setup, options, scripts) {
        Ok(first) => first,
        Err(error) => return Ok(refused(setup, &error)),
    };
    let mut report = told(&first, setup);
    if let Some(step) = options.trouble.fail_at {
        let scripts = failing_from(step, &first, &report, setup)?;
        return Ok(match perform(setup, options, scripts) {
            Ok(second) => told(&second, setup),
            Err(error) => refused(setup, &error),
        });
    }
    if options.asks_what_if && options.trouble == Trouble::default() {
        report.what_if = what_if((setup, full), options, &first, &report);
    }
    Ok(report)
}

fn told(performance: &Performance, setup: &Setup) -> Report {
    let mut report = tell(&performance.played(setup));
    if report.outcome.verdict == Verdict::NeverEnds
        && let Some(obstacle) = obstacle(&performance.waiting)
    {
        let known = std::mem::take(&mut report.outcome.message);
        report.outcome.message = if known.is_empty() { obstacle } else { format!("{obstacle}; {known}") };
    }
    report
}

/// The report of a Rollout that cannot even be brought up.
fn refused(setup: &Setup, error: &PrepareError) -> Report {
    let message = match error {
        PrepareError::NotHealthy { message, .. } if !message.is_empty() => message.clone(),
        other => other.to_string(),
    };
    Report {
        namespace: setup.rollout.namespace.clone(),
        name: setup.rollout.name.clone(),
        strategy: tell::strategy(&setup.spec).to_owned(),
        replicas: setup.spec.replicas.unwrap_or(1),
        outcome: Outcome { verdict: Verdict::Refused, message, ..Outcome::default() },
        ..Report::default()
    }
}

/// The answers with which all measurements pass until a step, counted from 1, and fail from then on.
fn failing_from(
    step: usize,
    first: &Performance,
    report: &Report,
    setup: &Setup,
) -> Result<Vec<MetricScript>, PreviewError> {
    let steps = report.stages.iter().filter(|stage| stage.step.is_some()).count();
    let stage = report.stages.iter().find(|stage| stage.step == Some(step));
    let Some(from) = stage.and_then(|stage| stage.at_seconds) else {
        return Err(PreviewError::NoSuchStep { step, steps });
    };
    let played = first.played(setup);
    let questions: Vec<(&Rigged, Vec<f64>)> =
        setup.metrics.iter().map(|metric| (metric, asked(&played, &metric.matching))).collect();
    let later = |times: &[f64]| times.iter().any(|at| *at >= from);
    let concerned: Vec<&Rigged> =
        questions.iter().filter(|(_, times)| later(times)).map(|(metric, _)| *metric).collect();
    if concerned.is_empty() {
        let times: Vec<f64> = questions.iter().flat_map(|(_, times)| times).copied().collect();
        return Err(PreviewError::NothingMeasured { step, steps: steps_at(report, &times) });
    }
    if concerned.iter().all(|metric| metric.fails.is_none()) {
        let metrics = concerned.into_iter().map(|metric| metric.name.clone()).collect();
        return Err(PreviewError::CannotFail { step, metrics });
    }
    let counts: Vec<(&Rigged, usize)> = questions
        .iter()
        .map(|(metric, times)| (*metric, times.iter().filter(|at| **at < from).count()))
        .collect();
    Ok(failing(&counts))
}

/// The steps during which these times lie, from 1.
fn steps_at(report: &Report, times: &[f64]) -> Vec<usize> {
    let is_within = |stage: &Stage, at: f64| {
        let end =
            stage.at_seconds.zip(stage.lasts_seconds).map_or(f64::INFINITY, |(start, lasts)| start + lasts);
        stage.at_seconds.is_some_and(|start| start <= at && at < end)
    };
    let stages = report.stages.iter().filter(|stage| times.iter().any(|at| is_within(stage, *at)));
    stages.filter_map(|stage| stage.step).collect()
}

/// What would happen if the first measurement failed, pods did not start, or metrics could not be asked.
///
/// What ends soon is measured as often as the intervals say, so that the times are right.
fn what_if(
    (setup, full): (&Setup, &Setup),
    options: &Options,
    first: &Performance,
    report: &Report,
) -> Vec<WhatIf> {
    let played = first.played(setup);
    let times: Vec<f64> = setup.metrics.iter().flat_map(|metric| asked(&played, &metric.matching)).collect();
    let is_measured = !times.is_empty();
    let step = steps_at(report, &times).into_iter().next();
    let failing = step.and_then(|step| {
        let scripts = failing_from(step, first, report, setup).ok()?;
        Some((Trouble { fail_at: Some(step), ..Trouble::default() }, scripts, format!("--fail-at {step}")))
    });
    let never_ready = Trouble { pods_never_ready: true, ..Trouble::default() };
    let down = Trouble { metrics_down: true, ..Trouble::default() };
    let never_ready = (never_ready, passing(&setup.metrics), "--pods-never-ready".to_owned());
    let down = is_measured.then(|| (down, unreachable(), "--metrics-down".to_owned()));
    failing
        .into_iter()
        .chain([never_ready])
        .chain(down)
        .filter_map(|(trouble, scripts, flags)| {
            let setup = if trouble.pods_never_ready { setup } else { full };
            let options = Options { trouble, ..options.clone() };
            let report = told(&perform(setup, &options, scripts).ok()?, setup);
            let most_traffic = report.samples.iter().map(|sample| sample.traffic).fold(0.0, f64::max);
            let (trouble, exposed_seconds) = (trouble.words().join(", "), exposed(&report));
            Some(WhatIf { trouble, flags, most_traffic, exposed_seconds, outcome: report.outcome })
        })
        .collect()
}

/// For how long the new version had traffic.
fn exposed(report: &Report) -> f64 {
    let ends = report.samples.iter().skip(1).map(|sample| sample.at_seconds);
    let ends = ends.chain([report.outcome.ends_seconds]);
    report
        .samples
        .iter()
        .zip(ends)
        .filter(|(sample, _)| sample.traffic > 0.0)
        .map(|(sample, end)| (end - sample.at_seconds).max(0.0))
        .sum()
}

#[cfg(test)]
mod tests;

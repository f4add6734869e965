//! Whether a spec can be acted on. Only the first thing that is wrong is reported.

mod anti_affinity;
mod blue_green;
mod canary;
mod managed_routes;
mod references;
mod role_metadata;
mod template;

use std::fmt::Display;

use crds::rollout::RolloutSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

pub(crate) use self::template::matches;
use super::strategy::Strategy;
use super::{Snapshot, TemplateIdentity};
use crate::facts::WorkloadFacts;

/// A spec that can be acted on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Valid<'a> {
    /// The spec.
    pub spec: &'a RolloutSpec,
    /// Its strategy.
    pub strategy: Strategy<'a>,
    /// The wanted template.
    pub template: &'a TemplateIdentity,
    /// Which pods belong to the Rollout.
    pub selector: &'a LabelSelector,
    /// The object that the template is taken from, if the spec names one.
    pub workload: Option<&'a WorkloadFacts>,
}

/// What is wrong: where, with which value, and what it should be.
type Problem = String;

/// Says that the value of a field is wrong.
fn wrong(path: impl Display, value: impl Display, message: impl Display) -> Problem {
    format!("{path}: Invalid value: {value}: {message}")
}

/// Says that a field is missing.
fn missing(path: impl Display, message: impl Display) -> Problem {
    format!("{path}: Required value: {message}")
}

/// Says that a field is not supported by this version.
fn unsupported(path: impl Display, what: &str) -> Problem {
    format!("{path}: Forbidden: {what} is not supported by this version: remove it")
}

/// Returns the spec if it can be acted on.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check(snapshot: &Snapshot) -> Result<Valid<'_>, Problem> {
    let spec = snapshot.rollout.spec.as_ref().map_err(Clone::clone)?;
    numbers(spec)?;
    let strategy = &spec.strategy;
    if strategy.canary.is_some() && strategy.blue_green.is_some() {
        return Err(wrong("spec.strategy", "canary, blueGreen", "Multiple Strategies can not be listed"));
    }
    let Some(strategy) = Strategy::of(spec) else {
        return Err(missing(
            "spec.strategy",
            "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
        ));
    };
    let workload = template::source(snapshot, spec)?;
    let (template, selector) = template::check(snapshot, spec, workload)?;
    match strategy {
        Strategy::Canary(canary) => canary::check(spec, canary)?,
        Strategy::BlueGreen(blue_green) => blue_green::check(spec, blue_green)?,
    }
    role_metadata::check(spec, selector)?;
    references::check(snapshot, strategy)?;
    if let Some(problem) = &snapshot.routing_problem {
        return Err(problem.clone());
    }
    Ok(Valid { spec, strategy, template, selector, workload })
}

fn numbers(spec: &RolloutSpec) -> Result<(), Problem> {
    let fields = [
        ("spec.replicas", spec.replicas),
        ("spec.minReadySeconds", Some(spec.min_ready_seconds)),
        ("spec.revisionHistoryLimit", spec.revision_history_limit),
        ("spec.progressDeadlineSeconds", spec.progress_deadline_seconds),
    ];
    fields.into_iter().try_for_each(|(path, value)| not_negative(path, value))?;
    let deadline = spec.progress_deadline_seconds.unwrap_or(600);
    if deadline <= spec.min_ready_seconds {
        return Err(wrong("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
    }
    Ok(())
}

/// Refuses a number below 0.
fn not_negative(path: impl Display, value: Option<i32>) -> Result<(), Problem> {
    match value.filter(|value| *value < 0) {
        Some(value) => Err(wrong(path, value, "must be greater than or equal to 0")),
        None => Ok(()),
    }
}

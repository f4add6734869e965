//! The objects that a Rollout names.

use std::fmt::Arguments;

use crds::analysis::{AnalysisRunSpec, Argument};
use crds::names::MANAGED_BY_ROLLOUTS;
use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::{BlueGreenStrategy, CanaryStrategy, RolloutAnalysis};

use super::{Problem, missing, wrong};
use crate::rollout::strategy::Strategy;
use crate::rollout::{Snapshot, run_spec};

const CANARY: &str = "spec.strategy.canary";
const BLUE_GREEN: &str = "spec.strategy.blueGreen";

/// Checks that the objects are there and fit.
pub(super) fn check(snapshot: &Snapshot, strategy: Strategy<'_>) -> Result<(), Problem> {
    match strategy {
        Strategy::Canary(canary) => of_canary(snapshot, canary),
        Strategy::BlueGreen(blue_green) => of_blue_green(snapshot, blue_green),
    }
}

fn of_canary(snapshot: &Snapshot, canary: &CanaryStrategy) -> Result<(), Problem> {
    service(snapshot, format_args!("{CANARY}.stableService"), &canary.stable_service)?;
    service(snapshot, format_args!("{CANARY}.canaryService"), &canary.canary_service)?;
    if let Some(pair) = &canary.ping_pong {
        service(snapshot, format_args!("{CANARY}.pingPong.pingService"), &pair.ping_service)?;
        service(snapshot, format_args!("{CANARY}.pingPong.pongService"), &pair.pong_service)?;
    }
    if let Some(background) = &canary.analysis {
        templates(snapshot, format_args!("{CANARY}.analysis"), &background.analysis())?;
    }
    for (index, step) in canary.steps.iter().enumerate() {
        if let Some(analysis) = &step.analysis {
            finite(snapshot, format_args!("{CANARY}.steps[{index}].analysis"), analysis)?;
        }
    }
    Ok(())
}

fn of_blue_green(snapshot: &Snapshot, strategy: &BlueGreenStrategy) -> Result<(), Problem> {
    service(snapshot, format_args!("{BLUE_GREEN}.activeService"), &strategy.active_service)?;
    service(snapshot, format_args!("{BLUE_GREEN}.previewService"), &strategy.preview_service)?;
    let analyses = [
        ("prePromotionAnalysis", &strategy.pre_promotion_analysis),
        ("postPromotionAnalysis", &strategy.post_promotion_analysis),
    ];
    for (field, analysis) in analyses {
        if let Some(analysis) = analysis {
            finite(snapshot, format_args!("{BLUE_GREEN}.{field}"), analysis)?;
        }
    }
    Ok(())
}

fn service(snapshot: &Snapshot, path: Arguments<'_>, name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Ok(());
    }
    let value = format_args!("\"{name}\"");
    let Some(service) = snapshot.services.get(name) else {
        return Err(wrong(path, value, format_args!("service \"{name}\" not found")));
    };
    let manager = service.meta.annotations.get(MANAGED_BY_ROLLOUTS);
    if manager.is_some_and(|manager| *manager != snapshot.rollout.meta.name) {
        return Err(wrong(path, value, format_args!("Service \"{name}\" is managed by another Rollout")));
    }
    let has = |key: &String, value: &String| {
        snapshot.template.as_ref().is_some_and(|template| template.metadata.labels.get(key) == Some(value))
    };
    let mut foreign =
        service.selector.iter().filter(|(key, value)| *key != POD_TEMPLATE_HASH && !has(key, value));
    match foreign.next() {
        Some((key, wanted)) => {
            let message = format!(
                "Service \"{name}\" has unmatch label \"{key}\" in rollout (the Service wants {wanted})"
            );
            Err(wrong(path, value, message))
        }
        None => Ok(()),
    }
}

/// Checks that the templates make a run that ends by itself: somebody waits for its verdict.
fn finite(snapshot: &Snapshot, path: Arguments<'_>, analysis: &RolloutAnalysis) -> Result<(), Problem> {
    if analysis.templates.is_empty() {
        return Err(missing(format_args!("{path}.templates"), "an analysis names at least one template"));
    }
    let spec = templates(snapshot, path, analysis)?;
    let endless = spec.metrics.iter().find(|metric| metric.count.is_none() && !metric.interval.is_empty());
    match endless {
        Some(metric) => {
            let (names, metric) = (names(analysis), &metric.name);
            let message = format!(
                "AnalysisTemplate {names} has metric {metric} which runs indefinitely. Invalid value for count: nil"
            );
            Err(wrong(format_args!("{path}.templates"), names, message))
        }
        None => Ok(()),
    }
}

fn names(analysis: &RolloutAnalysis) -> String {
    analysis.templates.iter().map(|name| name.template_name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Checks that the templates make a run. Arguments that come from the Rollout have a value when the run begins.
fn templates(
    snapshot: &Snapshot,
    path: Arguments<'_>,
    analysis: &RolloutAnalysis,
) -> Result<AnalysisRunSpec, Problem> {
    let given: Vec<Argument> = analysis
        .args
        .iter()
        .map(|argument| Argument {
            name: argument.name.clone(),
            value: Some(argument.value.clone()),
            value_from: None,
        })
        .collect();
    run_spec::merge(snapshot, analysis, &given)
        .map_err(|error| wrong(format_args!("{path}.templates"), names(analysis), error))
}

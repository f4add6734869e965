//! The objects that a Rollout names.

use crds::analysis::Argument;
use crds::names::MANAGED_BY_ROLLOUTS;
use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::{CanaryStrategy, RolloutAnalysis};

use super::{Problem, template, wrong};
use crate::rollout::{Snapshot, run_spec};

const CANARY: &str = "spec.strategy.canary";

/// Checks that the objects are there and fit.
pub(super) fn check(snapshot: &Snapshot, canary: &CanaryStrategy) -> Result<(), Problem> {
    service(snapshot, "stableService", &canary.stable_service)?;
    service(snapshot, "canaryService", &canary.canary_service)?;
    if let Some(background) = &canary.analysis {
        templates(snapshot, &format!("{CANARY}.analysis"), &background.analysis())?;
    }
    for (index, step) in canary.steps.iter().enumerate() {
        if let Some(analysis) = &step.analysis {
            templates(snapshot, &format!("{CANARY}.steps[{index}].analysis"), analysis)?;
        }
    }
    Ok(())
}

fn service(snapshot: &Snapshot, field: &str, name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Ok(());
    }
    let path = format!("{CANARY}.{field}");
    let value = format!("\"{name}\"");
    let Some(service) = snapshot.services.get(name) else {
        return Err(wrong(path, value, format_args!("service \"{name}\" not found")));
    };
    let manager = service.meta.annotations.get(MANAGED_BY_ROLLOUTS);
    if manager.is_some_and(|manager| *manager != snapshot.rollout.meta.name) {
        return Err(wrong(path, value, format_args!("Service \"{name}\" is managed by another Rollout")));
    }
    let text = snapshot.template.as_ref().map_or("", |template| template.text.as_str());
    let labels = template::labels(text);
    let mut foreign = service
        .selector
        .iter()
        .filter(|(key, value)| *key != POD_TEMPLATE_HASH && labels.get(*key) != Some(*value));
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

/// Checks that the templates make a run. Arguments that come from the Rollout have a value when the run begins.
fn templates(snapshot: &Snapshot, path: &str, analysis: &RolloutAnalysis) -> Result<(), Problem> {
    let given: Vec<Argument> = analysis
        .args
        .iter()
        .map(|argument| Argument {
            name: argument.name.clone(),
            value: Some(argument.value.clone()),
            value_from: None,
        })
        .collect();
    let names =
        analysis.templates.iter().map(|name| name.template_name.as_str()).collect::<Vec<_>>().join(", ");
    run_spec::merge(snapshot, analysis, &given)
        .map(|_| ())
        .map_err(|error| wrong(format_args!("{path}.templates"), names, error))
}

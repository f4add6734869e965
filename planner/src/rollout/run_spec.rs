//! The spec of an AnalysisRun: the metrics of all templates together, with the arguments that the Rollout gives.

use std::collections::{BTreeMap, BTreeSet};

use crds::analysis::{AnalysisRunSpec, AnalysisTemplateRef, AnalysisTemplateSpec, Argument};
use crds::rollout::RolloutAnalysis;

use super::Snapshot;

/// Merges templates and arguments.
///
/// # Errors
/// Which template is missing or cannot be read, which metric is there twice, or which argument has no value.
pub(crate) fn merge(
    snapshot: &Snapshot,
    analysis: &RolloutAnalysis,
    arguments: Vec<Argument>,
) -> Result<AnalysisRunSpec, String> {
    let mut spec = AnalysisRunSpec {
        dry_run: analysis.dry_run.clone(),
        measurement_retention: analysis.measurement_retention.clone(),
        ..AnalysisRunSpec::default()
    };
    let mut arguments: BTreeMap<String, Argument> =
        arguments.into_iter().map(|argument| (argument.name.clone(), argument)).collect();
    for template in flatten(snapshot, &analysis.templates)? {
        for metric in &template.metrics {
            if spec.metrics.iter().any(|known| known.name == metric.name) {
                return Err(format!("two metrics have the name '{}'", metric.name));
            }
            spec.metrics.push(metric.clone());
        }
        spec.dry_run.extend(template.dry_run.iter().cloned());
        spec.measurement_retention.extend(template.measurement_retention.iter().cloned());
        for declared in &template.args {
            let known = spec.args.iter().any(|argument| argument.name == declared.name);
            if !known {
                let given = arguments.remove(&declared.name).unwrap_or_else(|| declared.clone());
                spec.args.push(given);
            }
        }
    }
    match spec.args.iter().find(|argument| argument.value.is_none() && argument.value_from.is_none()) {
        Some(argument) => Err(format!("args.{} was not resolved", argument.name)),
        None => Ok(spec),
    }
}

/// The templates that are named, and those that they name, each once.
fn flatten<'a>(
    snapshot: &'a Snapshot,
    names: &[AnalysisTemplateRef],
) -> Result<Vec<&'a AnalysisTemplateSpec>, String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<AnalysisTemplateRef> = names.iter().rev().cloned().collect();
    while let Some(name) = open.pop() {
        if !seen.insert((name.cluster_scope, name.template_name.clone())) {
            continue;
        }
        let (kind, known) = if name.cluster_scope {
            ("ClusterAnalysisTemplate", &snapshot.cluster_templates)
        } else {
            ("AnalysisTemplate", &snapshot.templates)
        };
        let template = known
            .get(&name.template_name)
            .ok_or_else(|| format!("{kind} '{}' not found", name.template_name))?;
        let spec = template
            .spec
            .as_ref()
            .map_err(|message| format!("{kind} '{}': {message}", name.template_name))?;
        open.extend(spec.templates.iter().rev().cloned());
        found.push(spec);
    }
    Ok(found)
}

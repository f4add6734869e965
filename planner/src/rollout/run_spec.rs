//! The spec of an AnalysisRun: the metrics of all templates together, with the arguments that the Rollout gives.

use ::analysis::templates::{self, Lookup, Request, TemplateError};
use crds::analysis::{AnalysisRunSpec, AnalysisTemplateRef, Argument};
use crds::rollout::RolloutAnalysis;

use super::Snapshot;

/// Merges templates and arguments.
///
/// # Errors
/// Which template is missing or cannot be read, which metric is there twice, or which argument has no value.
pub(crate) fn merge(
    snapshot: &Snapshot,
    analysis: &RolloutAnalysis,
    arguments: &[Argument],
) -> Result<AnalysisRunSpec, TemplateError> {
    let request = Request {
        templates: &analysis.templates,
        args: arguments,
        dry_run: &analysis.dry_run,
        measurement_retention: &analysis.measurement_retention,
    };
    templates::merge(&request, |name| look_up(snapshot, name))
}

fn look_up<'a>(snapshot: &'a Snapshot, name: &AnalysisTemplateRef) -> Lookup<'a> {
    let known = if name.cluster_scope { &snapshot.cluster_templates } else { &snapshot.templates };
    match known.get(&name.template_name).map(|template| &template.spec) {
        None => Lookup::Missing,
        Some(Err(message)) => Lookup::Malformed(message),
        Some(Ok(spec)) => Lookup::Found(spec),
    }
}

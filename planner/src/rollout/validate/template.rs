//! Selector and pod template.

use std::collections::BTreeMap;

use crds::rollout::RolloutSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::{Problem, missing, wrong};
use crate::facts::WorkloadFacts;
use crate::rollout::{Snapshot, TemplateIdentity};

/// Returns the object that the template is taken from; nothing if the spec has its own.
pub(super) fn source<'a>(
    snapshot: &'a Snapshot,
    spec: &RolloutSpec,
) -> Result<Option<&'a WorkloadFacts>, Problem> {
    let Some(reference) = &spec.workload_ref else { return Ok(None) };
    // Tools that fill in every field write an empty template.
    if spec.template.as_ref().is_some_and(|template| template.as_str() != "{}") {
        let message = "template must be empty for workload reference rollout";
        return Err(wrong("spec.template", "{...}", message));
    }
    let Some(object) = reference.object(&snapshot.rollout.meta.namespace) else {
        let (version, kind) = (&reference.api_version, &reference.kind);
        return Err(format!("workload of type {version}/{kind} is not supported"));
    };
    if let Some(workload) = &snapshot.workload {
        return Ok(Some(workload));
    }
    let (kind, group) = (object.kind.plural(), object.kind.group());
    let dot = if group.is_empty() { "" } else { "." };
    Err(format!("{kind}{dot}{group} \"{}\" not found", object.name))
}

/// Returns the wanted template and the selector, which its labels match. Where the spec has no selector, that of the
/// workload counts.
pub(super) fn check<'a>(
    snapshot: &'a Snapshot,
    spec: &'a RolloutSpec,
    workload: Option<&'a WorkloadFacts>,
) -> Result<(&'a TemplateIdentity, &'a LabelSelector), Problem> {
    let selector = spec
        .selector
        .as_ref()
        .or_else(|| workload?.selector.as_ref())
        .ok_or_else(|| missing("spec.selector", "Rollout has missing field '.spec.selector'"))?;
    let is_empty = selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty);
    if is_empty {
        return Err(wrong("spec.selector", "{}", "empty selector is invalid for deployment"));
    }
    let template = snapshot
        .template
        .as_ref()
        .filter(|_| spec.template.is_some() || workload.is_some())
        .ok_or_else(|| missing("spec.template", "Rollout has missing field '.spec.template'"))?;
    let labels = &template.metadata.labels;
    if !matches(selector, labels) {
        let value = serde_json::to_string(labels).unwrap_or_default();
        return Err(wrong(
            "spec.template.metadata.labels",
            value,
            "`selector` does not match template `labels`",
        ));
    }
    Ok((template, selector))
}

/// Whether labels fulfil a selector.
pub(crate) fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let has_all = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    has_all && selector.match_expressions.iter().flatten().all(|expression| fulfils(expression, labels))
}

fn fulfils(expression: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&expression.key);
    let is_listed = value.is_some_and(|value| expression.values.iter().flatten().any(|one| one == value));
    match expression.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

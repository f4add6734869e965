//! The AnalysisRun object.

use std::collections::BTreeMap;

use crds::analysis::Argument;
use crds::names::{
    API_VERSION, INSTANCE_ID, POD_TEMPLATE_HASH, REVISION, ROLLOUT_TYPE, RolloutType, STEP_INDEX,
};
use crds::rollout::{PodTemplateHashValue, RolloutAnalysis, RolloutAnalysisArg};
use serde_json::{Value, json};

use super::objects;
use super::run_spec;
use super::view::View;

/// Returns the AnalysisRun, with all arguments that the Rollout gives.
///
/// # Errors
/// In words, which template or argument cannot be used, and why.
pub(crate) fn build(
    view: &View<'_>,
    analysis: &RolloutAnalysis,
    name: &str,
    type_: RolloutType,
    step: Option<usize>,
) -> Result<Value, String> {
    let rollout = &view.snapshot.rollout.meta;
    let arguments = analysis
        .args
        .iter()
        .map(|argument| resolve(view, argument))
        .collect::<Result<Vec<Argument>, String>>()?;
    let spec = run_spec::merge(view.snapshot, analysis, &arguments).map_err(|error| error.to_string())?;
    let spec = serde_json::to_value(spec).map_err(|error| error.to_string())?;
    let mut annotations: BTreeMap<String, String> = analysis.analysis_run_metadata.annotations.clone();
    annotations.insert(REVISION.to_owned(), view.revisions.number.to_string());
    Ok(json!({
        "apiVersion": API_VERSION,
        "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "namespace": rollout.namespace,
            "labels": labels(view, analysis, type_, step),
            "annotations": annotations,
            "ownerReferences": objects::owner(rollout),
        },
        "spec": spec,
    }))
}

fn labels(
    view: &View<'_>,
    analysis: &RolloutAnalysis,
    type_: RolloutType,
    step: Option<usize>,
) -> BTreeMap<String, String> {
    let selector = view.selector.match_labels.clone();
    let mut labels = selector.unwrap_or_default();
    labels.extend(analysis.analysis_run_metadata.labels.clone());
    labels.insert(POD_TEMPLATE_HASH.to_owned(), view.hash().to_owned());
    labels.insert(ROLLOUT_TYPE.to_owned(), type_.as_str().to_owned());
    if let Some(step) = step {
        labels.insert(STEP_INDEX.to_owned(), step.to_string());
    }
    if let Some(instance) = view.snapshot.rollout.meta.labels.get(INSTANCE_ID) {
        labels.insert(INSTANCE_ID.to_owned(), instance.clone());
    }
    labels
}

/// The value of an argument that the Rollout gives.
fn resolve(view: &View<'_>, argument: &RolloutAnalysisArg) -> Result<Argument, String> {
    let value = match &argument.value_from {
        None => argument.value.clone(),
        Some(source) => match (&source.pod_template_hash_value, &source.field_ref) {
            (Some(word), _) => match PodTemplateHashValue::from_word(word) {
                Some(PodTemplateHashValue::Latest) => view.hash().to_owned(),
                Some(PodTemplateHashValue::Stable) => view.stable_hash().to_owned(),
                None => {
                    return Err(format!(
                        "argument \"{}\": podTemplateHashValue \"{word}\" is neither Stable nor Latest",
                        argument.name
                    ));
                }
            },
            (None, Some(field)) => field_value(view, &field.field_path).ok_or_else(|| {
                format!("argument \"{}\": no field {} in the Rollout", argument.name, field.field_path)
            })?,
            (None, None) => {
                return Err(format!("argument \"{}\": valueFrom names no source", argument.name));
            }
        },
    };
    Ok(Argument { name: argument.name.clone(), value: Some(value), value_from: None })
}

/// The text of a field of the Rollout, such as `metadata.labels['env']` or `spec.replicas`.
fn field_value(view: &View<'_>, path: &str) -> Option<String> {
    let meta = &view.snapshot.rollout.meta;
    let object = json!({
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "labels": meta.labels,
            "annotations": meta.annotations,
        },
        "spec": view.spec,
        "status": view.status(),
    });
    let mut value = &object;
    for key in keys(path)? {
        value = match value {
            Value::Array(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => value.get(&key)?,
        };
    }
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Splits a path at its dots and brackets: `a.b['c.d'][0]` is a, b, c.d, 0.
fn keys(path: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (key, after) = inside.split_once(']')?;
            keys.push(key.trim_matches(|quote| quote == '\'' || quote == '"').to_owned());
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.is_empty() {
                return None;
            }
            keys.push(key.to_owned());
            rest = after;
        }
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::keys;

    #[rstest]
    #[case::plain("metadata.name", Some(&["metadata", "name"][..]))]
    #[case::quoted("metadata.labels['app.kubernetes.io/name']", Some(&["metadata", "labels", "app.kubernetes.io/name"][..]))]
    #[case::index("spec.steps[0].setWeight", Some(&["spec", "steps", "0", "setWeight"][..]))]
    #[case::empty_key("spec..x", None)]
    #[case::open_bracket("spec[0", None)]
    fn paths(#[case] path: &str, #[case] want: Option<&[&str]>) {
        let want: Option<Vec<String>> = want.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
        assert_eq!(keys(path), want);
    }
}

//! Arguments that a Rollout gives to its analyses.

use crds::analysis::Argument;
use crds::rollout::{PodTemplateHashValue, RolloutAnalysisArg};

use super::ArgumentError;

/// What the arguments of a Rollout's analyses may name.
pub struct RolloutValues<'a> {
    /// The pod template hash of the stable version; empty before there is one.
    pub stable_hash: &'a str,
    /// The pod template hash of the new version.
    pub latest_hash: &'a str,
    /// The text of a field of the Rollout by its path, or in words why there is none.
    pub field: &'a dyn Fn(&str) -> Result<String, String>,
}

/// The arguments with their values, in the order that the Rollout gives them.
///
/// # Errors
/// The first argument whose source is unknown or leads nowhere.
pub fn of_rollout(
    args: &[RolloutAnalysisArg],
    values: &RolloutValues<'_>,
) -> Result<Vec<Argument>, ArgumentError> {
    args.iter().map(|arg| of_one(arg, values)).collect()
}

fn of_one(arg: &RolloutAnalysisArg, values: &RolloutValues<'_>) -> Result<Argument, ArgumentError> {
    let wrong = |message: String| ArgumentError::Source { name: arg.name.clone(), message };
    let source = arg.value_from.as_ref();
    let hash = source.and_then(|source| source.pod_template_hash_value.as_deref());
    let field = source.and_then(|source| source.field_ref.as_ref());
    let value = match (hash, field) {
        (Some(hash), _) => match PodTemplateHashValue::from_word(hash) {
            Some(PodTemplateHashValue::Stable) => values.stable_hash.to_owned(),
            Some(PodTemplateHashValue::Latest) => values.latest_hash.to_owned(),
            None => {
                return Err(wrong(format!(
                    "valueFrom.podTemplateHashValue is {hash:?}; write Stable or Latest"
                )));
            }
        },
        (None, Some(field)) => (values.field)(&field.field_path)
            .map_err(|why| wrong(format!("valueFrom.fieldRef.fieldPath {why}")))?,
        (None, None) => arg.value.clone(),
    };
    Ok(Argument { name: arg.name.clone(), value: Some(value), value_from: None })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::arguments::field_of;

    #[rstest]
    #[case::value(json!({"name": "a", "value": "x"}), Ok("x"))]
    #[case::empty_value(json!({"name": "a"}), Ok(""))]
    #[case::stable(json!({"name": "a", "valueFrom": {"podTemplateHashValue": "Stable"}}), Ok("111"))]
    #[case::latest(json!({"name": "a", "valueFrom": {"podTemplateHashValue": "Latest"}}), Ok("222"))]
    #[case::field(json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}), Ok("web"))]
    #[case::unknown_hash(
        json!({"name": "a", "valueFrom": {"podTemplateHashValue": "Newest"}}),
        Err("args.a: valueFrom.podTemplateHashValue is \"Newest\"; write Stable or Latest")
    )]
    #[case::unknown_field(
        json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}),
        Err("args.a: valueFrom.fieldRef.fieldPath \"metadata.labels\" leads nowhere: there is no such field")
    )]
    fn sources(#[case] arg: Value, #[case] expected: Result<&str, &str>) {
        let rollout = json!({"metadata": {"name": "web"}});
        let values =
            RolloutValues { stable_hash: "111", latest_hash: "222", field: &|path| field_of(&rollout, path) };
        let arg: RolloutAnalysisArg = serde_json::from_value(arg).unwrap();
        let found = of_rollout(&[arg], &values).map_err(|error| error.to_string());
        let found = found.as_ref().map(|args| args[0].value.as_deref().unwrap()).map_err(String::as_str);
        assert_eq!(found, expected);
    }
}

//! `{{args.name}}` in the fields of a metric.

use std::collections::BTreeMap;

use crds::analysis::{Argument, Metric, SecretKeyRef};
use serde_json::Value;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// Why the arguments of an analysis have no value or do not fit into a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// A field names something that has no value.
    #[error("failed to resolve {{{{{tag}}}}} in {field}: there is no such argument; known: {}", known(names))]
    Unknown {
        /// What stands between the braces.
        tag: String,
        /// The path of the field, from the spec.
        field: String,
        /// The names that have a value.
        names: Vec<String>,
    },
    /// A field opens braces that it does not close.
    #[error("{field} has `{{{{` without `}}}}`")]
    Unclosed {
        /// The path of the field, from the spec.
        field: String,
    },
    /// With its arguments filled in, the metric is none.
    #[error("{metric} is no metric once its arguments are filled in: {message}")]
    NoMetric {
        /// The metric's place in the spec.
        metric: String,
        /// What is wrong.
        message: String,
    },
    /// An argument has no value.
    #[error("args.{name} was not resolved: give it a value where the analysis is started")]
    NoValue {
        /// The argument.
        name: String,
    },
    /// An argument has two values.
    #[error("args.{name} has both value and valueFrom specified")]
    TwoValues {
        /// The argument.
        name: String,
    },
    /// The value of an argument stands where it cannot be read.
    #[error("args.{name}: {message}")]
    Source {
        /// The argument.
        name: String,
        /// What is wrong, and where.
        message: String,
    },
}

fn known(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The value of each argument; `secret` reads a key of a Secret or says why it cannot.
///
/// # Errors
/// The first argument without a value, with two, or whose Secret cannot be read.
pub fn values(
    args: &[Argument],
    secret: impl Fn(&SecretKeyRef) -> Result<String, String>,
) -> Result<BTreeMap<String, String>, ArgumentError> {
    let mut values = BTreeMap::new();
    for arg in args {
        let name = arg.name.clone();
        let value = match (&arg.value, &arg.value_from) {
            (Some(_), Some(_)) => return Err(ArgumentError::TwoValues { name }),
            (Some(value), None) => value.clone(),
            (None, None) => return Err(ArgumentError::NoValue { name }),
            (None, Some(source)) => match (&source.secret_key_ref, &source.field_ref) {
                (Some(key), _) => {
                    secret(key).map_err(|message| ArgumentError::Source { name: name.clone(), message })?
                }
                (None, Some(field)) => {
                    let message = format!(
                        "valueFrom.fieldRef {:?} has no meaning in an AnalysisRun; give it where a Rollout starts the \
                         analysis",
                        field.field_path
                    );
                    return Err(ArgumentError::Source { name, message });
                }
                (None, None) => return Err(ArgumentError::NoValue { name }),
            },
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// The metric with the values of its arguments in all its texts, names of nested fields included.
///
/// `place` is the metric's place in the spec, such as `metrics[0]`. A value is a value: braces in it are not read again.
///
/// # Errors
/// When a field names an argument without a value, or the metric is none afterwards.
pub fn substitute(
    metric: &Metric,
    place: &str,
    values: &BTreeMap<String, String>,
) -> Result<Metric, ArgumentError> {
    let broken = |error: serde_json::Error| ArgumentError::NoMetric {
        metric: place.to_owned(),
        message: error.to_string(),
    };
    let json = serde_json::to_value(metric).map_err(broken)?;
    let json = walk(json, place, values)?;
    serde_json::from_value(json).map_err(broken)
}

fn walk(json: Value, path: &str, values: &BTreeMap<String, String>) -> Result<Value, ArgumentError> {
    match json {
        Value::String(text) => fill(&text, path, values).map(Value::String),
        Value::Array(items) => {
            let filled =
                items.into_iter().enumerate().map(|(at, item)| walk(item, &format!("{path}[{at}]"), values));
            filled.collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(fields) => {
            let filled = fields.into_iter().map(|(name, item)| {
                let path = format!("{path}.{name}");
                Ok((fill(&name, &path, values)?, walk(item, &path, values)?))
            });
            filled.collect::<Result<_, _>>().map(Value::Object)
        }
        plain => Ok(plain),
    }
}

fn fill(text: &str, field: &str, values: &BTreeMap<String, String>) -> Result<String, ArgumentError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((tag, after)) = after.split_once(CLOSE) else {
            return Err(ArgumentError::Unclosed { field: field.to_owned() });
        };
        let tag = tag.trim();
        let value = tag.strip_prefix("args.").and_then(|name| values.get(name));
        filled.push_str(before);
        filled.push_str(value.ok_or_else(|| ArgumentError::Unknown {
            tag: tag.chars().take(60).collect(),
            field: field.to_owned(),
            names: values.keys().cloned().collect(),
        })?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn given() -> BTreeMap<String, String> {
        let pairs =
            [("host", "web.shop"), ("quoted", "a\"b\\c\nd"), ("braces", "{{args.host}}"), ("limit", "3")];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn metric(json: serde_json::Value) -> Metric {
        serde_json::from_value(json).unwrap()
    }

    #[rstest]
    #[case::plain("up", "up")]
    #[case::tight("x{h=\"{{args.host}}\"}", "x{h=\"web.shop\"}")]
    #[case::blanks("{{ args.host }}/{{\targs.limit\n}}", "web.shop/3")]
    #[case::quotes_survive("{{args.quoted}}", "a\"b\\c\nd")]
    #[case::values_are_not_read_again("{{args.braces}}", "{{args.host}}")]
    #[case::single_braces_are_text("sum(x{a=\"b\"}) by (c)", "sum(x{a=\"b\"}) by (c)")]
    #[case::closing_braces_are_text("{a=~\"b{2}}\"", "{a=~\"b{2}}\"")]
    fn texts(#[case] query: &str, #[case] expected: &str) {
        let before = metric(serde_json::json!({"name": "m", "provider": {"prometheus": {"query": query}}}));
        let after = substitute(&before, "metrics[0]", &given()).unwrap();
        assert_eq!(after.provider.prometheus.unwrap().query, expected);
    }

    #[test]
    fn every_field_is_filled() {
        let before = metric(serde_json::json!({
            "name": "{{args.host}}", "interval": "{{args.limit}}s", "count": "{{args.limit}}", "failureLimit": "{{args.limit}}",
            "successCondition": "result[0] < {{args.limit}}",
            "provider": {"prometheus": {"address": "http://{{args.host}}", "headers": [{"key": "X", "value": "{{args.limit}}"}]}},
        }));
        let after = substitute(&before, "metrics[0]", &given()).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&after).unwrap(), @r#"{"name":"web.shop","interval":"3s","count":"3","successCondition":"result[0] < 3","failureLimit":"3","provider":{"prometheus":{"address":"http://web.shop","headers":[{"key":"X","value":"3"}]}}}"#);
    }

    #[rstest]
    #[case::missing(
        "{{args.nope}}",
        "failed to resolve {{args.nope}} in metrics[1].provider.prometheus.headers[0].value: there is no such argument; known: braces, host, limit, quoted"
    )]
    #[case::not_an_argument(
        "{{ host }}",
        "failed to resolve {{host}} in metrics[1].provider.prometheus.headers[0].value: there is no such argument; known: braces, host, limit, quoted"
    )]
    #[case::unclosed("{{args.host", "metrics[1].provider.prometheus.headers[0].value has `{{` without `}}`")]
    fn says_which_field(#[case] value: &str, #[case] message: &str) {
        let before = metric(serde_json::json!({
            "name": "m", "provider": {"prometheus": {"headers": [{"key": "X", "value": value}]}}
        }));
        assert_eq!(substitute(&before, "metrics[1]", &given()).unwrap_err().to_string(), message);
    }

    #[rstest]
    #[case::value(serde_json::json!({"name": "a", "value": "1"}), Ok("1"))]
    #[case::empty_value(serde_json::json!({"name": "a", "value": ""}), Ok(""))]
    #[case::secret(serde_json::json!({"name": "a", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}), Ok("secret s/k"))]
    #[case::unreadable_secret(
        serde_json::json!({"name": "a", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}),
        Err("args.a: Secret gone does not exist")
    )]
    #[case::nothing(serde_json::json!({"name": "a"}), Err("args.a was not resolved: give it a value where the analysis is started"))]
    #[case::both(
        serde_json::json!({"name": "a", "value": "1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}),
        Err("args.a has both value and valueFrom specified")
    )]
    fn sources(#[case] arg: serde_json::Value, #[case] expected: Result<&str, &str>) {
        let args: Vec<Argument> = vec![serde_json::from_value(arg).unwrap()];
        let read = |key: &SecretKeyRef| match key.name.as_str() {
            "gone" => Err("Secret gone does not exist".to_owned()),
            name => Ok(format!("secret {name}/{}", key.key)),
        };
        let found = values(&args, read).map(|values| values["a"].clone()).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }
}

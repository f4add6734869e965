//! From the templates that an analysis names to the spec of its AnalysisRun.

use std::collections::BTreeSet;

use crds::analysis::{
    AnalysisRunSpec, AnalysisTemplateRef, AnalysisTemplateSpec, Argument, DryRun, MeasurementRetention,
    Metric,
};

/// Templates that one analysis may name, those that they name in turn included.
const MAX_TEMPLATES: usize = 100;

/// What starts an analysis: a step, the background analysis, an experiment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The templates.
    pub templates: &'a [AnalysisTemplateRef],
    /// The arguments with their values; those that no template names are dropped.
    pub args: &'a [Argument],
    /// Metrics that never decide, beside those that the templates name.
    pub dry_run: &'a [DryRun],
    /// How many measurements are kept, beside what the templates say.
    pub measurement_retention: &'a [MeasurementRetention],
}

/// A template that was looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lookup<'a> {
    /// It does not exist, or not yet.
    Missing,
    /// It exists and cannot be read: what is wrong, and where.
    Malformed(&'a str),
    /// It exists.
    Found(&'a AnalysisTemplateSpec),
}

/// Why templates make no analysis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A template does not exist.
    #[error("{kind} '{name}' not found: create it, or correct the name where the analysis is started")]
    NotFound {
        /// `AnalysisTemplate` or `ClusterAnalysisTemplate`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A template cannot be read.
    #[error("{kind} '{name}' cannot be read: {message}")]
    Malformed {
        /// `AnalysisTemplate` or `ClusterAnalysisTemplate`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong, and where.
        message: String,
    },
    /// Too many templates.
    #[error("more than {limit} templates belong to one analysis; merge some")]
    TooMany {
        /// How many are allowed.
        limit: usize,
    },
    /// Two metrics have one name.
    #[error("two metrics have the same name '{0}': rename one of them")]
    SameMetric(String),
    /// Two dry-run rules have one name.
    #[error("two Dry-Run metric rules have the same name '{0}': remove one of them")]
    SameDryRun(String),
    /// Two retention rules have one name.
    #[error("two Measurement Retention metric rules have the same name '{0}': remove one of them")]
    SameRetention(String),
    /// Two templates give one argument different values.
    #[error(
        "argument '{name}' has different values in two templates: give it a value where the analysis is started, \
             and remove one of them"
    )]
    DifferentValues {
        /// The argument.
        name: String,
    },
    /// An argument has no value.
    #[error("args.{name} was not resolved: give it a value where the analysis is started")]
    NoValue {
        /// The argument.
        name: String,
    },
    /// An argument has two values.
    #[error("args.{name} has both value and valueFrom specified: remove one of them")]
    TwoValues {
        /// The argument.
        name: String,
    },
}

/// The kind of the referenced template.
#[must_use]
pub fn kind_of(reference: &AnalysisTemplateRef) -> &'static str {
    if reference.cluster_scope { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" }
}

/// The spec of the AnalysisRun that `request` asks for.
///
/// Metrics come in the order of the templates, nested ones after the template that names them; a template that is named
/// twice, or names itself, counts once. A value where the analysis is started beats one in a template.
///
/// # Errors
/// When a template is missing or malformed, two metrics or rules have one name, or an argument has no value.
pub fn merge<'a>(
    request: &Request<'_>,
    lookup: impl Fn(&AnalysisTemplateRef) -> Lookup<'a>,
) -> Result<AnalysisRunSpec, TemplateError> {
    let templates = collect(request.templates, &lookup)?;
    let dry_run = templates.iter().flat_map(|template| &template.dry_run).chain(request.dry_run);
    let retention = templates
        .iter()
        .flat_map(|template| &template.measurement_retention)
        .chain(request.measurement_retention);
    Ok(AnalysisRunSpec {
        metrics: unique(
            templates.iter().flat_map(|template| &template.metrics),
            |metric: &Metric| &metric.name,
            TemplateError::SameMetric,
        )?,
        args: arguments(&templates, request.args)?,
        dry_run: unique(dry_run, |rule: &DryRun| &rule.metric_name, TemplateError::SameDryRun)?,
        measurement_retention: unique(
            retention,
            |rule: &MeasurementRetention| &rule.metric_name,
            TemplateError::SameRetention,
        )?,
        ..AnalysisRunSpec::default()
    })
}

/// The templates of the references and those that they name in turn, each once, depth first.
fn collect<'a>(
    references: &[AnalysisTemplateRef],
    lookup: &impl Fn(&AnalysisTemplateRef) -> Lookup<'a>,
) -> Result<Vec<&'a AnalysisTemplateSpec>, TemplateError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut waiting: Vec<AnalysisTemplateRef> = references.iter().rev().cloned().collect();
    while let Some(reference) = waiting.pop() {
        if !seen.insert((reference.cluster_scope, reference.template_name.clone())) {
            continue;
        }
        if seen.len() > MAX_TEMPLATES {
            return Err(TemplateError::TooMany { limit: MAX_TEMPLATES });
        }
        let (kind, name) = (kind_of(&reference), reference.template_name.clone());
        let template = match lookup(&reference) {
            Lookup::Found(template) => template,
            Lookup::Missing => return Err(TemplateError::NotFound { kind, name }),
            Lookup::Malformed(message) => {
                return Err(TemplateError::Malformed { kind, name, message: message.to_owned() });
            }
        };
        found.push(template);
        waiting.extend(template.templates.iter().rev().cloned());
    }
    Ok(found)
}

/// Copies of all items; an error if two have one name.
fn unique<'i, T: Clone + 'i>(
    items: impl Iterator<Item = &'i T>,
    name: impl Fn(&T) -> &str,
    same: impl Fn(String) -> TemplateError,
) -> Result<Vec<T>, TemplateError> {
    let mut names = BTreeSet::new();
    items
        .map(|item| {
            if names.insert(name(item).to_owned()) {
                Ok(item.clone())
            } else {
                Err(same(name(item).to_owned()))
            }
        })
        .collect()
}

fn arguments(
    templates: &[&AnalysisTemplateSpec],
    given: &[Argument],
) -> Result<Vec<Argument>, TemplateError> {
    let mut merged: Vec<Argument> = Vec::new();
    for arg in templates.iter().flat_map(|template| &template.args) {
        match merged.iter_mut().find(|known| known.name == arg.name) {
            None => merged.push(arg.clone()),
            Some(known) if !has_value(known) => *known = arg.clone(),
            Some(known) if !has_value(arg) || *known == *arg => {}
            Some(_) if given.iter().any(|given| given.name == arg.name && has_value(given)) => {}
            Some(_) => return Err(TemplateError::DifferentValues { name: arg.name.clone() }),
        }
    }
    for known in &mut merged {
        if let Some(given) = given.iter().rev().find(|given| given.name == known.name && has_value(given)) {
            known.clone_from(given);
        }
        let name = known.name.clone();
        match (&known.value, &known.value_from) {
            (None, None) => return Err(TemplateError::NoValue { name }),
            (Some(_), Some(_)) => return Err(TemplateError::TwoValues { name }),
            _ => {}
        }
    }
    Ok(merged)
}

fn has_value(arg: &Argument) -> bool {
    arg.value.is_some() || arg.value_from.is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// Templates by name; those of the cluster have a star before their names.
    fn templates(json: Value) -> BTreeMap<String, AnalysisTemplateSpec> {
        serde_json::from_value(json).unwrap()
    }

    fn references(names: &[&str]) -> Vec<AnalysisTemplateRef> {
        let reference = |name: &&str| AnalysisTemplateRef {
            template_name: name.trim_start_matches('*').to_owned(),
            cluster_scope: name.starts_with('*'),
        };
        names.iter().map(reference).collect()
    }

    fn merged(all: Value, names: &[&str], request: Value) -> Result<AnalysisRunSpec, String> {
        let (all, references) = (templates(all), references(names));
        let given: AnalysisRunSpec = serde_json::from_value(request).unwrap();
        let request = Request {
            templates: &references,
            args: &given.args,
            dry_run: &given.dry_run,
            measurement_retention: &given.measurement_retention,
        };
        let lookup = |reference: &AnalysisTemplateRef| {
            let star = if reference.cluster_scope { "*" } else { "" };
            match all.get(&format!("{star}{}", reference.template_name)) {
                Some(template) => Lookup::Found(template),
                None if reference.template_name == "broken" => Lookup::Malformed("spec.metrics: not a list"),
                None => Lookup::Missing,
            }
        };
        merge(&request, lookup).map_err(|error| error.to_string())
    }

    fn metric(name: &str) -> Value {
        json!([{"name": name, "provider": {"prometheus": {"query": "up"}}}])
    }

    #[test]
    fn two_templates_and_the_request_become_one_spec() {
        let all = json!({
            "errors": {
                "metrics": metric("errors"), "args": [{"name": "host"}, {"name": "limit", "value": "0.05"}],
                "dryRun": [{"metricName": "errors"}], "measurementRetention": [{"metricName": "errors", "limit": 3}],
            },
            "*latency": {
                "metrics": metric("latency"), "args": [{"name": "host"}],
                "measurementRetention": [{"metricName": "latency", "limit": 5}],
            },
        });
        let request = json!({
            "args": [{"name": "host", "value": "web"}, {"name": "nobody-asked", "value": "x"}],
            "dryRun": [{"metricName": "latency"}],
        });
        let spec = merged(all, &["errors", "*latency"], request).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&spec).unwrap().replace("],\"", "],\n\""), @r#"
{"metrics":[{"name":"errors","provider":{"prometheus":{"query":"up"}}},{"name":"latency","provider":{"prometheus":{"query":"up"}}}],
"args":[{"name":"host","value":"web"},{"name":"limit","value":"0.05"}],
"dryRun":[{"metricName":"errors"},{"metricName":"latency"}],
"measurementRetention":[{"metricName":"errors","limit":3},{"metricName":"latency","limit":5}]}
"#);
    }

    #[rstest]
    #[case::nested_after_their_parent(&["a", "d"], &["a", "b", "c", "d"])]
    #[case::named_twice_counts_once(&["b", "a"], &["b", "c", "a", "d"])]
    fn order(#[case] names: &[&str], #[case] expected: &[&str]) {
        let nested = |names: &[&str]| serde_json::to_value(references(names)).unwrap();
        let all = json!({
            "a": {"metrics": metric("a"), "templates": nested(&["b", "d"])},
            "b": {"metrics": metric("b"), "templates": nested(&["c", "b"])},
            "c": {"metrics": metric("c"), "templates": nested(&["b"])},
            "d": {"metrics": metric("d")},
        });
        let spec = merged(all, names, json!({})).unwrap();
        let found: Vec<&str> = spec.metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::given_beats_default(json!([{"name": "x", "value": "1"}]), json!([{"name": "x", "value": "2"}]), Ok(Some("2")))]
    #[case::default(json!([{"name": "x", "value": "1"}]), json!([]), Ok(Some("1")))]
    #[case::given_without_value_leaves_default(json!([{"name": "x", "value": "1"}]), json!([{"name": "x"}]), Ok(Some("1")))]
    #[case::given_beats_a_secret(
        json!([{"name": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]), json!([{"name": "x", "value": "2"}]),
        Ok(Some("2"))
    )]
    #[case::secret(json!([{"name": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]), json!([]), Ok(None))]
    #[case::equal_defaults(json!([{"name": "x", "value": "1"}, {"name": "x", "value": "1"}]), json!([]), Ok(Some("1")))]
    #[case::one_default_of_two(json!([{"name": "x"}, {"name": "x", "value": "1"}]), json!([]), Ok(Some("1")))]
    #[case::given_settles_different_defaults(
        json!([{"name": "x", "value": "1"}, {"name": "x", "value": "3"}]), json!([{"name": "x", "value": "2"}]), Ok(Some("2"))
    )]
    #[case::different_defaults(
        json!([{"name": "x", "value": "1"}, {"name": "x", "value": "3"}]), json!([]),
        Err("argument 'x' has different values in two templates: give it a value where the analysis is started, and remove one of them")
    )]
    #[case::no_value(json!([{"name": "x"}]), json!([]), Err("args.x was not resolved: give it a value where the analysis is started"))]
    #[case::two_values(
        json!([{"name": "x", "value": "1", "valueFrom": {}}]), json!([]),
        Err("args.x has both value and valueFrom specified: remove one of them")
    )]
    fn values(#[case] args: Value, #[case] given: Value, #[case] expected: Result<Option<&str>, &str>) {
        let all = json!({"t": {"metrics": metric("m"), "args": args}});
        let spec = merged(all, &["t"], json!({"args": given}));
        let found = spec.as_ref().map(|spec| spec.args[0].value.as_deref()).map_err(String::as_str);
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::missing(&["gone"], "AnalysisTemplate 'gone' not found: create it, or correct the name where the analysis is started")]
    #[case::missing_in_the_cluster(&["*t"], "ClusterAnalysisTemplate 't' not found: create it, or correct the name where the analysis is started")]
    #[case::malformed(&["broken"], "AnalysisTemplate 'broken' cannot be read: spec.metrics: not a list")]
    #[case::same_metric(&["t", "u"], "two metrics have the same name 'm': rename one of them")]
    #[case::same_dry_run(&["t", "v"], "two Dry-Run metric rules have the same name 'm': remove one of them")]
    #[case::same_retention(&["t", "w"], "two Measurement Retention metric rules have the same name 'm': remove one of them")]
    #[case::endless(&["n0"], "more than 100 templates belong to one analysis; merge some")]
    fn refused(#[case] names: &[&str], #[case] message: &str) {
        let mut all = json!({
            "t": {
                "metrics": metric("m"), "dryRun": [{"metricName": "m"}],
                "measurementRetention": [{"metricName": "m", "limit": 1}],
            },
            "u": {"metrics": metric("m")},
            "v": {"dryRun": [{"metricName": "m"}]},
            "w": {"measurementRetention": [{"metricName": "m", "limit": 1}]},
        });
        for index in 0..200 {
            let next = references(&[&format!("n{}", index + 1)]);
            all[format!("n{index}")] = json!({"templates": next});
        }
        assert_eq!(merged(all, names, json!({})), Err(message.to_owned()));
    }
}

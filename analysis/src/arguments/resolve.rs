//! The metrics of an analysis with plain numbers and durations, or what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use crds::IntOrString;
use crds::analysis::Metric;
use crds::analysis::provider::MetricProvider;
use crds::duration;
use jiff::SignedDuration;

use super::{ArgumentError, substitute};
use crate::provider::{self, ProviderError};
use crate::verdict::Conditions;

/// A metric that can be measured: arguments are filled in, numbers are numbers, defaults are set.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedMetric {
    /// The name, different from those of all other metrics.
    pub name: String,
    /// Time between two measurements; longer than zero.
    pub interval: Option<SignedDuration>,
    /// Time before the first measurement.
    pub initial_delay: SignedDuration,
    /// How many measurements there are; nothing for no end.
    pub count: Option<u32>,
    /// How many measurements may fail; nothing for any number.
    pub failure_limit: Option<u32>,
    /// How many measurements may be inconclusive.
    pub inconclusive_limit: u32,
    /// How many measurements in a row may be errors.
    pub consecutive_error_limit: u32,
    /// How many successful measurements in a row end the metric; nothing for never.
    pub consecutive_success_limit: Option<u32>,
    /// What a good value fulfils; empty if unset.
    pub success_condition: String,
    /// What a bad value fulfils; empty if unset.
    pub failure_condition: String,
    /// Who is asked.
    pub provider: MetricProvider,
}

impl ResolvedMetric {
    /// The conditions, to judge a value by.
    #[must_use]
    pub fn conditions(&self) -> Conditions<'_> {
        Conditions { success: &self.success_condition, failure: &self.failure_condition }
    }
}

/// Why an analysis cannot be started; the texts begin as the reference's do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnalysis {
    /// An argument is missing.
    #[error("Unable to resolve metric arguments: {0}")]
    Arguments(#[from] ArgumentError),
    /// A metric cannot be measured.
    #[error("Analysis spec invalid: {0}")]
    Spec(#[from] SpecError),
}

/// What is wrong with the metrics of an analysis, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(*index))]
pub struct SpecError {
    /// Which metric, counted from 0; nothing if it is none in particular.
    pub index: Option<usize>,
    /// What is wrong.
    pub problem: SpecProblem,
}

fn place(index: Option<usize>) -> String {
    index.map(|index| format!("metrics[{index}]: ")).unwrap_or_default()
}

/// What is wrong with a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// There is none.
    #[error("no metrics specified")]
    NoMetrics,
    /// It has no name.
    #[error("name is missing")]
    NoName,
    /// Another metric has its name.
    #[error("duplicate name '{0}'")]
    DuplicateName(String),
    /// A field that should be a number is none.
    #[error("{field}: {value:?} is not a whole number between {least} and 2147483647")]
    NotANumber {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The least number that it may be.
        least: i64,
    },
    /// A field that should be a duration is none.
    #[error("{field}: {message}")]
    NotADuration {
        /// The field.
        field: &'static str,
        /// What is wrong, with its value.
        message: String,
    },
    /// More measurements are asked for than one, but not when.
    #[error("interval must be specified when count > 1")]
    NoInterval,
    /// A limit that can never be exceeded.
    #[error("count must be >= {0}")]
    LimitAboveCount(&'static str),
    /// The provider cannot be used.
    #[error("{0}")]
    Provider(#[from] ProviderError),
}

/// The metrics of an analysis, resolved with the values of its arguments.
///
/// # Errors
/// The first argument that is missing, or else the first thing that is wrong with a metric.
pub fn resolve_all(
    metrics: &[Metric],
    values: &BTreeMap<String, String>,
) -> Result<Vec<ResolvedMetric>, InvalidAnalysis> {
    let filled: Result<Vec<Metric>, ArgumentError> = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| substitute(metric, &format!("metrics[{index}]"), values))
        .collect();
    let filled = filled?;
    if filled.is_empty() {
        return Err(SpecError { index: None, problem: SpecProblem::NoMetrics }.into());
    }
    let mut names = BTreeSet::new();
    let mut resolved = Vec::with_capacity(filled.len());
    for (index, metric) in filled.into_iter().enumerate() {
        let wrong = |problem| SpecError { index: Some(index), problem };
        if !names.insert(metric.name.clone()) {
            return Err(wrong(SpecProblem::DuplicateName(metric.name)).into());
        }
        resolved.push(resolve(metric).map_err(wrong)?);
    }
    Ok(resolved)
}

fn resolve(metric: Metric) -> Result<ResolvedMetric, SpecProblem> {
    if metric.name.is_empty() {
        return Err(SpecProblem::NoName);
    }
    let written_count = number("count", metric.count.as_ref(), 0)?.filter(|count| *count > 0);
    let failure_limit = limit("failureLimit", metric.failure_limit.as_ref(), -1)?;
    let inconclusive_limit = limit("inconclusiveLimit", metric.inconclusive_limit.as_ref(), 0)?.unwrap_or(0);
    let interval = period("interval", &metric.interval, false)?;
    check_count(written_count, failure_limit, inconclusive_limit, interval.is_some())?;
    provider::supported(&metric.provider)?;
    Ok(ResolvedMetric {
        name: metric.name,
        interval,
        initial_delay: period("initialDelay", &metric.initial_delay, true)?.unwrap_or(SignedDuration::ZERO),
        count: written_count.or(if interval.is_some() { None } else { Some(1) }),
        failure_limit,
        inconclusive_limit,
        consecutive_error_limit: number("consecutiveErrorLimit", metric.consecutive_error_limit.as_ref(), 0)?
            .unwrap_or(4),
        consecutive_success_limit: number(
            "consecutiveSuccessLimit",
            metric.consecutive_success_limit.as_ref(),
            0,
        )?
        .filter(|limit| *limit > 0),
        success_condition: metric.success_condition,
        failure_condition: metric.failure_condition,
        provider: metric.provider,
    })
}

fn check_count(
    count: Option<u32>,
    failure_limit: Option<u32>,
    inconclusive_limit: u32,
    has_interval: bool,
) -> Result<(), SpecProblem> {
    let Some(count) = count else { return Ok(()) };
    if count > 1 && !has_interval {
        return Err(SpecProblem::NoInterval);
    }
    if failure_limit.is_some_and(|limit| count < limit) {
        return Err(SpecProblem::LimitAboveCount("failureLimit"));
    }
    if count < inconclusive_limit {
        return Err(SpecProblem::LimitAboveCount("inconclusiveLimit"));
    }
    Ok(())
}

/// The number of a field that may be written as text; nothing if it is not written.
fn number(field: &'static str, value: Option<&IntOrString>, least: i64) -> Result<Option<u32>, SpecProblem> {
    let Some(value) = value else { return Ok(None) };
    let found = value.as_int().ok().filter(|number| (least..=i64::from(i32::MAX)).contains(number));
    match found {
        // Only a limit may be below zero, and that is no limit.
        Some(number) => Ok(u32::try_from(number).ok()),
        None => Err(SpecProblem::NotANumber { field, value: value.to_string(), least }),
    }
}

/// A limit, 0 if it is not written; nothing for -1.
fn limit(field: &'static str, value: Option<&IntOrString>, least: i64) -> Result<Option<u32>, SpecProblem> {
    if value.is_none() { Ok(Some(0)) } else { number(field, value, least) }
}

/// The duration of a field; nothing if it is empty.
fn period(field: &'static str, text: &str, may_be_zero: bool) -> Result<Option<SignedDuration>, SpecProblem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |message: String| SpecProblem::NotADuration { field, message };
    let length = duration::parse(text).map_err(|error| wrong(error.to_string()))?;
    if length < SignedDuration::ZERO || (length.is_zero() && !may_be_zero) {
        return Err(wrong(format!("{text:?} must be longer than zero")));
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn resolved(metrics: Value) -> Result<Vec<ResolvedMetric>, String> {
        let metrics: Vec<Metric> = serde_json::from_value(metrics).unwrap();
        let values = BTreeMap::from([("n".to_owned(), "3".to_owned())]);
        resolve_all(&metrics, &values).map_err(|error| error.to_string())
    }

    fn one(mut metric: Value) -> Result<ResolvedMetric, String> {
        metric["name"] = json!("m");
        if metric.get("provider").is_none() {
            metric["provider"] = json!({"prometheus": {"query": "up"}});
        }
        resolved(json!([metric])).map(|mut metrics| metrics.remove(0))
    }

    #[test]
    fn defaults() {
        let metric = one(json!({"successCondition": "true"})).unwrap();
        assert_eq!(
            (metric.interval, metric.initial_delay, metric.count),
            (None, SignedDuration::ZERO, Some(1))
        );
        assert_eq!((metric.failure_limit, metric.inconclusive_limit), (Some(0), 0));
        assert_eq!((metric.consecutive_error_limit, metric.consecutive_success_limit), (4, None));
        assert_eq!(metric.conditions(), Conditions { success: "true", failure: "" });
    }

    #[rstest]
    #[case::interval_alone_is_endless(json!({"interval": "10s"}), None)]
    #[case::nothing_is_once(json!({}), Some(1))]
    #[case::zero_is_as_unset(json!({"count": 0}), Some(1))]
    #[case::number(json!({"count": 5, "interval": "10s"}), Some(5))]
    #[case::text(json!({"count": "5", "interval": "10s"}), Some(5))]
    #[case::argument(json!({"count": "{{args.n}}", "interval": "{{args.n}}s"}), Some(3))]
    fn counts(#[case] metric: Value, #[case] expected: Option<u32>) {
        assert_eq!(one(metric).unwrap().count, expected);
    }

    #[rstest]
    #[case::off(json!({"failureLimit": -1}), None)]
    #[case::off_as_text(json!({"failureLimit": "-1"}), None)]
    #[case::zero(json!({"failureLimit": 0}), Some(0))]
    #[case::some(json!({"failureLimit": "{{args.n}}"}), Some(3))]
    fn failure_limits(#[case] metric: Value, #[case] expected: Option<u32>) {
        assert_eq!(one(metric).unwrap().failure_limit, expected);
    }

    #[rstest]
    #[case::no_interval(json!({"count": 2}), "interval must be specified when count > 1")]
    #[case::failure_limit(json!({"count": 2, "interval": "1s", "failureLimit": 3}), "count must be >= failureLimit")]
    #[case::inconclusive_limit(json!({"count": 2, "interval": "1s", "inconclusiveLimit": 3}), "count must be >= inconclusiveLimit")]
    #[case::words(json!({"count": "many"}), "count: \"many\" is not a whole number between 0 and 2147483647")]
    #[case::negative(json!({"inconclusiveLimit": -1}), "inconclusiveLimit: \"-1\" is not a whole number between 0 and 2147483647")]
    #[case::too_negative(json!({"failureLimit": -2}), "failureLimit: \"-2\" is not a whole number between -1 and 2147483647")]
    #[case::huge(json!({"consecutiveErrorLimit": "99999999999999999999"}), "consecutiveErrorLimit: \"99999999999999999999\" is not a whole number between 0 and 2147483647")]
    #[case::duration(json!({"interval": "10"}), "interval: missing unit in duration \"10\": write one of ns, us, ms, s, m, h")]
    #[case::zero_interval(json!({"interval": "0s"}), "interval: \"0s\" must be longer than zero")]
    #[case::negative_delay(json!({"initialDelay": "-1s"}), "initialDelay: \"-1s\" must be longer than zero")]
    #[case::no_provider(json!({"provider": {}}), "provider: none is set; set provider.prometheus")]
    #[case::two_providers(json!({"provider": {"prometheus": {}, "web": {}}}), "provider: provider.prometheus and provider.web are set, but a metric has one provider; split the metric")]
    #[case::later_provider(json!({"provider": {"datadog": {}}}), "provider.datadog: not supported yet by this version; supported: provider.prometheus")]
    fn invalid(#[case] metric: Value, #[case] message: &str) {
        assert_eq!(one(metric), Err(format!("Analysis spec invalid: metrics[0]: {message}")));
    }

    #[rstest]
    #[case::no_metrics(json!([]), "Analysis spec invalid: no metrics specified")]
    #[case::no_name(json!([{"provider": {"prometheus": {}}}]), "Analysis spec invalid: metrics[0]: name is missing")]
    #[case::twice(
        json!([{"name": "a", "provider": {"prometheus": {}}}, {"name": "a", "provider": {"prometheus": {}}}]),
        "Analysis spec invalid: metrics[1]: duplicate name 'a'"
    )]
    #[case::arguments_come_first(
        json!([{"name": "a"}, {"name": "b", "interval": "{{args.x}}"}]),
        "Unable to resolve metric arguments: failed to resolve {{args.x}} in metrics[1].interval: there is no such argument; known: n"
    )]
    fn invalid_together(#[case] metrics: Value, #[case] message: &str) {
        assert_eq!(resolved(metrics), Err(message.to_owned()));
    }
}

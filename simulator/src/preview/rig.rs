//! Metrics whose answers are ours to give.

use std::collections::BTreeMap;

use analysis::Value as Measured;
use analysis::arguments::substitute;
use analysis::provider::supported;
use crds::analysis::{AnalysisPhase, Metric};
use crds::duration;
use crds::object_ref::ObjectRef;
use crds::rollout::{RolloutAnalysisArg, RolloutSpec};
use serde_json::{Value, json};

use super::answer::{Shape, find};
use super::assume::template_spec;
use super::report::Assumption;
use crate::scenario::MetricAnswer;

/// What the answer means where the real condition found none: 1 passes, 0 fails.
const PASSES: &str = "result[0] == 1";
/// How often a metric is measured at most while an update is played from beginning to end.
const MOST_MEASUREMENTS: u64 = 1_000;
/// What stands for arguments that have their values only while the update runs.
const UNKNOWN: &str = "simulated";

/// A metric whose answers are ours to give.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rigged {
    /// The template and the metric.
    pub name: String,
    /// The text by which its questions are known.
    pub matching: String,
    /// What it answers so that it passes.
    pub passes: MetricAnswer,
    /// What it answers so that it fails; nothing if it cannot fail.
    pub fails: Option<MetricAnswer>,
}

/// Points all metrics of the templates at backends of our own, and looks for their answers.
///
/// With `longest_ms`, metrics that would be measured again and again for all that time are measured more rarely.
pub(super) fn rig(
    objects: &mut BTreeMap<ObjectRef, Value>,
    templates: &[ObjectRef],
    spec: &RolloutSpec,
    longest_ms: Option<u64>,
) -> (Vec<Rigged>, Vec<Assumption>) {
    let values = arguments(objects, templates, spec);
    let (mut rigged, mut assumptions) = (Vec::new(), Vec::new());
    for template in templates {
        let metrics = objects.get_mut(template).and_then(|it| it.pointer_mut("/spec/metrics"));
        for metric in metrics.and_then(Value::as_array_mut).into_iter().flatten() {
            let place = Place { template: &template.name, number: rigged.len() };
            if let Some((one, assumption)) = place.rig(metric, &values) {
                rigged.push(one);
                assumptions.extend(assumption);
                assumptions.extend(longest_ms.and_then(|longest_ms| thin_out(metric, longest_ms)));
            }
        }
    }
    (rigged, assumptions)
}

/// The values of arguments, as far as they are known before the update runs.
fn arguments(
    objects: &BTreeMap<ObjectRef, Value>,
    templates: &[ObjectRef],
    spec: &RolloutSpec,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for argument in templates.iter().filter_map(|it| objects.get(it)).flat_map(|it| template_spec(it).args) {
        values.insert(argument.name, argument.value.unwrap_or_else(|| UNKNOWN.to_owned()));
    }
    for argument in given(spec) {
        let value = if argument.value_from.is_some() { UNKNOWN.to_owned() } else { argument.value.clone() };
        values.insert(argument.name.clone(), value);
    }
    values
}

/// The arguments that the Rollout gives to its analyses.
fn given(spec: &RolloutSpec) -> impl Iterator<Item = &RolloutAnalysisArg> {
    let canary = spec.strategy.canary.iter().flat_map(|canary| {
        let steps = canary.steps.iter().filter_map(|step| step.analysis.as_ref()).flat_map(|it| &it.args);
        steps.chain(canary.analysis.iter().flat_map(|it| &it.args))
    });
    let switch = spec.strategy.blue_green.iter().flat_map(|strategy| {
        let analyses = strategy.pre_promotion_analysis.iter().chain(&strategy.post_promotion_analysis);
        analyses.flat_map(|analysis| &analysis.args)
    });
    canary.chain(switch)
}

struct Place<'a> {
    template: &'a str,
    number: usize,
}

impl Place<'_> {
    /// Points the metric at a backend of our own; nothing for one that the operator would refuse to ask.
    fn rig(
        &self,
        metric: &mut Value,
        values: &BTreeMap<String, String>,
    ) -> Option<(Rigged, Option<Assumption>)> {
        let typed: Metric = serde_json::from_value(metric.clone()).ok()?;
        supported(&typed.provider).ok()?;
        let typed = substitute(&typed, "metric", values).unwrap_or(typed);
        let matching = format!("metric-{}.simulated", self.number);
        let name = format!("{}/{}", self.template, typed.name);
        let address = format!("http://{matching}");
        let conditions = analysis::verdict::Conditions {
            success: &typed.success_condition,
            failure: &typed.failure_condition,
        };
        let look = |shape, phase| find(&conditions, shape, phase);
        if typed.provider.prometheus.is_some() {
            let passes = look(Shape::Numbers, AnalysisPhase::Successful).and_then(|value| answer(&value));
            let fails = look(Shape::Numbers, AnalysisPhase::Failed).and_then(|value| answer(&value));
            if let Some(passes) = passes {
                set_address(metric, &address);
                return Some((Rigged { name, matching, passes, fails }, None));
            }
        }
        let found = look(Shape::Document, AnalysisPhase::Successful);
        let assumption = played_as(&name, &typed, found.as_ref());
        script(metric, &address);
        let (passes, fails) = (MetricAnswer::Values(vec![1.0]), Some(MetricAnswer::Values(vec![0.0])));
        Some((Rigged { name, matching, passes, fails }, Some(assumption)))
    }
}

/// Makes a metric without a count be measured so rarely that a long update is played in no time.
fn thin_out(metric: &mut Value, longest_ms: u64) -> Option<Assumption> {
    let typed: Metric = serde_json::from_value(metric.clone()).ok()?;
    let interval = duration::parse(&typed.interval).ok().filter(|_| typed.count.is_none())?;
    let interval_ms = u64::try_from(interval.as_millis()).ok().filter(|interval_ms| *interval_ms > 0)?;
    let rare_seconds = longest_ms / MOST_MEASUREMENTS / 1000;
    if rare_seconds.saturating_mul(1000) <= interval_ms {
        return None;
    }
    metric.as_object_mut()?.insert("interval".to_owned(), Value::from(format!("{rare_seconds}s")));
    let (name, interval) = (&typed.name, &typed.interval);
    let text = format!(
        "metric {name} is measured every {interval}; for so long an update, every {rare_seconds}s is played"
    );
    Some(Assumption { text, ..Assumption::default() })
}

fn set_address(metric: &mut Value, address: &str) {
    let prometheus = metric.pointer_mut("/provider/prometheus").and_then(Value::as_object_mut);
    if let Some(prometheus) = prometheus {
        prometheus.insert("address".to_owned(), Value::from(address));
    }
}

/// Replaces conditions and provider by ones that our answers decide.
fn script(metric: &mut Value, address: &str) {
    let Some(fields) = metric.as_object_mut() else { return };
    fields
        .insert("provider".to_owned(), json!({ "prometheus": { "address": address, "query": "scripted" } }));
    fields.insert("successCondition".to_owned(), Value::from(PASSES));
    fields.remove("failureCondition");
}

/// Says what is played in the place of the real condition.
fn played_as(name: &str, metric: &Metric, found: Option<&Measured>) -> Assumption {
    let conditions =
        [("successCondition", &metric.success_condition), ("failureCondition", &metric.failure_condition)];
    let conditions: Vec<String> = conditions
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(field, text)| format!("{field} `{text}`"))
        .collect();
    let conditions = conditions.join(" and ");
    match found {
        Some(value) if metric.provider.prometheus.is_none() => Assumption {
            text: format!("metric {name} is not asked for: an answer such as {value} passes, and is played"),
            ..Assumption::default()
        },
        _ => Assumption {
            text: format!(
                "metric {name}: no answer was found that passes with {conditions}; it is played as if it passed"
            ),
            remedy: "check the condition: it may be one that no answer can pass".to_owned(),
            is_gap: true,
        },
    }
}

/// The value as the virtual backend's words; nothing if it has none for it.
fn answer(value: &Measured) -> Option<MetricAnswer> {
    match value {
        Measured::Float(value) if value.is_finite() => Some(MetricAnswer::Scalar(*value)),
        Measured::Floats(values) if values.is_empty() => Some(MetricAnswer::Empty),
        Measured::Floats(values) if values.iter().all(|it| it.is_finite()) => {
            Some(MetricAnswer::Values(values.clone()))
        }
        Measured::Floats(values) => match values.as_slice() {
            [one] if one.is_nan() => Some(MetricAnswer::NotANumber),
            [one] if *one > 0.0 => Some(MetricAnswer::Infinite),
            _ => None,
        },
        _ => None,
    }
}

//! What was seen when a Rollout was played.
//!
//! Times are seconds of the virtual clock since the new version was applied.

use serde::Serialize;
use serde_json::Value;

/// What one Rollout will do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it was read from: file and line, or the cluster.
    pub origin: String,
    /// `canary` or `blueGreen`, or nothing where the spec says neither.
    pub strategy: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// Which images change.
    pub images: Vec<ImageChange>,
    /// What was made to go wrong.
    pub trouble: Vec<String>,
    /// How it ends.
    pub outcome: Outcome,
    /// The most pods at one time, those that start or go included.
    pub peak_pods: i32,
    /// How many of them were beyond `spec.replicas`.
    pub surge_pods: i32,
    /// The fewest available pods at one time.
    pub least_available_pods: i32,
    /// What happens, stage by stage: steps, promotion, abort. Steps that are never reached come last.
    pub stages: Vec<Stage>,
    /// Where a person is needed.
    pub people: Vec<PersonNeeded>,
    /// What is measured, and what the metrics were made to answer.
    pub metrics: Vec<MetricPlayed>,
    /// Weights and pods, whenever one of them changes.
    pub samples: Vec<Sample>,
    /// What is worth telling, in order.
    pub moments: Vec<Moment>,
    /// The route objects as they are in the end.
    pub routes: Vec<RouteNow>,
    /// What was assumed because nothing said otherwise.
    pub assumptions: Vec<Assumption>,
    /// What would happen if something went wrong.
    pub what_if: Vec<WhatIf>,
}

/// A container whose image changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageChange {
    /// The container.
    pub container: String,
    /// The stable image.
    pub from: String,
    /// The new image.
    pub to: String,
}

/// How it ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// In one word.
    pub verdict: Verdict,
    /// The phase that the Rollout's status shows in the end.
    pub phase: String,
    /// Why, in words; empty where the verdict says all.
    pub message: String,
    /// When the last thing happened.
    pub ends_seconds: f64,
    /// When the new version was promoted, or the old one had all traffic again.
    pub decided_seconds: Option<f64>,
    /// How much of that time people were waited for.
    pub people_seconds: f64,
}

/// How it ends, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// The new version is promoted.
    #[default]
    Finishes,
    /// The update is aborted, and the stable version has all traffic.
    TakenBack,
    /// Neither: nothing more happens until somebody changes something.
    NeverEnds,
    /// The spec cannot be acted on.
    Refused,
}

/// A part of the update: a step, the promotion, the way back.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The number of the step, from 1; absent for what is no step.
    pub step: Option<usize>,
    /// What it does, such as `setWeight 20`.
    pub what: String,
    /// When it began; absent if it was never reached.
    pub at_seconds: Option<f64>,
    /// How long it took; absent if it never ended.
    pub lasts_seconds: Option<f64>,
    /// How things were at its end.
    pub end: Sample,
    /// The most pods at one time.
    pub peak_pods: i32,
    /// What was written to route objects.
    pub routes: Vec<RouteChange>,
    /// Whether a person was waited for.
    pub person: bool,
}

/// Weights and pods at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When.
    pub at_seconds: f64,
    /// The percentage of the traffic that the new version is meant to get.
    pub weight: f64,
    /// The percentage that reaches it, as the slowest of the proxies sees it; without a router, its share of the
    /// available pods.
    pub traffic: f64,
    /// Pods of the new version.
    pub new: Pods,
    /// Pods of the stable version.
    pub stable: Pods,
    /// Pods of other versions.
    pub other: Pods,
}

/// Pods of one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pods {
    /// How many are wanted.
    pub wanted: i32,
    /// How many there are.
    pub running: i32,
    /// How many are available.
    pub available: i32,
}

/// One thing that is worth telling.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// When.
    pub at_seconds: f64,
    /// What.
    pub text: String,
    /// Whether something is wrong.
    pub alarm: bool,
}

/// A point at which nothing goes on without a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonNeeded {
    /// When.
    pub at_seconds: f64,
    /// Which stage.
    pub stage: String,
    /// Why, in the words of the status.
    pub reason: String,
    /// What goes on, and what goes back.
    pub command: String,
}

/// A metric, and what it was made to answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricPlayed {
    /// Its template and name.
    pub name: String,
    /// The answer to each question, in order of appearance, and how it was judged.
    pub answers: Vec<AnswerPlayed>,
}

/// An answer, and how it was judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerPlayed {
    /// The value.
    pub value: String,
    /// The phase of the measurement.
    pub phase: String,
    /// How often.
    pub times: usize,
}

/// A write to a route object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteChange {
    /// When it was accepted.
    pub at_seconds: f64,
    /// The object, such as `Ingress/web-web-canary`.
    pub object: String,
    /// Whether the object was created or deleted by it.
    pub verb: RouteVerb,
    /// The fields that changed.
    pub fields: Vec<FieldChange>,
    /// The whole object afterwards.
    pub manifest: Value,
}

/// What was done to a route object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteVerb {
    /// It was created.
    Created,
    /// It was changed.
    #[default]
    Changed,
    /// It was deleted.
    Deleted,
}

/// A field that changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The way to it, such as `spec.http[primary].route[web-canary].weight`.
    pub path: String,
    /// What it was; absent where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is; absent where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// A route object as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteNow {
    /// The object.
    pub object: String,
    /// The whole of it.
    pub manifest: Value,
}

/// Something that was assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assumption {
    /// What.
    pub text: String,
    /// What to do so that nothing is assumed; empty where nothing can be done.
    pub remedy: String,
    /// Whether something is missing that the update needs: an error under `--strict`.
    pub is_gap: bool,
}

/// What would happen if something went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIf {
    /// What goes wrong.
    pub trouble: String,
    /// The flags that play it in full.
    pub flags: String,
    /// How it ends.
    pub outcome: Outcome,
    /// The largest share of the traffic that the new version ever got, in percent.
    pub most_traffic: f64,
    /// How long the new version had traffic.
    pub exposed_seconds: f64,
}

impl std::fmt::Display for RouteChange {
    /// The object and what changed in it, such as `VirtualService/web: spec.http[0].route[web-canary].weight 0 → 5`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.object)?;
        match self.verb {
            RouteVerb::Created => f.write_str(" created")?,
            RouteVerb::Deleted => f.write_str(" deleted")?,
            RouteVerb::Changed => {}
        }
        for (index, field) in self.fields.iter().enumerate() {
            write!(f, "{}{field}", if index == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

impl std::fmt::Display for FieldChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, " {} → {}", plain(from), plain(to)),
            (None, Some(to)) => write!(f, " {}", plain(to)),
            (_, None) => f.write_str(" removed"),
        }
    }
}

/// A value as people write it: texts without quotes.
#[must_use]
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

//! A story to play: what is in the cluster, what people do, what goes wrong, and when it ends.

use crds::object_ref::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::Fault;

/// A story, complete in itself: played twice it gives the same trace.
///
/// Written as YAML it can be read again: see [`Scenario::from_yaml`] and [`Scenario::to_yaml`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// All chance comes from here.
    #[serde(default)]
    pub seed: u64,
    /// Where it begins.
    #[serde(default)]
    pub start: Start,
    /// The processes that act, and how they were started.
    #[serde(default)]
    pub operators: Operators,
    /// How long things take.
    #[serde(default)]
    pub timings: Timings,
    /// What is in the cluster at the beginning: whole manifests, the Rollouts among them.
    pub manifests: Vec<Value>,
    /// How pods of certain images behave; the first rule that fits counts, without one they start and stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodRule>,
    /// What metric backends answer; the first script that fits counts, without one a vector with the one value 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricScript>,
    /// What changes the size of the first Rollout, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler: Option<Autoscaler>,
    /// How many pods of all Rollouts may be missing, as a PodDisruptionBudget of the shop says, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption_budget: Option<i32>,
    /// What people do, one after the other: each waits for the one before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
    /// What goes wrong. Each waits for its own moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// When it ends.
    #[serde(default)]
    pub end: End,
}

/// Where a story begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Start {
    /// The manifests have just been applied: nothing runs yet.
    #[default]
    Applied,
    /// The manifests were rolled out before the story begins: every Rollout is Healthy and at rest.
    Healthy,
}

/// The processes that act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Operators {
    /// How many run. With more than one they elect a leader by a Lease.
    pub count: usize,
    /// `--route-drain-seconds`.
    pub route_drain_seconds: u32,
    /// Where Prometheus is when a metric does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus_address: Option<String>,
}

impl Default for Operators {
    fn default() -> Self {
        Self { count: 1, route_drain_seconds: 5, prometheus_address: None }
    }
}

/// From shortest to longest, both included, in virtual milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range(pub u64, pub u64);

/// How long things take. Every duration is drawn anew from its range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timings {
    /// From sending a request until the server carries it out.
    pub request_ms: Range,
    /// From there until the answer arrives.
    pub answer_ms: Range,
    /// From a change until a watch delivers it.
    pub watch_ms: Range,
    /// From a change of a ReplicaSet or its pods until its controller acts on it.
    pub controller_ms: Range,
    /// From the creation of a pod until it is ready.
    pub pod_start_ms: Range,
    /// From the deletion of a pod until it serves no more.
    pub pod_stop_ms: Range,
    /// From a change of a route or a Service until a proxy has applied it.
    pub proxy_ms: Range,
    /// From a question until the metric backend's answer.
    pub metric_ms: Range,
    /// How many proxies there are, each with delays of its own.
    pub proxies: usize,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            request_ms: Range(1, 5),
            answer_ms: Range(1, 5),
            watch_ms: Range(1, 20),
            controller_ms: Range(5, 50),
            pod_start_ms: Range(500, 3000),
            pod_stop_ms: Range(0, 500),
            proxy_ms: Range(10, 2000),
            metric_ms: Range(2, 50),
            proxies: 2,
        }
    }
}

/// How pods of certain images behave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodRule {
    /// Images with this text in them.
    pub image: String,
    /// What their pods do.
    pub behaviour: Behaviour,
}

/// What a pod does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Behaviour {
    /// It becomes ready after a start time from this range, and stays.
    Starts(Range),
    /// It never becomes ready.
    NeverReady,
    /// It is ready for a while, then not for a while, for ever.
    Flaps {
        /// How long it is ready.
        up_ms: u64,
        /// How long it is not.
        down_ms: u64,
    },
}

/// A `HorizontalPodAutoscaler` that follows the load of the first Rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscaler {
    /// The fewest pods.
    pub min: i32,
    /// The most pods.
    pub max: i32,
    /// How much of the load one pod is to carry.
    pub per_pod: u32,
    /// The load, from each of these times on, in virtual milliseconds after the beginning, in their order.
    pub load: Vec<(u64, u32)>,
    /// How often it looks, in virtual milliseconds.
    pub every_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What a metric backend answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricScript {
    /// Questions whose URL or body has this text in it; empty: all.
    #[serde(default)]
    pub matching: String,
    /// How many acts have to be over before it counts; of several scripts that fit, the one that asks for the most.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_acts: usize,
    /// The answers, question by question; the last one again and again.
    pub answers: Vec<MetricAnswer>,
}

/// One answer of a metric backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MetricAnswer {
    /// A vector with these values.
    Values(Vec<f64>),
    /// One number without labels.
    Scalar(f64),
    /// A vector with the value `NaN`.
    NotANumber,
    /// A vector with the value `+Inf`.
    Infinite,
    /// A vector without an element.
    Empty,
    /// 200, but a page for people.
    Html,
    /// 200, but of another type than was asked for.
    WrongType,
    /// A body that ends too early.
    Truncated,
    /// An HTTP error.
    Status(u16),
    /// Nothing answers within the question's timeout.
    Timeout,
    /// There is no connection.
    NoConnection,
}

/// When something happens: a trigger, and how much later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum When {
    /// At this time, in virtual milliseconds after the beginning; at once if that has passed.
    At(u64),
    /// When the status of the first Rollout shows this step for the wanted version.
    Step {
        /// The step, from 0.
        index: i32,
        /// How much later.
        plus_ms: u64,
    },
    /// When the status of the first Rollout shows this phase and is up to date.
    Phase {
        /// Healthy, Degraded, Progressing or Paused.
        phase: String,
        /// How much later.
        plus_ms: u64,
    },
    /// When the n-th write of the operators reaches the server, from 0 and Events not counted, before it is carried out.
    Write(u64),
}

/// Something that a person does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Act {
    /// When.
    pub when: When,
    /// What.
    pub deed: Deed,
}

/// What a person can do. Verbs are about the first Rollout, and send the patches that `kubectl linnet` sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Deed {
    /// Another image for the first container.
    SetImage(String),
    /// Back to the pod template before the last change.
    Undo,
    /// `abort`.
    Abort,
    /// `retry`.
    Retry,
    /// `promote`.
    Promote,
    /// `promote --full`.
    PromoteFull,
    /// `pause`.
    Pause,
    /// Sets `spec.paused` to false.
    Resume,
    /// `restart`.
    Restart,
    /// Another number of pods.
    Scale(i32),
    /// Creates or replaces an object.
    Apply(Value),
    /// Merges into an object.
    Merge {
        /// Which.
        object: ObjectRef,
        /// The merge patch.
        patch: Value,
    },
    /// Deletes an object.
    Delete(ObjectRef),
    /// Deletes the Rollout without its ReplicaSets, and applies it again.
    MakeAnew,
}

impl Deed {
    /// Whether it takes a Rollout whose spec can be read: what a client shows for another is not what is meant, and the
    /// server takes no such Rollout anew.
    pub(crate) const fn needs_a_spec(&self) -> bool {
        matches!(self, Self::Promote | Self::PromoteFull | Self::MakeAnew)
    }
}

/// When a story ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct End {
    /// How long after the last act or fault everything must be at rest, in virtual milliseconds. It also ends there.
    pub settle_ms: u64,
    /// For how long after coming to rest nothing may happen any more.
    pub quiet_ms: u64,
}

impl Default for End {
    fn default() -> Self {
        Self { settle_ms: 3_600_000, quiet_ms: 60_000 }
    }
}

/// A scenario that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scenario cannot be read: {0}")]
pub struct ScenarioError(String);

impl Scenario {
    /// Whether anybody restarts pods.
    #[must_use]
    pub fn restarts(&self) -> bool {
        let of_manifest = |manifest: &Value| manifest.pointer("/spec/restartAt").is_some();
        self.acts.iter().any(|act| act.deed == Deed::Restart) || self.manifests.iter().any(of_manifest)
    }

    /// Reads a scenario from YAML.
    ///
    /// # Errors
    /// If the text is no YAML, or a field is unknown, missing or of another type: where, in words.
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        serde_saphyr::from_str(text).map_err(|error| ScenarioError(error.to_string()))
    }

    /// Writes the scenario as YAML that [`Self::from_yaml`] reads again.
    ///
    /// # Errors
    /// If a number in it has no text in YAML, which none from a manifest has.
    pub fn to_yaml(&self) -> Result<String, ScenarioError> {
        serde_saphyr::to_string(self).map_err(|error| ScenarioError(error.to_string()))
    }
}

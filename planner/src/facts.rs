//! What a decision may look at: projections of API objects, as small as the rules allow.

use std::collections::{BTreeMap, BTreeSet};

use crds::TemplateText;
use crds::analysis::{AnalysisRunSpec, AnalysisRunStatus, AnalysisTemplateSpec};
use crds::metadata::PodTemplateMetadata;
use crds::object_ref::ObjectRef;
use crds::rollout::{ManagedRule, RolloutSpec, RolloutStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// The part of an object's metadata that decisions rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    /// The namespace; empty for objects without one.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Which incarnation of the name this is.
    pub uid: String,
    /// The version that this projection was read at: an opaque text, compared for equality only.
    pub resource_version: String,
    /// Counts the changes of the spec.
    pub generation: i64,
    /// When the API server accepted the object.
    pub created: Option<Timestamp>,
    /// Whether a deletion is under way.
    pub deleting: bool,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations, without `kubectl.kubernetes.io/last-applied-configuration`.
    pub annotations: BTreeMap<String, String>,
    /// The owner with `controller: true`.
    pub controller: Option<Controller>,
    /// Whether it has any owner, with or without `controller: true`.
    pub is_owned: bool,
}

/// The owner reference with `controller: true`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controller {
    /// The owner's kind.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// The owner's uid.
    pub uid: String,
}

/// A Rollout as it was last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutFacts {
    /// Its metadata.
    pub meta: Meta,
    /// Its spec, or in words why it is none: what is wrong, at which path, with which value.
    pub spec: Result<RolloutSpec, String>,
    /// The last spec of this incarnation that could be read, when `spec` cannot be: an abort still knows its routes.
    pub last_readable_spec: Option<RolloutSpec>,
    /// Its status; default when there is none. Fields that could not be read are absent here.
    pub status: RolloutStatus,
}

impl RolloutFacts {
    /// The spec, or the last one that could be read; `None` if none ever could.
    #[must_use]
    pub fn readable_spec(&self) -> Option<&RolloutSpec> {
        self.spec.as_ref().ok().or(self.last_readable_spec.as_ref())
    }
}

/// A ReplicaSet that the Rollout controls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaSetFacts {
    /// Its metadata: revision, desired-replicas and scale-down deadline are annotations.
    pub meta: Meta,
    /// The value of its label `rollouts-pod-template-hash`.
    pub hash: String,
    /// Digest of the normal form of its pod template (`crds::template`): equal digests, same template.
    pub template_digest: String,
    /// `spec.replicas`.
    pub replicas: i32,
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: i32,
    /// `status.replicas`.
    pub current_replicas: i32,
    /// `status.readyReplicas`.
    pub ready_replicas: i32,
    /// `status.availableReplicas`.
    pub available_replicas: i32,
    /// `status.observedGeneration`: counts below `meta.generation` speak of an older spec.
    pub observed_generation: i64,
    /// The condition `ReplicaFailure`, when it is true.
    pub failure: Option<ReplicaFailure>,
    /// Labels and annotations of its pod template, kept only while an annotation says that a role added some of them.
    pub template_metadata: Option<Box<PodTemplateMetadata>>,
}

/// Why a ReplicaSet cannot make or delete pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaFailure {
    /// `FailedCreate` or `FailedDelete`.
    pub reason: String,
    /// What the API server answered.
    pub message: String,
}

/// A pod that a ReplicaSet of the Rollout controls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// Its metadata; its controller is the ReplicaSet.
    pub meta: Meta,
    /// Since when it has been ready; nothing while it is not.
    pub ready_since: Option<Timestamp>,
}

/// A Service that a Rollout names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceFacts {
    /// Its metadata.
    pub meta: Meta,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
}

/// The object that a Rollout takes its pod template from: a Deployment, a ReplicaSet or a PodTemplate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadFacts {
    /// Its metadata.
    pub meta: Meta,
    /// Its pod template.
    pub template: Option<TemplateText>,
    /// Its selector; a PodTemplate has none.
    pub selector: Option<LabelSelector>,
    /// How many pods it wants itself; a PodTemplate wants none.
    pub replicas: i32,
}

/// A route object, as its traffic router reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteFacts {
    /// Which object carries the weight.
    pub reference: ObjectRef,
    /// Its uid and resourceVersion; `None` when it does not exist (yet).
    pub version: Option<(String, String)>,
    /// The share of the new version that it asks for, in units of `max_weight`.
    pub canary_weight: Option<u32>,
    /// Whether everything but the weight is as the Rollout wants it (annotations, backends, ownership).
    pub in_shape: bool,
    /// The managed routes that it holds, in its order; `None` where its router has no such thing.
    pub managed: Option<Vec<ManagedRule>>,
    /// Why the router cannot work on it, in words with object and path.
    pub problem: Option<String>,
    /// Whether that is because an object does not exist: then nobody is sent anywhere by it. Any other route with a
    /// problem may say anything.
    pub is_missing: bool,
}

impl RouteFacts {
    /// Whether it asks for requests to be sent to the new version: for a share of them, or for chosen ones.
    #[must_use]
    pub fn reaches_canary(&self) -> bool {
        self.canary_weight.unwrap_or(0) > 0 || !self.managed_rules().is_empty()
    }

    /// The managed routes that it holds.
    #[must_use]
    pub fn managed_rules(&self) -> &[ManagedRule] {
        self.managed.as_deref().unwrap_or_default()
    }
}

/// An AnalysisRun.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisRunFacts {
    /// Its metadata: type, step index and hash are labels, the revision an annotation.
    pub meta: Meta,
    /// Its spec, or in words why it is none.
    pub spec: Result<AnalysisRunSpec, String>,
    /// Its status; default when there is none.
    pub status: AnalysisRunStatus,
}

/// An AnalysisTemplate or ClusterAnalysisTemplate.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFacts {
    /// Its metadata.
    pub meta: Meta,
    /// Its spec, or in words why it is none.
    pub spec: Result<AnalysisTemplateSpec, String>,
}

/// Objects of which the store has not shown our own last write yet: the snapshot is behind what we did.
pub type Stale = BTreeSet<ObjectRef>;

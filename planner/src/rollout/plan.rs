//! What is to be done about one Rollout.

use std::collections::BTreeMap;

use crds::object_ref::ObjectRef;
use crds::rollout::{ManagedRule, RolloutStatus};
use jiff::Timestamp;
use serde_json::Value;

use crate::event::Event;
use crate::waiting::Waiting;

/// The decision.
///
/// How it is carried out: the engine takes the first action (or, when it is a [`Action::SetWeight`], the whole
/// leading run of them, concurrently), reads live what it rests on, plans again, and sends it if it is still the
/// next one. The answer feeds the stores and the engine plans again. A plan without actions is finished by writing
/// the keys of `status` that differ from the Rollout's, together with `events`. So a fact that must not be lost
/// before something happens is a plan without actions and with that fact in `status`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to do next, in order.
    pub actions: Vec<Action>,
    /// The status that the Rollout is to have once no action is left; written only then.
    pub status: RolloutStatus,
    /// What to tell people once that status is written.
    pub events: Vec<Event>,
    /// Why the rollout does not go on, most important reason first.
    pub waiting: Vec<Waiting>,
    /// When to look again even if nothing changes.
    pub wake_at: Option<Timestamp>,
}

/// One write. Objects are named, never implied; `events` go out when the write was accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Writes annotations (`rollout.argoproj.io/revision`, `rollout.argoproj.io/workload-generation`) or the defaulted
    /// `spec.replicas` on the Rollout.
    PatchRollout {
        /// Annotations to set, or to remove where the value is `None`.
        annotations: BTreeMap<String, Option<String>>,
        /// `spec.replicas`, when the user left it out.
        replicas: Option<i32>,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Creates a ReplicaSet.
    CreateReplicaSet {
        /// Its name.
        name: String,
        /// The whole object.
        object: Value,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Makes the Rollout the controller of a ReplicaSet that has none.
    AdoptReplicaSet {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// The version that the decision saw.
        resource_version: String,
        /// Whether it has other owners, which stay.
        is_owned: bool,
    },
    /// Sets a ReplicaSet's size and annotations, conditioned on its uid and old size.
    PatchReplicaSet {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// Old and new size, when that changes.
        scale: Option<Scale>,
        /// Annotations to set, or to remove where the value is `None`.
        annotations: BTreeMap<String, Option<String>>,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Sets or removes labels and annotations of a ReplicaSet's pod template, which restarts no pod, and notes on the
    /// ReplicaSet which of them its role added.
    PatchTemplateMetadata {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// The version that the decision saw.
        resource_version: String,
        /// What to note, as JSON; nothing if no role has added anything.
        added: Option<String>,
        /// What to change.
        changes: MetadataChanges,
    },
    /// Sets or removes labels and annotations of a running pod.
    PatchPod {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// The version that the decision saw.
        resource_version: String,
        /// What to change.
        changes: MetadataChanges,
    },
    /// Evicts a pod, so that its ReplicaSet makes another one; a PodDisruptionBudget may keep it.
    EvictPod {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// The version that the decision saw.
        resource_version: String,
    },
    /// Deletes a ReplicaSet of the history that has no pods.
    DeleteReplicaSet {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
        /// The version that the decision saw.
        resource_version: String,
    },
    /// Takes pods away from the Deployment that the Rollout replaces, conditioned on its uid and old size.
    ScaleWorkload {
        /// The Deployment.
        workload: ObjectRef,
        /// Its uid.
        uid: String,
        /// Old and new size.
        scale: Scale,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Points a Service at a ReplicaSet by the hash in its selector, and marks it as managed.
    SwitchService {
        /// Its name.
        name: String,
        /// The version that the decision saw.
        resource_version: String,
        /// The hash that its selector is to hold.
        hash: String,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Brings one route object to a weight, and everything else that the Rollout wants of it into shape.
    SetWeight {
        /// The route object.
        route: ObjectRef,
        /// The share of the new version, in units of `max_weight`.
        canary_weight: u32,
        /// Pod hash of the new version.
        canary_hash: String,
        /// Pod hash of the stable version.
        stable_hash: String,
        /// The managed routes, in the order in which they are tried.
        managed: Vec<ManagedRule>,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Creates an AnalysisRun. An existing one with the same owner uid is the same run.
    CreateAnalysisRun {
        /// Its name.
        name: String,
        /// The whole object.
        object: Value,
        /// What to tell people.
        events: Vec<Event>,
    },
    /// Sets `spec.terminate` of an AnalysisRun.
    TerminateAnalysisRun {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
    /// Deletes a finished AnalysisRun of the history.
    DeleteAnalysisRun {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
}

/// Labels and annotations to set, or to remove where the value is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataChanges {
    /// The labels.
    pub labels: BTreeMap<String, Option<String>>,
    /// The annotations.
    pub annotations: BTreeMap<String, Option<String>>,
}

impl MetadataChanges {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
}

/// A change of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The size that the decision saw.
    pub from: i32,
    /// The size to set.
    pub to: i32,
}

impl Action {
    /// Whether it adds pods or takes them away, now or at a time that it sets, moves traffic, begins or numbers a revision,
    /// labels a role, or makes somebody else's object ours: such an action is decided again on a live read.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        match self {
            Self::PatchRollout { .. }
            | Self::CreateReplicaSet { .. }
            | Self::PatchReplicaSet { .. }
            | Self::PatchTemplateMetadata { .. }
            | Self::AdoptReplicaSet { .. }
            | Self::DeleteReplicaSet { .. }
            | Self::EvictPod { .. }
            | Self::ScaleWorkload { .. }
            | Self::SwitchService { .. }
            | Self::SetWeight { .. } => true,
            Self::PatchPod { .. }
            | Self::CreateAnalysisRun { .. }
            | Self::TerminateAnalysisRun { .. }
            | Self::DeleteAnalysisRun { .. } => false,
        }
    }

    /// Whether it adds pods.
    #[must_use]
    pub fn adds_pods(&self) -> bool {
        matches!(self, Self::PatchReplicaSet { scale: Some(scale), .. } if scale.to > scale.from)
    }
}

//! One API object on its way into the stores.

use crds::object_ref::{Kind, ObjectRef};
use planner::facts::{
    AnalysisRunFacts, Meta, PodFacts, ReplicaSetFacts, RolloutFacts, ServiceFacts, TemplateFacts,
    WorkloadFacts,
};
use planner::shared::Shared;
use serde_json::Value;

pub use crate::decode::{decode, decode_meta};

/// An object as a list, a watch, a GET or the answer to a write showed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// Its metadata.
    pub meta: Meta,
    /// Its projection.
    pub view: View,
}

impl Object {
    /// Which object it is.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::new(self.kind, &self.meta.namespace, &self.meta.name)
    }
}

/// The projection of an object, one variant per kind that is kept or read.
///
/// A part of an object that cannot be read is an `Err` inside its projection, never a lost object.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// A Rollout, with its pod template's text.
    Rollout(Shared<RolloutFacts>),
    /// A ReplicaSet.
    ReplicaSet(Shared<ReplicaSetFacts>),
    /// A Service.
    Service(Shared<ServiceFacts>),
    /// An AnalysisRun.
    AnalysisRun(Shared<AnalysisRunFacts>),
    /// An AnalysisTemplate or ClusterAnalysisTemplate.
    Template(Shared<TemplateFacts>),
    /// A pod.
    Pod(Shared<PodFacts>),
    /// An object that a Rollout may take its pod template from.
    Workload(Shared<WorkloadFacts>),
    /// A route object or a source of one, live and whole but for `managedFields`.
    Route(Shared<Value>),
    /// The decoded data of a Secret that was read by name. It is never kept in a store nor printed.
    Secret(SecretData),
    /// A kind of which only the metadata counts.
    MetaOnly,
}

/// The data of a Secret, decoded from base64.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretData(pub std::collections::BTreeMap<String, String>);

impl std::fmt::Debug for SecretData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

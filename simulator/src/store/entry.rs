//! One object as the server keeps it: the projection that everybody sees, and what only the server needs.

use std::sync::Arc;

use engine::object::{Object, View};
use jiff::Timestamp;
use planner::facts::Meta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One object as the server keeps it. A clone shares everything.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// What a list, a watch or a GET shows.
    pub(super) object: Arc<Object>,
    /// The rest.
    pub(super) rest: Arc<Rest>,
}

/// What the projection of an object leaves out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rest {
    /// The object as JSON without metadata and without a status: the spec above all.
    pub(super) manifest: Arc<Value>,
    /// Who must agree before it goes.
    pub(super) finalizers: Vec<String>,
    /// With whom it goes.
    pub(super) owners: Vec<Owner>,
    /// When its deletion began.
    pub(super) deleted_at: Option<Timestamp>,
    /// The status, where the projection has none and it is written apart.
    pub(super) status: Arc<Value>,
    /// The manifest that was applied last, which tells what the next one leaves out.
    pub(super) applied: Option<Arc<Value>>,
}

/// An owner reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) controller: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) block_owner_deletion: Option<bool>,
}

/// Puts metadata into an object and into its projection.
pub(super) fn set_meta(object: &mut Object, meta: Meta) {
    match &mut object.view {
        View::Rollout(facts) => facts.meta = meta.clone(),
        View::ReplicaSet(facts) => {
            facts.hash = meta.labels.get(crds::names::POD_TEMPLATE_HASH).cloned().unwrap_or_default();
            facts.meta = meta.clone();
        }
        View::Service(facts) => facts.meta = meta.clone(),
        View::AnalysisRun(facts) => facts.meta = meta.clone(),
        View::Template(facts) => facts.meta = meta.clone(),
        View::Workload(facts) => facts.meta = meta.clone(),
        View::Pod(facts) => facts.meta = meta.clone(),
        View::Route(_) | View::Secret(_) | View::MetaOnly => {}
    }
    object.meta = meta;
}

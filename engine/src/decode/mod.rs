//! From an object's JSON text to its projection.

mod kinds;
mod metadata;

use crds::object_ref::Kind;
use planner::facts::Meta;
use planner::shared::Shared;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::object::{Object, View};

/// The longest sentence about a malformed part of an object, in bytes.
const LONGEST_COMPLAINT: usize = 512;

/// The parts of an object that any projection reads, as text.
#[derive(Deserialize)]
pub(crate) struct Parts<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    template: Option<&'a RawValue>,
}

/// Reads one object from its JSON text: first its metadata, then the projection of its kind.
///
/// A part that cannot be read is an `Err` inside the projection, or has its default.
///
/// # Errors
/// Only if there is no object with a name: such a thing cannot even be spoken of.
pub fn decode(kind: Kind, json: &str) -> Result<Object, String> {
    let parts: Parts<'_> = serde_json::from_str(json).map_err(|error| complaint(&error.to_string()))?;
    let meta = metadata::read(parts.metadata)?;
    let view = match kind {
        Kind::Rollout => kinds::rollout(&meta, json, &parts),
        Kind::AnalysisRun => kinds::analysis_run(&meta, json, &parts),
        Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => kinds::template(&meta, json),
        Kind::ReplicaSet => kinds::replica_set(&meta, &parts),
        Kind::Pod => kinds::pod(&meta, &parts),
        Kind::Service => kinds::service(&meta, &parts),
        Kind::Ingress | Kind::VirtualService => route(json),
        Kind::Deployment | Kind::SourceReplicaSet => kinds::workload(&meta, parts.spec),
        Kind::PodTemplate => kinds::pod_template(&meta, &parts),
        Kind::Secret => kinds::secret(&parts),
        Kind::Experiment | Kind::Event => View::MetaOnly,
    };
    Ok(Object { kind, meta, view })
}

/// Reads the metadata of an object alone: as much of it as can be read.
///
/// # Errors
/// If the object has no name.
pub fn decode_meta(json: &str) -> Result<Meta, String> {
    let parts: Parts<'_> = serde_json::from_str(json).map_err(|error| complaint(&error.to_string()))?;
    metadata::read(parts.metadata)
}

/// A route whole, without what no router reads: who wrote which field, what others observed, and the user's own copy.
fn route(json: &str) -> View {
    let mut value: Value = serde_json::from_str(json).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(crds::names::LAST_APPLIED);
        }
    }
    View::Route(Shared::new(value))
}

/// A sentence about malformed input, cut to a length that fits into a condition.
fn complaint(text: &str) -> String {
    if text.len() <= LONGEST_COMPLAINT {
        return text.to_owned();
    }
    let end = (0..=LONGEST_COMPLAINT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests;

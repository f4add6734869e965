//! Metadata as JSON, and back.

use std::collections::BTreeMap;

use crds::Time;
use crds::object_ref::ObjectRef;
use engine::input::Answer;
use planner::facts::{Controller, Meta};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::entry::{Entry, Owner, Rest};
use super::refusal::{bad_request, conflict, invalid};

/// The part of an object's metadata that a writer may change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) finalizers: Vec<String>,
    pub(super) owners: Vec<Owner>,
}

impl Wanted {
    /// What an object has.
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            labels: entry.object.meta.labels.clone(),
            annotations: entry.object.meta.annotations.clone(),
            finalizers: entry.rest.finalizers.clone(),
            owners: entry.rest.owners.clone(),
        }
    }

    /// Reads what a manifest or a patched object wants.
    ///
    /// # Errors
    /// In words, when a field has the wrong type.
    pub(super) fn read(metadata: &Value) -> Result<Self, String> {
        let mut annotations: BTreeMap<String, String> = field(metadata, "annotations")?;
        annotations.remove(crds::names::LAST_APPLIED);
        Ok(Self {
            labels: field(metadata, "labels")?,
            annotations,
            finalizers: field(metadata, "finalizers")?,
            owners: field(metadata, "ownerReferences")?,
        })
    }

    /// Whether an object already has all of it.
    pub(super) fn is_met_by(&self, entry: &Entry) -> bool {
        let (meta, rest) = (&entry.object.meta, &entry.rest);
        self.labels == meta.labels
            && self.annotations == meta.annotations
            && self.finalizers == rest.finalizers
            && self.owners == rest.owners
    }

    /// The owner that decides.
    pub(super) fn controller(&self) -> Option<Controller> {
        let owner = self.owners.iter().find(|owner| owner.controller == Some(true))?;
        Some(Controller { kind: owner.kind.clone(), name: owner.name.clone(), uid: owner.uid.clone() })
    }
}

fn field<T: DeserializeOwned + Default>(metadata: &Value, name: &str) -> Result<T, String> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| format!("metadata.{name}: {error}")),
    }
}

/// The metadata as it stands in the object's JSON.
pub(super) fn to_value(meta: &Meta, rest: &Rest) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("name", json!(meta.name));
    put("uid", json!(meta.uid));
    put("resourceVersion", json!(meta.resource_version));
    if !meta.namespace.is_empty() {
        put("namespace", json!(meta.namespace));
    }
    if meta.generation > 0 {
        put("generation", json!(meta.generation));
    }
    if let Some(created) = meta.created {
        put("creationTimestamp", json!(Time::from(created)));
    }
    if let Some(deleted) = rest.deleted_at {
        put("deletionTimestamp", json!(Time::from(deleted)));
        put("deletionGracePeriodSeconds", json!(0));
    }
    if !meta.labels.is_empty() {
        put("labels", json!(meta.labels));
    }
    if !meta.annotations.is_empty() {
        put("annotations", json!(meta.annotations));
    }
    if !rest.owners.is_empty() {
        put("ownerReferences", json!(rest.owners));
    }
    if !rest.finalizers.is_empty() {
        put("finalizers", json!(rest.finalizers));
    }
    Value::Object(fields)
}

/// Checks what of the metadata a write may not change: another version is a conflict, another name, uid or time is a
/// mistake.
///
/// # Errors
/// The refusal.
pub(super) fn check(object: &ObjectRef, meta: &Meta, metadata: &Value) -> Result<(), Answer> {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str);
    if text("name").is_none_or(|name| name != meta.name) {
        let name = text("name").unwrap_or_default();
        return Err(bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            meta.name
        )));
    }
    check_version(object, meta, metadata)?;
    if text("uid").is_some_and(|uid| uid != meta.uid) {
        return Err(invalid(object, "metadata.uid: Invalid value: field is immutable"));
    }
    Ok(())
}

/// Checks the version alone.
///
/// # Errors
/// Another version than the one that is kept is a conflict.
pub(super) fn check_version(object: &ObjectRef, meta: &Meta, metadata: &Value) -> Result<(), Answer> {
    let version = metadata.get("resourceVersion").and_then(Value::as_str);
    if version.is_some_and(|version| version != meta.resource_version) {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        return Err(conflict(object, why));
    }
    Ok(())
}

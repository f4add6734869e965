//! The metadata of an object, field by field: one malformed field does not lose the others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use planner::facts::{Controller, Meta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The fields that are kept, each as text until it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    namespace: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    generation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    creation_timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    deletion_timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    labels: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    owner_references: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default)]
    controller: Option<bool>,
    kind: String,
    name: String,
    uid: String,
}

/// Labels or annotations; entries that are no texts are left out.
struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
        let texts = raw.into_iter().filter_map(|(key, value)| match value {
            serde_json::Value::String(text) => Some((key, text)),
            _ => None,
        });
        Ok(Self(texts.collect()))
    }
}

/// Reads the metadata.
///
/// # Errors
/// If there is no name.
pub(super) fn read(text: Option<&RawValue>) -> Result<Meta, String> {
    let raw: Raw<'_> = text
        .and_then(|text| serde_json::from_str(text.get()).ok())
        .ok_or_else(|| "metadata: missing, or not an object".to_owned())?;
    let name: String = field(raw.name).ok_or_else(|| "metadata.name: missing, or not a text".to_owned())?;
    let mut annotations = field::<Texts>(raw.annotations).map(|texts| texts.0).unwrap_or_default();
    annotations.remove(crds::names::LAST_APPLIED);
    Ok(Meta {
        namespace: field(raw.namespace).unwrap_or_default(),
        name,
        uid: field(raw.uid).unwrap_or_default(),
        resource_version: field(raw.resource_version).unwrap_or_default(),
        generation: field(raw.generation).unwrap_or_default(),
        created: field::<Timestamp>(raw.creation_timestamp),
        deleting: raw.deletion_timestamp.is_some_and(|text| text.get() != "null"),
        labels: field::<Texts>(raw.labels).map(|texts| texts.0).unwrap_or_default(),
        annotations,
        controller: controller(raw.owner_references),
        is_owned: field::<Vec<serde::de::IgnoredAny>>(raw.owner_references)
            .is_some_and(|all| !all.is_empty()),
    })
}

fn controller(text: Option<&RawValue>) -> Option<Controller> {
    let owners: Vec<Owner> = field(text)?;
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true))?;
    Some(Controller { kind: owner.kind, name: owner.name, uid: owner.uid })
}

/// Reads one field; nothing if it is missing, null or malformed.
pub(super) fn field<T: DeserializeOwned>(text: Option<&RawValue>) -> Option<T> {
    text.and_then(|text| serde_json::from_str::<Option<T>>(text.get()).ok()).flatten()
}

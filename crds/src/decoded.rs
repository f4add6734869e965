//! Decoding object by object: what is wrong in one object is a fact about that object, never a failed list.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// At most so much of a path stands in an error.
const PATH_CHARACTERS: usize = 200;

/// At most so much of what is wrong stands in an error; it may quote the value.
const MESSAGE_CHARACTERS: usize = 300;

/// An object of which only a projection is kept: its metadata, and what `P` reads of the rest, or why `P` cannot be
/// read.
///
/// It implements [`Resource`] for every kind, so lists and watches of `Decoded<P>` go through malformed objects. It
/// must be read by `serde_json` from text.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<P> {
    /// The metadata, without `managedFields`.
    pub metadata: ObjectMeta,
    /// The projection; or what is wrong, and at which path, such as
    /// `spec.replicas: invalid type: string "two", expected i32`.
    pub view: Result<P, String>,
}

impl<'de, P: DeserializeOwned> Deserialize<'de> for Decoded<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_json(raw.get()).map_err(D::Error::custom)
    }
}

impl<P: DeserializeOwned> Decoded<P> {
    /// Reads one object from JSON text.
    ///
    /// # Errors
    /// Only if the text is not an object with a name: such a thing cannot even be spoken of.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let mut metadata = metadata(text)?;
        metadata.managed_fields = None;
        Ok(Self { metadata, view: read(text) })
    }
}

/// Reads a value from JSON text.
///
/// # Errors
/// What is wrong, after the path of the field where it is.
pub fn read<P: DeserializeOwned>(text: &str) -> Result<P, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| located(&error))?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// Says what is wrong and where; the position in the text is left out, because nobody sees that text.
fn located(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let path = error.path().to_string();
    let inner = error.inner().to_string();
    let what = inner.rsplit_once(" at line ").map_or(inner.as_str(), |(what, _)| what);
    let what = short(what, MESSAGE_CHARACTERS);
    if path == "." { what } else { format!("{}: {what}", short(&path, PATH_CHARACTERS)) }
}

/// Cuts a text that quotes a user's megabytes.
fn short(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Reads the metadata; if that is malformed, as much of it as an object needs to be spoken of.
fn metadata(text: &str) -> Result<ObjectMeta, serde_json::Error> {
    #[derive(Deserialize)]
    struct Head {
        metadata: ObjectMeta,
    }
    #[derive(Deserialize)]
    struct BareHead {
        metadata: BareMetadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct BareMetadata {
        name: String,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
    }

    serde_json::from_str::<Head>(text).map(|head| head.metadata).or_else(|_| {
        let bare = serde_json::from_str::<BareHead>(text)?.metadata;
        Ok(ObjectMeta {
            name: Some(bare.name),
            namespace: bare.namespace,
            uid: bare.uid,
            resource_version: bare.resource_version,
            ..ObjectMeta::default()
        })
    })
}

impl<P> Resource for Decoded<P> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn api_version(kind: &ApiResource) -> Cow<'_, str> {
        kind.api_version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The usual projection: spec and status of an object, both with their defaults where they are absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(bound = "S: DeserializeOwned + Default, T: DeserializeOwned + Default")]
pub struct Parts<S, T = NoStatus> {
    /// What the user wants.
    #[serde(default, deserialize_with = "crate::lenient::or_default")]
    pub spec: S,
    /// What was observed and decided.
    #[serde(default, deserialize_with = "crate::lenient::or_default")]
    pub status: T,
}

/// The status of kinds that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NoStatus {}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::{RolloutSpec, RolloutStatus};

    type View = Parts<RolloutSpec, RolloutStatus>;

    fn decode(spec: &Value) -> Decoded<View> {
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": { "name": "web", "namespace": "shop", "managedFields": [{ "manager": "kubectl" }] },
            "spec": spec,
        });
        serde_json::from_str(&object.to_string()).unwrap()
    }

    #[rstest]
    #[case::text_for_a_number(json!({ "replicas": "two" }), "spec.replicas: invalid type: string \"two\", expected i32")]
    #[case::absurd_number(
        json!({ "replicas": 99_999_999_999_i64 }),
        "spec.replicas: invalid value: integer `99999999999`, expected i32"
    )]
    #[case::inside_a_list(
        json!({ "strategy": { "canary": { "steps": [{ "setWeight": 5 }, { "setWeight": {} }] } } }),
        "spec.strategy.canary.steps[1].setWeight: invalid type: map, expected i32"
    )]
    #[case::wrong_time(
        json!({ "restartAt": "soon" }),
        "spec.restartAt: \"soon\" is not an RFC 3339 time"
    )]
    #[case::a_list_for_the_whole(json!([]), "spec: invalid type: sequence, expected struct RolloutSpec")]
    #[case::a_list_for_a_part(
        json!({ "strategy": { "canary": { "steps": [{ "pause": ["30s"] }] } } }),
        "spec.strategy.canary.steps[0].pause: invalid type: sequence, expected struct Pause"
    )]
    #[case::a_list_for_an_item(
        json!({ "strategy": { "canary": { "steps": [[20]] } } }),
        "spec.strategy.canary.steps[0]: invalid type: sequence, expected struct CanaryStep"
    )]
    #[case::a_list_in_a_map(
        json!({ "strategy": { "canary": { "steps": [{ "setMirrorRoute": { "match": [{ "headers": { "a": ["b"] } }] } }] } } }),
        "spec.strategy.canary.steps[0].setMirrorRoute.match[0].headers.a: invalid type: sequence, expected struct StringMatch"
    )]
    #[case::an_object_for_a_list(
        json!({ "strategy": { "canary": { "steps": {} } } }),
        "spec.strategy.canary.steps: invalid type: map, expected a sequence"
    )]
    #[case::fraction(json!({ "replicas": 1.5 }), "spec.replicas: invalid type: floating point `1.5`, expected i32")]
    #[case::text_for_the_whole(json!("x"), "spec: invalid type: string \"x\", expected struct RolloutSpec")]
    fn a_malformed_object_is_a_fact_about_that_object(#[case] spec: Value, #[case] want: &str) {
        let decoded = decode(&spec);
        assert_eq!(decoded.metadata.name.as_deref(), Some("web"));
        let error = decoded.view.unwrap_err();
        assert!(error.starts_with(want), "{error}");
        assert!(!error.contains("line"), "{error}");
    }

    #[rstest]
    #[case::nothing(json!({}))]
    #[case::null(json!(null))]
    #[case::unknown_fields(json!({ "warpDrive": { "on": [true] } }))]
    #[case::nulls(json!({ "replicas": null, "strategy": { "canary": { "steps": null } } }))]
    fn what_is_absent_or_unknown_is_no_error(#[case] spec: Value) {
        let view = decode(&spec).view.unwrap();
        assert_eq!(view.spec.replicas, None);
        assert_eq!(view.status, RolloutStatus::default());
    }

    #[test]
    fn megabytes_are_not_quoted() {
        let long = "ü".repeat(1_000_000);
        let error = decode(&json!({ "replicas": long })).view.unwrap_err();
        assert!(error.starts_with("spec.replicas: invalid type: string \"ü"), "{error}");
        assert!(error.ends_with("ü..."), "{error}");
        let match_ = json!([{ "headers": { long: 1 } }]);
        let steps = json!([{ "setMirrorRoute": { "match": match_ } }]);
        let error = decode(&json!({ "strategy": { "canary": { "steps": steps } } })).view.unwrap_err();
        assert!(error.contains("ü...: invalid type: integer `1`"), "{error}");
    }

    #[test]
    fn managed_fields_are_not_kept() {
        assert_eq!(decode(&json!({})).metadata.managed_fields, None);
    }

    #[test]
    fn malformed_metadata_leaves_a_name_to_speak_of() {
        let text = r#"{ "metadata": { "name": "web", "namespace": "shop", "labels": [] }, "spec": {} }"#;
        let decoded = Decoded::<View>::from_json(text).unwrap();
        assert_eq!(decoded.metadata.name.as_deref(), Some("web"));
        assert_eq!(decoded.metadata.namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn one_malformed_object_does_not_break_the_list() {
        let list = r#"[
            { "metadata": { "name": "good" }, "spec": { "replicas": 2 } },
            { "metadata": { "name": "bad" }, "spec": { "replicas": [] } },
            { "metadata": { "name": "fine" }, "spec": { "replicas": 3 } }
        ]"#;
        let decoded: Vec<Decoded<View>> = serde_json::from_str(list).unwrap();
        let replicas: Vec<Option<i32>> =
            decoded.iter().map(|one| one.view.as_ref().ok().and_then(|view| view.spec.replicas)).collect();
        assert_eq!(replicas, [Some(2), None, Some(3)]);
    }
}

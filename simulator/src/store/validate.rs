//! What the API server refuses about the contents of an object, as far as the operator or its users may meet it.

use crds::object_ref::{Kind, ObjectRef};
use engine::input::Answer;
use serde_json::{Map, Value, json};

use super::metadata::Wanted;
use super::refusal::{bad_request, invalid};
use super::rules;

/// Checks an object that is to be created, and fills in what the server fills in.
///
/// # Errors
/// The refusal.
pub(super) fn created(reference: &ObjectRef, metadata: &Value, manifest: &mut Value) -> Result<(), Answer> {
    let namespace = metadata.get("namespace").and_then(Value::as_str);
    if rules::is_namespaced(reference.kind) && namespace.is_some_and(|name| name != reference.namespace) {
        let why = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(bad_request(why.to_owned()));
    }
    if metadata.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(invalid(reference, "metadata.name: Required value: name or generateName is required"));
    }
    if !is_name(&reference.name) {
        return Err(invalid(reference, "metadata.name: Invalid value: must be a lowercase RFC 1123 name"));
    }
    if matches!(reference.kind, Kind::ReplicaSet | Kind::Deployment | Kind::SourceReplicaSet) {
        replica_set(reference, manifest)?;
    }
    Ok(())
}

/// Checks a change of an object.
///
/// # Errors
/// The refusal.
pub(super) fn changed(reference: &ObjectRef, before: &Value, after: &Value) -> Result<(), Answer> {
    let selector = "/spec/selector";
    let moved = before.pointer(selector) != after.pointer(selector);
    match reference.kind {
        Kind::ReplicaSet | Kind::Deployment | Kind::SourceReplicaSet if moved => {
            Err(invalid(reference, "spec.selector: field is immutable"))
        }
        Kind::ReplicaSet | Kind::Deployment | Kind::SourceReplicaSet => {
            replica_set(reference, &mut after.clone())
        }
        Kind::Rollout if moved && before.pointer(selector).is_some() && after.pointer(selector).is_some() => {
            Err(invalid(reference, "spec.selector: Invalid value: .spec.selector is immutable"))
        }
        _ => Ok(()),
    }
}

/// The server fills in one replica.
fn replica_set(reference: &ObjectRef, manifest: &mut Value) -> Result<(), Answer> {
    let Some(spec) = manifest.get_mut("spec").and_then(Value::as_object_mut) else {
        return Err(invalid(reference, "spec.selector: Required value"));
    };
    let replicas = spec.entry("replicas").or_insert(Value::Null);
    if replicas.is_null() {
        *replicas = json!(1);
    }
    if replicas.as_i64().is_none_or(|replicas| replicas < 0) {
        return Err(invalid(reference, "spec.replicas: must be greater than or equal to 0"));
    }
    let labels = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let wanted: Map<String, Value> = labels(spec.get("selector").and_then(|it| it.get("matchLabels")));
    let template = spec.get("template").and_then(|template| template.pointer("/metadata/labels"));
    let carried = labels(template);
    let expressions = spec.get("selector").is_some_and(|selector| selector.get("matchExpressions").is_some());
    if wanted.is_empty() && !expressions {
        return Err(invalid(reference, "spec.selector: empty selector is invalid"));
    }
    if wanted.iter().any(|(key, value)| carried.get(key) != Some(value)) {
        return Err(invalid(
            reference,
            "spec.template.metadata.labels: selector does not match template labels",
        ));
    }
    Ok(())
}

/// Checks labels, annotations and finalizers.
///
/// # Errors
/// The refusal.
pub(super) fn metadata(reference: &ObjectRef, wanted: &Wanted) -> Result<(), Answer> {
    let keys = wanted.labels.keys().chain(wanted.annotations.keys()).chain(&wanted.finalizers);
    if let Some(key) = keys.into_iter().find(|key| !is_qualified(key)) {
        return Err(invalid(
            reference,
            &format!("metadata: Invalid value: {key:?}: must be a qualified name"),
        ));
    }
    if let Some(value) = wanted.labels.values().find(|value| !value.is_empty() && !is_word(value)) {
        return Err(invalid(reference, &format!("metadata.labels: Invalid value: {value:?}")));
    }
    Ok(())
}

/// Whether a text is a name, perhaps after a domain and a slash.
fn is_qualified(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_name(domain) && is_word(name),
        None => is_word(text),
    }
}

/// Whether a text is a label's value: at most 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends.
fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether a text may name an object.
fn is_name(name: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    bytes.len() <= 253
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

//! What an operator itself puts into the template of a ReplicaSet.

use serde_json::{Map, Value};

use super::json::{text, with_child};
use crate::metadata::PodTemplateMetadata;
use crate::names::{DEPLOYMENT_POD_TEMPLATE_HASH, POD_TEMPLATE_HASH};

/// Returns the template without the labels and annotations that a role added to it; those that the user has since
/// given another value stay.
#[must_use]
pub fn without_metadata(template: &Value, added: &PodTemplateMetadata) -> Value {
    let mut template = template.clone();
    if let Value::Object(map) = &mut template {
        with_child(map, "metadata", |metadata| {
            for (key, entries) in [("labels", &added.labels), ("annotations", &added.annotations)] {
                with_child(metadata, key, |found| {
                    found.retain(|name, value| {
                        entries.get(name).is_none_or(|entry| value.as_str() != Some(entry))
                    });
                });
            }
        });
    }
    template
}

/// Returns the template of a ReplicaSet as the user wrote it: without hash labels, the terms that keep versions apart,
/// and the metadata that its role added.
#[must_use]
pub fn as_written(template: &Value, added: &PodTemplateMetadata) -> Value {
    let mut template = without_metadata(template, added);
    if let Value::Object(map) = &mut template {
        with_child(map, "metadata", remove_hash_labels);
        with_child(map, "spec", remove_anti_affinity);
    }
    template
}

/// Takes away the hash labels.
pub(super) fn remove_hash_labels(metadata: &mut Map<String, Value>) {
    with_child(metadata, "labels", |labels| {
        labels.retain(|name, _| name != POD_TEMPLATE_HASH && name != DEPLOYMENT_POD_TEMPLATE_HASH);
    });
}

/// Takes away the terms that keep the pods of two versions apart; they name a version by its hash.
pub(super) fn remove_anti_affinity(spec: &mut Map<String, Value>) {
    with_child(spec, "affinity", |affinity| {
        with_child(affinity, "podAntiAffinity", |anti_affinity| {
            let required = anti_affinity.get_mut("requiredDuringSchedulingIgnoredDuringExecution");
            if let Some(Value::Array(terms)) = required {
                terms.retain(|term| !term.as_object().is_some_and(names_a_version));
            }
            let preferred = anti_affinity.get_mut("preferredDuringSchedulingIgnoredDuringExecution");
            if let Some(Value::Array(terms)) = preferred {
                terms.retain(|term| {
                    !term.get("podAffinityTerm").and_then(Value::as_object).is_some_and(names_a_version)
                });
            }
        });
    });
}

/// Says whether a term selects pods by the hash label alone.
fn names_a_version(term: &Map<String, Value>) -> bool {
    let Some(Value::Object(selector)) = term.get("labelSelector") else { return false };
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    labels.is_none_or(Map::is_empty)
        && expressions.is_some_and(|expressions| {
            !expressions.is_empty()
                && expressions.iter().all(|one| {
                    one.as_object().is_some_and(|expression| text(expression, "key") == POD_TEMPLATE_HASH)
                })
        })
}

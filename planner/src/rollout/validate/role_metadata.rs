//! Labels and annotations that a role adds to pods.

use std::collections::BTreeSet;

use crds::metadata::PodTemplateMetadata;
use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::RolloutSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Problem, wrong};

/// The longest name of a label or annotation, without its prefix, and the longest value of a label.
const LONGEST: usize = 63;
/// The longest prefix of a label or annotation.
const LONGEST_PREFIX: usize = 253;

/// Checks that the API server takes them, and that no ReplicaSet loses its pods by them.
pub(super) fn check(spec: &RolloutSpec, selector: &LabelSelector) -> Result<(), Problem> {
    let canary = spec.strategy.canary.iter().flat_map(|canary| {
        [
            ("canary.canaryMetadata", &canary.canary_metadata),
            ("canary.stableMetadata", &canary.stable_metadata),
        ]
    });
    let blue_green = spec.strategy.blue_green.iter().flat_map(|strategy| {
        [
            ("blueGreen.previewMetadata", &strategy.preview_metadata),
            ("blueGreen.activeMetadata", &strategy.active_metadata),
        ]
    });
    canary.chain(blue_green).try_for_each(|(field, metadata)| match metadata {
        Some(metadata) => one(selector, field, metadata),
        None => Ok(()),
    })
}

fn one(selector: &LabelSelector, field: &str, metadata: &PodTemplateMetadata) -> Result<(), Problem> {
    let path = format_args!("spec.strategy.{field}");
    let selected = selected(selector);
    for (key, value) in &metadata.labels {
        let path = format_args!("{path}.labels");
        if selected.contains(key.as_str()) {
            let message = "the selector names this label: pods would be lost to their ReplicaSet";
            return Err(wrong(path, format_args!("\"{key}\""), message));
        }
        name(path, key)?;
        if value.len() > LONGEST || !(value.is_empty() || is_word(value)) {
            let message = "a label's value has at most 63 letters, digits, '-', '_' or '.', and begins and ends with a letter or digit";
            return Err(wrong(path, format_args!("\"{value}\""), message));
        }
    }
    metadata.annotations.keys().try_for_each(|key| name(format_args!("{path}.annotations"), key))
}

/// The labels by which ReplicaSets know their pods.
fn selected(selector: &LabelSelector) -> BTreeSet<&str> {
    let labels = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    let named = labels.map(|(key, _)| key.as_str()).chain(expressions.map(|one| one.key.as_str()));
    named.chain([POD_TEMPLATE_HASH]).collect()
}

fn name(path: impl std::fmt::Display, key: &str) -> Result<(), Problem> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_prefix = |prefix: &str| {
        prefix.len() <= LONGEST_PREFIX
            && prefix.split('.').all(|part| {
                is_word(part) && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            })
    };
    if name.len() <= LONGEST && is_word(name) && prefix.is_none_or(is_prefix) {
        return Ok(());
    }
    let message = "a name has at most 63 letters, digits, '-', '_' or '.', begins and ends with a letter or digit, and may follow a DNS name and '/'";
    Err(wrong(path, format_args!("\"{key}\""), message))
}

fn is_word(text: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_end(text.bytes().next())
        && is_end(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

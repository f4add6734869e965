//! The identity of pod templates, worked out once per change.

use crds::metadata::PodTemplateMetadata;
use crds::{TemplateText, template};
use planner::facts::RolloutFacts;
use planner::rollout::TemplateIdentity;
use planner::shared::Shared;
use serde::Deserialize;
use serde_json::Value;

/// Digest of the normal form of a pod template without what a role `added` to it: equal digests, same template. Empty
/// if the text is no JSON.
pub(crate) fn digest(text: &str, added: Option<&PodTemplateMetadata>) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return String::new() };
    match added {
        None => template::digest(&value),
        Some(added) => template::digest(&template::without_metadata(&value, added)),
    }
    .to_string()
}

/// Labels and annotations of a pod template.
pub(crate) fn metadata(text: &str) -> PodTemplateMetadata {
    #[derive(Default, Deserialize)]
    struct Template {
        #[serde(default)]
        metadata: Option<PodTemplateMetadata>,
    }
    serde_json::from_str::<Template>(text).unwrap_or_default().metadata.unwrap_or_default()
}

/// The template that a Rollout takes from another object, before any collision of names.
pub(crate) fn of_workload(template: &TemplateText) -> Shared<TemplateIdentity> {
    identify(template, None)
}

/// The same with the collisions of a Rollout.
pub(crate) fn resolved(
    identity: &Shared<TemplateIdentity>,
    collisions: Option<i32>,
) -> Shared<TemplateIdentity> {
    let mut identity = identity.clone();
    if collisions.is_some() {
        identity.hash = template::pod_template_hash(&identity.text, collisions);
    }
    identity
}

/// The template of a Rollout; taken over from `before` where nothing that it depends on has changed.
pub(crate) fn of_rollout(
    rollout: &RolloutFacts,
    before: Option<(&RolloutFacts, Option<&Shared<TemplateIdentity>>)>,
) -> Option<Shared<TemplateIdentity>> {
    let template = rollout.readable_spec()?.template.as_ref()?;
    let collisions = rollout.status.collision_count;
    if let Some((facts, Some(known))) = before
        && known.text == *template
        && facts.status.collision_count == collisions
    {
        let mut known = known.clone();
        // The text that the spec holds: of two equal ones one goes.
        known.text = template.clone();
        return Some(known);
    }
    Some(identify(template, collisions))
}

fn identify(template: &TemplateText, collisions: Option<i32>) -> Shared<TemplateIdentity> {
    let (digest, hash) = (digest(template.as_str(), None), template::pod_template_hash(template, collisions));
    TemplateIdentity::new(template.clone(), digest, hash).into()
}

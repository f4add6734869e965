//! The identity of pod templates, worked out once per change.

use crds::metadata::PodTemplateMetadata;
use crds::{TemplateText, template};
use planner::facts::RolloutFacts;
use planner::rollout::TemplateIdentity;
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

/// What tells one template from another. The text is held by the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    digest: String,
    hash: String,
}

impl Identity {
    /// The identity as the planner sees it, with the text of the template.
    pub(crate) fn with_text(&self, rollout: &RolloutFacts) -> Option<TemplateIdentity> {
        let text = rollout.readable_spec()?.template.as_ref()?.as_str().to_owned();
        Some(TemplateIdentity { text, digest: self.digest.clone(), hash: self.hash.clone() })
    }
}

/// The identity of a template that a Rollout takes from another object, before any collision of names.
pub(crate) fn of_workload(template: &TemplateText) -> Identity {
    Identity { digest: digest(template.as_str(), None), hash: template::pod_template_hash(template, None) }
}

/// The same as the planner sees it, with the collisions of a Rollout.
pub(crate) fn resolved(
    template: &TemplateText,
    identity: &Identity,
    collisions: Option<i32>,
) -> TemplateIdentity {
    let hash = match collisions {
        None => identity.hash.clone(),
        some => template::pod_template_hash(template, some),
    };
    TemplateIdentity { text: template.as_str().to_owned(), digest: identity.digest.clone(), hash }
}

/// The identity of the template of a Rollout; taken over from `before` where nothing that it depends on has changed.
pub(crate) fn identity(
    rollout: &RolloutFacts,
    before: Option<(&RolloutFacts, Option<&Identity>)>,
) -> Option<Identity> {
    let template = rollout.readable_spec()?.template.as_ref()?;
    let collisions = rollout.status.collision_count;
    if let Some((facts, Some(identity))) = before
        && facts.readable_spec().and_then(|spec| spec.template.as_ref()) == Some(template)
        && facts.status.collision_count == collisions
    {
        return Some(identity.clone());
    }
    Some(Identity {
        digest: digest(template.as_str(), None),
        hash: template::pod_template_hash(template, collisions),
    })
}

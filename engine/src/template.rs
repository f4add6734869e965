//! The identity of pod templates, worked out once per change.

use crds::template;
use planner::facts::RolloutFacts;
use planner::rollout::TemplateIdentity;

use crate::naming::readable_spec;

/// Digest of the normal form of a pod template: equal digests, same template. Empty if the text is no JSON.
pub(crate) fn digest(text: &str) -> String {
    serde_json::from_str(text).map(|value| template::digest(&value).to_string()).unwrap_or_default()
}

/// The identity of the template of a Rollout; taken over from `before` where nothing that it depends on has changed.
pub(crate) fn identity(
    rollout: &RolloutFacts,
    before: Option<(&RolloutFacts, Option<&TemplateIdentity>)>,
) -> Option<TemplateIdentity> {
    let template = readable_spec(rollout)?.template.as_ref()?;
    let collisions = rollout.status.collision_count;
    if let Some((facts, Some(identity))) = before
        && identity.text == template.as_str()
        && facts.status.collision_count == collisions
    {
        return Some(identity.clone());
    }
    Some(TemplateIdentity {
        text: template.as_str().to_owned(),
        digest: digest(template.as_str()),
        hash: template::pod_template_hash(template, collisions),
    })
}

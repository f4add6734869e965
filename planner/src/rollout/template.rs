//! The pod template of a Rollout, and what tells it from others.

use std::collections::BTreeMap;

use crds::TemplateText;
use crds::metadata::PodTemplateMetadata;
use serde::Deserialize;
use serde_json::Value;

/// The pod template of a Rollout. Worked out once per change; everything that is read from its text more than once is
/// here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateIdentity {
    /// The template as the user wrote it.
    pub text: TemplateText,
    /// The labels and annotations in it.
    pub metadata: PodTemplateMetadata,
    /// Digest of its normal form; equals [`crate::facts::ReplicaSetFacts::template_digest`] of a ReplicaSet of the same
    /// template.
    pub digest: String,
    /// Its hash for labels and names, with the status' `collisionCount` mixed in.
    pub hash: String,
}

impl TemplateIdentity {
    /// Of a template with that digest and hash.
    #[must_use]
    pub fn new(text: TemplateText, digest: String, hash: String) -> Self {
        let metadata = metadata_of(text.as_str());
        Self { text, metadata, digest, hash }
    }
}

/// The labels and annotations of a pod template; what is no text among them is passed over.
fn metadata_of(template: &str) -> PodTemplateMetadata {
    let template: Labelled = serde_json::from_str(template).unwrap_or_default();
    let Some(metadata) = template.metadata else { return PodTemplateMetadata::default() };
    let texts = |entries: Option<BTreeMap<String, Value>>| {
        let entries = entries.unwrap_or_default().into_iter();
        entries.filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
    };
    PodTemplateMetadata { labels: texts(metadata.labels), annotations: texts(metadata.annotations) }
}

/// What counts here of a pod template: the rest of its text is passed over.
#[derive(Default, Deserialize)]
struct Labelled {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    labels: Option<BTreeMap<String, Value>>,
    annotations: Option<BTreeMap<String, Value>>,
}

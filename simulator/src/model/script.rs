//! What is to be done, in words that mean the same in every cluster.

use crds::object_ref::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Operations in their order, on objects of one namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Script {
    /// What it shows.
    pub name: String,
    /// The operations.
    pub steps: Vec<Step>,
}

/// One operation on one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The object's kind.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
    /// What is done with it.
    #[serde(flatten)]
    pub act: Act,
}

/// What is done with an object.
///
/// A text in a body that is a mark stands for what the run has seen of the object before: `$version` for its last
/// version and `$version-1` for the one before that, `$uid` for its uid and `$uid-1` for that of its earlier
/// incarnation; `$uid:Rollout/web` for the uid of another object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// Create it. The manifest needs neither kind nor name.
    Create(Value),
    /// Read it.
    Get(Nothing),
    /// Send a JSON merge patch.
    Merge(Value),
    /// Send a JSON merge patch to its subresource `status`.
    MergeStatus(Value),
    /// Send a JSON patch.
    Json(Value),
    /// Delete it, in the background.
    Delete(Precondition),
    /// Wait until it has gone with its owners.
    Vanish(Nothing),
    /// List the objects of its kind.
    List(Nothing),
}

/// An operation that needs nothing more: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What a deletion is conditioned on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Precondition {
    /// The object's uid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Script {
    /// The kinds that the script speaks of, each once.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let kinds: std::collections::BTreeSet<Kind> = self.steps.iter().map(|step| step.kind).collect();
        kinds.into_iter().collect()
    }

    /// The script with one more object of each kind at its end: a watch that has shown it has shown everything.
    #[must_use]
    pub fn with_ends(&self) -> Self {
        let ends = self.kinds().into_iter().map(|kind| Step {
            kind,
            name: super::END.to_owned(),
            act: Act::Create(super::random::manifest(kind, super::END)),
        });
        Self { name: self.name.clone(), steps: self.steps.iter().cloned().chain(ends).collect() }
    }
}

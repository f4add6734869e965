//! What faults are about: moments, objects by their role, edits.

use serde::{Deserialize, Serialize};

/// Whether the write at which a process dies is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CrashMoment {
    /// It never arrives.
    BeforeCommit,
    /// It is carried out; nobody learns of it.
    AfterCommit,
}

/// How a watch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WatchEnd {
    /// The stream is closed; the client goes on where it was.
    Closed,
    /// The version has been compacted away: 410, and a new list.
    Expired,
    /// Nothing comes any more; after this long the client notices and lists anew.
    Silent {
        /// How long it takes to notice.
        for_ms: u64,
    },
}

/// An object by its role in the (first) Rollout of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The Rollout itself.
    Rollout,
    /// Another Rollout of the same namespace.
    Neighbour,
    /// The ReplicaSet of the stable version.
    StableReplicaSet,
    /// The ReplicaSet of the new version.
    CanaryReplicaSet,
    /// The Service of the stable version (the active one of a blue-green update).
    StableService,
    /// The Service of the new version (the preview one of a blue-green update).
    CanaryService,
    /// The object that carries the weight: the canary Ingress, the VirtualService.
    Route,
    /// The object that a route is made from: the stable Ingress.
    RouteSource,
    /// The newest AnalysisRun.
    AnalysisRun,
    /// The first AnalysisTemplate.
    AnalysisTemplate,
}

/// A version by its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Version {
    /// The stable one.
    Stable,
    /// The new one.
    Canary,
}

/// An edit that somebody else makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Edit {
    /// `kubectl scale` of a ReplicaSet.
    ScaleReplicaSet {
        /// Of which version.
        version: Version,
        /// To how many pods.
        replicas: i32,
    },
    /// An autoscaler or a person changes the size of the Rollout.
    ScaleRollout {
        /// To how many pods.
        replicas: i32,
    },
    /// Another image, in the middle of whatever is going on.
    SetImage {
        /// The image.
        image: String,
    },
    /// The owner of the Deployment that a Rollout replaces gives it another size.
    ScaleDeployment {
        /// To how many pods.
        replicas: i32,
    },
    /// A label that nobody reads is put on an object.
    Touch {
        /// Which object.
        target: Target,
    },
}

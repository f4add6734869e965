//! What a run came to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crds::object_ref::ObjectRef;
use serde::{Deserialize, Serialize};

use crate::fault::FaultKind;

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What must not have happened, in the order of time. A run stops after the first few.
    pub violations: Vec<Violation>,
    /// Depends on everything that happened: equal scenarios give equal hashes.
    pub trace_hash: u64,
    /// Depends only on what the operators wrote: objects and bodies without versions and times.
    pub decision_hash: u64,
    /// How many events were played.
    pub events: u64,
    /// How many writes of the operators were carried out; Events are not counted.
    pub commits: u64,
    /// All writes of the operators that reached the server, by their number from 0; Events are not counted.
    pub writes: Vec<Write>,
    /// The faults that changed a decision.
    pub effective_faults: BTreeSet<FaultKind>,
    /// How the cluster looked at the end.
    pub end: EndState,
    /// The end of the run, in virtual milliseconds after its beginning.
    pub ended_ms: u64,
    /// What happened, for people; empty unless it was asked for.
    pub timeline: Vec<Entry>,
}

/// One write of an operator that reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// When, in virtual milliseconds after the beginning.
    pub at_ms: u64,
    /// What it is about.
    pub object: ObjectRef,
    /// What it does, such as `patch`, `create`, `delete`.
    pub verb: &'static str,
    /// Whether it takes pods away or moves traffic.
    pub destructive: bool,
    /// Whether it was carried out.
    pub committed: bool,
    /// The version of the store before it.
    pub version: u64,
}

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// When, in virtual milliseconds after the beginning.
    pub at_ms: u64,
    /// Which rule was broken.
    pub rule: Rule,
    /// How, with the objects and numbers.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.at_ms / 1000, self.at_ms % 1000);
        write!(f, "{seconds}.{rest:03} s: {}: {}", self.rule, self.message)
    }
}

/// The rules that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// No requests go where there are no pods.
    S1,
    /// The stable version keeps the pods for its share.
    S2,
    /// An abort goes one way.
    S3,
    /// No step is skipped or repeated.
    S4,
    /// A version is promoted once, and only if it has earned it.
    S5,
    /// What routes and Services name exists.
    S6,
    /// Nothing is left behind.
    S7,
    /// Nothing is written that is not ours.
    S8,
    /// Every write would be decided again on the true state.
    S9,
    /// At rest nothing is written.
    S10,
    /// A missing value is no success, and a verdict is final.
    S11,
    /// One bad object harms no other.
    S12,
    /// What a person asks for takes effect, once.
    S13,
    /// Everything wanted comes about in the end.
    L1,
    /// An abort brings all traffic back in time.
    L2,
    /// Nothing waits for ever without a person being told why.
    L3,
    /// The end is that of the run without faults.
    End,
    /// A plan keeps the planner's own invariants.
    Plan,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How the cluster looked at the end, without what differs from run to run: uids, versions, times, names by chance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndState {
    /// The Rollouts, by `namespace/name`.
    pub rollouts: BTreeMap<String, RolloutEnd>,
    /// What the selector of each Service says about the version, by `namespace/name`.
    pub services: BTreeMap<String, Option<String>>,
    /// The weight of each version at the proxies in percent, by `namespace/name` of the Rollout and then by hash; the
    /// proxies agree at rest, else the highest counts.
    pub weights: BTreeMap<String, BTreeMap<String, u32>>,
}

/// How a Rollout looked at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutEnd {
    /// Its phase.
    pub phase: String,
    /// The message of the phase.
    pub message: String,
    /// The hash of its stable version.
    pub stable: String,
    /// The hash of the wanted version.
    pub current: String,
    /// The step that it is at.
    pub step: Option<i32>,
    /// Whether it was aborted.
    pub aborted: bool,
    /// Sizes of its ReplicaSets that want pods, by hash.
    pub replicas: BTreeMap<String, i32>,
    /// Pods that are available, by hash, where there are any.
    pub available: BTreeMap<String, i32>,
}

/// Something that happened, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, in virtual milliseconds after the beginning.
    pub at_ms: u64,
    /// What.
    pub what: Happened,
}

/// What can happen, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Happened {
    /// Somebody did something.
    Act {
        /// What, in words.
        text: String,
    },
    /// A fault struck.
    Fault {
        /// Its row.
        kind: FaultKind,
        /// What it did, in words.
        text: String,
    },
    /// A Rollout's status shows another phase, step or stable version.
    Status {
        /// The Rollout, as `namespace/name`.
        rollout: String,
        /// Its phase.
        phase: String,
        /// The message of the phase.
        message: String,
        /// The step that it is at.
        step: Option<i32>,
        /// The hash of the stable version.
        stable: String,
        /// The hash of the wanted version.
        current: String,
    },
    /// The operator published an Event.
    Told {
        /// The object that it is about.
        object: ObjectRef,
        /// Whether it is a warning.
        warning: bool,
        /// Its reason word.
        reason: String,
        /// The sentence.
        message: String,
    },
    /// The number of pods of a version changed.
    Pods {
        /// The Rollout, as `namespace/name`.
        rollout: String,
        /// The version's hash.
        hash: String,
        /// How many its ReplicaSet wants.
        wanted: i32,
        /// How many exist, with those that are going.
        existing: i32,
        /// How many are available.
        available: i32,
    },
    /// A proxy applied other weights.
    Weights {
        /// The Rollout, as `namespace/name`.
        rollout: String,
        /// The proxy, from 0.
        proxy: usize,
        /// Percent of the requests, by hash.
        weights: BTreeMap<String, u32>,
    },
    /// An operator wrote something.
    Wrote {
        /// The object.
        object: ObjectRef,
        /// What it did, such as `patch`.
        verb: String,
        /// Whether it was carried out.
        committed: bool,
    },
}

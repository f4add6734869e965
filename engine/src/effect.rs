//! What the engine wants carried out.

use std::collections::BTreeMap;

use analysis::provider::Ask;
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use serde_json::Value;

/// Names one request, so that its answer finds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names one question to a metric backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// Something to carry out. Effects of one call may be carried out concurrently.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a request to the API server and feed the answer back as `Input::Answer`.
    Request {
        /// Its name.
        id: RequestId,
        /// What to send.
        request: Request,
        /// Which others it lets pass.
        urgency: Urgency,
    },
    /// Ask a metric backend and feed the answer back as `Input::Measured`.
    Measure {
        /// Its name.
        id: QuestionId,
        /// What to ask.
        ask: Ask,
    },
    /// Open a watch on a kind and keep it open; asking twice is once.
    Watch(Kind),
    /// Feed `Input::Tick` at this time. Only the earliest time that was asked for since the last tick counts.
    Wake {
        /// When.
        at: Timestamp,
    },
    /// Something that belongs in the log.
    Log(Note),
    /// Something that was counted or measured, for the metrics endpoint.
    Count(Count),
}

/// Who lets whom pass, where not all requests find a place at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// What takes requests back to where they are safe: a bad verdict, the routes after it, and the reads that these rest
    /// on.
    Urgent,
    /// Whatever else an update waits for.
    Work,
    /// What is only said: nothing follows from it, and it may be late. So a thousand broken Rollouts delay no good one.
    News,
}

/// A request to the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The object that is meant.
    pub object: ObjectRef,
    /// What to do with it.
    pub call: Call,
}

/// What to do with an object. Preconditions are part of the bodies.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Read it, from the API server's own store (no cache).
    Get,
    /// Read all objects of the kind in the namespace that carry these labels, from the API server's own store. The
    /// request's object has no name.
    List {
        /// The labels.
        labels: BTreeMap<String, String>,
    },
    /// Create it.
    Create(Value),
    /// JSON merge patch.
    MergePatch(Value),
    /// JSON merge patch of the subresource `status`.
    MergePatchStatus(Value),
    /// JSON patch.
    JsonPatch(Value),
    /// Evict it: a pod alone can be, and a PodDisruptionBudget may refuse it.
    Evict {
        /// Only this incarnation.
        uid: String,
        /// Only at this version.
        resource_version: String,
    },
    /// Delete it, with background propagation.
    Delete {
        /// Only this incarnation.
        uid: String,
        /// Only at this version.
        resource_version: Option<String>,
    },
}

impl Call {
    /// Whether it changes anything.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        !matches!(self, Self::Get | Self::List { .. })
    }

    /// What is done, as words before the name of an object.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List { .. } => "list",
            Self::Create(_) => "create",
            Self::MergePatch(_) | Self::JsonPatch(_) => "patch",
            Self::MergePatchStatus(_) => "patch status of",
            Self::Evict { .. } => "evict",
            Self::Delete { .. } => "delete",
        }
    }
}

/// A line for the log, with fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How loud.
    pub level: Level,
    /// The object that it is about.
    pub object: Option<ObjectRef>,
    /// The sentence.
    pub message: String,
}

/// How loud a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something that needs a person.
    Warn,
    /// A milestone.
    Info,
    /// Every decision.
    Debug,
}

/// Something for the metrics endpoint. No object names: they would live for ever in a label.
#[derive(Clone, Debug, PartialEq)]
pub enum Count {
    /// An object was planned for.
    Reconciled {
        /// Its kind.
        kind: Kind,
    },
    /// A request was refused or its outcome is unknown.
    RequestFailed {
        /// The object's kind.
        kind: Kind,
        /// The class: `conflict`, `invalid`, `transient`, `forbidden`, `unknown`.
        class: &'static str,
    },
    /// A decision waited because the store had not shown our own write.
    StaleSkip {
        /// The kind that was planned for.
        kind: Kind,
    },
}

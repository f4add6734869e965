//! What can happen to the engine.

use std::sync::Arc;
use std::time::Duration;

use analysis::provider::{Answer as MetricAnswer, TransportError};
use crds::object_ref::{Kind, ObjectRef};

use crate::effect::{QuestionId, RequestId};
use crate::object::Object;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A watch delivered something.
    Watch {
        /// The kind that is watched.
        kind: Kind,
        /// What was delivered.
        event: WatchEvent,
    },
    /// A kind is not served: its CRD is not installed (or has gone). Its store counts as complete and empty.
    KindMissing(Kind),
    /// A request was answered, or its outcome is unknown.
    Answer {
        /// Which request.
        id: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A metric backend answered, or did not.
    Measured {
        /// Which question.
        id: QuestionId,
        /// The answer, or why there is none.
        outcome: Result<MetricAnswer, TransportError>,
    },
    /// A timer that was asked for has run out.
    Tick,
    /// Whether this process may write.
    Leadership(Leadership),
}

/// What a watch delivers: the library's events, object by object.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// A (re)list begins: objects that it does not bring are gone.
    Init,
    /// An object of that list.
    InitApply(Arc<Object>),
    /// The list is complete.
    InitDone,
    /// An object was created or changed.
    Apply(Arc<Object>),
    /// An object was deleted.
    Delete(Arc<Object>),
}

/// The reason of a 404 that is about the kind: whether there is such an object, nobody knows.
pub const KIND_NOT_SERVED: &str = "KindNotServed";

/// The API server's answer to a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Done; the object as it is now.
    Object(Arc<Object>),
    /// Done; the objects that were listed.
    Objects(Vec<Arc<Object>>),
    /// Done; there is no object to show (a deletion).
    Done,
    /// Refused, and nothing was changed.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The machine-readable reason of the Status object, such as `AlreadyExists`; `DisruptionBudget` where that
        /// is its cause.
        reason: String,
        /// The sentence of the Status object.
        message: String,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// No answer came, or none that can be read: the write may have happened.
    Unknown {
        /// Why.
        message: String,
    },
}

/// Whether this process may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// It holds the lease.
    Leading,
    /// Another process does, or somebody else manages the Rollouts: caches stay warm, nothing is written.
    Following {
        /// Why, in words.
        reason: String,
    },
}

/// The object that an input speaks of, for logs.
impl Input {
    /// The reference of the object that was delivered, if one was.
    #[must_use]
    pub fn object(&self) -> Option<ObjectRef> {
        match self {
            Self::Watch {
                event: WatchEvent::InitApply(object) | WatchEvent::Apply(object) | WatchEvent::Delete(object),
                ..
            }
            | Self::Answer { answer: Answer::Object(object), .. } => Some(object.reference()),
            Self::Watch { .. }
            | Self::KindMissing(_)
            | Self::Answer { .. }
            | Self::Measured { .. }
            | Self::Tick
            | Self::Leadership(_) => None,
        }
    }
}

//! The rows of the fault table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The rows of the fault table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FaultKind {
    /// A crash between two writes.
    F1,
    /// A restart or a relist against a server that is behind.
    F2,
    /// Events that are never seen.
    F3,
    /// An own write that is not yet in the store.
    F4,
    /// Conflicts.
    F5,
    /// Refusals, time-outs, and writes whose outcome is unknown.
    F6,
    /// Watches that end.
    F7,
    /// The store restarts or goes back in time.
    F8,
    /// Two processes that act, and long pauses.
    F9,
    /// Clocks.
    F10,
    /// Metrics that are none.
    F11,
    /// Objects that are deleted or replaced.
    F12,
    /// Objects that are edited under us.
    F13,
    /// Objects that are put back.
    F14,
    /// Slow and uneven data planes.
    F15,
    /// Denials.
    F16,
    /// CRDs that come, go and prune.
    F17,
    /// Pods that fail.
    F18,
    /// Crowds.
    F19,
    /// Malformed objects.
    F20,
    /// Metric backends that hang.
    F21,
    /// Takeover in the middle of an update.
    F22,
}

impl FaultKind {
    /// All rows, in order.
    pub const ALL: [Self; 22] = [
        Self::F1,
        Self::F2,
        Self::F3,
        Self::F4,
        Self::F5,
        Self::F6,
        Self::F7,
        Self::F8,
        Self::F9,
        Self::F10,
        Self::F11,
        Self::F12,
        Self::F13,
        Self::F14,
        Self::F15,
        Self::F16,
        Self::F17,
        Self::F18,
        Self::F19,
        Self::F20,
        Self::F21,
        Self::F22,
    ];
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

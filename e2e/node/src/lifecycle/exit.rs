//! How a container ended.

use jiff::Timestamp;

/// How a run of a container ended, without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Exit code; 128 plus the number for a signal.
    pub(crate) code: i32,
    /// The kubelet's word: `Completed`, `Error`, `StartError`.
    pub(crate) reason: &'static str,
    /// What else is known; may be empty.
    pub(crate) message: String,
}

impl Ending {
    /// Exit code 0.
    pub(crate) fn completed() -> Self {
        Self { code: 0, reason: "Completed", message: String::new() }
    }

    /// Ended by SIGKILL.
    pub(crate) fn killed() -> Self {
        Self::exited(137)
    }

    /// Exit code 1, with the reason in words.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::exited(1) }
    }

    /// Ended with this code.
    pub(crate) fn exited(code: i32) -> Self {
        Self { code, reason: if code == 0 { "Completed" } else { "Error" }, message: String::new() }
    }

    /// Could not be started at all.
    pub(crate) fn not_started(message: impl Into<String>) -> Self {
        Self { code: 128, reason: "StartError", message: message.into() }
    }
}

/// An ending with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// How it ended.
    pub(crate) ending: Ending,
    /// When the run began.
    pub(crate) began: Timestamp,
    /// When it ended.
    pub(crate) ended: Timestamp,
}

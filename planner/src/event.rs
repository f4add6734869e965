//! What a person reads in `kubectl describe`.

/// How an event is filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Part of the plan.
    Normal,
    /// Something that a person may have to look at.
    Warning,
}

/// An event about the object that was planned for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How it is filed.
    pub severity: Severity,
    /// The reference's reason word, such as `RolloutStepCompleted`.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

impl Event {
    /// An event of severity Normal.
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Normal, reason, message: message.into() }
    }

    /// An event of severity Warning.
    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, reason, message: message.into() }
    }
}

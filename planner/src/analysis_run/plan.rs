//! What is to be done about one `AnalysisRun`.

use analysis::provider::Ask;
use crds::analysis::AnalysisRunStatus;
use jiff::Timestamp;

use super::SecretKey;
use crate::event::Event;
use crate::waiting::Waiting;

/// The decision. The status is written first, if it differs; the questions are asked once nothing is left to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to ask now.
    pub questions: Vec<Question>,
    /// Secret keys to read before anything can be asked.
    pub secrets_wanted: Vec<SecretKey>,
    /// The status that the run is to have.
    pub status: AnalysisRunStatus,
    /// What to tell people once that status is written.
    pub events: Vec<Event>,
    /// Why nothing is asked.
    pub waiting: Vec<Waiting>,
    /// When to look again even if nothing changes.
    pub wake_at: Option<Timestamp>,
    /// Whether the run has outlived its time to live and is to be deleted.
    pub delete: bool,
}

/// One question to a metric backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The metric's name.
    pub metric: String,
    /// What to send.
    pub ask: Ask,
}

//! Everything that a decision about one `AnalysisRun` may look at.

use std::collections::{BTreeMap, BTreeSet};

use analysis::provider::{Answer, TransportError};
use jiff::Timestamp;

use crate::facts::AnalysisRunFacts;
use crate::shared::Shared;

/// What is known about one `AnalysisRun`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The run.
    pub run: Shared<AnalysisRunFacts>,
    /// Whether the store has not shown our own last write of it: then nothing is decided.
    pub stale: bool,
    /// Names of the metrics whose question is on its way.
    pub asked: BTreeSet<String>,
    /// Answers that have come in and are in no measurement yet, by metric name.
    pub answers: BTreeMap<String, Measured>,
    /// Values of the Secret keys that the arguments name, by (Secret, key); an `Err` says in words why there is none.
    pub secrets: BTreeMap<SecretKey, Result<String, String>>,
    /// Settings of the operator that decisions rest on.
    pub settings: Settings,
}

/// One key of a Secret in the run's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    /// The Secret's name.
    pub secret: String,
    /// The key in its data.
    pub key: String,
}

/// One exchange with a metric backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// When it was asked.
    pub started_at: Timestamp,
    /// When the answer was complete, or its failure was known.
    pub finished_at: Timestamp,
    /// The answer, or why there is none.
    pub outcome: Result<Answer, TransportError>,
}

/// Settings of the operator that decisions rest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where Prometheus is when a metric does not say (`ARGO_ROLLOUTS_PROMETHEUS_ADDRESS`).
    pub prometheus_address: Option<String>,
}

//! The status of an AnalysisRun.

use std::collections::BTreeMap;

use super::AnalysisPhase;
use crate::Time;

api! {
    /// What was measured, and the verdict.
    pub struct AnalysisRunStatus {
        /// Pending, Running, Successful, Failed, Error or Inconclusive.
        pub phase: AnalysisPhase,
        /// Why the analysis is in this phase.
        pub message: String,
        /// The results, metric by metric.
        pub metric_results: Vec<MetricResult>,
        /// When the analysis began.
        pub started_at: Option<Time>,
        /// When the analysis ended.
        pub completed_at: Option<Time>,
        /// How many metrics ended how.
        pub run_summary: RunSummary,
        /// How many metrics that never decide ended how.
        pub dry_run_summary: Option<RunSummary>,
    }

    /// How many metrics ended how.
    pub struct RunSummary {
        /// Number of metrics.
        pub count: i32,
        /// How many were successful.
        pub successful: i32,
        /// How many failed.
        pub failed: i32,
        /// How many were inconclusive.
        pub inconclusive: i32,
        /// How many ended in an error.
        pub error: i32,
    }

    /// The results of one metric.
    pub struct MetricResult {
        /// Name of the metric.
        pub name: String,
        /// Pending, Running, Successful, Failed, Error or Inconclusive.
        pub phase: AnalysisPhase,
        /// The last measurements, the oldest first.
        pub measurements: Vec<Measurement>,
        /// Why the metric is in this phase.
        pub message: String,
        /// Number of measurements that ended without an error.
        pub count: i32,
        /// How many were successful.
        pub successful: i32,
        /// How many failed.
        pub failed: i32,
        /// How many were inconclusive.
        pub inconclusive: i32,
        /// How many ended in an error.
        pub error: i32,
        /// How many ended in an error in a row, up to the last one.
        pub consecutive_error: i32,
        /// How many were successful in a row, up to the last one.
        pub consecutive_success: i32,
        /// Whether the metric never decides.
        pub dry_run: bool,
        /// What the provider says about the metric, such as the query that was asked.
        pub metadata: BTreeMap<String, String>,
    }

    /// One measurement.
    pub struct Measurement {
        /// Pending, Running, Successful, Failed, Error or Inconclusive.
        pub phase: AnalysisPhase,
        /// Why the measurement is in this phase.
        pub message: String,
        /// When it began.
        pub started_at: Option<Time>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// What was measured.
        pub value: String,
        /// What the provider says about the measurement.
        pub metadata: BTreeMap<String, String>,
        /// When a measurement that is under way is looked at again.
        pub resume_at: Option<Time>,
    }
}

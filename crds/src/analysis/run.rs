//! The kind AnalysisRun.

use kube::CustomResource;

use super::{AnalysisRunStatus, Argument, DryRun, MeasurementRetention, Metric};

api! {
    /// What is measured, with the values of all arguments.
    #[derive(CustomResource)]
    #[kube(
        group = "argoproj.io",
        version = "v1alpha1",
        kind = "AnalysisRun",
        namespaced,
        shortname = "ar",
        status = "AnalysisRunStatus",
        derive = "Default",
        derive = "PartialEq",
        doc = "An AnalysisRun measures metrics once or again and again, and ends with a verdict.",
        printcolumn(name = "Status", type_ = "string", json_path = ".status.phase", description = "Where the analysis stands"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since the AnalysisRun was created")
    )]
    pub struct AnalysisRunSpec {
        /// What is measured.
        pub metrics: Vec<Metric>,
        /// Arguments and their values.
        pub args: Vec<Argument>,
        /// True ends the analysis.
        pub terminate: bool,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// When the AnalysisRun is deleted after its end. Without it, the history limits of its Rollout decide.
        pub ttl_strategy: Option<TtlStrategy>,
    }

    /// When an AnalysisRun is deleted after its end.
    pub struct TtlStrategy {
        /// Seconds after any end.
        pub seconds_after_completion: Option<i32>,
        /// Seconds after it failed.
        pub seconds_after_failure: Option<i32>,
        /// Seconds after it succeeded.
        pub seconds_after_success: Option<i32>,
    }
}

//! Analyses that a Rollout asks for.

use crate::analysis::{AnalysisTemplateRef, DryRun, FieldRef, MeasurementRetention};
use crate::metadata::AnalysisRunMetadata;

api! {
    /// An analysis at one point of an update.
    pub struct RolloutAnalysis {
        /// Templates whose metrics are measured together.
        pub templates: Vec<AnalysisTemplateRef>,
        /// Arguments for the templates.
        pub args: Vec<RolloutAnalysisArg>,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations for the AnalysisRun.
        pub analysis_run_metadata: AnalysisRunMetadata,
    }

    /// An analysis that runs beside the steps of a canary.
    pub struct BackgroundAnalysis {
        /// Templates whose metrics are measured together.
        pub templates: Vec<AnalysisTemplateRef>,
        /// Arguments for the templates.
        pub args: Vec<RolloutAnalysisArg>,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations for the AnalysisRun.
        pub analysis_run_metadata: AnalysisRunMetadata,
        /// Index of the step at which the analysis starts. Defaults to 0, the first one.
        pub starting_step: Option<i32>,
    }

    /// An argument for an analysis template: a value, or where the value comes from.
    pub struct RolloutAnalysisArg {
        /// Name of the argument.
        pub name: String,
        /// The value.
        pub value: String,
        /// Where the value comes from.
        pub value_from: Option<RolloutAnalysisArgSource>,
    }

    /// Where the value of an argument comes from: one of the fields.
    pub struct RolloutAnalysisArgSource {
        /// The pod template hash of a version: Stable or Latest.
        pub pod_template_hash_value: Option<String>,
        /// A field of the Rollout.
        pub field_ref: Option<FieldRef>,
    }
}

impl BackgroundAnalysis {
    /// Returns what this analysis has in common with all others.
    #[must_use]
    pub fn analysis(&self) -> RolloutAnalysis {
        RolloutAnalysis {
            templates: self.templates.clone(),
            args: self.args.clone(),
            dry_run: self.dry_run.clone(),
            measurement_retention: self.measurement_retention.clone(),
            analysis_run_metadata: self.analysis_run_metadata.clone(),
        }
    }
}

words! {
    /// The words of `valueFrom.podTemplateHashValue`.
    pub enum PodTemplateHashValue {
        /// The stable version.
        Stable = "Stable",
        /// The new version.
        Latest = "Latest",
    }
}

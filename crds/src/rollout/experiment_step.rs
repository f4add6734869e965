//! The experiment step of a canary.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::RolloutAnalysisArg;
use crate::analysis::{DryRun, MeasurementRetention};
use crate::experiment::TemplateService;
use crate::metadata::{AnalysisRunMetadata, PodTemplateMetadata};

api! {
    /// Runs other versions beside this one for a while.
    pub struct ExperimentStep {
        /// Which versions run.
        pub templates: Vec<ExperimentStepTemplate>,
        /// How long, such as 10m, from when all are available. Without it, until the required analyses end.
        pub duration: String,
        /// Which analyses run beside them.
        pub analyses: Vec<ExperimentStepAnalysis>,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations for the AnalysisRuns.
        pub analysis_run_metadata: AnalysisRunMetadata,
        /// How many seconds the pods are kept after the end. Defaults to 30.
        pub scale_down_delay_seconds: Option<i32>,
    }

    /// A version that an experiment step runs.
    pub struct ExperimentStepTemplate {
        /// Name of the version within the experiment.
        pub name: String,
        /// Whose pod template: canary or stable.
        pub spec_ref: String,
        /// Number of pods. Defaults to 1.
        pub replicas: Option<i32>,
        /// Labels and annotations to add to the pods.
        pub metadata: PodTemplateMetadata,
        /// Selector for the pods. Defaults to the selector of the Rollout.
        pub selector: Option<LabelSelector>,
        /// Percentage of the traffic that this version gets. Needs trafficRouting.
        pub weight: Option<i32>,
        /// Creates a Service for this version.
        pub service: Option<TemplateService>,
    }

    /// An analysis that runs beside the versions of an experiment step.
    pub struct ExperimentStepAnalysis {
        /// Name of the analysis within the experiment.
        pub name: String,
        /// Name of the AnalysisTemplate.
        pub template_name: String,
        /// Whether the template is a ClusterAnalysisTemplate.
        pub cluster_scope: bool,
        /// Arguments for the template.
        pub args: Vec<RolloutAnalysisArg>,
        /// Whether the experiment waits for this analysis.
        pub required_for_completion: bool,
    }
}

words! {
    /// The words of `specRef` of an experiment step's template.
    pub enum SpecRef {
        /// The new version.
        Canary = "canary",
        /// The stable version.
        Stable = "stable",
    }
}

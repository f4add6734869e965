//! The kind Experiment.

mod status;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;

pub use status::*;

use crate::TemplateText;
use crate::analysis::{Argument, DryRun, MeasurementRetention};
use crate::metadata::AnalysisRunMetadata;

api! {
    /// Which versions run beside each other, for how long, and what is measured.
    #[derive(CustomResource)]
    #[kube(
        group = "argoproj.io",
        version = "v1alpha1",
        kind = "Experiment",
        namespaced,
        shortname = "exp",
        status = "ExperimentStatus",
        derive = "Default",
        derive = "PartialEq",
        doc = "An Experiment runs several versions beside each other for a while and compares them.",
        printcolumn(name = "Status", type_ = "string", json_path = ".status.phase", description = "Where the experiment stands"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since the Experiment was created")
    )]
    pub struct ExperimentSpec {
        /// Which versions run.
        pub templates: Vec<ExperimentTemplate>,
        /// How long, such as 10m, from when all are available. Without it, until the required analyses end.
        pub duration: String,
        /// How many seconds a version may take to become available. Defaults to 600.
        pub progress_deadline_seconds: Option<i32>,
        /// True ends the experiment.
        pub terminate: bool,
        /// Which analyses run.
        pub analyses: Vec<ExperimentAnalysis>,
        /// How many seconds the pods are kept after the end. Defaults to 30.
        pub scale_down_delay_seconds: Option<i32>,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations for the AnalysisRuns.
        pub analysis_run_metadata: AnalysisRunMetadata,
    }

    /// A version that an experiment runs.
    pub struct ExperimentTemplate {
        /// Name of the version within the experiment.
        pub name: String,
        /// Number of pods. Defaults to 1.
        pub replicas: Option<i32>,
        /// How many seconds a new pod must be ready before it counts as available. Defaults to 0.
        pub min_ready_seconds: i32,
        /// Which pods belong to this version. It must match the labels of the template.
        pub selector: Option<LabelSelector>,
        /// The pods to run.
        pub template: Option<TemplateText>,
        /// Creates a Service for this version.
        pub service: Option<TemplateService>,
    }

    /// Creates a Service for a version; its ports are those of the containers.
    pub struct TemplateService {
        /// Name of the Service. Defaults to the name of the ReplicaSet.
        pub name: String,
    }

    /// An analysis that runs beside the versions.
    pub struct ExperimentAnalysis {
        /// Name of the analysis within the experiment.
        pub name: String,
        /// Name of the AnalysisTemplate.
        pub template_name: String,
        /// Whether the template is a ClusterAnalysisTemplate.
        pub cluster_scope: bool,
        /// Arguments for the template.
        pub args: Vec<Argument>,
        /// Whether the experiment waits for this analysis.
        pub required_for_completion: bool,
    }
}

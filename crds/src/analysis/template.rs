//! The kinds AnalysisTemplate and ClusterAnalysisTemplate.

use kube::CustomResource;

use super::{AnalysisTemplateRef, Argument, DryRun, MeasurementRetention, Metric};

api! {
    /// What an analysis measures.
    #[derive(CustomResource)]
    #[kube(
        group = "argoproj.io",
        version = "v1alpha1",
        kind = "AnalysisTemplate",
        namespaced,
        shortname = "at",
        derive = "Default",
        derive = "PartialEq",
        doc = "An AnalysisTemplate says what an analysis measures, how often, and what is good enough."
    )]
    pub struct AnalysisTemplateSpec {
        /// What is measured.
        pub metrics: Vec<Metric>,
        /// Arguments, with their values where they have a default.
        pub args: Vec<Argument>,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Further templates whose metrics and arguments are added to these.
        pub templates: Vec<AnalysisTemplateRef>,
    }

    /// What an analysis measures, for all namespaces.
    #[derive(CustomResource)]
    #[kube(
        group = "argoproj.io",
        version = "v1alpha1",
        kind = "ClusterAnalysisTemplate",
        shortname = "cat",
        derive = "Default",
        derive = "PartialEq",
        doc = "A ClusterAnalysisTemplate is an AnalysisTemplate that all namespaces can use."
    )]
    pub struct ClusterAnalysisTemplateSpec {
        /// What is measured.
        pub metrics: Vec<Metric>,
        /// Arguments, with their values where they have a default.
        pub args: Vec<Argument>,
        /// Metrics that are measured but never decide.
        pub dry_run: Vec<DryRun>,
        /// How many measurements are kept.
        pub measurement_retention: Vec<MeasurementRetention>,
        /// Further templates whose metrics and arguments are added to these.
        pub templates: Vec<AnalysisTemplateRef>,
    }
}

impl From<ClusterAnalysisTemplateSpec> for AnalysisTemplateSpec {
    fn from(spec: ClusterAnalysisTemplateSpec) -> Self {
        Self {
            metrics: spec.metrics,
            args: spec.args,
            dry_run: spec.dry_run,
            measurement_retention: spec.measurement_retention,
            templates: spec.templates,
        }
    }
}

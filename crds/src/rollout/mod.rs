//! The kind Rollout.

mod analysis;
mod blue_green;
mod canary;
mod experiment_step;
mod generation;
mod managed_rule;
mod phase;
mod status;
mod step;
mod traffic_routing;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;

pub use analysis::*;
pub use blue_green::*;
pub use canary::*;
pub use experiment_step::*;
pub use generation::*;
pub use managed_rule::ManagedRule;
pub use phase::*;
pub use status::*;
pub use step::*;
pub use traffic_routing::*;

use crate::analysis::AnalysisTemplateRef;
use crate::object_ref::{Kind, ObjectRef};
use crate::{TemplateText, Time};

api! {
    /// What the user wants: which pods, and how a new version takes over from the stable one.
    #[derive(CustomResource)]
    #[kube(
        group = "argoproj.io",
        version = "v1alpha1",
        kind = "Rollout",
        namespaced,
        shortname = "ro",
        status = "RolloutStatus",
        derive = "Default",
        derive = "PartialEq",
        doc = "A Rollout runs pods like a Deployment does, and brings in each new version step by step: it moves traffic, measures, and promotes the version or takes it back.",
        scale(
            spec_replicas_path = ".spec.replicas",
            status_replicas_path = ".status.HPAReplicas",
            label_selector_path = ".status.selector"
        ),
        printcolumn(name = "Desired", type_ = "integer", json_path = ".spec.replicas", description = "Number of desired pods"),
        printcolumn(name = "Current", type_ = "integer", json_path = ".status.replicas", description = "Number of pods of all versions"),
        printcolumn(name = "Up-to-date", type_ = "integer", json_path = ".status.updatedReplicas", description = "Number of pods of the new version"),
        printcolumn(name = "Available", type_ = "integer", json_path = ".status.availableReplicas", description = "Number of available pods"),
        printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since the Rollout was created")
    )]
    pub struct RolloutSpec {
        /// Number of pods. Defaults to 1, which is then written here.
        pub replicas: Option<i32>,
        /// Which pods belong to this Rollout. It must match the labels of the template, and cannot be changed.
        #[schemars(extend("x-kubernetes-validations" = [{ "rule": "self == oldSelf", "message": ".spec.selector is immutable" }]))]
        pub selector: Option<LabelSelector>,
        /// The pods to run. Either this or workloadRef must be set.
        pub template: Option<TemplateText>,
        /// Takes the pod template from another object, such as a Deployment, instead of from template.
        pub workload_ref: Option<WorkloadRef>,
        /// How many seconds a new pod must be ready before it counts as available. Defaults to 0.
        pub min_ready_seconds: i32,
        /// Lets a return to a recent revision skip all steps, pauses and analyses.
        pub rollback_window: Option<RollbackWindow>,
        /// How a new version takes over: exactly one of canary and blueGreen.
        pub strategy: RolloutStrategy,
        /// How many ReplicaSets without pods are kept for a rollback. Defaults to 10.
        pub revision_history_limit: Option<i32>,
        /// Stops scaling and steps until it is false again.
        pub paused: bool,
        /// How many seconds an update may stand still before the Rollout is reported as degraded. Must be larger than
        /// minReadySeconds. Defaults to 600.
        pub progress_deadline_seconds: Option<i32>,
        /// Aborts the update when progressDeadlineSeconds have passed. Defaults to false.
        pub progress_deadline_abort: bool,
        /// Replaces all pods that were created before this time, a few at a time.
        pub restart_at: Option<Time>,
        /// How many finished AnalysisRuns are kept.
        pub analysis: Option<AnalysisHistory>,
    }

    /// A reference to the object whose pod template the Rollout runs.
    pub struct WorkloadRef {
        /// API version of the object, such as apps/v1.
        pub api_version: String,
        /// Kind of the object: Deployment, ReplicaSet or PodTemplate.
        pub kind: String,
        /// Name of the object, in the namespace of the Rollout.
        pub name: String,
        /// When a referenced Deployment is scaled down: never, onsuccess (when the Rollout is healthy) or
        /// progressively (as the Rollout's own pods become ready). Defaults to never.
        pub scale_down: String,
    }

    /// Which revisions are recent.
    pub struct RollbackWindow {
        /// How many revisions back a return may reach.
        pub revisions: i32,
    }

    /// How a new version takes over: exactly one of canary and blueGreen.
    pub struct RolloutStrategy {
        /// Runs the new version beside the active one and switches all traffic at once.
        pub blue_green: Option<BlueGreenStrategy>,
        /// Moves pods or traffic to the new version step by step.
        pub canary: Option<CanaryStrategy>,
    }

    /// How many finished AnalysisRuns are kept.
    pub struct AnalysisHistory {
        /// Limit for AnalysisRuns that were successful. Defaults to 5.
        pub successful_run_history_limit: Option<i32>,
        /// Limit for AnalysisRuns that failed, ended in an error or were inconclusive. Defaults to 5.
        pub unsuccessful_run_history_limit: Option<i32>,
    }
}

impl RolloutSpec {
    /// The templates that the analyses of all strategies name, in the order of the fields.
    pub fn analysis_templates(&self) -> impl Iterator<Item = &AnalysisTemplateRef> {
        let canary = self.strategy.canary.iter().flat_map(|canary| {
            let background = canary.analysis.iter().flat_map(|analysis| &analysis.templates);
            let steps = canary.steps.iter().filter_map(|step| step.analysis.as_ref());
            background.chain(steps.flat_map(|analysis| &analysis.templates))
        });
        let blue_green = self.strategy.blue_green.iter().flat_map(|strategy| {
            let analyses = strategy.pre_promotion_analysis.iter().chain(&strategy.post_promotion_analysis);
            analyses.flat_map(|analysis| &analysis.templates)
        });
        canary.chain(blue_green)
    }
}

impl WorkloadRef {
    /// The object that is meant, for a Rollout in that namespace; nothing if its kind has no pod template that a Rollout
    /// may run.
    #[must_use]
    pub fn object(&self, namespace: &str) -> Option<ObjectRef> {
        let kind = match (self.api_version.as_str(), self.kind.as_str()) {
            ("apps/v1", "Deployment") => Kind::Deployment,
            ("apps/v1", "ReplicaSet") => Kind::SourceReplicaSet,
            ("v1", "PodTemplate") => Kind::PodTemplate,
            _ => return None,
        };
        Some(ObjectRef::new(kind, namespace, self.name.as_str()))
    }
}

words! {
    /// The words of `workloadRef.scaleDown`.
    pub enum ScaleDown {
        /// The Deployment is left alone.
        Never = "never",
        /// The Deployment goes to 0 when the Rollout is healthy.
        OnSuccess = "onsuccess",
        /// The Deployment shrinks as the Rollout grows.
        Progressively = "progressively",
    }
}

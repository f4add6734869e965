//! The status of an Experiment.

use crate::Time;
use crate::analysis::AnalysisPhase;
use crate::condition::Condition;

api! {
    /// What was observed and decided.
    pub struct ExperimentStatus {
        /// Pending, Running, Successful, Failed, Error or Inconclusive.
        pub phase: AnalysisPhase,
        /// Why the experiment is in this phase.
        pub message: String,
        /// When all versions were available.
        pub available_at: Option<Time>,
        /// The versions, one by one.
        pub template_statuses: Vec<TemplateStatus>,
        /// The analyses, one by one.
        pub analysis_runs: Vec<ExperimentAnalysisRunStatus>,
        /// What is known about the Experiment.
        pub conditions: Vec<Condition>,
    }

    /// One version of an experiment.
    pub struct TemplateStatus {
        /// Name of the version within the experiment.
        pub name: String,
        /// Number of its pods.
        pub replicas: i32,
        /// Number of its pods that have the wanted template.
        pub updated_replicas: i32,
        /// Number of its ready pods.
        pub ready_replicas: i32,
        /// Number of its available pods.
        pub available_replicas: i32,
        /// How many times a name was already taken by another template.
        pub collision_count: Option<i32>,
        /// Progressing, Running, Successful, Failed or Error.
        pub status: TemplatePhase,
        /// Why it is in this status.
        pub message: String,
        /// When the status last changed.
        pub last_transition_time: Option<Time>,
        /// Name of its Service.
        pub service_name: String,
        /// Hash of its pod template.
        pub pod_template_hash: String,
    }

    /// One analysis of an experiment.
    pub struct ExperimentAnalysisRunStatus {
        /// Name of the analysis within the experiment.
        pub name: String,
        /// Name of its AnalysisRun.
        pub analysis_run: String,
        /// Phase of its AnalysisRun.
        pub phase: AnalysisPhase,
        /// Message of its AnalysisRun.
        pub message: String,
    }
}

words! {
    /// Where a version of an experiment stands.
    pub enum TemplatePhase {
        /// Its pods are coming up.
        Progressing = "Progressing",
        /// All its pods are available.
        Running = "Running",
        /// It ran for as long as it should.
        Successful = "Successful",
        /// Its pods did not become available in time.
        Failed = "Failed",
        /// Its pods could not be created.
        Error = "Error",
        _ => Unknown
    }
}

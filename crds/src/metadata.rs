//! Labels and annotations that users attach to pods and analysis runs.

use std::collections::BTreeMap;

api! {
    /// Labels and annotations to add to pods for as long as their ReplicaSet has a role.
    pub struct PodTemplateMetadata {
        /// Labels to add to the pods.
        pub labels: BTreeMap<String, String>,
        /// Annotations to add to the pods.
        pub annotations: BTreeMap<String, String>,
    }

    /// Labels and annotations to add to the AnalysisRuns that are created.
    pub struct AnalysisRunMetadata {
        /// Labels to add to the AnalysisRun.
        pub labels: BTreeMap<String, String>,
        /// Annotations to add to the AnalysisRun.
        pub annotations: BTreeMap<String, String>,
    }
}

//! The strategy blueGreen.

use super::{AntiAffinity, RolloutAnalysis};
use crate::IntOrString;
use crate::metadata::PodTemplateMetadata;

api! {
    /// Runs the new version beside the active one and switches all traffic at once.
    pub struct BlueGreenStrategy {
        /// Service that serves the users. It is switched to the new version when that is promoted.
        pub active_service: String,
        /// Service that selects the new version before it is promoted.
        pub preview_service: String,
        /// Number of pods of the new version until it is about to be promoted. Defaults to replicas.
        pub preview_replica_count: Option<i32>,
        /// Promotes the new version as soon as it is available. Defaults to true; false waits for a person.
        pub auto_promotion_enabled: Option<bool>,
        /// Promotes the new version so many seconds after it became available. Defaults to 0.
        pub auto_promotion_seconds: i32,
        /// How many pods may be missing during a restart, as a number or as a percentage. Defaults to 25%.
        pub max_unavailable: Option<IntOrString>,
        /// How many seconds the old version is kept after the switch. Defaults to 30.
        pub scale_down_delay_seconds: Option<i32>,
        /// How many old versions are kept at most during scaleDownDelaySeconds.
        pub scale_down_delay_revision_limit: Option<i32>,
        /// Analysis that must be successful before the switch.
        pub pre_promotion_analysis: Option<RolloutAnalysis>,
        /// Analysis after the switch; if it fails, the active Service is switched back.
        pub post_promotion_analysis: Option<RolloutAnalysis>,
        /// Keeps pods of two versions off the same node.
        pub anti_affinity: Option<AntiAffinity>,
        /// Labels and annotations that pods carry while they are the preview.
        pub preview_metadata: Option<PodTemplateMetadata>,
        /// Labels and annotations that pods carry while they are active.
        pub active_metadata: Option<PodTemplateMetadata>,
        /// How many seconds the new version is kept after an abort; 0 keeps it. Defaults to 30.
        pub abort_scale_down_delay_seconds: Option<i32>,
    }
}

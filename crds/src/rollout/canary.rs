//! The strategy canary.

use super::{BackgroundAnalysis, CanaryStep, PingPongRole, TrafficRouting};
use crate::IntOrString;
use crate::metadata::PodTemplateMetadata;

api! {
    /// Moves pods or traffic to the new version step by step.
    pub struct CanaryStrategy {
        /// Service that selects the pods of the new version. Needed for trafficRouting.
        pub canary_service: String,
        /// Service that selects the pods of the stable version. Needed for trafficRouting.
        pub stable_service: String,
        /// What happens on the way to the new version, in this order. Without steps, pods are replaced as fast as
        /// maxSurge and maxUnavailable allow.
        pub steps: Vec<CanaryStep>,
        /// Splits the traffic by a router. Without it, the share of pods is the share of traffic.
        pub traffic_routing: Option<TrafficRouting>,
        /// How many pods may be missing during an update, as a number or as a percentage (rounded down).
        /// Defaults to 25%.
        pub max_unavailable: Option<IntOrString>,
        /// How many pods may exist beyond replicas, as a number or as a percentage (rounded up). Defaults to 25%.
        pub max_surge: Option<IntOrString>,
        /// Analysis that runs beside the steps until the new version is promoted.
        pub analysis: Option<BackgroundAnalysis>,
        /// Keeps pods of two versions off the same node.
        pub anti_affinity: Option<AntiAffinity>,
        /// Labels and annotations that pods carry while they are the canary.
        pub canary_metadata: Option<PodTemplateMetadata>,
        /// Labels and annotations that pods carry while they are stable.
        pub stable_metadata: Option<PodTemplateMetadata>,
        /// How many seconds the old version is kept after the new one was promoted. Only with trafficRouting.
        /// Defaults to 30.
        pub scale_down_delay_seconds: Option<i32>,
        /// How many old versions are kept at most during scaleDownDelaySeconds.
        pub scale_down_delay_revision_limit: Option<i32>,
        /// How many seconds the new version is kept after an abort; 0 keeps it. Only with trafficRouting.
        /// Defaults to 30.
        pub abort_scale_down_delay_seconds: Option<i32>,
        /// Scales the stable version down as traffic moves to the new one. Needs trafficRouting; not together with
        /// scaleDownDelaySeconds.
        pub dynamic_stable_scale: bool,
        /// Two Services that take the roles of canary and stable in turns, instead of canaryService and stableService.
        pub ping_pong: Option<PingPong>,
        /// How many pods each version that has pods keeps at least. Only with trafficRouting.
        pub min_pods_per_replica_set: Option<i32>,
        /// Lets a step go on with fewer available pods than it asks for.
        pub replica_progress_threshold: Option<ReplicaProgressThreshold>,
    }

    /// Keeps pods of two versions off the same node: one of the two fields.
    pub struct AntiAffinity {
        /// Pods of two versions never share a node.
        pub required_during_scheduling_ignored_during_execution: Option<RequiredAntiAffinity>,
        /// Pods of two versions share a node only if there is no better one.
        pub preferred_during_scheduling_ignored_during_execution: Option<PreferredAntiAffinity>,
    }

    /// Pods of two versions never share a node. It has no fields.
    pub struct RequiredAntiAffinity {}

    /// Pods of two versions share a node only if there is no better one.
    pub struct PreferredAntiAffinity {
        /// Weight of this rule for the scheduler, 1 to 100.
        pub weight: i32,
    }

    /// Two Services that take the roles of canary and stable in turns.
    pub struct PingPong {
        /// Name of the first Service.
        pub ping_service: String,
        /// Name of the second Service.
        pub pong_service: String,
    }

    /// How many available pods are enough for a step to go on.
    pub struct ReplicaProgressThreshold {
        /// Percent (of the pods that the step asks for) or Pods.
        #[serde(rename = "type")]
        pub type_: String,
        /// The percentage, or the number of pods.
        pub value: i32,
    }
}

impl CanaryStrategy {
    /// The Services of the stable and of the new version, in this order; one that is not named is empty. Those of
    /// `pingPong` take these roles in turns: `stable` says which of them is the stable one, pong before anybody says so.
    #[must_use]
    pub fn services(&self, stable: PingPongRole) -> [&str; 2] {
        match &self.ping_pong {
            None => [&self.stable_service, &self.canary_service],
            Some(pair) if stable == PingPongRole::Ping => [&pair.ping_service, &pair.pong_service],
            Some(pair) => [&pair.pong_service, &pair.ping_service],
        }
    }
}

words! {
    /// The words of `replicaProgressThreshold.type`.
    pub enum ThresholdType {
        /// A percentage of the pods that the step asks for.
        Percent = "Percent",
        /// A number of pods.
        Pods = "Pods",
    }
}

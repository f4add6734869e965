//! The status of a Rollout.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CompletionStatus, PauseReason, PingPongRole, RolloutPhase, StepPluginOperation, StepPluginPhase,
};
use crate::analysis::AnalysisPhase;
use crate::condition::Condition;
use crate::lenient::{is_default, or_default};
use crate::{IntOrString, Opaque, Time};

api! {
    /// What was observed and decided. People and tools steer an update by abort, promoteFull, pauseConditions and
    /// currentStepIndex.
    pub struct RolloutStatus {
        /// True takes the update back. It stays true until a retry or another version.
        pub abort: bool,
        /// Why the Rollout pauses. Clearing the list goes on.
        pub pause_conditions: Vec<PauseCondition>,
        /// Whether the operator paused the Rollout; it tells a pause that a person ended from no pause.
        pub controller_pause: bool,
        /// When the update was aborted.
        pub aborted_at: Option<Time>,
        /// Hash of the wanted pod template.
        pub current_pod_hash: String,
        /// Hash of the steps.
        pub current_step_hash: String,
        /// Number of pods of all versions.
        pub replicas: i32,
        /// Number of pods of the new version.
        pub updated_replicas: i32,
        /// Number of ready pods.
        pub ready_replicas: i32,
        /// Number of available pods.
        pub available_replicas: i32,
        /// Index of the current step, from 0; the number of steps when all are done; absent without steps.
        pub current_step_index: Option<i32>,
        /// How many times a name was already taken by another template.
        pub collision_count: Option<i32>,
        /// The metadata.generation that this status is about: as text, or as a number where that is asked for.
        pub observed_generation: Option<IntOrString>,
        /// What is known about the Rollout.
        pub conditions: Vec<Condition>,
        /// What only a canary has.
        pub canary: CanaryStatus,
        /// What only a blue-green update has.
        pub blue_green: BlueGreenStatus,
        /// Number of pods that the scale subresource reports to autoscalers.
        #[serde(rename = "HPAReplicas")]
        pub hpa_replicas: i32,
        /// Selector that the scale subresource reports to autoscalers.
        pub selector: String,
        /// Hash of the stable version.
        #[serde(rename = "stableRS")]
        pub stable_rs: String,
        /// The spec.restartAt that was last carried out.
        pub restarted_at: Option<Time>,
        /// True promotes the new version without its remaining steps, pauses and analyses.
        pub promote_full: bool,
        /// Healthy, Degraded, Progressing or Paused.
        pub phase: RolloutPhase,
        /// Why the Rollout is in this phase.
        pub message: String,
        /// The generation of the referenced workload that this status is about, as text.
        pub workload_observed_generation: String,
        /// What the AWS load balancer is, when one Ingress is used.
        pub alb: Option<AlbStatus>,
        /// What the AWS load balancers are, when several Ingresses are used.
        pub albs: Vec<AlbStatus>,
        /// How long the update took.
        pub duration: Option<RolloutDuration>,
        /// What Linnet itself must remember.
        pub linnet: Option<LinnetStatus>,
    }

    /// A reason to pause.
    pub struct PauseCondition {
        /// Why it pauses, such as `CanaryPauseStep`.
        pub reason: PauseReason,
        /// When the pause began.
        pub start_time: Option<Time>,
    }

    /// What only a canary has.
    pub struct CanaryStatus {
        /// The analysis of the current step.
        pub current_step_analysis_run_status: Option<AnalysisRunSummary>,
        /// The analysis beside the steps.
        pub current_background_analysis_run_status: Option<AnalysisRunSummary>,
        /// Name of the Experiment of the current step.
        pub current_experiment: String,
        /// The weights that were last written to the router.
        pub weights: Option<TrafficWeights>,
        /// Which of the two Services of pingPong is the stable one: ping or pong.
        pub stable_ping_pong: PingPongRole,
        /// What the step plugins reported.
        pub step_plugin_statuses: Vec<StepPluginStatus>,
        /// Hash of the stable version, as very old versions of the API wrote it; only read.
        #[serde(rename = "stableRS")]
        pub stable_rs: String,
    }

    /// What only a blue-green update has.
    pub struct BlueGreenStatus {
        /// Hash that the preview Service selects.
        pub preview_selector: String,
        /// Hash that the active Service selects.
        pub active_selector: String,
        /// Whether the preview was available and is now scaled to its full size.
        pub scale_up_preview_check_point: bool,
        /// The analysis before the switch.
        pub pre_promotion_analysis_run_status: Option<AnalysisRunSummary>,
        /// The analysis after the switch.
        pub post_promotion_analysis_run_status: Option<AnalysisRunSummary>,
    }

    /// An AnalysisRun of this Rollout.
    pub struct AnalysisRunSummary {
        /// Name of the AnalysisRun.
        pub name: String,
        /// Its phase.
        pub status: AnalysisPhase,
        /// Its message.
        pub message: String,
    }

    /// The weights that were last written to the router.
    pub struct TrafficWeights {
        /// Of the new version.
        pub canary: WeightDestination,
        /// Of the stable version.
        pub stable: WeightDestination,
        /// Of the versions of an experiment.
        pub additional: Vec<WeightDestination>,
        /// Whether the router confirmed the weights; absent if it has no way to say so.
        pub verified: Option<bool>,
    }

    /// An AWS load balancer and its target groups.
    pub struct AlbStatus {
        /// The load balancer.
        pub load_balancer: AwsResource,
        /// The target group of the new version.
        pub canary_target_group: AwsResource,
        /// The target group of the stable version.
        pub stable_target_group: AwsResource,
        /// The Ingress that they belong to.
        pub ingress: String,
    }

    /// A load balancer or a target group.
    pub struct AwsResource {
        /// Its name.
        pub name: String,
        /// Its ARN.
        pub arn: String,
        /// Its full name, as in metrics.
        pub full_name: String,
    }

    /// How long the update took.
    pub struct RolloutDuration {
        /// When the update began.
        pub rollout_started_at: Option<Time>,
        /// When the current pause for a person began.
        pub manual_pause_started_at: Option<Time>,
        /// How many seconds the update waited for a person, in all.
        pub total_manual_pause_duration_seconds: i64,
        /// When the update ended.
        pub finished_at: Option<Time>,
        /// How it ended: Promoted, FastPromoted, Aborted, Superseded, RolledBack or FastRolledBack.
        pub completion_status: Option<CompletionStatus>,
    }

    /// What Linnet itself must remember. If it is absent, this is the first attempt and every drain starts now.
    pub struct LinnetStatus {
        /// Number of the attempt to bring in the current version; a retry adds one.
        pub attempt: Option<i64>,
        /// Number of decisions that must not be mixed up with earlier ones.
        pub epoch: Option<i64>,
        /// The last accepted write of each route.
        pub routes: Vec<RouteWrite>,
        /// Hashes of versions that were stable before and may still have pods, oldest first.
        pub formerly_stable: Vec<String>,
        /// Whether this update returns to a version that users had a moment ago, without pause and analysis.
        pub fast_track: bool,
        /// Whether the pause before the switch is over.
        pub pause_over: bool,
        /// Whether the Deployment that the Rollout replaces still hands its pods over.
        pub handing_over: bool,
    }

    /// The last accepted write of a route.
    pub struct RouteWrite {
        /// The route, such as Ingress/web-canary.
        #[serde(rename = "ref")]
        pub ref_: String,
        /// When the write was accepted.
        pub written_at: Option<Time>,
        /// The version of the route that the write returned.
        pub resource_version: String,
    }
}

/// The weight of one version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightDestination {
    /// Its share of the traffic; also written when it is 0.
    #[serde(default, deserialize_with = "or_default")]
    pub weight: i32,
    /// Its Service.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub service_name: String,
    /// Its pod template hash.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub pod_template_hash: String,
}

/// What a step plugin reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepPluginStatus {
    /// Index of the step; also written when it is 0.
    #[serde(default, deserialize_with = "or_default")]
    pub index: i32,
    /// Name of the plugin.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub name: String,
    /// What the plugin was last asked: Run, Terminate or Abort.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub operation: StepPluginOperation,
    /// Running, Successful, Failed or Error.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub phase: StepPluginPhase,
    /// Why it is in this phase.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub message: String,
    /// When the operation began.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub started_at: Option<Time>,
    /// When the plugin last answered.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub updated_at: Option<Time>,
    /// When the operation ended.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub finished_at: Option<Time>,
    /// How long to wait until the plugin is asked again, such as 30s.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub backoff: String,
    /// How many times the plugin was asked.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub executions: i32,
    /// Whether the plugin is switched off, and the step was skipped.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub disabled: bool,
    /// What the plugin wants to be given the next time.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub status: Option<Opaque>,
}

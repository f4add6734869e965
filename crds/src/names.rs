//! Labels, annotations and other fixed names of the API.

/// The API group.
pub const GROUP: &str = "argoproj.io";
/// The API version.
pub const VERSION: &str = "v1alpha1";
/// Group and version as objects carry them.
pub const API_VERSION: &str = "argoproj.io/v1alpha1";

/// Label of ReplicaSets, pods and analysis runs, and selector key of Services: the hash of the pod template.
pub const POD_TEMPLATE_HASH: &str = "rollouts-pod-template-hash";
/// Label that a Deployment puts on its ReplicaSets and pods; seen when a Deployment's ReplicaSet is adopted.
pub const DEPLOYMENT_POD_TEMPLATE_HASH: &str = "pod-template-hash";
/// Annotation of Rollouts, ReplicaSets and analysis runs: the revision.
pub const REVISION: &str = "rollout.argoproj.io/revision";
/// Annotation of ReplicaSets: earlier revisions that had the same template.
pub const REVISION_HISTORY: &str = "rollout.argoproj.io/revision-history";
/// Annotation of ReplicaSets: the replicas that the Rollout wanted when it was last scaled.
pub const DESIRED_REPLICAS: &str = "rollout.argoproj.io/desired-replicas";
/// Annotation of Rollouts and ReplicaSets: the generation of the workload that the Rollout refers to.
pub const WORKLOAD_GENERATION: &str = "rollout.argoproj.io/workload-generation";
/// Annotation of ReplicaSets: the labels and annotations that their role added to their pods, as JSON.
pub const EPHEMERAL_METADATA: &str = "rollout.argoproj.io/ephemeral-metadata";
/// Annotation of ReplicaSets: when they may be scaled down, RFC 3339 in UTC. It has no prefix.
pub const SCALE_DOWN_DEADLINE: &str = "scale-down-deadline";
/// Annotation of Services, DestinationRules and VirtualNodes: the name of the Rollout that manages them.
pub const MANAGED_BY_ROLLOUTS: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";
/// Label that assigns an object to the operator instance with that id.
pub const INSTANCE_ID: &str = "argo-rollouts.argoproj.io/controller-instance-id";
/// Annotation of Rollouts, our own: how `status.observedGeneration` is to be written, a word of `GenerationForm`.
pub const OBSERVED_GENERATION: &str = "linnet/observed-generation";

/// Annotation of an experiment's ReplicaSets and Services: the experiment.
pub const EXPERIMENT_NAME: &str = "experiment.argoproj.io/name";
/// Annotation of an experiment's ReplicaSets and Services: the template.
pub const EXPERIMENT_TEMPLATE_NAME: &str = "experiment.argoproj.io/template-name";

/// Label of the Jobs of a metric: the uid of the analysis run.
pub const ANALYSIS_RUN_UID: &str = "analysisrun.argoproj.io/uid";
/// Annotation of the Jobs of a metric: the name of the analysis run.
pub const ANALYSIS_RUN_NAME: &str = "analysisrun.argoproj.io/name";
/// Annotation of the Jobs of a metric: the namespace of the analysis run.
pub const ANALYSIS_RUN_NAMESPACE: &str = "analysisrun.argoproj.io/namespace";
/// Annotation of the Jobs of a metric: the metric.
pub const ANALYSIS_RUN_METRIC_NAME: &str = "analysisrun.argoproj.io/metric-name";

/// Label of analysis runs that a Rollout created; its words are [`RolloutType`].
pub const ROLLOUT_TYPE: &str = "rollout-type";
/// Label of inline analysis runs: the index of their step.
pub const STEP_INDEX: &str = "step-index";

/// Label of a Secret that holds the kubeconfig of the primary Istio cluster; its value is `true`.
pub const ISTIO_PRIMARY_CLUSTER: &str = "istio.argoproj.io/primary-cluster";
/// Annotation of an Ingress of the AWS load balancer controller: which annotations are managed for which Rollout.
pub const MANAGED_ALB_ANNOTATIONS: &str = "rollouts.argoproj.io/managed-alb-annotations";
/// Earlier name of [`MANAGED_ALB_ANNOTATIONS`].
pub const MANAGED_ALB_ACTIONS: &str = "rollouts.argoproj.io/managed-alb-actions";
/// Label of routes of the Gateway API while a canary gets traffic; its value is `in-progress`.
pub const GATEWAY_API_CANARY: &str = "rollouts.argoproj.io/gatewayapi-canary";

/// Annotation by `kubectl apply`; never copied to owned objects.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotation that remembers which notifications were sent; never copied to owned objects.
pub const NOTIFIED: &str = "notified.notifications.argoproj.io";

/// Component that events name as their source.
pub const EVENT_COMPONENT: &str = "rollouts-controller";
/// Lease of the reference implementation's leader, also with `-<instance id>` behind it.
pub const ARGO_LEASE: &str = "argo-rollouts-controller-lock";
/// Topology key of the anti-affinity that is injected between two versions.
pub const HOSTNAME_TOPOLOGY_KEY: &str = "kubernetes.io/hostname";

words! {
    /// Where in a Rollout an analysis run comes from: the words of the label [`ROLLOUT_TYPE`].
    pub enum RolloutType {
        /// An `analysis` step.
        Step = "Step",
        /// The analysis that runs beside the steps.
        Background = "Background",
        /// Before the active Service is switched.
        PrePromotion = "PrePromotion",
        /// After the active Service was switched.
        PostPromotion = "PostPromotion",
        _ => Unknown
    }
}

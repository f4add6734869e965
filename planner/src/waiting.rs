//! Why nothing happens: a closed list, so that the command line can explain every pause.

use crds::object_ref::ObjectRef;
use jiff::Timestamp;

/// One reason to wait. A plan without actions has at least one unless the rollout is healthy and at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The store has not shown our own last write of these objects.
    StoreBehindOwnWrites {
        /// The objects that are behind.
        objects: Vec<ObjectRef>,
    },
    /// The spec cannot be acted on until a person changes it.
    InvalidSpec {
        /// What is wrong, where, with which value.
        message: String,
    },
    /// `spec.paused` is set.
    PausedByUser,
    /// A pause step without duration, or an inconclusive analysis: until a person resumes.
    Resume {
        /// Since when.
        since: Timestamp,
        /// The reference's pause reason, such as `CanaryPauseStep`.
        reason: String,
    },
    /// A pause step with a duration.
    PauseEnds {
        /// When it ends.
        at: Timestamp,
    },
    /// Pods of the new version are not available yet.
    CanaryPodsNotReady {
        /// How many this step wants.
        want: i32,
        /// How many are available.
        have: i32,
    },
    /// Pods of the stable version are not available.
    StablePodsNotReady {
        /// How many are wanted.
        want: i32,
        /// How many are available.
        have: i32,
    },
    /// Old pods have not gone yet.
    OldPodsLeaving {
        /// How many are left.
        left: i32,
    },
    /// A route was written but may not be in force yet: no pod is taken away before.
    RouteDraining {
        /// The route object.
        route: ObjectRef,
        /// When it counts as in force.
        until: Timestamp,
    },
    /// A route object is missing or cannot be worked on.
    RouteProblem {
        /// The route object.
        route: ObjectRef,
        /// Why.
        message: String,
    },
    /// A Service that the Rollout names does not exist, or its pods are not available for a switch.
    ServiceNotReady {
        /// The Service.
        service: String,
        /// Why.
        message: String,
    },
    /// An AnalysisRun has not come to a verdict.
    Analysis {
        /// The run.
        run: String,
    },
    /// A metric is measured later.
    MeasurementDue {
        /// The metric.
        metric: String,
        /// When.
        at: Timestamp,
    },
    /// A metric backend was asked and has not answered.
    MeasurementUnderWay {
        /// The metric.
        metric: String,
    },
    /// Secrets that the arguments of an analysis name have not been read.
    SecretsUnread {
        /// The Secrets.
        secrets: Vec<String>,
    },
    /// A template that the analysis names cannot be used.
    AnalysisTemplate {
        /// The template, and what is wrong with it.
        message: String,
    },
    /// The pods of a ReplicaSet are to carry other metadata, or to be restarted, and they are not all known yet.
    PodsUnread {
        /// The ReplicaSet.
        replica_set: String,
    },
    /// A restart was asked for that begins later.
    RestartDue {
        /// When.
        at: Timestamp,
    },
    /// Pods are older than the restart that was asked for: the next one goes when enough others are available.
    PodsRestarting {
        /// How many are left.
        left: i32,
    },
    /// The eviction of a pod was refused, as a rule by a PodDisruptionBudget: it is tried again.
    PodKept {
        /// The pod.
        pod: String,
        /// What the server said.
        message: String,
        /// When it is tried again.
        until: Timestamp,
    },
    /// An old ReplicaSet is kept until its scale-down deadline.
    ScaleDownDelay {
        /// The ReplicaSet.
        replica_set: String,
        /// When it goes.
        until: Timestamp,
    },
    /// The last pods of the Deployment that the Rollout replaces are kept until the Rollout has been healthy for a while.
    WorkloadKept {
        /// The Deployment.
        workload: ObjectRef,
        /// Until when.
        until: Timestamp,
    },
    /// The update was aborted: until a retry or another template.
    Aborted {
        /// Why.
        message: String,
    },
    /// Nothing is wanted.
    AtRest,
}

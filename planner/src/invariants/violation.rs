//! What a plan must not do.

use crds::object_ref::ObjectRef;

/// Something that a plan must not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A weight is more than all of the traffic.
    #[error("{route} is to get the weight {weight} of {max}")]
    WeightTooLarge {
        /// The route object.
        route: ObjectRef,
        /// The weight.
        weight: u32,
        /// The weight that is all of the traffic.
        max: u32,
    },
    /// Requests are sent to a version without available pods, or to a Service that selects another version.
    #[error("{route} is to send more requests to a version without pods behind its Service")]
    WeightWithoutPods {
        /// The route object.
        route: ObjectRef,
    },
    /// More requests are sent to the stable version than its pods can carry, though the new version has pods.
    #[error("{route} is to get the weight {weight}, and the stable version lacks pods for the rest")]
    StableOverloaded {
        /// The route object.
        route: ObjectRef,
        /// The weight of the new version.
        weight: u32,
    },
    /// An update that was taken back gets more requests.
    #[error("{route} is to get more than {weight} though the update was aborted")]
    WeightRaisedAfterAbort {
        /// The route object.
        route: ObjectRef,
        /// The weight that was observed.
        weight: u32,
    },
    /// A managed route that a step made is not there, though an update waits in a pause.
    #[error("{route} does not hold the managed route {name} that the steps so far ask for")]
    ManagedRouteLost {
        /// The route object.
        route: ObjectRef,
        /// The name of the managed route.
        name: String,
    },
    /// Pods are taken away that requests may still be sent to.
    #[error("ReplicaSet {name} is to shrink from {from} to {to} while requests may be sent to it")]
    PodsTakenUnderTraffic {
        /// The ReplicaSet.
        name: String,
        /// Its size.
        from: i32,
        /// Its size afterwards.
        to: i32,
    },
    /// The Deployment that the Rollout replaces loses pods that the Rollout cannot stand in for yet, or gets more.
    #[error(
        "{workload} is to get {to} instead of {from} pods though {have} of {want} pods of the Rollout are available"
    )]
    WorkloadTakenTooEarly {
        /// The Deployment.
        workload: ObjectRef,
        /// Its size.
        from: i32,
        /// Its size afterwards.
        to: i32,
        /// How many pods the Rollout wants.
        want: i32,
        /// How many of them are available.
        have: i32,
    },
    /// An action names an object that is not there, is another incarnation, or has another size.
    #[error("an action names {name}, which is not as it says")]
    UnknownObject {
        /// The object.
        name: String,
    },
    /// Pods lose a label by which their ReplicaSet knows them, or get another one.
    #[error("{name} is to get another label of the selector")]
    SelectorLabelChanged {
        /// The ReplicaSet or pod.
        name: String,
    },
    /// A pod is evicted that no restart asks for, or while as many are missing as may be.
    #[error("pod {name} is to be evicted for no reason, or while {missing} pods are missing")]
    PodEvicted {
        /// The pod.
        name: String,
        /// How many pods are missing already.
        missing: i32,
    },
    /// A Service is pointed at pods that do not exist or are not available.
    #[error("Service {service} is to select {hash}, which has no available pods")]
    ServiceWithoutPods {
        /// The Service.
        service: String,
        /// The hash.
        hash: String,
    },
    /// All users are sent to a version that lacks pods.
    #[error("Service {service} is to select {hash} for all users with {have} of {want} pods available")]
    ActiveWithoutPods {
        /// The Service.
        service: String,
        /// The hash of the version.
        hash: String,
        /// How many pods are wanted.
        want: i32,
        /// How many are available.
        have: i32,
    },
    /// All users are sent to a version, or are about to be, that has not earned it.
    #[error("{hash} is to get all users, but {why}")]
    SwitchedTooEarly {
        /// The hash of the version.
        hash: String,
        /// What is missing.
        why: &'static str,
    },
    /// The update is taken back, and something else than the routes or the active Service comes first.
    #[error("the update is taken back, but the routes do not come first")]
    AbortNotFirst,
    /// A step was skipped or repeated.
    #[error("the step index goes from {from:?} to {to:?}")]
    StepSkipped {
        /// The index as it was.
        from: Option<i32>,
        /// The index as it is to be.
        to: Option<i32>,
    },
    /// A version is promoted that has not earned it.
    #[error("{hash} is promoted, but {why}")]
    PromotedTooEarly {
        /// The hash of the version.
        hash: String,
        /// What is missing.
        why: &'static str,
    },
    /// Something else than an abort rests on a store that is behind our own writes.
    #[error("the plan acts on a store that is behind our own writes")]
    ActedOnStaleStore,
    /// Nothing is done and nobody is told why.
    #[error("the plan does nothing and does not say why")]
    SilentWait,
}

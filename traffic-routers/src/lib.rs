//! What a route object says, and the smallest edit that makes it say something else.
//!
//! A router is a pure pair: [`TrafficRouter::observe`] reads, [`TrafficRouter::edit`] answers with the one write
//! that is missing. Foreign objects are untyped JSON and keep every field that the router does not own.

mod istio;
mod nginx;
mod object;
mod registry;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;

use crds::object_ref::ObjectRef;
use crds::rollout::{ManagedRule, PingPongRole};
use serde_json::Value;

pub use istio::Istio;
pub use nginx::Nginx;
pub use registry::{Router, drivable, routers};

/// Live objects, as the API server returned them. A missing one is absent.
pub type Objects = BTreeMap<ObjectRef, Value>;

/// The Rollout that a router works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Which of two Services that take turns selects the stable version (`status.canary.stablePingPong`).
    pub stable_ping_pong: PingPongRole,
}

/// What a route is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The share of the new version, in units of the router's maximum weight.
    pub canary_weight: u32,
    /// Pod hash of the new version.
    pub canary_hash: String,
    /// Pod hash of the stable version.
    pub stable_hash: String,
    /// The managed routes, in the order in which they are tried. A router that has none leaves them out.
    pub managed: Vec<ManagedRule>,
}

/// What a route says.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The share of the new version; `None` when the object does not exist yet or says nothing about it.
    /// When parts of one object differ it is the largest share, and the route is not in shape.
    pub canary_weight: Option<u32>,
    /// Whether everything but the weight and the managed routes is as the Rollout wants it.
    pub in_shape: bool,
    /// The managed routes that it holds, in its order; `None` where the router has no such thing.
    pub managed: Option<Vec<ManagedRule>>,
}

/// The one write that is missing. Every write on an existing object carries its resourceVersion.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// The route already says so.
    Nothing,
    /// The object is to be created.
    Create(Value),
    /// A JSON merge patch that holds `metadata.resourceVersion`.
    MergePatch(Value),
    /// A JSON patch whose first operation replaces `/metadata/resourceVersion` (a conflict then answers 409).
    JsonPatch(Value),
}

/// Why a router cannot work: what is wrong, in which object, at which path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The spec does not say enough, or says too much.
    #[error("{path}: {message}")]
    Spec {
        /// Where in the Rollout's spec.
        path: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// An object that the router needs does not exist.
    #[error("{object} not found: {hint}")]
    NotFound {
        /// The object.
        object: ObjectRef,
        /// What to do.
        hint: String,
    },
    /// An object is there, but not as the router needs it.
    #[error("{object}: {path}: {message}")]
    Unfit {
        /// The object.
        object: ObjectRef,
        /// Where in it.
        path: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// An object with the name that the router would use belongs to somebody else.
    #[error("{object} is not controlled by Rollout {owner}: rename or remove it")]
    Foreign {
        /// The object.
        object: ObjectRef,
        /// The Rollout that would own it.
        owner: String,
    },
}

/// A kind of data plane, seen through the objects that steer it.
pub trait TrafficRouter {
    /// The word for it in metrics and messages, such as `Nginx` or `Istio`.
    fn name(&self) -> &'static str;

    /// The objects that carry the weight, in the order in which they are written.
    fn routes(&self) -> Vec<ObjectRef>;

    /// The further objects that reading or editing `route` needs, such as the stable Ingress.
    fn sources(&self, route: &ObjectRef) -> Vec<ObjectRef>;

    /// Reads what a route says.
    ///
    /// When it succeeds, [`Self::edit`] answers [`Edit::Nothing`] exactly for the weight and the managed routes that it
    /// returns (`None` counting as 0, or as whatever is wanted), and only if the route is in shape.
    ///
    /// # Errors
    /// When an object that it needs is missing or unfit.
    fn observe(&self, route: &ObjectRef, objects: &Objects) -> Result<Observation, RouteError>;

    /// The one write that makes `route` say `target`.
    ///
    /// Weight 0 takes the traffic back and so does what it can: what cannot be brought into shape is left alone
    /// if the weight itself can be written.
    ///
    /// # Errors
    /// When an object that it needs is missing, unfit or somebody else's.
    fn edit(&self, route: &ObjectRef, objects: &Objects, target: &Target) -> Result<Edit, RouteError>;
}

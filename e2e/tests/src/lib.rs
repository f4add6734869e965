//! What the stories on a real control plane are made of: the cluster, its users' traffic, its audit log.
//!
//! Every test runs inside the cluster's network namespace (`cargo xtask cluster exec`), in a Kubernetes namespace of
//! its own, and says with each wait what it waits for.

pub mod audit;
pub mod facts;
pub mod in_force;
pub mod manifest;
pub mod operator;
pub mod proxy;
pub mod share;
pub mod space;
pub mod steps;
pub mod story;
pub mod traffic;
pub mod wait;

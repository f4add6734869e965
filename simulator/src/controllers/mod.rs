//! The controllers that other programs would run: of ReplicaSets and their pods.

pub(crate) mod pods;

pub(crate) use pods::{Nodes, PodEvent};

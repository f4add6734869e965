//! What a Rollout will do, before it is applied: its manifests are played in a cluster in memory.

pub mod answer;
mod assume;
pub mod bundle;
pub mod manifest;
pub mod report;
mod tell;

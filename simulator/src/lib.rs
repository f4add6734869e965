//! A cluster in memory on a virtual clock.
//!
//! It carries out the effects of the engine, the same code that runs in production, and feeds it inputs: late,
//! reordered, lost, twice, as a real cluster does. Tests search it for orders of events that break an invariant;
//! a person plays a Rollout in it before applying it.

mod actor;
mod backend;
#[cfg(test)]
mod catalogue;
pub mod clock;
mod controllers;
pub mod data_plane;
pub mod fault;
pub mod model;
mod oracle;
pub mod outcome;
pub mod prepared;
pub mod preview;
mod process;
mod roles;
pub mod scenario;
pub mod search;
pub mod store;
mod trace;
pub mod watch;
pub mod world;

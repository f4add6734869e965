//! A cluster in memory on a virtual clock.
//!
//! It carries out the effects of the engine, the same code that runs in production, and feeds it inputs: late,
//! reordered, lost, twice, as a real cluster does. Tests search it for orders of events that break an invariant;
//! a person plays a Rollout in it before applying it.

pub mod fault;
pub mod outcome;
pub mod preview;
pub mod scenario;
pub mod store;
pub mod watch;

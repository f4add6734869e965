//! Decides: a snapshot and a time in, a plan out.
//!
//! [`rollout::plan`] and [`analysis_run::plan`] are total and deterministic: equal snapshots and times give equal
//! plans, and no input makes them fail. What cannot be acted on is a status; what has to wait is a [`Waiting`]
//! with a reason. Nothing in this room knows a clock, a client or a random number, so the operator, the simulator,
//! the command line and the tests call the same functions.
//!
//! [`Waiting`]: waiting::Waiting

pub mod analysis_run;
pub mod event;
pub mod facts;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixture;
pub mod invariants;
pub mod release;
pub mod rollout;
pub mod shared;
pub mod waiting;

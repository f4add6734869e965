//! The search for orders of events that break a rule.
//!
//! A [`Shape`] is a strategy behind a router; a story is what people do during an update. [`rows`] lists stories for
//! the exhaustive plans of [`exhaustive`]; [`swarm`] draws a story and its faults from a seed, [`lure`] says from which of them a
//! planted bug is drawn out. [`trial`] plays one and
//! judges it, [`shrink`] makes a failing one as small as it can be, and [`matrix`] counts which faults mattered where.
//! Nothing here reads a clock or starts a thread: the program `search` does.

pub mod among;
pub mod exhaustive;
pub mod faults;
pub mod lure;
pub mod manifests;
pub mod matrix;
pub mod rows;
pub mod shape;
pub mod shrink;
pub mod story;
pub mod swarm;
pub mod trial;

#[cfg(test)]
mod tests;

pub use among::Among;
pub use lure::Lure;
pub use matrix::Matrix;
pub use shape::Shape;
pub use swarm::Swarm;
pub use trial::Trial;

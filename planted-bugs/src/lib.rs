//! Bugs that can be switched on one by one, to see which of them the tests find.
//!
//! Planner, engine and traffic routers ask [`planted`] in the places where a historical bug of this kind of software
//! sat: `if planted(Bug::TrafficBeforePods) { ... }`. Without the feature `enabled` the answer is a constant `false`
//! and nothing of it is in the program. With it, every thread plants its own bug ([`plant`], [`with`]), so one build
//! searches for all of them, several at once.

mod bug;
mod switch;

pub use bug::Bug;
pub use switch::{ENABLED, current, plant, planted, with, without};

//! The `AnalysisRun`: what is measured next, and what the measurements amount to.
//!
//! Where the rules differ from the reference's, it is for one reason: what was not measured is no success. A metric
//! is Successful only if at least one of its measurements was. One that ends without any, because the run is
//! terminated before its first measurement or because its limits let every measurement fail, is Inconclusive.

mod assess;
mod conclude;
mod decide;
mod measure;
mod plan;
mod resolve;
mod retention;
mod rule;
mod schedule;
mod snapshot;
#[cfg(test)]
mod tests;
mod ttl;

pub use decide::plan;
pub use plan::{Plan, Question};
pub use snapshot::{Measured, SecretKey, Settings, Snapshot};

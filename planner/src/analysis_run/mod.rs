//! The AnalysisRun: what is measured next, and what the measurements amount to.

mod plan;
mod snapshot;

pub use plan::{Plan, Question};
pub use snapshot::{Measured, SecretKey, Settings, Snapshot};

//! Arguments of an analysis: where their values come from, and how they get into the metrics.

mod field_path;
mod resolve;
mod rollout;
mod substitute;

pub use field_path::field_of;
pub use resolve::{InvalidAnalysis, ResolvedMetric, SpecError, SpecProblem, resolve_all};
pub use rollout::{RolloutValues, of_rollout};
pub use substitute::{ArgumentError, substitute, values};

//! The kinds AnalysisTemplate, ClusterAnalysisTemplate and AnalysisRun.

mod argument;
mod metric;
mod phase;
pub mod provider;
mod run;
mod status;
mod template;

pub use argument::*;
pub use metric::*;
pub use phase::*;
pub use run::*;
pub use status::*;
pub use template::*;

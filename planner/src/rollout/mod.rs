//! The Rollout: which version its users get next.

mod plan;
mod snapshot;

pub use plan::{Action, Plan, Scale};
pub use snapshot::{Settings, Snapshot, TemplateIdentity};

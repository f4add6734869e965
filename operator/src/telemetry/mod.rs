//! What the operator says about itself: log lines and numbers.

mod log;
mod metrics;
mod series;

pub(crate) use self::log::{init, note};
pub(crate) use self::metrics::Metrics;

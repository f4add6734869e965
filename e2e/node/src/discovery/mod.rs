//! Who runs here: for Prometheus and for tests.

pub(crate) mod registry;
pub(crate) mod server;

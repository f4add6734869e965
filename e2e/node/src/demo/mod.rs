//! The built-in HTTP server that every pod of a `demo` image is.

pub(crate) mod app;
pub(crate) mod args;
pub(crate) mod errors;
pub(crate) mod metrics;
pub(crate) mod server;
pub(crate) mod standalone;

//! Judging a version: the condition language and the metric providers, as pure functions.

pub mod condition;
pub mod provider;
mod value;

pub use value::Value;

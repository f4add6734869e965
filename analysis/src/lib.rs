//! Judging a version: the condition language and the metric providers, as pure functions.

pub mod arguments;
pub mod condition;
pub mod provider;
pub mod templates;
mod value;
pub mod verdict;

pub use value::Value;

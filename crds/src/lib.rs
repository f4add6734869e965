//! The typed `argoproj.io/v1alpha1` API, its schema, and the identity of pod templates.
//!
//! Everything here is data and pure functions. A value that a user got wrong is kept as it was written, so that the
//! planner can report it; a value of the wrong type fails the decoding of that one object and of no other
//! ([`decoded`]).

#[macro_use]
mod macros;

pub mod analysis;
pub mod condition;
pub mod decoded;
mod differences;
pub mod duration;
pub mod experiment;
pub mod int_or_string;
mod lenient;
pub mod metadata;
pub mod names;
pub mod object_ref;
pub mod opaque;
pub mod rollout;
pub mod schema;
pub mod template;
pub mod time;

pub use differences::Differences;
pub use int_or_string::IntOrString;
pub use opaque::Opaque;
pub use template::TemplateText;
pub use time::Time;

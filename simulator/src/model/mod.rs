//! The model held against reality: scripts that mean the same on the simulator's store and on a real API server.
//!
//! A script is run on both, and what was seen must be equal: result codes and reasons, the order of versions,
//! generations, deletion and finalizers, the contents of answers, and what watches show. [`run()`] does it on the
//! store; the story of the same name does it on a real cluster.

mod book;
mod facts;
mod random;
mod run;
mod script;
#[cfg(test)]
mod tests;
mod told;

pub use self::book::Book;
pub use self::facts::{Event, Facts, Seen, Transcript};
pub use self::random::random;
pub use self::run::{middle, run};
pub use self::script::{Act, Nothing, Precondition, Script, Step};
pub use self::told::told;

/// The name of the objects that end a run.
pub const END: &str = "zz-end";

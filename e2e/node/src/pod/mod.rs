//! The life of one pod: a task that takes in updates and events, and reports a status.

pub(crate) mod container;
pub(crate) mod observe;
pub(crate) mod sequence;
pub(crate) mod start;
pub(crate) mod worker;

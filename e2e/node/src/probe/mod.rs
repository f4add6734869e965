//! Probes: what a spec asks for, how results add up, and the requests themselves.

pub(crate) mod request;
pub(crate) mod spec;
pub(crate) mod tally;

//! Analysis runs as the engine would drive them.

mod properties;
mod stories;
mod world;

pub(super) use world::rule;

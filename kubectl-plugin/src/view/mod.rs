//! How things look: pure functions from objects to words, tables and trees.

pub(crate) mod age;
pub(crate) mod draw;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod paint;
pub(crate) mod reason;
pub(crate) mod simulate;
pub(crate) mod table;
pub(crate) mod unified;

//! What a simulation showed, as text for a terminal and as a page.

mod chart;
pub(crate) mod html;
pub(crate) mod terminal;
mod words;

#[cfg(test)]
mod sample;

//! The scenarios that the search covers: every strategy and router with every kind of step and every verb.
//!
//! A router or a strategy is one row of [`SETUPS`], a story one row of [`STORIES`]; together they give the table.

mod setups;
mod stories;

pub use self::setups::{SETUPS, Setup};
pub use self::stories::{STORIES, Story};

use crate::scenario::Scenario;

/// All scenarios: each story in each setup that it fits.
#[must_use]
pub fn all() -> Vec<Scenario> {
    SETUPS
        .iter()
        .flat_map(|setup| STORIES.iter().filter(|story| story.fits(setup)).map(|story| story.tell(setup)))
        .collect()
}

/// The scenario of that name, such as `canary-nginx/steps`.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests;

//! Small scenarios for tests of the world and of the rules: each of a few stories behind each of a few routers.

mod setups;
mod stories;

use self::setups::{SETUPS, Setup};
use self::stories::STORIES;

use crate::scenario::Scenario;

/// All scenarios: each story in each setup that it fits.
pub(crate) fn all() -> Vec<Scenario> {
    SETUPS
        .iter()
        .flat_map(|setup| STORIES.iter().filter(|story| story.fits(setup)).map(|story| story.tell(setup)))
        .collect()
}

/// The scenario of that name, such as `canary-nginx/steps`.
pub(crate) fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests;

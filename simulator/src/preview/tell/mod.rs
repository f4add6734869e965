//! From the history of a play to what people want to know of it.

mod asked;
mod diff;
mod history;
mod measured;
mod outcome;
mod pods;
mod stage;
mod teller;

pub(super) use asked::asked;
pub(super) use history::Played;

use self::teller::Teller;
pub(super) use self::teller::strategy;
use super::report::Report;

/// What happened to the Rollout from when the new version was applied.
#[must_use]
pub(super) fn tell(played: &Played<'_>) -> Report {
    let mut teller = Teller::new(played);
    let mut is_before = true;
    for happening in played.happenings() {
        if is_before && happening.seconds >= 0.0 {
            is_before = false;
            teller.begin();
        }
        teller.take(&happening);
    }
    teller.end()
}

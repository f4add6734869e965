//! One clock for all decisions of a process: it never jumps, whatever is done to the wall clock.

use std::time::Duration;

use jiff::Timestamp;

/// By how much the clock may run faster or slower than time passes, to approach the wall clock: one part in ten.
const SLEW: u32 = 10;

/// Begins with the wall clock, goes on with the monotonic one, and approaches the wall clock by at most a tenth of the
/// time that passes.
///
/// A wall clock that is set, or a machine that was asleep, thus ends no pause and no deadline early by more than a
/// tenth, and no time ever lies before one that was shown earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    last: Option<Reading>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    monotonic: Duration,
    shown: Timestamp,
}

impl Clock {
    /// What it shows when the wall clock shows `wall` and the monotonic clock, from whatever beginning, `monotonic`.
    pub fn read(&mut self, wall: Timestamp, monotonic: Duration) -> Timestamp {
        let shown = self.peek(wall, monotonic);
        self.last = Some(Reading { monotonic, shown });
        shown
    }

    /// The same, without remembering it.
    #[must_use]
    pub fn peek(&self, wall: Timestamp, monotonic: Duration) -> Timestamp {
        let Some(last) = self.last else { return wall };
        let passed = monotonic.saturating_sub(last.monotonic);
        let slew = passed / SLEW;
        let after = |passed| last.shown.saturating_add(passed).unwrap_or(Timestamp::MAX);
        wall.clamp(after(passed.saturating_sub(slew)), after(passed + slew))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[rstest]
    #[case::right(1_000_000, 60, 1_060_000, 1_060_000)]
    #[case::set_forward(1_000_000, 60, 9_060_000, 1_066_000)]
    #[case::set_back(1_000_000, 60, 60_000, 1_054_000)]
    #[case::a_little_wrong_is_put_right(1_000_000, 60, 1_061_000, 1_061_000)]
    #[case::asleep_without_the_monotonic_clock(1_000_000, 0, 9_000_000, 1_000_000)]
    fn a_reading_a_while_after_the_first(
        #[case] first: i64,
        #[case] seconds: u64,
        #[case] wall: i64,
        #[case] want: i64,
    ) {
        let mut clock = Clock::default();
        assert_eq!(clock.read(at(first), Duration::from_secs(7)), at(first));
        assert_eq!(clock.read(at(wall), Duration::from_secs(7 + seconds)), at(want));
    }

    #[test]
    fn it_meets_a_wall_clock_that_was_set_in_the_end() {
        let mut clock = Clock::default();
        clock.read(at(0), Duration::ZERO);
        let off = 600_000;
        let met = (1..=7_000_u32).find(|second| {
            let wall = at(i64::from(*second) * 1000 + off);
            clock.read(wall, Duration::from_secs(u64::from(*second))) == wall
        });
        assert_eq!(met, Some(6_000), "ten minutes take a hundred");
    }

    proptest! {
        #[test]
        fn no_time_lies_before_an_earlier_one_or_runs_away(
            walls in prop::collection::vec((-10_000_000_i64..10_000_000, 0_u64..100_000), 1..50)
        ) {
            let mut clock = Clock::default();
            let mut monotonic = Duration::ZERO;
            let mut before: Option<Timestamp> = None;
            for (wall, passed) in walls {
                monotonic += Duration::from_millis(passed);
                let shown = clock.read(at(wall), monotonic);
                if let Some(before) = before {
                    let ran = i128::from(passed) * 1_000_000;
                    let went = shown.duration_since(before).as_nanos();
                    prop_assert!((ran * 9 / 10..=ran * 11 / 10).contains(&went), "{went} of {ran}");
                }
                before = Some(shown);
            }
        }
    }
}

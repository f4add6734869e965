//! The middle and the end of a set of times.

use std::time::Duration;

/// Median and 99th percentile, by the nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    p50: Duration,
    p99: Duration,
}

impl Spread {
    /// The spread of times; they are sorted on the way. Of none, it is zero.
    pub(crate) fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let rank = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(rank).copied().unwrap_or_default()
        };
        Self { p50: rank(50), p99: rank(99) }
    }

    /// A spread of known times, in milliseconds.
    pub(crate) const fn from_millis(p50: u64, p99: u64) -> Self {
        Self { p50: Duration::from_millis(p50), p99: Duration::from_millis(p99) }
    }

    /// Whether neither is more than in the other spread.
    pub(crate) fn is_within(self, bound: Self) -> bool {
        self.p50 <= bound.p50 && self.p99 <= bound.p99
    }

    /// What stands to `now` as this one stands to `then`.
    pub(crate) fn scaled(self, then: Self, now: Self) -> Self {
        let scale = |own: Duration, then: Duration, now: Duration| now.mul_f64(own.div_duration_f64(then));
        Self { p50: scale(self.p50, then.p50, now.p50), p99: scale(self.p99, then.p99, now.p99) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} / {}", self.p50.as_millis(), self.p99.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks() {
        let mut times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(Spread::of(&mut times).to_string(), "100 / 198");
        assert_eq!(Spread::of(&mut []).to_string(), "0 / 0");
        assert!(Spread::of(&mut times).is_within(Spread::from_millis(100, 198)));
        assert!(!Spread::of(&mut times).is_within(Spread::from_millis(99, 198)));
        assert!(!Spread::of(&mut times).is_within(Spread::from_millis(100, 197)));
    }
}

//! The virtual clock: what happens next, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::scenario::Range;

/// When every story begins: 2026-11-21T03:00:00Z.
pub const START: Timestamp = Timestamp::constant(1_795_230_000, 0);

/// The time that lies so many milliseconds after `at`.
#[must_use]
pub fn after_ms(at: Timestamp, milliseconds: u64) -> Timestamp {
    at.saturating_add(Duration::from_millis(milliseconds)).unwrap_or(Timestamp::MAX)
}

/// How many milliseconds lie between two times; 0 if `to` is earlier.
#[must_use]
pub fn ms_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

/// What happens, in order; of two things at the same time the one that was planned first comes first.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    next: u64,
    events: BTreeMap<(Timestamp, u64), T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { next: 0, events: BTreeMap::new() }
    }
}

impl<T> Queue<T> {
    /// Plans something.
    pub(crate) fn push(&mut self, at: Timestamp, what: T) {
        self.next += 1;
        self.events.insert((at, self.next), what);
    }

    /// The next thing.
    pub(crate) fn pop(&mut self) -> Option<(Timestamp, T)> {
        self.events.pop_first().map(|((at, _), what)| (at, what))
    }

    /// The next thing, which stays planned.
    pub(crate) fn peek(&self) -> Option<&T> {
        self.events.first_key_value().map(|(_, what)| what)
    }

    /// Everything that is planned.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.events.values()
    }

    /// Puts off what is chosen by so many milliseconds, in its order.
    pub(crate) fn put_off(&mut self, milliseconds: u64, mut chosen: impl FnMut(&mut T) -> bool) {
        let moved: Vec<(Timestamp, u64)> =
            self.events.iter_mut().filter_map(|(key, what)| chosen(what).then_some(*key)).collect();
        for key in moved {
            if let Some(what) = self.events.remove(&key) {
                self.events.insert((after_ms(key.0, milliseconds), key.1), what);
            }
        }
    }
}

/// Durations by chance, from one seed.
#[derive(Clone, Debug)]
pub(crate) struct Chance(fastrand::Rng);

impl Chance {
    /// Chance from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A moment at some time of a range after `at`, with microseconds, so that moments seldom coincide.
    pub(crate) fn after(&mut self, at: Timestamp, range: Range) -> Timestamp {
        let (from, to) = (range.0.saturating_mul(1000), range.1.max(range.0).saturating_mul(1000));
        let micros = self.0.u64(from..=to.saturating_add(999));
        at.saturating_add(Duration::from_micros(micros)).unwrap_or(Timestamp::MAX)
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.0.bool()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Timestamp {
        after_ms(START, milliseconds)
    }

    #[test]
    fn what_is_planned_for_the_same_moment_keeps_its_order() {
        let mut queue = Queue::default();
        for (when, what) in [(5, "c"), (1, "a"), (5, "d"), (1, "b")] {
            queue.push(at(when), what);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, what)| what).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_is_put_off_keeps_its_order_and_leaves_the_rest() {
        let mut queue = Queue::default();
        for (when, what) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
            queue.push(at(when), what);
        }
        queue.put_off(10, |what| *what % 2 == 1);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, what)| what).collect();
        assert_eq!(order, [2, 4, 1, 3]);
    }

    #[test]
    fn chance_stays_in_its_range_and_follows_the_seed() {
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| chance.after(START, Range(3, 7))).collect::<Vec<_>>()
        };
        assert!(draw(1).iter().all(|when| *when >= at(3) && *when < at(8)));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}

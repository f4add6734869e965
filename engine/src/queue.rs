//! Which object is looked at next, and when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crds::object_ref::ObjectRef;
use jiff::Timestamp;

use crate::backoff::{LONGEST_DELAY, exponential};
use crate::time::after;

/// The longest delay after conflicts: somebody else writes, and is soon done.
const LONGEST_CONFLICT: Duration = Duration::from_secs(5);
/// When a plan is looked at again that wished for a time which has passed.
const OVERDUE: Duration = Duration::from_millis(100);
/// How many doublings of the first delay the first one after a denial is: a bit more than a second.
const DENIED_FIRST: u32 = 8;
/// How many conflicts in a row are answered at once.
const CONFLICTS_AT_ONCE: u32 = 3;

/// The objects that are to be looked at: in the order of arrival, each at most once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    urgent: VecDeque<ObjectRef>,
    ready: VecDeque<ObjectRef>,
    queued: BTreeSet<ObjectRef>,
    wakes: BTreeMap<Timestamp, BTreeSet<ObjectRef>>,
    wake_of: BTreeMap<ObjectRef, Timestamp>,
    delays: BTreeMap<ObjectRef, Delay>,
}

/// Why an object has to wait after a failure.
#[derive(Clone, Debug)]
struct Delay {
    failures: u32,
    conflicts: u32,
    until: Timestamp,
    ends: Until,
}

/// What ends a delay before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Nothing: the server said when.
    Time,
    /// A verdict.
    Verdict,
    /// Any change of what the decision rests on.
    Change,
}

impl Queue {
    /// Something about `key` has changed.
    pub(crate) fn push(&mut self, key: ObjectRef, now: Timestamp) {
        if self.may_run(&key, now, Until::Change) && self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    /// A verdict about `key` has come: it goes before everything that is not urgent.
    pub(crate) fn push_urgent(&mut self, key: ObjectRef, now: Timestamp) {
        if !self.may_run(&key, now, Until::Verdict) {
            return;
        }
        if !self.queued.insert(key.clone()) {
            self.ready.retain(|other| *other != key);
        }
        if !self.urgent.contains(&key) {
            self.urgent.push_back(key);
        }
    }

    fn may_run(&self, key: &ObjectRef, now: Timestamp, by: Until) -> bool {
        self.delays.get(key).is_none_or(|delay| {
            delay.until <= now || delay.ends == by || (by == Until::Verdict && delay.ends == Until::Change)
        })
    }

    /// The next object to look at.
    pub(crate) fn pop(&mut self) -> Option<ObjectRef> {
        let key = self.urgent.pop_front().or_else(|| self.ready.pop_front())?;
        self.queued.remove(&key);
        Some(key)
    }

    /// Looks at `key` again as a plan made at `now` wishes; a wish for the past must not become a hot loop.
    pub(crate) fn wake_after(&mut self, key: &ObjectRef, at: Option<Timestamp>, now: Timestamp) {
        self.wake(key, at.map(|at| if at > now { at } else { after(now, OVERDUE) }));
    }

    /// Looks at `key` again at `at` even if nothing changes; replaces what was asked for before.
    pub(crate) fn wake(&mut self, key: &ObjectRef, at: Option<Timestamp>) {
        if let Some(before) = self.wake_of.remove(key)
            && let Some(keys) = self.wakes.get_mut(&before)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.wakes.remove(&before);
            }
        }
        if let Some(at) = at {
            self.wake_of.insert(key.clone(), at);
            self.wakes.entry(at).or_default().insert(key.clone());
        }
    }

    /// Moves everything whose time has come to the end of the queue.
    pub(crate) fn ring(&mut self, now: Timestamp) {
        while let Some(entry) = self.wakes.first_entry() {
            if *entry.key() > now {
                return;
            }
            for key in entry.remove() {
                self.wake_of.remove(&key);
                self.push(key, now);
            }
        }
    }

    /// When the next object wants to be looked at: now if one is ready.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_empty() { self.wakes.keys().next().copied() } else { Some(now) }
    }

    /// Whether nothing is ready.
    pub(crate) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// How many objects are ready.
    pub(crate) fn len(&self) -> usize {
        self.queued.len()
    }

    /// Everything went well for `key`: the next failure is a first one.
    pub(crate) fn succeeded(&mut self, key: &ObjectRef) {
        self.delays.remove(key);
    }

    /// Somebody else was faster: again at once, unless that happens again and again.
    pub(crate) fn conflicted(&mut self, key: &ObjectRef, now: Timestamp) {
        let delay = self.delay(key, now);
        delay.conflicts = delay.conflicts.saturating_add(1);
        let wait = match delay.conflicts.checked_sub(CONFLICTS_AT_ONCE + 1) {
            None => Duration::ZERO,
            Some(beyond) => exponential(key, beyond).min(LONGEST_CONFLICT),
        };
        self.hold(key, now, wait, Until::Verdict);
    }

    /// The server has no time or is not there: again after a delay that doubles, or after what the server said.
    pub(crate) fn failed(&mut self, key: &ObjectRef, now: Timestamp, retry_after: Option<Duration>) {
        let delay = self.delay(key, now);
        let wait = exponential(key, delay.failures);
        delay.failures = delay.failures.saturating_add(1);
        let ends = if retry_after.is_some() { Until::Time } else { Until::Verdict };
        self.hold(key, now, retry_after.map_or(wait, |asked| asked.max(wait)), ends);
    }

    /// Only a person can help: again when something changes, or after the longest delay.
    pub(crate) fn refused(&mut self, key: &ObjectRef, now: Timestamp) {
        self.hold(key, now, LONGEST_DELAY, Until::Change);
    }

    /// This process may not do that, or somebody's webhook says so: as above, but it may be allowed soon, and nothing
    /// that is watched would tell.
    pub(crate) fn denied(&mut self, key: &ObjectRef, now: Timestamp) {
        let delay = self.delay(key, now);
        let wait = exponential(key, DENIED_FIRST.saturating_add(delay.failures));
        delay.failures = delay.failures.saturating_add(1);
        self.hold(key, now, wait, Until::Change);
    }

    /// Forgets everything about `key`.
    pub(crate) fn remove(&mut self, key: &ObjectRef) {
        self.wake(key, None);
        self.delays.remove(key);
        self.unqueue(key);
    }

    /// Forgets what was to be done, not what was refused: that is looked at again when its delay is over, because no
    /// change before ends it.
    pub(crate) fn clear(&mut self) {
        let delays = std::mem::take(&mut self.delays);
        let ends: Vec<_> = delays.iter().map(|(key, delay)| (key.clone(), delay.until)).collect();
        *self = Self { delays, ..Self::default() };
        for (key, until) in ends {
            self.wake(&key, Some(until));
        }
    }

    fn delay(&mut self, key: &ObjectRef, now: Timestamp) -> &mut Delay {
        self.delays.entry(key.clone()).or_insert(Delay {
            failures: 0,
            conflicts: 0,
            until: now,
            ends: Until::Change,
        })
    }

    fn hold(&mut self, key: &ObjectRef, now: Timestamp, wait: Duration, ends: Until) {
        let until = after(now, wait);
        let delay = self.delay(key, now);
        delay.until = until;
        delay.ends = ends;
        if until <= now {
            self.push(key.clone(), now);
        } else {
            self.unqueue(key);
            self.wake(key, Some(until));
        }
    }

    fn unqueue(&mut self, key: &ObjectRef) {
        if self.queued.remove(key) {
            self.urgent.retain(|other| other != key);
            self.ready.retain(|other| other != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use crds::object_ref::Kind;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn what_failed_before_a_term_ended_is_looked_at_in_the_next_one() {
        let mut queue = Queue::default();
        for _ in 0..10 {
            queue.failed(&key("web"), NOW, None);
        }
        queue.clear();
        // The next term begins while the delay lasts: the change that it brings does not end it.
        queue.push(key("web"), NOW);
        assert_eq!(queue.pop(), None);
        queue.ring(after(NOW, LONGEST_DELAY));
        assert_eq!(queue.pop(), Some(key("web")));
    }

    fn key(name: &str) -> ObjectRef {
        ObjectRef::new(Kind::Rollout, "shop", name)
    }

    fn at(milliseconds: u64) -> Timestamp {
        after(NOW, Duration::from_millis(milliseconds))
    }

    fn drain(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.pop()).map(|key| key.name).collect()
    }

    #[test]
    fn each_key_once_in_the_order_of_arrival() {
        let mut queue = Queue::default();
        for name in ["a", "b", "a", "c", "b"] {
            queue.push(key(name), NOW);
        }
        assert_eq!(drain(&mut queue), ["a", "b", "c"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_verdict_goes_first_and_is_there_once() {
        let mut queue = Queue::default();
        for name in ["a", "b", "c"] {
            queue.push(key(name), NOW);
        }
        queue.push_urgent(key("c"), NOW);
        queue.push_urgent(key("c"), NOW);
        assert_eq!(drain(&mut queue), ["c", "a", "b"]);
    }

    #[test]
    fn the_earliest_wake_rings_and_a_later_one_replaces_an_earlier() {
        let mut queue = Queue::default();
        queue.wake(&key("a"), Some(at(10)));
        queue.wake(&key("b"), Some(at(20)));
        assert_eq!(queue.next(NOW), Some(at(10)));
        queue.wake(&key("a"), Some(at(30)));
        assert_eq!(queue.next(NOW), Some(at(20)));
        queue.ring(at(20));
        assert_eq!(drain(&mut queue), ["b"]);
        assert_eq!(queue.next(at(20)), Some(at(30)));
        queue.wake(&key("a"), None);
        assert_eq!(queue.next(at(20)), None);
    }

    #[test]
    fn a_wish_for_the_past_is_no_hot_loop() {
        let mut queue = Queue::default();
        queue.wake_after(&key("a"), Some(at(10)), at(20));
        assert_eq!(queue.next(at(20)), Some(at(120)));
        queue.wake_after(&key("a"), Some(at(21)), at(20));
        assert_eq!(queue.next(at(20)), Some(at(21)));
    }

    #[test]
    fn transient_delays_double_to_thirty_seconds_and_a_change_does_not_end_them() {
        let mut queue = Queue::default();
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            queue.failed(&key("a"), NOW, None);
            let wait = Duration::try_from(queue.next(NOW).unwrap().duration_since(NOW)).unwrap();
            assert!(wait > last || wait >= LONGEST_DELAY.mul_f64(0.75), "{wait:?} after {last:?}");
            assert!(wait <= LONGEST_DELAY);
            last = wait;
        }
        queue.push(key("a"), NOW);
        assert!(queue.is_empty());
        queue.push_urgent(key("a"), NOW);
        assert_eq!(drain(&mut queue), ["a"]);
        queue.succeeded(&key("a"));
        queue.failed(&key("a"), NOW, None);
        assert!(queue.next(NOW).unwrap() <= at(5));
    }

    #[test]
    fn what_the_server_asks_for_is_obeyed_even_by_a_verdict() {
        let mut queue = Queue::default();
        queue.failed(&key("a"), NOW, Some(Duration::from_secs(7)));
        queue.push(key("a"), at(6_999));
        queue.push_urgent(key("a"), at(6_999));
        assert!(queue.is_empty());
        queue.ring(at(7_000));
        assert_eq!(drain(&mut queue), ["a"]);
    }

    #[test]
    fn three_conflicts_are_answered_at_once_then_it_waits() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            queue.conflicted(&key("a"), NOW);
            assert_eq!(drain(&mut queue), ["a"]);
        }
        queue.conflicted(&key("a"), NOW);
        assert!(queue.is_empty());
        assert!(queue.next(NOW).is_some_and(|next| next > NOW && next <= at(5)));
        for _ in 0..30 {
            queue.conflicted(&key("a"), NOW);
        }
        assert!(queue.next(NOW).is_some_and(|next| next <= at(5_000)), "somebody else is soon done");
    }

    #[test]
    fn a_refusal_waits_for_a_change_or_thirty_seconds() {
        let mut queue = Queue::default();
        queue.refused(&key("a"), NOW);
        assert_eq!(queue.next(NOW), Some(at(30_000)));
        queue.push(key("a"), at(1));
        assert_eq!(drain(&mut queue), ["a"]);
    }

    #[test]
    fn a_denial_waits_for_a_change_or_a_second_and_longer_each_time() {
        let mut queue = Queue::default();
        let mut last = Duration::ZERO;
        let mut now = NOW;
        for _ in 0..8 {
            queue.denied(&key("a"), now);
            let next = queue.next(now).unwrap();
            let wait = Duration::try_from(next.duration_since(now)).unwrap();
            assert!(wait > last || wait >= LONGEST_DELAY.mul_f64(0.75), "{wait:?} after {last:?}");
            (last, now) = (wait, next);
            queue.ring(now);
            assert_eq!(drain(&mut queue), ["a"]);
        }
        assert!(last <= LONGEST_DELAY);
        queue.denied(&key("a"), now);
        queue.push(key("a"), now);
        assert_eq!(drain(&mut queue), ["a"], "a change ends it");
    }

    #[test]
    fn a_removed_key_leaves_nothing() {
        let mut queue = Queue::default();
        queue.push(key("a"), NOW);
        queue.wake(&key("a"), Some(at(5)));
        queue.remove(&key("a"));
        assert_eq!((queue.pop(), queue.next(NOW)), (None, None));
    }
}

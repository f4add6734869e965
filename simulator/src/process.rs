//! One operator process: the engine, a clock of its own, its watches, and whether it may write.

use std::collections::BTreeMap;

use crds::object_ref::Kind;
use engine::engine::Engine;
use jiff::{SignedDuration, Timestamp};

use crate::clock::{after_ms, ms_between};
use crate::watch::Cursor;

/// How long a Lease that is not renewed keeps others away.
const LEASE_MS: u64 = 15_000;
/// How long a leader goes on without a successful renewal.
const RENEW_DEADLINE_MS: u64 = 10_000;
/// How long a leader waits between renewals; a standby looks twice as often.
pub(crate) const RETRY_PERIOD_MS: u64 = 2_000;

/// Names one life of one process, so that what was meant for a dead one is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Which process.
    pub(crate) process: usize,
    /// Its how manieth life.
    pub(crate) life: u32,
}

/// One operator process.
#[derive(Debug)]
pub(crate) struct Process {
    /// What decides.
    pub(crate) engine: Engine,
    /// The how manieth life this is.
    pub(crate) life: u32,
    /// Whether it runs.
    pub(crate) running: bool,
    /// Its clock.
    pub(crate) clock: Clock,
    /// Its watches.
    pub(crate) watches: BTreeMap<Kind, Watching>,
    /// When the engine wants a tick, on its own clock.
    pub(crate) wake: Option<Timestamp>,
    /// When a tick is planned.
    pub(crate) tick_planned: Option<Timestamp>,
    /// It stands still until then.
    pub(crate) frozen_until: Timestamp,
    /// It takes so long for each input until then.
    pub(crate) busy: Option<(Timestamp, u64)>,
    /// Its part in the election.
    pub(crate) election: Election,
    /// From which older version its first lists come, and of which kind alone.
    pub(crate) lists_from: Option<(u64, Option<Kind>)>,
}

/// A watch, and when it is looked at next.
#[derive(Debug)]
pub(crate) struct Watching {
    /// The watch.
    pub(crate) cursor: Cursor,
    /// When it is looked at next, if that is planned.
    pub(crate) planned: Option<Timestamp>,
    /// Each change takes so long until then, because of a fault.
    pub(crate) slow: Option<(Timestamp, u64)>,
}

impl Process {
    /// A process that has never run.
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            life: 0,
            running: false,
            clock: Clock::default(),
            watches: BTreeMap::new(),
            wake: None,
            tick_planned: None,
            frozen_until: Timestamp::MIN,
            busy: None,
            election: Election::default(),
            lists_from: None,
        }
    }

    /// It dies: all memory is lost, and what was meant for it is dropped.
    pub(crate) fn die(&mut self, successor: Engine) {
        let clock = self.clock;
        let life = self.life + 1;
        *self = Self { life, clock, ..Self::new(successor) };
    }
}

/// A clock that may be wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// At which real time it was set, to which time, and how fast it runs since, in percent.
    set: Option<(Timestamp, Timestamp, u32)>,
}

impl Clock {
    /// What it shows.
    pub(crate) fn local(self, now: Timestamp) -> Timestamp {
        let Some((real, shown, percent)) = self.set else { return now };
        let passed = now.duration_since(real).as_nanos() * i128::from(percent) / 100;
        let passed = SignedDuration::from_nanos(i64::try_from(passed).unwrap_or(i64::MAX));
        shown.saturating_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// When it will show that time: never before `now`.
    pub(crate) fn real(self, local: Timestamp, now: Timestamp) -> Timestamp {
        let Some((real, shown, percent)) = self.set else { return local.max(now) };
        let left = local.duration_since(shown).as_nanos() * 100;
        let percent = i128::from(percent.max(1));
        // Rounded up: a timer that rings too early would ring again and again.
        let left = (left + percent - 1).div_euclid(percent);
        let left = SignedDuration::from_nanos(i64::try_from(left).unwrap_or(i64::MAX));
        real.saturating_add(left).unwrap_or(Timestamp::MAX).max(now)
    }

    /// It is set by so many milliseconds, and runs at that speed from now on.
    pub(crate) fn tamper(&mut self, now: Timestamp, jump_ms: i64, percent: u32) {
        let jump = SignedDuration::from_millis(jump_ms);
        let shown = self.local(now).saturating_add(jump).unwrap_or(Timestamp::MAX);
        self.set = Some((now, shown, percent.max(1)));
    }
}

/// The Lease, as the API server keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Who holds it.
    pub(crate) holder: Option<usize>,
    /// Rises with every write.
    pub(crate) version: u64,
}

/// The election as one process sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Election {
    /// Whether there is one; without it the process leads as long as it runs.
    pub(crate) held: bool,
    renewed_at: Option<Timestamp>,
    seen: Option<(u64, Timestamp)>,
    /// Whether the engine was told that it leads.
    pub(crate) told: bool,
}

impl Election {
    /// Whether this process may write at that time.
    pub(crate) fn may_write(&self, now: Timestamp) -> bool {
        !self.held || self.renewed_at.is_some_and(|at| ms_between(at, now) < RENEW_DEADLINE_MS)
    }

    /// Until when this process may write.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.renewed_at.map(|at| after_ms(at, RENEW_DEADLINE_MS))
    }

    /// One look at the Lease: takes or renews it if it may.
    pub(crate) fn look(&mut self, me: usize, lease: &mut Lease, now: Timestamp) {
        let since = match self.seen {
            Some((version, since)) if version == lease.version => since,
            _ => now,
        };
        self.seen = Some((lease.version, since));
        let free = match lease.holder {
            None => true,
            Some(holder) => holder == me || ms_between(since, now) >= LEASE_MS,
        };
        if free {
            lease.holder = Some(me);
            lease.version += 1;
            self.seen = Some((lease.version, now));
            self.renewed_at = Some(now);
        } else {
            self.renewed_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::START;

    fn at(milliseconds: u64) -> Timestamp {
        after_ms(START, milliseconds)
    }

    #[test]
    fn a_right_clock_shows_the_time() {
        assert_eq!(Clock::default().local(at(5)), at(5));
        assert_eq!(Clock::default().real(at(7), at(5)), at(7));
        assert_eq!(Clock::default().real(at(3), at(5)), at(5), "the past is now");
    }

    #[test]
    fn a_wrong_clock_is_found_back() {
        let mut clock = Clock::default();
        clock.tamper(at(1000), 600_000, 50);
        assert_eq!(clock.local(at(1000)), at(601_000));
        assert_eq!(clock.local(at(3000)), at(602_000));
        assert_eq!(clock.real(at(602_000), at(1000)), at(3000));
        clock.tamper(at(3000), -600_000, 100);
        assert_eq!(clock.local(at(4000)), at(3000));
    }

    #[test]
    fn a_standby_takes_over_only_after_the_leader_has_stopped() {
        let mut lease = Lease::default();
        let (mut first, mut second) = (Election::default(), Election::default());
        first.held = true;
        second.held = true;
        first.look(0, &mut lease, at(0));
        second.look(1, &mut lease, at(0));
        assert!(first.may_write(at(9_999)) && !first.may_write(at(10_000)));
        let taken = (0..40_000).step_by(1000).find(|now| {
            second.look(1, &mut lease, at(*now));
            second.may_write(at(*now))
        });
        assert_eq!(taken, Some(15_000));
        first.look(0, &mut lease, at(16_000));
        assert!(!first.may_write(at(16_000)), "another holds it");
    }
}

//! One operator process: the engine, a clock of its own, its watches, and whether it may write.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::object_ref::Kind;
use engine::clock::Clock as Steady;
use engine::engine::Engine;
use jiff::{SignedDuration, Timestamp};

use crate::clock::{START, after_ms, ms_between};
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
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
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
        let clock = self.clock.inherited();
        let life = self.life + 1;
        *self = Self { life, clock, ..Self::new(successor) };
    }
}

/// The clock of a process: a wall clock and a monotonic one that may be wrong, and what the operator makes of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// When somebody last turned the machine's clocks, what they showed then, and their speed since, in percent.
    turned: Option<(Timestamp, Timestamp, Duration, u32)>,
    steady: Steady,
}

impl Clock {
    /// The time at which the process decides.
    pub(crate) fn read(&mut self, now: Timestamp) -> Timestamp {
        let (wall, monotonic) = self.machine(now);
        self.steady.read(wall, monotonic)
    }

    /// The same, looked at from outside.
    pub(crate) fn peek(&self, now: Timestamp) -> Timestamp {
        let (wall, monotonic) = self.machine(now);
        self.steady.peek(wall, monotonic)
    }

    /// What the machine's clocks show, wall and monotonic.
    fn machine(&self, now: Timestamp) -> (Timestamp, Duration) {
        let (real, wall, monotonic, percent) = self.turned.unwrap_or((START, START, Duration::ZERO, 100));
        let passed = Duration::try_from(now.duration_since(real)).unwrap_or_default() * percent / 100;
        (wall.saturating_add(passed).unwrap_or(Timestamp::MAX), monotonic + passed)
    }

    /// When it may show that time at the earliest: never before `now`.
    pub(crate) fn real(&self, shown: Timestamp, now: Timestamp) -> Timestamp {
        let left = Duration::try_from(shown.duration_since(self.peek(now))).unwrap_or_default();
        let percent = self.percent();
        let is_late = self.peek(now) < self.machine(now).0;
        let left = if is_late { left * 10 / 11 } else { left } * 100 / percent;
        // Rounded up: a timer that rings too early would ring again and again.
        let left = if left.is_zero() { left } else { left + Duration::from_micros(1) };
        now.saturating_add(left).unwrap_or(Timestamp::MAX)
    }

    /// The wall clock is set by so many milliseconds, and both run at that speed from now on.
    pub(crate) fn tamper(&mut self, now: Timestamp, jump_ms: i64, percent: u32) {
        let (wall, monotonic) = self.machine(now);
        let wall = wall.saturating_add(SignedDuration::from_millis(jump_ms)).unwrap_or(Timestamp::MAX);
        self.turned = Some((now, wall, monotonic, percent.max(1)));
    }

    /// How fast the machine's clocks run, in percent.
    pub(crate) fn percent(&self) -> u32 {
        self.turned.map_or(100, |(.., percent)| percent)
    }

    /// Whether somebody has turned the machine's clocks.
    pub(crate) const fn is_turned(&self) -> bool {
        self.turned.is_some()
    }

    /// The clock of the next process on the same machine.
    fn inherited(self) -> Self {
        Self { steady: Steady::default(), ..self }
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
    /// When it was told so last.
    pub(crate) told_at: Option<Timestamp>,
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
        let mut clock = Clock::default();
        assert_eq!(clock.read(at(5)), at(5));
        assert_eq!(clock.real(at(5), at(5)), at(5));
        assert_eq!(clock.real(at(3), at(5)), at(5), "the past is now");
        assert!(clock.read(clock.real(at(7), at(5))) >= at(7));
    }

    #[test]
    fn a_turned_clock_does_not_jump_and_its_timers_ring() {
        let mut clock = Clock::default();
        clock.read(at(1000));
        clock.tamper(at(1000), 600_000, 50);
        assert_eq!(clock.peek(at(1000)), at(1000));
        assert_eq!(
            clock.peek(at(3000)),
            at(2100),
            "half as fast, and a tenth more to approach the wall clock"
        );
        let mut now = at(3000);
        for _ in 0..20 {
            clock.read(now);
            now = clock.real(at(5000), now);
        }
        assert!(clock.peek(now) >= at(5000) && now < at(9000), "{now}");
        assert_eq!(clock.inherited().peek(at(3000)), at(602_000), "a new process trusts the wall clock");
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

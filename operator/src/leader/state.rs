//! Who leads, as a pure function of the Lease as read and a local clock that only goes forward.
//!
//! Times of other machines are never compared with ours: a Lease is alive for its duration after the moment at which
//! this process saw it change.

use std::time::Duration;

/// The times that an election rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// How long a Lease that is not renewed keeps others away.
    pub(super) lease: Duration,
    /// How long the leader goes on acting without a successful renewal.
    pub(super) renew_deadline: Duration,
    /// How long the leader waits between renewals.
    pub(super) retry_period: Duration,
}

/// A Lease as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Who holds it; empty when nobody does.
    pub(super) holder: String,
    /// For how long a renewal counts, as its holder says.
    pub(super) duration: Duration,
    /// Changes with every renewal: the version of the object.
    pub(super) version: String,
}

/// A Lease of somebody else, watched over time.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    record: Option<Record>,
    /// When it was seen to change, on the local clock.
    changed_at: Duration,
}

impl Observed {
    /// Notes what was read at `now`.
    pub(super) fn see(&mut self, record: Option<Record>, now: Duration) {
        if self.record != record {
            self.record = record;
            self.changed_at = now;
        }
    }

    /// Who holds it at `now`, and for how much longer without a renewal; `None` if nobody does.
    pub(super) fn holder(&self, now: Duration) -> Option<(&str, Duration)> {
        let record = self.record.as_ref().filter(|record| !record.holder.is_empty())?;
        let left = (self.changed_at + record.duration).checked_sub(now).filter(|left| !left.is_zero())?;
        Some((&record.holder, left))
    }
}

/// What is to be done about our Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write it, with our name.
    Take,
    /// Somebody else holds it: look again after this long.
    Wait {
        /// Who.
        holder: String,
        /// When to look again.
        pause: Duration,
    },
}

/// The election as one process sees it.
#[derive(Clone, Debug)]
pub(super) struct Election {
    identity: String,
    times: Times,
    observed: Observed,
    /// When the request of our last successful write left, on the local clock.
    renewed_at: Option<Duration>,
}

impl Election {
    /// Nobody has been seen yet.
    pub(super) fn new(identity: String, times: Times) -> Self {
        Self { identity, times, observed: Observed::default(), renewed_at: None }
    }

    /// Decides after a read of the Lease (`None`: there is none).
    pub(super) fn read(&mut self, record: Option<Record>, now: Duration) -> Next {
        self.observed.see(record, now);
        match self.observed.holder(now) {
            Some((holder, left)) if holder != self.identity => {
                let holder = holder.to_owned();
                self.renewed_at = None;
                Next::Wait { holder, pause: left.min(self.standby_pause()) }
            }
            _ => Next::Take,
        }
    }

    /// Notes that our write was accepted; `sent_at` is when its request left.
    pub(super) fn renewed(&mut self, record: Record, sent_at: Duration) {
        self.observed.see(Some(record), sent_at);
        self.renewed_at = Some(sent_at);
    }

    /// Until when this process may act without another renewal; `None` if it does not lead.
    ///
    /// Counted from when the request left, so it ends before the Lease does for anybody else.
    pub(super) fn acts_until(&self) -> Option<Duration> {
        self.renewed_at.map(|at| at + self.times.renew_deadline)
    }

    /// Whether this process leads at `now`.
    pub(super) fn leads(&self, now: Duration) -> bool {
        self.acts_until().is_some_and(|until| now < until)
    }

    /// How long an attempt at `now` may take: a leader must know at its deadline that it no longer leads.
    pub(super) fn patience(&self, now: Duration) -> Duration {
        let half = self.times.renew_deadline / 2;
        let left = self.acts_until().and_then(|until| until.checked_sub(now)).filter(|left| !left.is_zero());
        left.map_or(half, |left| left.min(half))
    }

    /// Gives up: whatever comes next is a new term.
    pub(super) fn step_down(&mut self) {
        self.renewed_at = None;
    }

    /// How long to wait after an attempt at `now`, so that neither a renewal nor a failed one's deadline is missed.
    pub(super) fn pause(&self, now: Duration) -> Duration {
        match self.acts_until() {
            Some(until) => self.times.retry_period.min(until.saturating_sub(now)),
            None => self.standby_pause(),
        }
    }

    /// A standby only reads, so it looks twice as often: a Lease that was given up is found within half a period.
    fn standby_pause(&self) -> Duration {
        self.times.retry_period / 2
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TIMES: Times = Times {
        lease: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    };

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn record(holder: &str, version: &str) -> Record {
        Record { holder: holder.to_owned(), duration: TIMES.lease, version: version.to_owned() }
    }

    fn election() -> Election {
        Election::new("me".to_owned(), TIMES)
    }

    fn wait(holder: &str, milliseconds: u64) -> Next {
        Next::Wait { holder: holder.to_owned(), pause: at(milliseconds) }
    }

    #[rstest]
    #[case::there_is_none(None, Next::Take)]
    #[case::it_was_given_up(Some(record("", "1")), Next::Take)]
    #[case::it_is_ours(Some(record("me", "1")), Next::Take)]
    #[case::another_holds_it(Some(record("other", "1")), wait("other", 1000))]
    fn first_look(#[case] read: Option<Record>, #[case] want: Next) {
        assert_eq!(election().read(read, at(5_000)), want);
    }

    #[test]
    fn a_silent_holder_is_replaced_exactly_when_its_time_is_over() {
        let mut election = election();
        assert_eq!(election.read(Some(record("other", "1")), at(1_000)), wait("other", 1000));
        assert_eq!(election.read(Some(record("other", "1")), at(15_800)), wait("other", 200));
        assert_eq!(election.read(Some(record("other", "1")), at(16_000)), Next::Take);
    }

    #[test]
    fn a_renewal_starts_the_time_again() {
        let mut election = election();
        election.read(Some(record("other", "1")), at(0));
        assert_eq!(election.read(Some(record("other", "2")), at(14_000)), wait("other", 1000));
        assert_eq!(election.read(Some(record("other", "2")), at(28_500)), wait("other", 500));
        assert_eq!(election.read(Some(record("other", "2")), at(29_000)), Next::Take);
    }

    #[test]
    fn a_leader_acts_until_the_deadline_of_its_last_renewal() {
        let mut election = election();
        assert!(!election.leads(at(0)));
        election.renewed(record("me", "1"), at(1_000));
        assert!(election.leads(at(10_999)) && !election.leads(at(11_000)));
        election.renewed(record("me", "2"), at(9_000));
        assert_eq!(election.acts_until(), Some(at(19_000)));
    }

    #[test]
    fn a_leader_stops_before_a_standby_may_start() {
        let (mut leader, mut standby) = (election(), Election::new("standby".to_owned(), TIMES));
        // The standby sees the renewal at the earliest when its request has left.
        leader.renewed(record("me", "1"), at(1_000));
        standby.read(Some(record("me", "1")), at(1_000));
        let taken = (1_000..60_000).find(|now| standby.read(Some(record("me", "1")), at(*now)) == Next::Take);
        assert_eq!(taken, Some(16_000));
        assert!(!leader.leads(at(16_000 - 5_000)));
    }

    #[test]
    fn a_leader_that_finds_another_holder_stops_at_once() {
        let mut election = election();
        election.renewed(record("me", "1"), at(0));
        election.read(Some(record("other", "2")), at(1_000));
        assert!(!election.leads(at(1_000)));
    }

    #[rstest]
    #[case::fresh(1_000, 5_000)]
    #[case::shortly_before_the_deadline(9_400, 600)]
    #[case::as_a_standby_after_it(10_000, 5_000)]
    fn an_attempt_ends_at_the_deadline(#[case] now: u64, #[case] want: u64) {
        let mut election = election();
        assert_eq!(election.patience(at(now)), at(5_000), "a standby has no deadline");
        election.renewed(record("me", "1"), at(0));
        assert_eq!(election.patience(at(now)), at(want));
    }

    #[rstest]
    #[case::fresh(1_000, 2_000)]
    #[case::shortly_before_the_deadline(9_500, 500)]
    #[case::after_it(12_000, 0)]
    fn a_leaders_pause_ends_at_its_deadline(#[case] now: u64, #[case] want: u64) {
        let mut election = election();
        election.renewed(record("me", "1"), at(0));
        assert_eq!(election.pause(at(now)), at(want));
    }
}

//! Whether what a decision rests on was read live, and lately enough.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::rollout::{is_blank, is_to_be_aborted};
use planted_bugs::{Bug, planted};

use crate::engine::Engine;
use crate::gather::Gathered;
use crate::guard;
use crate::time::after;

/// How many rounds of live reads one decision may ask for before it has to wait.
const ROUNDS: u32 = 8;
/// For how long what was read live for a decision counts as live: at least, and at most where the server is slow.
const READS_HOLD: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3);
/// For how long decisions after that one may rest on it, too: at least, and at most where the server is slow.
const READS_SERVE_ON: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(1);
/// How many rounds of live reads one decision asks for because of their age.
const REREADS: u32 = 3;

/// What was read live for the decisions about one Rollout, or returned by our own writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    read: BTreeMap<ObjectRef, Read>,
    /// Rounds of live reads that the decision at hand has asked for.
    rounds: u32,
    /// When the round that is under way was asked for.
    asked_at: Option<Timestamp>,
    /// How long the round before took.
    pace: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Read {
    asked_at: Timestamp,
    /// Whether a decision has rested on it and was carried out.
    is_spent: bool,
}

impl Reads {
    /// The server has shown an object, or that it does not exist, when asked at that time.
    pub(crate) fn insert(&mut self, object: ObjectRef, asked_at: Timestamp) {
        self.read.insert(object, Read { asked_at, is_spent: false });
    }

    /// The decision at hand is carried out. Those that follow may rest on the same reads for a moment, but for the Rollout
    /// itself: what people want of it they want at once.
    pub(crate) fn spend(&mut self, now: Timestamp) {
        self.rounds = 0;
        let limit = self.within(READS_SERVE_ON);
        self.read.retain(|object, read| {
            read.is_spent = true;
            object.kind != Kind::Rollout && after(read.asked_at, limit) >= now
        });
    }

    /// How many pods there are changes by itself: what another decision has rested on of that does not serve the one at
    /// hand.
    pub(crate) fn forget_spent_counts(&mut self) {
        self.read.retain(|object, read| !(read.is_spent && counts_pods(object.kind)));
    }

    /// Nothing that was read serves any other decision.
    pub(crate) fn forget(&mut self) {
        self.read.clear();
        self.rounds = 0;
        // How long a round took that nobody waits for any more says nothing.
        self.asked_at = None;
    }

    /// Whether an object counts as read. What was read for the decision at hand before this process stood still is read
    /// again; where the server is that slow, it has to do.
    fn is_live(&self, object: &ObjectRef, now: Timestamp) -> bool {
        let is_recent = |read: &Read, limit| after(read.asked_at, self.within(limit)) >= now;
        let holds = |read: &Read| {
            if read.is_spent {
                is_recent(read, READS_SERVE_ON)
            } else {
                self.rounds >= REREADS || is_recent(read, READS_HOLD)
            }
        };
        self.read.get(object).is_some_and(holds)
    }

    /// A limit on the age of reads: twice what the last round took, as far as `limits` let it. To ask a slow server more
    /// often than it can answer makes it slower and the answers no younger.
    fn within(&self, limits: RangeInclusive<Duration>) -> Duration {
        self.pace.saturating_mul(2).clamp(*limits.start(), *limits.end())
    }

    /// A round of reads is asked for.
    const fn ask(&mut self, now: Timestamp) {
        self.rounds += 1;
        self.asked_at = Some(now);
    }

    /// All answers of the round that was under way, if any, have been looked at.
    fn note_pace(&mut self, now: Timestamp) {
        if let Some(asked_at) = self.asked_at.take() {
            self.pace = Duration::try_from(now.duration_since(asked_at)).unwrap_or_default();
        }
    }
}

/// Whether objects of this kind say how many pods there are.
const fn counts_pods(kind: Kind) -> bool {
    matches!(kind, Kind::ReplicaSet | Kind::Deployment | Kind::Pod)
}

impl Engine {
    /// Whether all of this was read live, and whatever else a first write needs; if not, it is read now.
    pub(crate) fn has_read(
        &mut self,
        rollout: &ObjectRef,
        gathered: &Gathered,
        mut reads: BTreeSet<ObjectRef>,
        now: Timestamp,
    ) -> bool {
        let Some(work) = self.rollouts.get_mut(rollout) else { return false };
        let is_vetted = work.vetted == Some(self.beginnings) || planted(Bug::NoLiveReads);
        // Who was never readable steers nothing: what is said about it is conditioned on itself.
        let steers = gathered.snapshot.rollout.readable_spec().is_some();
        // Where the status is empty, all that it would say is to be found again.
        let knows_nothing = is_blank(&gathered.snapshot.rollout.status) && !planted(Bug::NoLiveReads);
        let vets = steers && (!is_vetted || knows_nothing) && !is_to_be_aborted(&gathered.snapshot);
        if vets {
            reads.extend(guard::steering(&gathered.snapshot, &gathered.routers));
        }
        // Of kinds that are not served nothing can be read.
        reads.retain(|object| !self.stores.unserved.contains(&object.kind));
        reads.retain(|object| !work.live.is_live(object, now));
        work.live.note_pace(now);
        if reads.is_empty() {
            work.live.rounds = 0;
            if vets {
                work.vetted = Some(self.beginnings);
            }
            return true;
        }
        if work.live.rounds < ROUNDS {
            work.live.ask(now);
            self.read_live(rollout, reads);
        } else {
            work.live.forget();
            self.queue.failed(rollout, now, None);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Reads of a Service that were asked for at the epoch.
    fn asked() -> (Reads, ObjectRef) {
        let service = ObjectRef::new(Kind::Service, "shop", "web");
        let mut reads = Reads::default();
        reads.ask(Timestamp::UNIX_EPOCH);
        reads.insert(service.clone(), Timestamp::UNIX_EPOCH);
        (reads, service)
    }

    fn at(milliseconds: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_millis(milliseconds))
    }

    #[rstest]
    #[case::a_quick_server(5, 1_000, 250)]
    #[case::a_busy_one(400, 1_000, 800)]
    #[case::a_slow_one(1_200, 2_400, 1_000)]
    #[case::one_that_hardly_answers(20_000, 3_000, 1_000)]
    fn reads_count_twice_as_long_as_a_round_takes(#[case] took: u64, #[case] hold: u64, #[case] serve: u64) {
        let (mut reads, service) = asked();
        reads.note_pace(at(took));
        assert_eq!([hold, hold + 1].map(|age| reads.is_live(&service, at(age))), [true, false]);
        reads.spend(Timestamp::UNIX_EPOCH);
        assert_eq!([serve, serve + 1].map(|age| reads.is_live(&service, at(age))), [true, false]);
    }

    #[test]
    fn a_round_that_nobody_waits_for_any_more_has_no_pace() {
        let (mut reads, service) = asked();
        reads.forget();
        reads.note_pace(at(600_000));
        reads.insert(service.clone(), at(600_000));
        assert!(!reads.is_live(&service, at(601_001)));
    }
}

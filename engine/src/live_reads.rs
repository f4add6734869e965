//! Whether what a decision rests on was read live, and lately enough.

use std::collections::BTreeSet;
use std::time::Duration;

use crds::object_ref::ObjectRef;
use jiff::Timestamp;
use planner::rollout::{is_blank, is_to_be_aborted};
use planted_bugs::{Bug, planted};

use crate::engine::Engine;
use crate::gather::Gathered;
use crate::guard;
use crate::time::after;

/// How many rounds of live reads one decision may ask for before it has to wait.
const ROUNDS: u32 = 8;
/// For how long what was read live counts as live.
const READS_HOLD: Duration = Duration::from_secs(1);
/// How many rounds of live reads one decision asks for because of their age.
const REREADS: u32 = 3;
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
        // What was read before this process stood still is read again; where the server is that slow, it has to do.
        let is_patient = work.rounds < REREADS;
        let is_old = |asked: &Timestamp| is_patient && after(*asked, READS_HOLD) < now;
        // Of kinds that are not served nothing can be read.
        reads.retain(|object| !self.stores.unserved.contains(&object.kind));
        let is_missing = |object: &&ObjectRef| work.live.get(*object).is_none_or(is_old);
        let missing: Vec<ObjectRef> = reads.iter().filter(is_missing).cloned().collect();
        if missing.is_empty() {
            work.rounds = 0;
            if vets {
                work.vetted = Some(self.beginnings);
            }
            return true;
        }
        if work.rounds < ROUNDS {
            work.rounds += 1;
            self.read_live(rollout, missing);
        } else {
            work.rounds = 0;
            work.live.clear();
            self.queue.failed(rollout, now, None);
        }
        false
    }

    /// What was read live serves no other decision.
    pub(crate) fn forget_reads(&mut self, rollout: &ObjectRef) {
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.live.clear();
            work.rounds = 0;
        }
    }
}

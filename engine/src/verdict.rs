//! A verdict on its way to the API server: if it is bad, what taking the update back rests on is read live meanwhile.
//!
//! The verdict is persisted first and acted on then, so the Rollout waits for the answer to that write as for its own
//! requests: an update whose analysis has not ended well is not promoted in that moment. The live reads do not have to
//! wait for it: from the verdict to the routes lie two round trips, not three.

use crds::analysis::{AnalysisPhase, AnalysisRunStatus};
use crds::object_ref::ObjectRef;
use jiff::Timestamp;
use planner::rollout::Snapshot;

use crate::class::Class;
use crate::effect::RequestId;
use crate::engine::Engine;
use crate::store::{controlling_rollout, key};
use crate::{guard, isolation};

impl Engine {
    /// `write` brings the status of `run` to the API server: unless all is well, its Rollout waits for it, and gets
    /// ready if it is to be taken back.
    pub(crate) fn expect_verdict(
        &mut self,
        run: &ObjectRef,
        status: &AnalysisRunStatus,
        write: RequestId,
        now: Timestamp,
    ) {
        let is_well = !status.phase.is_completed() || status.phase == AnalysisPhase::Successful;
        let Some(rollout) = self.rollout_of(run).filter(|_| !is_well) else { return };
        let is_bad = status.phase.is_bad();
        let reads = if is_bad { self.reads_of_verdict(&rollout, run, status, now) } else { Vec::new() };
        if let Some(operation) = self.operation(&rollout) {
            operation.pending.insert(write);
            operation.takes_back |= is_bad;
            self.verdicts.insert(write, rollout.clone());
        }
        if !reads.is_empty() {
            self.read_live(&rollout, reads);
        }
    }

    /// If that was the write of a verdict, its Rollout goes on.
    pub(crate) fn verdict_answered(&mut self, write: RequestId, class: Option<Class>, now: Timestamp) {
        let Some(rollout) = self.verdicts.remove(&write) else { return };
        let Some(work) = self.rollouts.get_mut(&rollout) else { return };
        if !work.operation.pending.remove(&write) {
            return;
        }
        if class.is_some() {
            // There is no verdict, or nobody knows: what was read for it is spent.
            work.live.forget();
        }
        self.conclude(&rollout, now);
    }

    fn rollout_of(&self, run: &ObjectRef) -> Option<ObjectRef> {
        controlling_rollout(&self.stores.analysis_runs.get(&key(run))?.meta)
    }

    /// What the first writes after the verdict would rest on.
    fn reads_of_verdict(
        &mut self,
        rollout: &ObjectRef,
        run: &ObjectRef,
        status: &AnalysisRunStatus,
        now: Timestamp,
    ) -> Vec<ObjectRef> {
        let Some(gathered) = self.gather_rollout(rollout, now).filter(|gathered| gathered.unread.is_empty())
        else {
            return Vec::new();
        };
        let snapshot = judged(&gathered.snapshot, run, status);
        let Ok(plan) = isolation::decide(|| planner::rollout::plan(&snapshot, now)) else {
            return Vec::new();
        };
        guard::reads(guard::leading(&plan.actions), &snapshot, &gathered.routers).into_iter().collect()
    }
}

/// The snapshot as it will be once the verdict is persisted.
fn judged(snapshot: &Snapshot, run: &ObjectRef, status: &AnalysisRunStatus) -> Snapshot {
    let mut snapshot = snapshot.clone();
    for facts in snapshot.analysis_runs.iter_mut().filter(|facts| facts.meta.name == run.name) {
        facts.status = status.clone();
    }
    snapshot
}

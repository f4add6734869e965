//! Planted bugs of a process that trusts its own memory: what a new one would not know, it decides anew.

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::rollout::Snapshot;
use planted_bugs::{Bug, planted};

/// Changes a snapshot as the planted bug would have it; nothing without one.
///
/// `wrote` says whether this process has written the status of this Rollout before.
pub(crate) fn strike(snapshot: &mut Snapshot, wrote: bool, leading_since: Option<Timestamp>) {
    // The facts are shared with the store: only who changes them gets his own.
    if planted(Bug::StepsRepeatedAfterRestart) && !wrote {
        let status = &mut snapshot.rollout.status;
        if status.current_pod_hash != status.stable_rs {
            status.current_step_index = status.current_step_index.map(|_| 0);
        }
    }
    let Some(since) = leading_since else { return };
    if planted(Bug::PauseBegunAnewAfterRestart) {
        for pause in &mut snapshot.rollout.status.pause_conditions {
            pause.start_time = pause.start_time.max(Some(since.into()));
        }
    }
    if planted(Bug::RunsRepeatedAfterRestart) {
        forget_runs(snapshot, since);
    }
}

/// The names of earlier runs count as somebody else's.
fn forget_runs(snapshot: &mut Snapshot, since: Timestamp) {
    let namespace = snapshot.rollout.meta.namespace.as_str();
    for run in snapshot.analysis_runs.extract_if(.., |run| run.meta.created < Some(since)) {
        snapshot.taken.insert(ObjectRef::new(Kind::AnalysisRun, namespace, run.meta.name.as_str()));
    }
}

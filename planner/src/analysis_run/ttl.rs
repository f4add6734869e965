//! When a finished run is deleted.

use crds::analysis::{AnalysisPhase, AnalysisRunSpec, AnalysisRunStatus};
use jiff::{SignedDuration, Timestamp};

use crate::facts::AnalysisRunFacts;

/// When a finished run has outlived its time to live; `None` if it has none.
///
/// It runs from the end of the run; of a run whose end nobody wrote down, from its last measurement or its creation.
pub(super) fn expires_at(run: &AnalysisRunFacts, status: &AnalysisRunStatus) -> Option<Timestamp> {
    let seconds = seconds(run.spec.as_ref().ok()?, status.phase)?;
    let measured = status.metric_results.iter().flat_map(|result| &result.measurements);
    let last = measured.filter_map(|one| one.finished_at).max();
    let ended = status.completed_at.or(last).map(Timestamp::from).or(run.meta.created)?;
    ended.checked_add(SignedDuration::from_secs(i64::from(seconds.max(0)))).ok()
}

fn seconds(spec: &AnalysisRunSpec, phase: AnalysisPhase) -> Option<i32> {
    let strategy = spec.ttl_strategy.as_ref()?;
    let own = match phase {
        AnalysisPhase::Successful => strategy.seconds_after_success,
        AnalysisPhase::Failed => strategy.seconds_after_failure,
        _ => None,
    };
    own.or(strategy.seconds_after_completion)
}

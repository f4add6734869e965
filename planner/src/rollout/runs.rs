//! The AnalysisRuns of the current update: their names, and which of them counts.
//!
//! A name follows from Rollout, hash, revision, step and attempt, so a repeated create finds the run that is there.

use crds::names::{ROLLOUT_TYPE, RolloutType};
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{AnalysisRunSummary, RolloutStatus};

use super::Snapshot;
use super::revision;
use crate::facts::AnalysisRunFacts;

/// How many names are tried before a run is given up.
const NAMES: u32 = 100;

/// The runs that decide about the current update.
#[derive(Clone, Copy, Debug, Default)]
pub struct Current<'a> {
    /// That of the current step.
    pub step: Option<&'a AnalysisRunFacts>,
    /// The one beside the steps.
    pub background: Option<&'a AnalysisRunFacts>,
    /// The one before the active Service is switched.
    pub pre_promotion: Option<&'a AnalysisRunFacts>,
    /// The one after the active Service was switched.
    pub post_promotion: Option<&'a AnalysisRunFacts>,
}

impl<'a> Current<'a> {
    /// All of them that are there.
    pub fn all(self) -> impl Iterator<Item = &'a AnalysisRunFacts> {
        [self.step, self.background, self.pre_promotion, self.post_promotion].into_iter().flatten()
    }
}

/// The newest run under a name, and the name that the next one gets.
#[derive(Clone, Debug)]
pub(crate) struct Chain<'a> {
    /// The newest run.
    pub last: Option<&'a AnalysisRunFacts>,
    /// The first name that is free.
    pub next: String,
}

/// Finds the runs that decide about the update that the status speaks of. No spec is needed.
pub(crate) fn current(snapshot: &Snapshot) -> Current<'_> {
    if snapshot.analysis_runs.is_empty() {
        return Current::default();
    }
    let index = snapshot.rollout.status.current_step_index.unwrap_or(0);
    let (base, attempt) = (background_base(snapshot), attempt(snapshot));
    let of = |base: &str, type_: RolloutType| {
        let run = follow(snapshot, base, attempt).last?;
        let label = run.meta.labels.get(ROLLOUT_TYPE).map_or("", String::as_str);
        (label.is_empty() || label == type_.as_str()).then_some(run)
    };
    Current {
        step: of(&of_step(&base, index), RolloutType::Step),
        background: of(&base, RolloutType::Background),
        pre_promotion: of(&before_promotion(&base), RolloutType::PrePromotion),
        post_promotion: of(&after_promotion(&base), RolloutType::PostPromotion),
    }
}

/// Follows the names under a base: an attempt after the first adds its number, a name that is somebody else's or
/// whose run was answered by a person one more.
pub(crate) fn chain<'a>(snapshot: &'a Snapshot, base: &str) -> Chain<'a> {
    follow(snapshot, base, attempt(snapshot))
}

fn follow<'a>(snapshot: &'a Snapshot, base: &str, attempt: i64) -> Chain<'a> {
    let namespace = &snapshot.rollout.meta.namespace;
    let mut last = None;
    let mut next = String::new();
    for collision in 0..NAMES {
        next = match (attempt, collision) {
            (..=1, 0) => base.to_owned(),
            (_, 0) => format!("{base}.{attempt}"),
            _ => format!("{base}.{attempt}.{collision}"),
        };
        let found = snapshot.runs().find(|run| run.meta.name == next);
        let is_taken = || {
            let reference = ObjectRef::new(Kind::AnalysisRun, namespace.as_str(), next.as_str());
            snapshot.taken.contains(&reference)
        };
        match found {
            Some(run) => last = Some(run),
            None if is_taken() => {}
            None => break,
        }
    }
    Chain { last, next }
}

/// Which attempt to bring in the current version this is.
///
/// Our own block of the status says it. Without it, because an older CRD has pruned it or another implementation has
/// written the status, the names of the runs do; and a bad verdict that led to no abort and that the status does not
/// speak of was of an attempt that was given up.
pub(crate) fn attempt(snapshot: &Snapshot) -> i64 {
    let status = &snapshot.rollout.status;
    if let Some(attempt) = status.linnet.as_ref().and_then(|own| own.attempt) {
        return attempt;
    }
    let base = background_base(snapshot);
    let numbered = snapshot.runs().filter_map(|run| Some((number_of(&run.meta.name, &base)?, run)));
    let mut last = 1;
    let mut is_given_up = false;
    for (number, run) in numbered.filter(|(number, _)| *number >= 1) {
        if number > last {
            (last, is_given_up) = (number, false);
        }
        is_given_up |= number == last && is_bad(run) && !is_spoken_of(status, &run.meta.name);
    }
    let is_noted = status.abort || status.aborted_at.is_some();
    if is_given_up && !is_noted { last.saturating_add(1) } else { last }
}

/// The attempt in the name of a run whose name begins like that; `None` if it does not.
fn number_of(name: &str, base: &str) -> Option<i64> {
    let rest = name.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with(['.', '-']))?;
    rest.split('.').nth(1).map_or(Some(1), |number| number.parse().ok())
}

fn is_bad(run: &AnalysisRunFacts) -> bool {
    run.status.phase.is_bad()
}

fn is_spoken_of(status: &RolloutStatus, run: &str) -> bool {
    spoken_of(status).any(|summary| summary.name == run)
}

/// What a status says about the runs of its update, which may be younger than what is known of them.
pub fn spoken_of(status: &RolloutStatus) -> impl Iterator<Item = &AnalysisRunSummary> {
    let (canary, blue_green) = (&status.canary, &status.blue_green);
    let summaries = [
        &canary.current_step_analysis_run_status,
        &canary.current_background_analysis_run_status,
        &blue_green.pre_promotion_analysis_run_status,
        &blue_green.post_promotion_analysis_run_status,
    ];
    summaries.into_iter().flatten()
}

/// What the names of the background runs begin with.
pub(crate) fn background_base(snapshot: &Snapshot) -> String {
    let status = &snapshot.rollout.status;
    let of_set = snapshot
        .replica_sets
        .iter()
        .find(|set| set.hash == status.current_pod_hash)
        .map(|set| revision::number(&set.meta));
    let number = of_set.unwrap_or_else(|| revision::number(&snapshot.rollout.meta));
    format!("{}-{}-{number}", snapshot.rollout.meta.name, status.current_pod_hash)
}

/// What the names of the runs of a step begin with.
pub(crate) fn step_base(snapshot: &Snapshot, index: i32) -> String {
    of_step(&background_base(snapshot), index)
}

/// What the names of the runs before a switch begin with.
pub(crate) fn pre_promotion_base(snapshot: &Snapshot) -> String {
    before_promotion(&background_base(snapshot))
}

/// What the names of the runs after a switch begin with.
pub(crate) fn post_promotion_base(snapshot: &Snapshot) -> String {
    after_promotion(&background_base(snapshot))
}

fn of_step(base: &str, index: i32) -> String {
    format!("{base}-{index}")
}

fn before_promotion(base: &str) -> String {
    format!("{base}-pre")
}

fn after_promotion(base: &str) -> String {
    format!("{base}-post")
}

//! After a takeover no weight is raised before the running analyses have measured again.

use jiff::Timestamp;
use planner::facts::{AnalysisRunFacts, RouteFacts};
use planner::rollout::{Action, Snapshot, spoken_of};
use planner::waiting::Waiting;
use planted_bugs::{Bug, planted};

/// The name of a running analysis whose measurements are all older than this term, if there is one. While runs cannot
/// be read because their kind is not served, that is any one of which the status says that it runs.
///
/// A run that has never measured holds nothing back: nothing was lost with the earlier leader.
pub(crate) fn holds(
    snapshot: &Snapshot,
    leading_since: Option<Timestamp>,
    are_runs_served: bool,
) -> Option<&str> {
    let since = leading_since.filter(|_| !planted(Bug::WeightRaisedOnTakeover))?;
    if !are_runs_served {
        let mut told = spoken_of(&snapshot.rollout.status);
        return told.find(|run| !run.status.is_completed()).map(|run| run.name.as_str());
    }
    let run = snapshot.analysis_runs.iter().find(|run| is_overdue(run, since))?;
    Some(&run.meta.name)
}

fn is_overdue(run: &AnalysisRunFacts, since: Timestamp) -> bool {
    let running = !run.status.phase.is_completed() && !run.meta.deleting;
    let last = run
        .status
        .metric_results
        .iter()
        .flat_map(|metric| &metric.measurements)
        .filter_map(|measurement| measurement.finished_at)
        .max();
    running && last.is_some_and(|last| Timestamp::from(last) <= since)
}

/// The actions that may be taken although an analysis holds back, and the reason to wait if one may not.
pub(crate) fn release(
    run: &[Action],
    snapshot: &Snapshot,
    held: Option<&str>,
) -> (Vec<Action>, Option<Waiting>) {
    let Some(analysis) = held else { return (run.to_vec(), None) };
    let free: Vec<Action> = run.iter().filter(|action| !raises(action, snapshot)).cloned().collect();
    let waiting = (free.len() < run.len()).then(|| Waiting::Analysis { run: analysis.to_owned() });
    (free, waiting)
}

fn raises(action: &Action, snapshot: &Snapshot) -> bool {
    let Action::SetWeight { route, canary_weight, managed, .. } = action else { return false };
    let facts = snapshot.routes.iter().find(|facts| facts.reference == *route);
    let weight = facts.and_then(|facts| facts.canary_weight).unwrap_or(0);
    let held = facts.map(RouteFacts::managed_rules).unwrap_or_default();
    *canary_weight > weight || managed.iter().any(|rule| !held.contains(rule))
}

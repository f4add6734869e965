//! The AnalysisRuns of an update: when one begins, what its verdict means, when it ends and when it goes.

use crds::analysis::AnalysisPhase;
use crds::names::{POD_TEMPLATE_HASH, RolloutType};
use crds::rollout::{AnalysisRunSummary, PauseReason, RolloutAnalysis, RolloutStatus};
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::runs::{self, Chain};
use super::strategy::Strategy;
use super::view::{View, available};
use super::{Action, analysis_object, blue_green, pause, reset};
use crate::event::Event;
use crate::facts::AnalysisRunFacts;
use crate::waiting::Waiting;

/// An analysis that the update wants now.
struct Wanted {
    analysis: RolloutAnalysis,
    type_: RolloutType,
    step: Option<usize>,
    base: String,
}

/// The phase of the current step's run.
pub(crate) fn step_phase(view: &View<'_>) -> Option<AnalysisPhase> {
    view.runs().step.map(|run| run.status.phase)
}

/// Whether an analysis was inconclusive and nobody was asked yet.
pub(crate) fn must_pause(view: &View<'_>) -> bool {
    let is_asked = pause::find(view.status(), PauseReason::InconclusiveAnalysis).is_some();
    !is_asked && !is_answered(view) && is_inconclusive(view)
}

/// Whether a person has resumed, and nothing has come of it yet. What ended the pause before a switch counts there.
fn is_answered(view: &View<'_>) -> bool {
    let is_spent = view.status().linnet.as_ref().is_some_and(|own| own.pause_over);
    pause::was_resumed(view.status()) && !is_spent
}

/// Whether a person answered an inconclusive analysis that no step waits for, and the next one has not begun: until
/// then the answer must not be forgotten.
pub(crate) fn begins_anew(view: &View<'_>) -> bool {
    is_answered(view) && is_undecided(beside(view))
}

/// Whether an analysis that no step waits for is under way.
pub(crate) fn is_beside(view: &View<'_>) -> bool {
    view.blue_green().is_some() && beside(view).is_some_and(|run| !run.status.phase.is_completed())
}

/// When the last analysis before or after the switch of this update ended.
pub(crate) fn ended_at(view: &View<'_>) -> Option<Timestamp> {
    let runs = view.runs();
    let ended = [runs.pre_promotion, runs.post_promotion].into_iter().flatten();
    ended.filter_map(|run| run.status.completed_at).map(crds::Time::get).max()
}

fn is_inconclusive(view: &View<'_>) -> bool {
    is_undecided(view.runs().step) || is_undecided(beside(view))
}

fn is_undecided(run: Option<&AnalysisRunFacts>) -> bool {
    run.is_some_and(|run| run.status.phase == AnalysisPhase::Inconclusive)
}

/// The run that counts now and that no step waits for: the one beside the steps of a canary, the one before or the one
/// after the switch of blue-green.
fn beside<'a>(view: &View<'a>) -> Option<&'a AnalysisRunFacts> {
    let runs = view.runs();
    match view.strategy {
        Strategy::Canary(_) => runs.background.filter(|_| wants_background(view)),
        Strategy::BlueGreen(_) if !is_measured(view) => None,
        Strategy::BlueGreen(strategy) if blue_green::services::is_switched(view, strategy) => {
            runs.post_promotion.filter(|_| strategy.post_promotion_analysis.is_some())
        }
        Strategy::BlueGreen(strategy) => {
            runs.pre_promotion.filter(|_| strategy.pre_promotion_analysis.is_some())
        }
    }
}

fn is_measured(view: &View<'_>) -> bool {
    let is_settled = view.is_promoted() || view.is_first_deploy() || view.is_aborted();
    let is_return = reset::is_return(view) && !planted(Bug::ReturnMeasured);
    !(is_settled || is_return || view.is_promoted_by_force() || view.is_fast_track())
}

fn wants_background(view: &View<'_>) -> bool {
    let background = view.canary().and_then(|canary| canary.analysis.as_ref());
    let Some(background) = background.filter(|_| is_measured(view)) else { return false };
    let index = view.status().current_step_index.unwrap_or(0);
    index >= background.starting_step.unwrap_or(0) && available(view.revisions.new) > 0
}

fn wanted(view: &View<'_>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let background = view.canary().and_then(|canary| canary.analysis.as_ref());
    if let Some(background) = background.filter(|_| wants_background(view)) {
        wanted.push(Wanted {
            analysis: background.analysis(),
            type_: RolloutType::Background,
            step: None,
            base: runs::background_base(view.snapshot),
        });
    }
    let step = view.current_index().filter(|_| is_measured(view));
    if let Some(index) = step
        && let Some(analysis) = view.steps().get(index).and_then(|step| step.analysis.clone())
    {
        let base = runs::step_base(view.snapshot, i32::try_from(index).unwrap_or(i32::MAX));
        wanted.push(Wanted { analysis, type_: RolloutType::Step, step: Some(index), base });
    }
    wanted.extend(around_switch(view));
    wanted
}

/// The analysis before the switch, from when the preview is complete, or the one after it.
fn around_switch(view: &View<'_>) -> Option<Wanted> {
    let strategy = view.blue_green().filter(|_| is_measured(view))?;
    let is_switched = blue_green::services::is_switched(view, strategy);
    let (analysis, type_, base) = if is_switched {
        let base = runs::post_promotion_base(view.snapshot);
        (strategy.post_promotion_analysis.clone(), RolloutType::PostPromotion, base)
    } else {
        let analysis = strategy.pre_promotion_analysis.clone();
        let analysis = analysis.filter(|_| blue_green::is_ready(view, strategy));
        (analysis, RolloutType::PrePromotion, runs::pre_promotion_base(view.snapshot))
    };
    Some(Wanted { analysis: analysis?, type_, step: None, base })
}

/// Begins the runs that the update wants now.
pub(crate) fn begin(view: &View<'_>, draft: &mut Draft) {
    if view.spec.paused {
        return;
    }
    for wanted in wanted(view) {
        let chain = runs::chain(view.snapshot, &wanted.base);
        if !needs_a_run(view, &chain, wanted.type_) {
            if let Some(run) = chain.last.filter(|run| !run.status.phase.is_completed()) {
                draft.wait(Waiting::Analysis { run: run.meta.name.clone() });
            }
            continue;
        }
        match analysis_object::build(view, &wanted.analysis, &chain.next, wanted.type_, wanted.step) {
            Ok(object) => {
                draft.act(Action::CreateAnalysisRun { name: chain.next, object, events: Vec::new() });
            }
            Err(message) => draft.wait(Waiting::AnalysisTemplate { message }),
        }
    }
}

/// A run that no step waits for and that was inconclusive is followed by another one when a person resumes.
fn needs_a_run(view: &View<'_>, chain: &Chain<'_>, type_: RolloutType) -> bool {
    let Some(last) = chain.last else { return true };
    type_ != RolloutType::Step && last.status.phase == AnalysisPhase::Inconclusive && is_answered(view)
}

/// Ends the runs that nobody waits for any more.
pub(crate) fn end(view: &View<'_>, draft: &mut Draft) {
    if view.snapshot.analysis_runs.is_empty() {
        return;
    }
    let wanted = wanted(view);
    let names: Vec<&str> = wanted
        .iter()
        .filter_map(|wanted| runs::chain(view.snapshot, &wanted.base).last)
        .map(|run| run.meta.name.as_str())
        .collect();
    for run in &view.snapshot.analysis_runs {
        let is_ended = run.status.phase.is_completed()
            || run.meta.deleting
            || run.spec.as_ref().is_ok_and(|spec| spec.terminate)
            || run.spec.is_err();
        let is_kept = names.contains(&run.meta.name.as_str()) || keeps(view, run);
        if !is_ended && !is_kept {
            draft
                .act(Action::TerminateAnalysisRun { name: run.meta.name.clone(), uid: run.meta.uid.clone() });
        }
    }
}

/// A run that no step waits for goes on while the new version lacks pods for a moment.
fn keeps(view: &View<'_>, run: &AnalysisRunFacts) -> bool {
    let is_it =
        |current: Option<&AnalysisRunFacts>| current.is_some_and(|one| one.meta.name == run.meta.name);
    let has_background = view.canary().is_some_and(|canary| canary.analysis.is_some());
    let is_background = has_background && is_it(view.runs().background);
    is_measured(view) && (is_background || is_it(beside(view)))
}

/// Deletes the oldest finished runs beyond the limits, and those whose ReplicaSet is gone.
pub(crate) fn clean_up(view: &View<'_>, draft: &mut Draft) {
    let limits = view.spec.analysis.clone().unwrap_or_default();
    let limit = |limit: Option<i32>| usize::try_from(limit.unwrap_or(5)).unwrap_or(0);
    let mut successful = limit(limits.successful_run_history_limit);
    let mut unsuccessful = limit(limits.unsuccessful_run_history_limit);
    let current = view.runs();
    let is_current = |run: &AnalysisRunFacts| current.all().any(|one| one.meta.name == run.meta.name);
    let mut runs: Vec<&AnalysisRunFacts> = view
        .snapshot
        .runs()
        .filter(|run| run.status.phase.is_completed() && !run.meta.deleting && !is_current(run))
        .collect();
    runs.sort_by(|a, b| (b.meta.created, &b.meta.name).cmp(&(a.meta.created, &a.meta.name)));
    for run in runs {
        let left =
            if run.status.phase == AnalysisPhase::Successful { &mut successful } else { &mut unsuccessful };
        if *left > 0 && has_replica_set(view, run) {
            *left -= 1;
        } else {
            draft.act(Action::DeleteAnalysisRun { name: run.meta.name.clone(), uid: run.meta.uid.clone() });
        }
    }
}

fn has_replica_set(view: &View<'_>, run: &AnalysisRunFacts) -> bool {
    let hash = run.meta.labels.get(POD_TEMPLATE_HASH).map_or("", String::as_str);
    view.snapshot.replica_sets.iter().any(|set| set.hash == hash)
}

/// Puts what the current runs say into the status.
pub(crate) fn summarize(view: &View<'_>, status: &mut RolloutStatus) {
    if !is_measured(view) && !view.is_aborted() {
        return;
    }
    let runs = view.runs();
    let is_step = status.current_step_index == view.status().current_step_index;
    if let Some(run) = runs.background {
        status.canary.current_background_analysis_run_status = Some(summary(run));
    }
    if let Some(run) = runs.step.filter(|_| is_step) {
        status.canary.current_step_analysis_run_status = Some(summary(run));
    }
    if view.blue_green().is_some() {
        status.blue_green.pre_promotion_analysis_run_status = runs.pre_promotion.map(summary);
        status.blue_green.post_promotion_analysis_run_status = runs.post_promotion.map(summary);
    }
}

fn summary(run: &AnalysisRunFacts) -> AnalysisRunSummary {
    AnalysisRunSummary {
        name: run.meta.name.clone(),
        status: run.status.phase,
        message: run.status.message.clone(),
    }
}

/// What to tell people about a run whose phase changed between two statuses.
pub(crate) fn events(old: &RolloutStatus, new: &RolloutStatus) -> Vec<Event> {
    let pairs = [
        ("Step", &old.canary.current_step_analysis_run_status, &new.canary.current_step_analysis_run_status),
        (
            "Background",
            &old.canary.current_background_analysis_run_status,
            &new.canary.current_background_analysis_run_status,
        ),
        (
            "PrePromotion",
            &old.blue_green.pre_promotion_analysis_run_status,
            &new.blue_green.pre_promotion_analysis_run_status,
        ),
        (
            "PostPromotion",
            &old.blue_green.post_promotion_analysis_run_status,
            &new.blue_green.post_promotion_analysis_run_status,
        ),
    ];
    pairs.into_iter().filter_map(|(type_, old, new)| event(type_, old.as_ref(), new.as_ref()?)).collect()
}

fn event(type_: &str, old: Option<&AnalysisRunSummary>, new: &AnalysisRunSummary) -> Option<Event> {
    let previous = old.filter(|old| old.name == new.name).map(|old| old.status);
    let reason = match new.status {
        AnalysisPhase::Pending => "AnalysisRunPending",
        AnalysisPhase::Running => "AnalysisRunRunning",
        AnalysisPhase::Successful => "AnalysisRunSuccessful",
        AnalysisPhase::Failed => "AnalysisRunFailed",
        AnalysisPhase::Error => "AnalysisRunError",
        AnalysisPhase::Inconclusive => "AnalysisRunInconclusive",
        AnalysisPhase::Unknown => return None,
    };
    if previous == Some(new.status) {
        return None;
    }
    let previous = previous.map_or("NoPreviousStatus", AnalysisPhase::as_str);
    let message =
        format!("{type_} Analysis Run '{}' Status New: '{}' Previous: '{previous}'", new.name, new.status);
    let is_bad = new.status.is_bad();
    Some(if is_bad { Event::warning(reason, message) } else { Event::normal(reason, message) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::event::Severity;

    fn run(name: &str, status: AnalysisPhase) -> AnalysisRunSummary {
        AnalysisRunSummary { name: name.to_owned(), status, message: String::new() }
    }

    #[rstest]
    #[case::first(
        None,
        AnalysisPhase::Running,
        Severity::Normal,
        "AnalysisRunRunning: Step Analysis Run 'a' Status New: 'Running' Previous: 'NoPreviousStatus'"
    )]
    #[case::of_another_run(
        Some(run("b", AnalysisPhase::Failed)),
        AnalysisPhase::Pending,
        Severity::Normal,
        "AnalysisRunPending: Step Analysis Run 'a' Status New: 'Pending' Previous: 'NoPreviousStatus'"
    )]
    #[case::good(
        Some(run("a", AnalysisPhase::Running)),
        AnalysisPhase::Successful,
        Severity::Normal,
        "AnalysisRunSuccessful: Step Analysis Run 'a' Status New: 'Successful' Previous: 'Running'"
    )]
    #[case::bad(
        Some(run("a", AnalysisPhase::Running)),
        AnalysisPhase::Failed,
        Severity::Warning,
        "AnalysisRunFailed: Step Analysis Run 'a' Status New: 'Failed' Previous: 'Running'"
    )]
    #[case::broken(
        Some(run("a", AnalysisPhase::Running)),
        AnalysisPhase::Error,
        Severity::Warning,
        "AnalysisRunError: Step Analysis Run 'a' Status New: 'Error' Previous: 'Running'"
    )]
    #[case::undecided(
        Some(run("a", AnalysisPhase::Running)),
        AnalysisPhase::Inconclusive,
        Severity::Normal,
        "AnalysisRunInconclusive: Step Analysis Run 'a' Status New: 'Inconclusive' Previous: 'Running'"
    )]
    fn what_is_told_about_a_run(
        #[case] old: Option<AnalysisRunSummary>,
        #[case] phase: AnalysisPhase,
        #[case] severity: Severity,
        #[case] want: &str,
    ) {
        let told = event("Step", old.as_ref(), &run("a", phase)).unwrap();
        assert_eq!(
            (told.severity, format!("{}: {}", told.reason, told.message)),
            (severity, want.to_owned())
        );
        assert_eq!(event("Step", Some(&run("a", phase)), &run("a", phase)), None, "nothing has changed");
    }
}

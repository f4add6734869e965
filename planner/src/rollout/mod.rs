//! The Rollout: which version its users get next.

mod abort;
mod adoption;
mod analysis;
mod analysis_object;
mod anti_affinity;
mod basic;
mod blue_green;
mod change;
mod conditions;
mod draft;
mod drain;
mod duration;
mod events;
mod generation;
mod history;
mod managed_routes;
mod objects;
mod pause;
mod phase;
mod plan;
mod progress;
mod promotion;
mod readiness;
mod recovery;
mod replicas;
mod reset;
mod restart;
mod revision;
mod role_metadata;
mod run_spec;
mod runs;
mod scale_down;
mod services;
mod snapshot;
mod status;
mod step;
mod strategy;
mod template;
#[cfg(test)]
mod tests;
mod validate;
mod view;
mod weights;
mod workload;

use crds::rollout::CompletionStatus;
use jiff::Timestamp;

pub use adoption::takes_over;
pub use plan::{Action, MetadataChanges, Plan, Scale};
pub use promotion::is_promoted;
pub use recovery::is_blank;
pub use restart::{is_due as restart_is_due, pending as pending_restart};
pub use role_metadata::follows_pods;
pub use runs::{Current as CurrentRuns, spoken_of};
pub use snapshot::{Kept, Settings, Snapshot, Tenure};
pub use status::{is_decisive, is_urgent};
pub use step::text as step_text;
pub use template::TemplateIdentity;

use self::abort::Cause;
use self::draft::Draft;
use self::strategy::Strategy;
use self::view::View;
use crate::waiting::Waiting;

/// Decides what is to be done about a Rollout.
///
/// Total and deterministic: equal snapshots and times give equal plans, and no snapshot makes it fail. A spec that
/// cannot be acted on is a status. Safe to call again at any point: what was done is seen, what was not is planned
/// again.
#[must_use]
pub fn plan(snapshot: &Snapshot, now: Timestamp) -> Plan {
    let mut draft = Draft::new(snapshot, now);
    if snapshot.rollout.meta.deleting {
        return draft.into_plan();
    }
    let cause = abort::cause(snapshot);
    if let Some(plan) = cause.as_ref().and_then(|_| abort::routes_first(snapshot, now)) {
        return plan;
    }
    if !snapshot.stale.is_empty() {
        draft.wait(Waiting::StoreBehindOwnWrites { objects: snapshot.stale.iter().cloned().collect() });
        return draft.into_plan();
    }
    match validate::check(snapshot) {
        Ok(valid) => update(&View::new(snapshot, now, valid), cause),
        Err(message) => invalid(snapshot, cause, message, now),
    }
}

/// The plan for a Rollout whose spec can be acted on.
fn update(view: &View<'_>, cause: Option<Cause>) -> Plan {
    if let Some(plan) = adoption::first(view).or_else(|| recovery::first(view)) {
        return plan;
    }
    let mut draft = Draft::new(view.snapshot, view.now);
    if view.spec.paused && view.revisions.new.is_none() {
        return held(view, draft);
    }
    if !revision::settle(view, &mut draft) || view.revisions.new.is_none() {
        return draft.into_plan();
    }
    let cause = cause.or_else(|| change::deadline_cause(view));
    if let Some(plan) = cause.as_ref().and_then(|cause| first_writes(view, cause)) {
        return plan;
    }
    let change = change::decide(view, cause.as_ref(), &mut draft);
    if !change.is_any() {
        act(view, &mut draft);
        explain(view, &mut draft);
    }
    status::finish(view, &change, &mut draft);
    draft.into_plan()
}

/// What an abort writes before anything else: the routes or the active Service, or without either the sizes.
fn first_writes(view: &View<'_>, cause: &Cause) -> Option<Plan> {
    if view.strategy.is_steered() {
        return abort::routes_first(view.snapshot, view.now);
    }
    if cause.why.is_none() || reset::cause(view).is_some() {
        return None;
    }
    let mut aborted = view.snapshot.clone();
    abort::commit(&mut aborted.rollout.status, !view.steps().is_empty(), view.now);
    let view = View { snapshot: &aborted, runs: <_>::default(), ..view.clone() };
    let mut draft = Draft::new(view.snapshot, view.now);
    replicas::scale_up(&view, &mut draft);
    basic::scale_down(&view, &mut draft);
    draft.status = view.status().clone();
    (!draft.actions.is_empty()).then(|| draft.into_plan())
}

/// Everything that moves pods and traffic, in the order in which it is safe: pods come, Services and routes turn to
/// them, they are measured, and then others go.
fn act(view: &View<'_>, draft: &mut Draft) {
    analysis::end(view, draft);
    scale_down::keep_former_stable(view, draft);
    if let Strategy::BlueGreen(strategy) = view.strategy {
        blue_green::services::preview(view, strategy, draft);
    }
    replicas::scale_up(view, draft);
    match view.strategy {
        Strategy::Canary(_) => {
            services::switch(view, draft);
            weights::set(view, draft);
        }
        Strategy::BlueGreen(strategy) => blue_green::services::active(view, strategy, draft),
    }
    analysis::begin(view, draft);
    if view.strategy.is_steered() {
        scale_down::steered(view, draft);
    } else {
        basic::scale_down(view, draft);
    }
    workload::scale_down(view, draft);
    role_metadata::follow(view, draft);
    history::clean_up(view, draft);
    analysis::clean_up(view, draft);
    restart::follow(view, draft);
}

/// Says why nothing else happens, and when to look again.
fn explain(view: &View<'_>, draft: &mut Draft) {
    if view.is_aborted() {
        let message =
            crds::condition::find(&view.status().conditions, crds::condition::ConditionType::Progressing)
                .map_or_else(String::new, |condition| condition.message.clone());
        draft.wait(Waiting::Aborted { message });
    }
    pause::explain(view, draft);
    replicas::explain(view, draft);
    if let Some(at) = progress::deadline_at(view) {
        draft.wake(at);
    }
}

/// The user paused the Rollout and wants a version that has no ReplicaSet yet: it waits, but `spec.replicas` is obeyed.
fn held(view: &View<'_>, mut draft: Draft) -> Plan {
    if let Some(stable) = view.revisions.stable.filter(|set| set.replicas != view.replicas()) {
        draft.act(replicas::scale(view, stable, view.replicas()));
    }
    let annotations = revision::workload_generation(view);
    if !annotations.is_empty() {
        draft.act(Action::PatchRollout { annotations, replicas: None, events: Vec::new() });
    }
    draft.wait(Waiting::PausedByUser);
    status::observe_only(view, &mut draft);
    draft.into_plan()
}

/// The spec cannot be acted on: the status says so, and an abort is still noted.
fn invalid(snapshot: &Snapshot, cause: Option<Cause>, message: String, now: Timestamp) -> Plan {
    let mut draft = Draft::new(snapshot, now);
    let revision = revision::number(&snapshot.rollout.meta);
    if let Some(cause) = cause.filter(|_| draft.status.aborted_at.is_none()) {
        let has_steps = draft.status.current_step_index.is_some();
        abort::commit(&mut draft.status, has_steps, now);
        duration::end(&mut draft.status, CompletionStatus::Aborted, now);
        conditions::aborted(&mut draft.status, revision, Some(&cause), now);
        let why = cause.why.as_deref();
        let text = crds::condition::message::aborted(revision, why);
        draft.events.push(crate::event::Event::warning("RolloutAborted", text));
    }
    draft.events.extend(events::first_sight(snapshot));
    let text = crds::condition::message::invalid_spec("Rollout", &snapshot.rollout.meta.name, &message);
    conditions::invalid(&mut draft.status, text, now);
    draft.status.observed_generation = generation::observed(snapshot);
    let around =
        phase::Surroundings { paused: false, restarting: false, replicas: 0, end: phase::End::OldPodsGone };
    (draft.status.phase, draft.status.message) = phase::of(&draft.status, around);
    conditions::follow_phase(&mut draft.status, now);
    draft.wait(Waiting::InvalidSpec { message });
    draft.into_plan()
}

/// Whether the update is to be taken back and its abort is not noted yet: by what a person wrote, or by a verdict.
#[must_use]
pub fn is_to_be_aborted(snapshot: &Snapshot) -> bool {
    snapshot.rollout.status.aborted_at.is_none() && abort::cause(snapshot).is_some()
}

/// The AnalysisRuns that decide about the current update.
#[must_use]
pub fn current_runs(snapshot: &Snapshot) -> CurrentRuns<'_> {
    runs::current(snapshot)
}

/// When the current update counts as stuck unless something moves; `None` while that clock does not run.
#[must_use]
pub fn progress_deadline(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let valid = validate::check(snapshot).ok()?;
    progress::deadline_at(&View::new(snapshot, now, valid))
}

//! What the last decision rested on: weights, pods, measurements, and who aborted.

use crds::analysis::{AnalysisPhase, MetricResult};
use crds::condition::{ConditionType, find};
use crds::names::{POD_TEMPLATE_HASH, REVISION};
use crds::rollout::ManagedRule;
use jiff::Timestamp;
use planner::facts::{AnalysisRunFacts, ReplicaSetFacts};
use planner::rollout::{Snapshot, current_runs, step_text};
use serde::Serialize;

use super::Look;

/// One thing that a decision rested on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fact {
    /// What it is about: `step`, `weight`, `service`, `pods`, `analysis`, `abort`.
    pub(crate) about: &'static str,
    /// The fact, in words.
    pub(crate) what: String,
    /// When it came to be, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
}

impl Fact {
    const fn new(about: &'static str, what: String) -> Self {
        Self { about, what, at: None }
    }
}

/// Everything that decisions about the rollout rest on now.
pub(super) fn of(look: &Look) -> Vec<Fact> {
    let snapshot = &look.snapshot;
    let mut facts: Vec<Fact> = abort(look).into_iter().chain(step(snapshot)).collect();
    facts.extend(weights(snapshot));
    facts.extend(services(snapshot));
    let mut sets: Vec<&ReplicaSetFacts> = snapshot.sets().filter(|set| set.replicas > 0).collect();
    sets.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    facts.extend(sets.into_iter().map(|set| Fact::new("pods", pods(snapshot, set))));
    facts.extend(current_runs(snapshot).all().flat_map(measurements));
    facts
}

/// Who took the update back, and why.
fn abort(look: &Look) -> Option<Fact> {
    let status = &look.snapshot.rollout.status;
    if !status.abort {
        return None;
    }
    let message = find(&status.conditions, ConditionType::Progressing)
        .filter(|condition| condition.because(crds::condition::Reason::RolloutAborted))
        .map(|condition| condition.message.clone());
    let at = status.aborted_at.map(crds::Time::get);
    let writer = look.abort.as_ref().map(|writer| format!("status.abort was set by {:?}", writer.manager));
    let what: Vec<String> = message.into_iter().chain(writer).collect();
    let what = if what.is_empty() { "status.abort is set".to_owned() } else { what.join("; ") };
    Some(Fact { about: "abort", what, at: at.or(look.abort.as_ref().and_then(|writer| writer.at)) })
}

/// Where a canary with steps stands.
fn step(snapshot: &Snapshot) -> Option<Fact> {
    let steps = &snapshot.rollout.spec.as_ref().ok()?.strategy.canary.as_ref()?.steps;
    let index = usize::try_from(snapshot.rollout.status.current_step_index?).ok()?;
    let what = match steps.get(index) {
        Some(step) => format!("{} of {}: {}", index.saturating_add(1), steps.len(), step_text(step)),
        None if steps.is_empty() => return None,
        None => format!("all {} are done", steps.len()),
    };
    Some(Fact::new("step", what))
}

fn weights(snapshot: &Snapshot) -> impl Iterator<Item = Fact> + '_ {
    snapshot.routes.iter().map(|route| {
        let object = &route.reference;
        let what = match (&route.problem, route.canary_weight) {
            (Some(problem), _) => format!("{object}: {problem}"),
            (None, Some(weight)) => format!("{object} gives the new version {weight}"),
            (None, None) => format!("{object} gives the new version nothing"),
        };
        let what = match route.managed_rules() {
            [] => what,
            held => format!("{what}, with {}", rules(held)),
        };
        Fact::new("weight", what)
    })
}

/// Managed routes by their names.
pub(super) fn rules(held: &[ManagedRule]) -> String {
    let names: Vec<&str> = held.iter().map(ManagedRule::name).collect();
    let word = if names.len() == 1 { "the managed route" } else { "the managed routes" };
    format!("{word} {}", names.join(", "))
}

fn services(snapshot: &Snapshot) -> impl Iterator<Item = Fact> + '_ {
    snapshot.services.iter().map(|(name, service)| {
        let hash = service.selector.get(POD_TEMPLATE_HASH);
        let set = hash.and_then(|hash| snapshot.sets().find(|set| set.hash == *hash));
        let what = match (set, hash) {
            (Some(set), _) => format!("{name} selects {}", set.meta.name),
            (None, Some(hash)) => format!("{name} selects the hash {hash}, of which there is no ReplicaSet"),
            (None, None) => format!("{name} selects the pods of all versions"),
        };
        Fact::new("service", what)
    })
}

fn revision(set: &ReplicaSetFacts) -> i64 {
    set.meta.annotations.get(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn pods(snapshot: &Snapshot, set: &ReplicaSetFacts) -> String {
    let status = &snapshot.rollout.status;
    let role = if set.hash == status.stable_rs {
        "stable"
    } else if set.hash == status.current_pod_hash {
        "new"
    } else {
        "older"
    };
    let (name, have, want) = (&set.meta.name, set.available_replicas, set.replicas);
    let text = format!("{name} (revision {}, {role}): {have} of {want} available", revision(set));
    set.failure.as_ref().map_or_else(|| text.clone(), |failure| format!("{text}; {}", failure.message))
}

/// The verdict of a run, and the last measurement of each metric.
fn measurements(run: &AnalysisRunFacts) -> Vec<Fact> {
    let (name, status) = (&run.meta.name, &run.status);
    let reason = if status.message.is_empty() { String::new() } else { format!(": {}", status.message) };
    let verdict = Fact {
        about: "analysis",
        what: format!("{name} is {}{reason}", phase(status.phase)),
        at: status.completed_at.or(status.started_at).map(crds::Time::get),
    };
    std::iter::once(verdict).chain(status.metric_results.iter().filter_map(|it| last(name, it))).collect()
}

fn last(run: &str, metric: &MetricResult) -> Option<Fact> {
    let measurement = metric.measurements.last()?;
    let of = format!("{run}: {}", metric.name);
    let value =
        if measurement.value.is_empty() { String::new() } else { format!(" = {}", measurement.value) };
    let why =
        if measurement.message.is_empty() { String::new() } else { format!(" ({})", measurement.message) };
    let dry = if metric.dry_run { ", which does not decide" } else { "" };
    Some(Fact {
        about: "analysis",
        what: format!("{of}{value}: {}{dry}{why}", phase(measurement.phase)),
        at: measurement.finished_at.or(measurement.started_at).map(crds::Time::get),
    })
}

fn phase(phase: AnalysisPhase) -> String {
    match phase {
        AnalysisPhase::Unknown => "not begun".to_owned(),
        _ => phase.to_string(),
    }
}

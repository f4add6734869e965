//! The decision about one run, as a table of contents.

use std::collections::BTreeSet;

use analysis::arguments::ResolvedMetric;
use analysis::condition::Condition;
use analysis::provider::{self, Environment};
use crds::analysis::{AnalysisPhase, AnalysisRunSpec, AnalysisRunStatus};
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use super::assess::Ending;
use super::measure::{self, environment, find, result_of};
use super::resolve::{Resolved, unread};
use super::rule::{Rule, rules};
use super::{Plan, Question, SecretKey, Snapshot, conclude, retention, schedule, ttl};
use crate::event::Event;
use crate::waiting::Waiting;

/// Decides the next move of an analysis run.
///
/// Total and deterministic. The verdict is in the very plan that sees the answer, and a verdict never changes. What is
/// wrong with the spec, the arguments or the provider is a run that ends in Error, with the reason in its message.
#[must_use]
pub fn plan(snapshot: &Snapshot, now: Timestamp) -> Plan {
    let run = &snapshot.run;
    if snapshot.stale {
        let object = ObjectRef::new(Kind::AnalysisRun, &run.meta.namespace, &run.meta.name);
        return idle(snapshot, Waiting::StoreBehindOwnWrites { objects: vec![object] });
    }
    if run.meta.deleting {
        return idle(snapshot, Waiting::AtRest);
    }
    if run.status.phase.is_completed() && !planted(Bug::VerdictChanges) {
        return finished(snapshot, run.status.clone(), Vec::new(), now);
    }
    let spec = match &run.spec {
        Ok(spec) => spec,
        Err(message) => return given_up(snapshot, format!("Analysis spec invalid: {message}"), now),
    };
    let rules = match rules(spec) {
        Ok(rules) => rules,
        Err(error) => return given_up(snapshot, error.to_string(), now),
    };
    advance(snapshot, spec, &rules, now)
}

fn advance(snapshot: &Snapshot, spec: &AnalysisRunSpec, rules: &[Rule], now: Timestamp) -> Plan {
    let mut draft =
        Draft { snapshot, rules, now, status: started(&snapshot.run.status, now), events: Vec::new() };
    let wanted = unread(spec, snapshot);
    let is_ending = spec.terminate || conclude::is_lost(&draft.status);
    let resolved = match Resolved::of(spec, snapshot) {
        Ok(resolved) => Some(resolved),
        // A run that ends needs no Secret, and one that cannot be read stops no other run.
        Err(_) if is_ending || !wanted.is_empty() => None,
        Err(error) => return given_up(snapshot, error.to_string(), now),
    };
    if let Some(resolved) = &resolved {
        draft.take_answers(resolved);
        draft.refuse_questions(resolved);
    }
    draft.events.extend(conclude::end_metrics(&mut draft.status, rules, spec.terminate, now));
    let end = conclude::end_run(&mut draft.status, rules, spec.terminate, now);
    draft.trim();
    if let Some(end) = end {
        draft.events.push(end);
        return finished(snapshot, draft.status, draft.events, now);
    }
    draft.ask(resolved.as_ref(), wanted)
}

/// A plan in the making.
struct Draft<'a> {
    snapshot: &'a Snapshot,
    rules: &'a [Rule],
    now: Timestamp,
    status: AnalysisRunStatus,
    events: Vec<Event>,
}

impl Draft<'_> {
    /// Turns the answers that came into measurements.
    fn take_answers(&mut self, resolved: &Resolved) {
        for (rule, metric) in self.rules.iter().zip(&resolved.metrics) {
            let Some(measured) = self.snapshot.answers.get(&rule.metric.name) else { continue };
            if is_over(&self.status, rule) || measure::is_recorded(find(&self.status, rule), measured) {
                continue;
            }
            let environment = environment(self.snapshot, measured.started_at);
            let measurement = measure::measurement(resolved, metric, measured, &environment);
            if let Some(result) = result_of(&mut self.status, rule) {
                measure::record(result, measurement);
            }
        }
    }

    /// Records an error for metrics that cannot be asked for. One that never could be ends at once: waiting changes
    /// neither its spec nor the operator's settings.
    fn refuse_questions(&mut self, resolved: &Resolved) {
        for (rule, metric) in self.rules.iter().zip(&resolved.metrics) {
            let is_first = find(&self.status, rule).is_none_or(|result| result.measurements.is_empty());
            let is_due = self.due_at(rule).is_some_and(|at| is_first || at <= self.now);
            if !is_due || is_over(&self.status, rule) || self.snapshot.asked.contains(&rule.metric.name) {
                continue;
            }
            let Some(problem) = problem(metric, &environment(self.snapshot, self.now)) else { continue };
            let reason = resolved.hide(problem);
            let Some(result) = result_of(&mut self.status, rule) else { continue };
            measure::record(result, measure::unasked(reason.clone(), self.now));
            if is_first {
                self.events.push(conclude::settle(result, Ending { phase: AnalysisPhase::Error, reason }));
            }
        }
    }

    /// Drops measurements that need not be kept.
    fn trim(&mut self) {
        for rule in self.rules {
            if find(&self.status, rule).is_some()
                && let Some(result) = result_of(&mut self.status, rule)
            {
                retention::trim(result, rule.retention);
            }
        }
    }

    /// Asks what is due, and says for what the rest waits.
    fn ask(self, resolved: Option<&Resolved>, wanted: Vec<SecretKey>) -> Plan {
        let mut plan = Plan { events: Vec::new(), ..idle(self.snapshot, Waiting::AtRest) };
        plan.waiting.clear();
        // An answer is judged, and a question is asked, only with the values of the arguments.
        let mut is_in_need = !self.snapshot.answers.is_empty();
        for (index, rule) in self.rules.iter().enumerate() {
            let Some(at) = self.due_at(rule) else { continue };
            let name = rule.metric.name.clone();
            let metric = resolved.and_then(|resolved| resolved.metrics.get(index));
            if self.snapshot.asked.contains(&name) {
                plan.waiting.push(Waiting::MeasurementUnderWay { metric: name });
            } else if at > self.now {
                plan.wake_at = Some(plan.wake_at.map_or(at, |other| other.min(at)));
                plan.waiting.push(Waiting::MeasurementDue { metric: name, at });
            } else if let Some(metric) = metric
                && let Ok(ask) = provider::ask(&metric.provider, &environment(self.snapshot, self.now))
            {
                plan.questions.push(Question { metric: name, ask });
            } else {
                is_in_need |= metric.is_none();
            }
        }
        if resolved.is_none() && is_in_need {
            let secrets = wanted.iter().map(|key| key.secret.clone()).collect::<BTreeSet<_>>();
            plan.waiting.insert(0, Waiting::SecretsUnread { secrets: secrets.into_iter().collect() });
            plan.secrets_wanted = wanted;
        }
        Plan { status: self.status, events: self.events, ..plan }
    }

    fn due_at(&self, rule: &Rule) -> Option<Timestamp> {
        let started_at = self.status.started_at.map_or(self.now, Timestamp::from);
        schedule::due_at(rule, find(&self.status, rule), started_at)
    }
}

fn started(status: &AnalysisRunStatus, now: Timestamp) -> AnalysisRunStatus {
    let mut status = status.clone();
    status.phase = AnalysisPhase::Running;
    status.started_at.get_or_insert(now.into());
    status
}

fn is_over(status: &AnalysisRunStatus, rule: &Rule) -> bool {
    find(status, rule).is_some_and(|result| result.phase.is_completed())
}

/// Why a metric cannot be asked for or judged, whatever the answer.
fn problem(metric: &ResolvedMetric, environment: &Environment<'_>) -> Option<String> {
    let conditions =
        [("successCondition", &metric.success_condition), ("failureCondition", &metric.failure_condition)];
    let malformed = conditions.into_iter().filter(|(_, text)| !text.is_empty()).find_map(|(field, text)| {
        Condition::parse(text).err().map(|error| format!("{field} {text:?}: {error}"))
    });
    malformed.or_else(|| provider::ask(&metric.provider, environment).err().map(|error| error.to_string()))
}

/// The plan for a run that has its verdict: nothing but its deletion, when its time has come.
fn finished(snapshot: &Snapshot, status: AnalysisRunStatus, events: Vec<Event>, now: Timestamp) -> Plan {
    let expires_at = ttl::expires_at(&snapshot.run, &status);
    let delete = expires_at.is_some_and(|at| at <= now);
    let wake_at = expires_at.filter(|at| *at > now);
    Plan { status, events, wake_at, delete, ..idle(snapshot, Waiting::AtRest) }
}

/// The plan for a run that cannot be carried out at all.
fn given_up(snapshot: &Snapshot, message: String, now: Timestamp) -> Plan {
    let mut status = started(&snapshot.run.status, now);
    let event = conclude::give_up(&mut status, message, now);
    finished(snapshot, status, vec![event], now)
}

fn idle(snapshot: &Snapshot, waiting: Waiting) -> Plan {
    Plan {
        questions: Vec::new(),
        secrets_wanted: Vec::new(),
        status: snapshot.run.status.clone(),
        events: Vec::new(),
        waiting: vec![waiting],
        wake_at: None,
        delete: false,
    }
}

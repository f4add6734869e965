//! Goes through what happened and keeps what is worth telling.

use std::collections::BTreeMap;

use crds::analysis::AnalysisPhase;
use crds::object_ref::ObjectRef;
use crds::rollout::{RolloutPhase, RolloutSpec, RolloutStatus};
use planner::facts::AnalysisRunFacts;
use serde_json::Value;

use super::diff;
use super::history::{Event, Happening, Played};
use super::measured::{Measured, name_of};
use super::outcome::{invalid_spec, outcome};
use super::pods::Sets;
use super::stage::{StageKey, person_needed, stage_of};
use crate::preview::report::{
    FieldChange, Moment, PersonNeeded, Pods, Report, RouteChange, RouteNow, RouteVerb, Sample, Stage, Verdict,
};

/// What is known so far.
pub(super) struct Teller<'a> {
    played: &'a Played<'a>,
    spec: RolloutSpec,
    new: String,
    stable: String,
    report: Report,
    sets: Sets<'a>,
    measured: Measured,
    routes: BTreeMap<&'a ObjectRef, Value>,
    runs: BTreeMap<&'a str, AnalysisPhase>,
    traffic: BTreeMap<usize, f64>,
    status: RolloutStatus,
    stage: Option<StageKey>,
    /// Since when a person is waited for, and why.
    person: Option<(f64, String)>,
    now: f64,
    has_begun: bool,
}

impl<'a> Teller<'a> {
    /// Knows nothing but what is played.
    pub(super) fn new(played: &'a Played<'a>) -> Self {
        let last = played.last_rollout();
        let spec = last.map(|(spec, _)| spec.clone()).unwrap_or_default();
        Self {
            new: last.map(|(_, status)| status.current_pod_hash.clone()).unwrap_or_default(),
            report: Report {
                namespace: played.rollout.namespace.clone(),
                name: played.rollout.name.clone(),
                replicas: spec.replicas.unwrap_or(1),
                strategy: strategy(&spec).to_owned(),
                ..Report::default()
            },
            played,
            spec,
            stable: String::new(),
            sets: Sets::default(),
            measured: Measured::default(),
            routes: BTreeMap::new(),
            runs: BTreeMap::new(),
            traffic: BTreeMap::new(),
            status: RolloutStatus::default(),
            stage: None,
            person: None,
            now: 0.0,
            has_begun: false,
        }
    }

    /// The new version is applied: what was before is how things stood.
    pub(super) fn begin(&mut self) {
        self.has_begun = true;
        self.stable.clone_from(&self.status.stable_rs);
        self.measured = Measured::default();
        let first = self.sample();
        self.report.least_available_pods =
            first.new.available + first.stable.available + first.other.available;
        self.report.samples.push(first);
    }

    /// Takes in what happened.
    pub(super) fn take(&mut self, happening: &Happening<'a>) {
        self.now = happening.seconds.max(0.0);
        match &happening.event {
            Event::Status(status) => self.status(status),
            Event::ReplicaSet(set) => self.sets.insert(set),
            Event::ReplicaSetGone(name) => self.sets.remove(name),
            Event::Run(run) => self.run(run),
            Event::Route(route, value) => self.route(route, *value),
            Event::Traffic(proxy, weights) => {
                let share = weights.get(&self.new).copied().unwrap_or_default();
                self.traffic.insert(*proxy, f64::from(share));
            }
            Event::Act(text) if self.has_begun => self.moment((*text).to_owned(), false),
            Event::Act(_) => {}
        }
        if self.has_begun {
            self.observe();
        }
    }

    /// The report, but for what only the caller knows.
    pub(super) fn end(mut self) -> Report {
        let person = self.person.take();
        let mut outcome = outcome(self.played, &self.new, person.as_ref().map(|(_, reason)| reason.as_str()));
        outcome.people_seconds = self.report.outcome.people_seconds;
        outcome.decided_seconds = self.report.outcome.decided_seconds;
        outcome.ends_seconds = self.last_seconds();
        let has_ended = matches!(outcome.verdict, Verdict::Finishes | Verdict::TakenBack);
        self.close_stage(has_ended.then_some(outcome.ends_seconds));
        self.report.outcome = outcome;
        self.report.surge_pods = (self.report.peak_pods - self.report.replicas).max(0);
        self.report.metrics = self.measured.report();
        self.add_unreached();
        let routes = self.routes.into_iter();
        self.report.routes =
            routes.map(|(route, manifest)| RouteNow { object: name(route), manifest }).collect();
        self.report
    }

    fn last_seconds(&self) -> f64 {
        let samples = self.report.samples.last().map_or(0.0, |sample| sample.at_seconds);
        self.report.moments.last().map_or(samples, |moment| moment.at_seconds.max(samples))
    }

    fn status(&mut self, status: &RolloutStatus) {
        let before = std::mem::replace(&mut self.status, status.clone());
        if !self.has_begun || self.status.current_pod_hash != self.new {
            return;
        }
        let stage = stage_of(&self.spec, &self.status, &self.new, self.stage.as_ref());
        if self.stage.as_ref() != Some(&stage) {
            self.enter(stage);
        }
        if self.status.abort && !before.abort {
            self.moment(format!("aborted: {}", self.status.message), true);
        } else if self.status.phase == RolloutPhase::Degraded
            && before.phase != RolloutPhase::Degraded
            && !self.status.abort
            && invalid_spec(&self.status).is_none()
        {
            self.moment(format!("degraded: {}", self.status.message), true);
        }
        self.person();
    }

    fn person(&mut self) {
        let reason = if self.status.stable_rs == self.new || self.status.abort {
            None
        } else {
            person_needed(&self.spec, &self.status)
        };
        match (reason, self.person.take()) {
            (Some(reason), None) => {
                self.moment(format!("a person is needed ({reason})"), false);
                if let Some(stage) = self.report.stages.last_mut() {
                    stage.person = true;
                }
                let stage = self.report.stages.last().map(told).unwrap_or_default();
                let name = &self.report.name;
                let command = format!("kubectl linnet promote {name}");
                self.report.people.push(PersonNeeded {
                    at_seconds: self.now,
                    stage,
                    reason: reason.clone(),
                    command,
                });
                self.person = Some((self.now, reason));
            }
            (Some(_), held) => self.person = held,
            (None, Some((since, _))) => {
                let all = &mut self.report.outcome.people_seconds;
                *all = to_the_millisecond(*all + self.now - since);
            }
            (None, None) => {}
        }
    }

    fn enter(&mut self, stage: StageKey) {
        let is_first = self.stage.is_none();
        self.close_stage(Some(self.now));
        let at = if is_first { 0.0 } else { self.now };
        if stage == StageKey::CleanUp {
            self.report.outcome.decided_seconds = Some(self.now);
            self.moment("promoted: the new version is stable".to_owned(), false);
        }
        self.report.stages.push(Stage {
            step: stage.step(),
            what: stage.words(&self.spec),
            at_seconds: Some(at),
            ..Stage::default()
        });
        self.stage = Some(stage);
    }

    /// Ends the stage that is under way; at no time if it never ends.
    fn close_stage(&mut self, at: Option<f64>) {
        let sample = self.sample();
        let Some(stage) = self.report.stages.last_mut() else { return };
        stage.lasts_seconds = at.zip(stage.at_seconds).map(|(end, start)| round(end - start));
        stage.end = sample;
    }

    fn add_unreached(&mut self) {
        let steps = self.spec.strategy.canary.as_ref().map_or(0, |canary| canary.steps.len());
        let reached = self.report.stages.iter().filter_map(|stage| stage.step).max().unwrap_or_default();
        for index in reached..steps {
            let stage = StageKey::Step(index);
            self.report.stages.push(Stage {
                step: stage.step(),
                what: stage.words(&self.spec),
                ..Stage::default()
            });
        }
    }

    fn run(&mut self, run: &'a AnalysisRunFacts) {
        self.measured.take(run);
        let phase = run.status.phase;
        let before = self.runs.insert(&run.meta.name, phase);
        if !self.has_begun || before == Some(phase) {
            return;
        }
        if before.is_none() {
            self.moment(format!("{} starts", name_of(run)), false);
        }
        if phase.is_completed() {
            let message = &run.status.message;
            let colon = if message.is_empty() { "" } else { ": " };
            let alarm = phase != AnalysisPhase::Successful;
            self.moment(format!("{} is {phase}{colon}{message}", name_of(run)), alarm);
        }
    }

    fn route(&mut self, route: &'a ObjectRef, value: Option<&Value>) {
        let before = self.routes.remove(route);
        let after = value.map(diff::quiet);
        if let Some(after) = &after {
            self.routes.insert(route, after.clone());
        }
        if !self.has_begun {
            return;
        }
        let (verb, fields) = match (&before, &after) {
            (Some(before), Some(after)) => (RouteVerb::Changed, diff::changes(before, after)),
            (None, Some(after)) => (RouteVerb::Created, annotations(after)),
            (_, None) => (RouteVerb::Deleted, Vec::new()),
        };
        if verb == RouteVerb::Changed && fields.is_empty() {
            return;
        }
        let change = RouteChange {
            at_seconds: self.now,
            object: name(route),
            verb,
            fields,
            manifest: after.unwrap_or_default(),
        };
        self.moment(change.to_string(), false);
        if let Some(stage) = self.report.stages.last_mut() {
            stage.routes.push(change);
        }
    }

    fn moment(&mut self, text: String, alarm: bool) {
        self.report.moments.push(Moment { at_seconds: self.now, text, alarm });
    }

    /// Keeps how things stand, if they stand in another way than before.
    fn observe(&mut self) {
        let sample = self.sample();
        let pods = [sample.new, sample.stable, sample.other];
        let running = pods.iter().map(|pods| pods.running).sum::<i32>();
        let available = pods.iter().map(|pods| pods.available).sum::<i32>();
        self.report.peak_pods = self.report.peak_pods.max(running);
        self.report.least_available_pods = self.report.least_available_pods.min(available);
        if let Some(stage) = self.report.stages.last_mut() {
            stage.peak_pods = stage.peak_pods.max(running);
        }
        if self.status.abort && sample.traffic <= 0.0 && self.report.outcome.decided_seconds.is_none() {
            self.report.outcome.decided_seconds = Some(self.now);
        }
        let samples = &mut self.report.samples;
        match samples.last_mut() {
            Some(last) if is_same(last, &sample) => {}
            Some(last) if last.at_seconds >= sample.at_seconds => *last = sample,
            _ => samples.push(sample),
        }
    }

    fn sample(&self) -> Sample {
        let new = self.sets.pods(|hash| hash == self.new);
        let stable = self.sets.pods(|hash| hash == self.stable && hash != self.new);
        let other = self.sets.pods(|hash| hash != self.new && hash != self.stable);
        let is_split = !self.played.routes.is_empty() || self.spec.strategy.blue_green.is_some();
        let traffic = if is_split { self.split() } else { share(new, stable, other) };
        Sample { at_seconds: self.now, weight: self.weight(), traffic, new, stable, other }
    }

    /// The largest share that any proxy sends to the new version.
    fn split(&self) -> f64 {
        self.traffic.values().copied().fold(0.0, f64::max)
    }

    /// The percentage that the Rollout means to give to the new version.
    fn weight(&self) -> f64 {
        let Some(canary) = &self.spec.strategy.canary else {
            return if self.status.blue_green.active_selector == self.new { 100.0 } else { 0.0 };
        };
        if self.status.stable_rs == self.new {
            return 100.0;
        }
        if self.status.abort || self.status.current_pod_hash != self.new {
            return 0.0;
        }
        let index = self.status.current_step_index.and_then(|index| usize::try_from(index).ok());
        let full =
            canary.traffic_routing.as_ref().and_then(|routing| routing.max_traffic_weight).unwrap_or(100);
        match index {
            Some(index) if index < canary.steps.len() => {
                let mut steps = canary.steps.iter().take(index + 1).rev();
                let weight = steps.find_map(|step| step.set_weight).unwrap_or_default();
                100.0 * f64::from(weight) / f64::from(full.max(1))
            }
            _ => 100.0,
        }
    }
}

pub(in crate::preview) fn strategy(spec: &RolloutSpec) -> &'static str {
    match (&spec.strategy.canary, &spec.strategy.blue_green) {
        (Some(_), _) => "canary",
        (None, Some(_)) => "blueGreen",
        (None, None) => "",
    }
}

/// What of a new route object is worth showing: its annotations, where routers keep weights.
fn annotations(object: &Value) -> Vec<FieldChange> {
    let Some(annotations) = object.pointer("/metadata/annotations") else { return Vec::new() };
    diff::fields(annotations)
        .into_iter()
        .map(|field| FieldChange { path: format!("metadata.annotations.{}", field.path), ..field })
        .collect()
}

fn name(object: &ObjectRef) -> String {
    format!("{}/{}", object.kind.name(), object.name)
}

fn told(stage: &Stage) -> String {
    stage.step.map_or_else(|| stage.what.clone(), |step| format!("step {step}, {}", stage.what))
}

fn share(new: Pods, stable: Pods, other: Pods) -> f64 {
    let all = new.available + stable.available + other.available;
    if all == 0 { 0.0 } else { round(100.0 * f64::from(new.available) / f64::from(all)) }
}

fn is_same(a: &Sample, b: &Sample) -> bool {
    Sample { at_seconds: 0.0, ..a.clone() } == Sample { at_seconds: 0.0, ..b.clone() }
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Sums and differences of seconds leave a rest far behind the point that nobody wants to read.
fn to_the_millisecond(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

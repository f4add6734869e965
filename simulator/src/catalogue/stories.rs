//! What happens: steps, verbs, changes in the middle of an update.

use serde_json::{Value, json};

use super::Setup;
use crate::scenario::{Act, Deed, MetricAnswer, MetricScript, Scenario, Start, When};

/// One story, told in any setup that it fits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Story {
    /// Its name, such as `steps`.
    pub(crate) name: &'static str,
    /// Whether it makes sense only where a router splits the traffic.
    routed_only: bool,
    canary: fn() -> Value,
    metrics: fn() -> Vec<MetricScript>,
    acts: fn() -> Vec<Act>,
    start: Start,
}

const fn story(name: &'static str, canary: fn() -> Value, acts: fn() -> Vec<Act>) -> Story {
    Story { name, routed_only: false, canary, metrics: good, acts, start: Start::Healthy }
}

/// All of them.
pub(crate) const STORIES: &[Story] = &[
    Story { start: Start::Applied, ..story("first", steps, Vec::new) },
    story("steps", steps, update),
    story("no-steps", no_steps, update),
    story("inline-analysis", inline_analysis, update),
    Story { metrics: bad, ..story("inline-analysis-fails", inline_analysis, update) },
    story("background-analysis", background_analysis, update),
    Story { metrics: bad_later, ..story("background-analysis-fails", background_analysis, update) },
    story("abort", steps, abort),
    story("retry", steps, retry),
    story("promote", pause_for_ever, promote),
    story("promote-full", pause_for_ever, promote_full),
    story("rollback", steps, rollback),
    story("another-version", steps, another_version),
    story("scale", steps, scale),
    story("paused", steps, paused),
    Story { routed_only: true, ..story("abort-at-the-end", all_the_way, abort_at_the_end) },
];

impl Story {
    /// Whether it makes sense in a setup.
    pub(crate) fn fits(&self, setup: &Setup) -> bool {
        setup.routed || !self.routed_only
    }

    /// The scenario.
    pub(crate) fn tell(&self, setup: &Setup) -> Scenario {
        Scenario {
            name: format!("{}/{}", setup.name, self.name),
            start: self.start,
            manifests: setup.manifests(&(self.canary)()),
            metrics: (self.metrics)(),
            acts: (self.acts)(),
            ..Scenario::default()
        }
    }
}

fn steps() -> Value {
    json!({ "steps": [
        { "setWeight": 25 }, { "pause": { "duration": "10s" } },
        { "setWeight": 50 }, { "pause": { "duration": 5 } },
        { "setWeight": 75 }, { "pause": { "duration": "3s" } } ] })
}

fn all_the_way() -> Value {
    json!({ "steps": [{ "setWeight": 50 }, { "setWeight": 100 }, { "pause": { "duration": "20s" } }] })
}

fn no_steps() -> Value {
    json!({})
}

fn pause_for_ever() -> Value {
    json!({ "steps": [{ "setWeight": 25 }, { "pause": {} }, { "setWeight": 50 }, { "pause": {} }] })
}

fn inline_analysis() -> Value {
    json!({ "steps": [
        { "setWeight": 25 },
        { "analysis": { "templates": [{ "templateName": "error-rate" }] } },
        { "setWeight": 60 }, { "pause": { "duration": "2s" } } ] })
}

fn background_analysis() -> Value {
    let analysis = json!({
        "templates": [{ "templateName": "error-rate" }], "startingStep": 1,
        "args": [{ "name": "count", "value": "0" }] });
    json!({ "analysis": analysis, "steps": [
        { "setWeight": 25 }, { "pause": { "duration": "8s" } }, { "setWeight": 60 }, { "pause": { "duration": "6s" } } ] })
}

fn good() -> Vec<MetricScript> {
    vec![MetricScript { answers: vec![MetricAnswer::Values(vec![0.01])], ..MetricScript::default() }]
}

fn bad() -> Vec<MetricScript> {
    vec![MetricScript { answers: vec![MetricAnswer::Values(vec![0.5])], ..MetricScript::default() }]
}

fn bad_later() -> Vec<MetricScript> {
    let answers = [0.01, 0.02, 0.01, 0.02, 0.5].map(|value| MetricAnswer::Values(vec![value]));
    vec![MetricScript { answers: answers.into(), ..MetricScript::default() }]
}

fn at(milliseconds: u64, deed: Deed) -> Act {
    Act { when: When::At(milliseconds), deed }
}

fn at_step(index: i32, plus_ms: u64, deed: Deed) -> Act {
    Act { when: When::Step { index, plus_ms }, deed }
}

fn when(phase: &str, deed: Deed) -> Act {
    Act { when: When::Phase { phase: phase.to_owned(), plus_ms: 500 }, deed }
}

fn set_image() -> Act {
    at(1000, Deed::SetImage("web:v2".to_owned()))
}

fn update() -> Vec<Act> {
    vec![set_image()]
}

fn abort() -> Vec<Act> {
    vec![set_image(), at_step(3, 500, Deed::Abort)]
}

fn abort_at_the_end() -> Vec<Act> {
    vec![set_image(), at_step(2, 8_000, Deed::Abort)]
}

fn retry() -> Vec<Act> {
    vec![set_image(), at_step(1, 500, Deed::Abort), when("Degraded", Deed::Retry)]
}

fn promote() -> Vec<Act> {
    vec![set_image(), at_step(1, 3_000, Deed::Promote), at_step(3, 3_000, Deed::Promote)]
}

fn promote_full() -> Vec<Act> {
    vec![set_image(), at_step(1, 3_000, Deed::PromoteFull)]
}

fn rollback() -> Vec<Act> {
    vec![set_image(), at_step(3, 500, Deed::Undo)]
}

fn another_version() -> Vec<Act> {
    vec![set_image(), at_step(3, 500, Deed::SetImage("web:v3".to_owned()))]
}

fn scale() -> Vec<Act> {
    vec![set_image(), at_step(1, 500, Deed::Scale(8)), at_step(3, 500, Deed::Scale(3))]
}

fn paused() -> Vec<Act> {
    vec![set_image(), at_step(2, 100, Deed::Pause), when("Paused", Deed::Resume)]
}

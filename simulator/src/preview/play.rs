//! The play itself: the scenario, the world that plays it, and what it leaves behind.

use crds::object_ref::ObjectRef;
use crds::rollout::{CanaryStep, RolloutSpec};
use crds::{IntOrString, duration};
use jiff::Timestamp;
use planner::waiting::Waiting;
use serde_json::Value;

use super::options::Options;
use super::rig::Rigged;
use super::setup::Setup;
use super::tell::Played;
use crate::outcome::Entry;
use crate::prepared::PrepareError;
use crate::scenario::{
    Act, Behaviour, Deed, End, MetricAnswer, MetricScript, Operators, PodRule, Range, Scenario, Start,
    Timings, When,
};
use crate::store::Store;
use crate::world::World;

/// What people, networks and clocks add to what the spec says, in milliseconds.
const LEEWAY_MS: u64 = 10 * 60 * 1000;
/// The default of `spec.progressDeadlineSeconds`.
const DEADLINE_SECONDS: i32 = 600;
/// How long a template's analysis may take that says nothing about it, in milliseconds.
const ANALYSIS_MS: u64 = 60 * 60 * 1000;

/// What a play leaves behind.
#[derive(Debug)]
pub(super) struct Performance {
    store: Store,
    timeline: Vec<Entry>,
    begun: Timestamp,
    /// Why nothing went on in the end, most important reason first.
    pub waiting: Vec<Waiting>,
}

impl Performance {
    /// As the teller wants it.
    pub(super) fn played<'a>(&'a self, setup: &'a Setup) -> Played<'a> {
        Played {
            store: &self.store,
            timeline: &self.timeline,
            began: self.begun,
            rollout: &setup.rollout,
            routes: &setup.routes,
        }
    }
}

/// Plays a Rollout with these answers of its metrics.
///
/// # Errors
/// If the server refuses a manifest, or the operator refuses the spec of the version before.
pub(super) fn perform(
    setup: &Setup,
    options: &Options,
    metrics: Vec<MetricScript>,
) -> Result<Performance, PrepareError> {
    let mut world = World::new(&scenario(setup, options, metrics))?.recording();
    while world.step() {}
    let (store, begun) = (world.store().clone(), world.begun());
    let waiting = world.waiting(&setup.rollout);
    Ok(Performance { store, begun, waiting, timeline: world.into_outcome().timeline })
}

/// All metrics pass.
pub(super) fn passing(metrics: &[Rigged]) -> Vec<MetricScript> {
    metrics.iter().map(|metric| script(&metric.matching, vec![metric.passes.clone()])).collect()
}

/// No backend can be reached.
pub(super) fn unreachable() -> Vec<MetricScript> {
    vec![script("", vec![MetricAnswer::NoConnection])]
}

/// Each metric passes so many times, then fails, if it can.
pub(super) fn failing(metrics: &[(&Rigged, usize)]) -> Vec<MetricScript> {
    let answers = |(metric, passed): &(&Rigged, usize)| {
        let mut answers = vec![metric.passes.clone(); *passed];
        answers.push(metric.fails.clone().unwrap_or_else(|| metric.passes.clone()));
        script(&metric.matching, answers)
    };
    metrics.iter().map(answers).collect()
}

fn script(matching: &str, answers: Vec<MetricAnswer>) -> MetricScript {
    MetricScript { matching: matching.to_owned(), answers, ..MetricScript::default() }
}

fn scenario(setup: &Setup, options: &Options, metrics: Vec<MetricScript>) -> Scenario {
    let apply = |update: &Value| Act { when: When::At(0), deed: Deed::Apply(update.clone()) };
    let applied = setup.updates.iter().map(apply);
    Scenario {
        name: setup.rollout.to_string(),
        start: Start::Healthy,
        operators: Operators { route_drain_seconds: options.route_drain_seconds, ..Operators::default() },
        timings: timings(options),
        manifests: setup.manifests.clone(),
        pods: pods(setup, options),
        metrics,
        acts: applied.chain(promotions(&setup.spec, options)).collect(),
        end: End { settle_ms: longest(&setup.spec, options), ..End::default() },
        ..Scenario::default()
    }
}

/// Everything always takes equally long, so that times in a report depend on the manifests alone.
fn timings(options: &Options) -> Timings {
    let always = |milliseconds| Range(milliseconds, milliseconds);
    Timings {
        request_ms: always(2),
        answer_ms: always(2),
        watch_ms: always(5),
        controller_ms: always(20),
        pod_start_ms: always(options.pod_start_ms),
        pod_stop_ms: always(100),
        // Shorter than the way of an answer: when a step is over, its weight is in force.
        proxy_ms: always(1),
        metric_ms: always(20),
        proxies: 1,
    }
}

/// Pods of the new version never become ready, if that is wanted. The rule with the longer image comes first: one image
/// may be the beginning of the other.
fn pods(setup: &Setup, options: &Options) -> Vec<PodRule> {
    let Some(change) = setup.images.first().filter(|_| options.trouble.pods_never_ready) else {
        return Vec::new();
    };
    let starts = Behaviour::Starts(Range(options.pod_start_ms, options.pod_start_ms));
    let mut rules = vec![
        PodRule { image: change.to.clone(), behaviour: Behaviour::NeverReady },
        PodRule { image: change.from.clone(), behaviour: starts },
    ];
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.image.len()));
    rules
}

/// A person promotes wherever the spec waits for one.
fn promotions(spec: &RolloutSpec, options: &Options) -> Vec<Act> {
    let promote = |when| Act { when, deed: Deed::Promote };
    if let Some(strategy) = &spec.strategy.blue_green {
        let waits = strategy.auto_promotion_enabled == Some(false) && strategy.auto_promotion_seconds == 0;
        let when = When::Phase { phase: "Paused".to_owned(), plus_ms: options.person_ms };
        return waits.then(|| promote(when)).into_iter().collect();
    }
    let steps = spec.strategy.canary.as_ref().map(|canary| canary.steps.as_slice()).unwrap_or_default();
    let waiting = steps.iter().enumerate().filter(|(_, step)| waits_for_person(step));
    let step = |index: usize| When::Step {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        plus_ms: options.person_ms,
    };
    waiting.map(|(index, _)| promote(step(index))).collect()
}

fn waits_for_person(step: &CanaryStep) -> bool {
    step.pause.as_ref().is_some_and(|pause| pause.duration.is_none())
}

/// How long the update may take at most after the last thing that a person did, in milliseconds.
pub(super) fn longest(spec: &RolloutSpec, options: &Options) -> u64 {
    let seconds = |count: Option<i32>| milliseconds(i64::from(count.unwrap_or_default()));
    let canary = spec.strategy.canary.iter().map(|canary| {
        let pauses: u64 = canary.steps.iter().map(pause_ms).fold(0, u64::saturating_add);
        let analyses = canary.steps.iter().filter(|step| step.analysis.is_some()).count();
        let delays = seconds(canary.scale_down_delay_seconds)
            .saturating_add(seconds(canary.abort_scale_down_delay_seconds));
        pauses.saturating_add(delays).saturating_add(analyses_ms(analyses))
    });
    let switch = spec.strategy.blue_green.iter().map(|strategy| {
        let analyses =
            strategy.pre_promotion_analysis.iter().chain(&strategy.post_promotion_analysis).count();
        seconds(Some(strategy.auto_promotion_seconds))
            .saturating_add(seconds(strategy.scale_down_delay_seconds))
            .saturating_add(seconds(strategy.abort_scale_down_delay_seconds))
            .saturating_add(analyses_ms(analyses))
    });
    let strategy = canary.chain(switch).fold(0, u64::saturating_add);
    let deadline = seconds(Some(spec.progress_deadline_seconds.unwrap_or(DEADLINE_SECONDS)));
    let replicas = u64::try_from(spec.replicas.unwrap_or(1)).unwrap_or_default();
    let pods = options
        .pod_start_ms
        .saturating_add(seconds(Some(spec.min_ready_seconds)))
        .saturating_mul(replicas.saturating_add(2));
    [strategy, deadline, pods, options.person_ms, LEEWAY_MS].into_iter().fold(0, u64::saturating_add)
}

fn analyses_ms(count: usize) -> u64 {
    ANALYSIS_MS.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX))
}

fn pause_ms(step: &CanaryStep) -> u64 {
    let length: Option<&IntOrString> = step.pause.as_ref().and_then(|pause| pause.duration.as_ref());
    let length = length.and_then(|length| duration::seconds_or_text(length).ok());
    length.map_or(0, |length| u64::try_from(length.as_millis()).unwrap_or_default())
}

fn milliseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or_default().saturating_mul(1000)
}

/// What keeps an update from going on, in words; nothing where the status says all.
pub(super) fn obstacle(waiting: &[Waiting]) -> Option<String> {
    let name = |object: &ObjectRef| format!("{}/{}", object.kind.name(), object.name);
    match waiting.first()? {
        Waiting::CanaryPodsNotReady { want, have } => {
            Some(format!("pods of the new version do not become available ({have} of {want})"))
        }
        Waiting::StablePodsNotReady { want, have } => {
            Some(format!("pods of the stable version do not become available ({have} of {want})"))
        }
        Waiting::RouteProblem { route, message } => Some(format!("{}: {message}", name(route))),
        Waiting::ServiceNotReady { service, message } => Some(format!("Service/{service}: {message}")),
        Waiting::AnalysisTemplate { message } => Some(message.clone()),
        Waiting::PausedByUser => Some("spec.paused is true: nothing goes on until it is false".to_owned()),
        _ => None,
    }
}

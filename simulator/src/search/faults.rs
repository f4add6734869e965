//! Faults by chance.

use crds::object_ref::Kind;
use fastrand::Rng;

use super::shape::Shape;
use crate::fault::{CrashMoment, Edit, Fault, FaultKind, Harm, Target, Version, WatchEnd};
use crate::scenario::{MetricAnswer, When};

/// The kinds whose watches may go wrong one by one.
const WATCHED: [Kind; 5] =
    [Kind::Rollout, Kind::ReplicaSet, Kind::Service, Kind::AnalysisRun, Kind::AnalysisTemplate];
/// The roles of the objects that may be deleted or malformed.
const TARGETS: [Target; 6] = [
    Target::CanaryReplicaSet,
    Target::AnalysisRun,
    Target::CanaryService,
    Target::StableService,
    Target::Route,
    Target::RouteSource,
];

/// Whether a fault can change anything behind that router.
#[must_use]
pub fn is_valid(shape: &Shape, kind: FaultKind) -> bool {
    !shape.without.contains(&kind)
}

/// Draws a fault of that kind, for a story of so many writes and steps that takes so long.
pub fn draw(rng: &mut Rng, kind: FaultKind, shape: &Shape, length: &Length) -> Fault {
    Fault { when: when(rng, kind, length), harm: harm(rng, kind, shape) }
}

/// How long a story is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Writes of the operators.
    pub writes: u64,
    /// Steps.
    pub steps: i32,
    /// The step at which people act.
    pub stop: i32,
    /// Virtual milliseconds.
    pub ms: u64,
}

fn when(rng: &mut Rng, kind: FaultKind, length: &Length) -> When {
    let by_write = matches!(kind, FaultKind::F1 | FaultKind::F5 | FaultKind::F6 | FaultKind::F9);
    match rng.u32(0..10) {
        0..=5 if by_write => When::Write(rng.u64(0..length.writes.max(1))),
        0..=4 => When::Step { index: rng.i32(0..length.steps.max(1)), plus_ms: rng.u64(0..3000) },
        5 => When::Write(rng.u64(0..length.writes.max(1))),
        _ => When::At(rng.u64(0..length.ms.max(1))),
    }
}

fn harm(rng: &mut Rng, kind: FaultKind, shape: &Shape) -> Harm {
    match kind {
        FaultKind::F1 => Harm::Crash {
            moment: if rng.bool() { CrashMoment::BeforeCommit } else { CrashMoment::AfterCommit },
            down_ms: rng.u64(50..5000),
        },
        FaultKind::F2 if rng.bool() => {
            Harm::RestartStale { back: back(rng), kind: one_kind(rng), down_ms: rng.u64(50..3000) }
        }
        FaultKind::F2 => Harm::RelistStale { back: back(rng), kind: one_kind(rng) },
        FaultKind::F3 => Harm::MissEvents { kind: one_kind(rng), for_ms: rng.u64(500..20_000) },
        FaultKind::F4 => Harm::SlowWatch {
            kind: one_kind(rng),
            lag_ms: rng.u64(100..20_000),
            for_ms: rng.u64(1000..60_000),
        },
        FaultKind::F5 => Harm::Conflicts { count: rng.u32(1..12) },
        FaultKind::F6 => unanswered(rng),
        FaultKind::F7 => Harm::BreakWatch { kind: one_kind(rng), how: watch_end(rng) },
        FaultKind::F8 if rng.bool() => Harm::StoreDown { for_ms: rng.u64(500..15_000) },
        FaultKind::F8 => Harm::StoreRestored { back: rng.u64(1..30) },
        FaultKind::F9 => Harm::Standstill { for_ms: rng.u64(1000..60_000) },
        FaultKind::F10 if rng.bool() => {
            Harm::Clock { jump_ms: rng.i64(-600_000..600_000), rate_percent: 100 }
        }
        FaultKind::F10 => Harm::Clock { jump_ms: 0, rate_percent: rng.u32(50..200) },
        FaultKind::F11 => Harm::Metrics { answer: metric(rng), count: rng.u32(1..8) },
        FaultKind::F12 => taken_away(rng, shape),
        FaultKind::F13 => Harm::Edit { edit: edit(rng) },
        FaultKind::F14 => Harm::Revert { period_ms: rng.u64(1000..20_000), for_ms: rng.u64(5000..60_000) },
        FaultKind::F15 => Harm::SlowProxy {
            proxy: rng.bool().then(|| rng.usize(0..2)),
            lag_ms: rng.u64(100..4000),
            for_ms: rng.u64(5000..120_000),
        },
        FaultKind::F16 => {
            let status = choose(rng, &[403, 404, 422]);
            Harm::Deny { kind: one_kind(rng), status, for_ms: rng.u64(1000..20_000) }
        }
        FaultKind::F17 if rng.bool() => Harm::PruneStatus,
        FaultKind::F17 => Harm::KindMissing { kind: route_kind(rng, shape), for_ms: rng.u64(1000..20_000) },
        FaultKind::F18 => Harm::BreakPods {
            version: if rng.bool() { Version::Stable } else { Version::Canary },
            percent: choose(rng, &[20, 50, 100]),
            for_ms: rng.u64(500..20_000),
        },
        FaultKind::F19 => Harm::Crowd { rollouts: rng.u32(1..4) },
        FaultKind::F20 => Harm::Malform { target: malformed(rng, shape), for_ms: rng.u64(1000..20_000) },
        FaultKind::F21 => Harm::HangMetrics { delay_ms: rng.u64(1000..60_000), count: rng.u32(1..6) },
        FaultKind::F22 => Harm::TakeOver { down_ms: rng.u64(50..5000) },
    }
}

/// An object of ours, or its name before it is there.
fn taken_away(rng: &mut Rng, shape: &Shape) -> Harm {
    if rng.u32(0..6) > 0 {
        return Harm::Delete { target: target(rng, shape), recreate: rng.bool() };
    }
    let kind = if rng.bool() { Kind::ReplicaSet } else { Kind::Ingress };
    Harm::Squat { kind, for_ms: rng.u64(1000..20_000) }
}

fn malformed(rng: &mut Rng, shape: &Shape) -> Target {
    match rng.u32(0..8) {
        0..=3 => Target::Rollout,
        4 => Target::Neighbour,
        _ => target(rng, shape),
    }
}

fn unanswered(rng: &mut Rng) -> Harm {
    match rng.u32(0..3) {
        0 => Harm::Refuse {
            status: choose(rng, &[429, 500, 503, 504]),
            retry_after_seconds: rng.bool().then(|| rng.u64(1..5)),
            count: rng.u32(1..10),
        },
        1 => Harm::LoseRequests { count: rng.u32(1..5) },
        _ => Harm::LoseAnswers { count: rng.u32(1..5) },
    }
}

fn watch_end(rng: &mut Rng) -> WatchEnd {
    match rng.u32(0..3) {
        0 => WatchEnd::Closed,
        1 => WatchEnd::Expired,
        _ => WatchEnd::Silent { for_ms: rng.u64(5000..60_000) },
    }
}

fn metric(rng: &mut Rng) -> MetricAnswer {
    match rng.u32(0..11) {
        0 => MetricAnswer::NotANumber,
        1 => MetricAnswer::Infinite,
        2 => MetricAnswer::Empty,
        3 => MetricAnswer::Html,
        4 => MetricAnswer::WrongType,
        5 => MetricAnswer::Truncated,
        6 => MetricAnswer::Status(choose(rng, &[400, 401, 500, 503])),
        7 => MetricAnswer::Timeout,
        8 => MetricAnswer::NoConnection,
        9 => MetricAnswer::Values(vec![0.0, 0.0]),
        _ => MetricAnswer::Values(vec![0.9]),
    }
}

fn edit(rng: &mut Rng) -> Edit {
    let version = if rng.bool() { Version::Stable } else { Version::Canary };
    match rng.u32(0..6) {
        0 | 1 => Edit::ScaleReplicaSet { version, replicas: rng.i32(0..12) },
        2 => Edit::ScaleRollout { replicas: rng.i32(1..12) },
        3 => Edit::SetImage { image: format!("web:{}", rng.u32(1..6)) },
        _ => Edit::Touch {
            target: choose(
                rng,
                &[Target::Rollout, Target::Route, Target::StableService, Target::CanaryService],
            ),
        },
    }
}

fn target(rng: &mut Rng, shape: &Shape) -> Target {
    let known = match (shape.router, shape.has_steps) {
        ("none", true) => 2,
        ("none", false) => 4,
        _ => TARGETS.len(),
    };
    TARGETS.get(rng.usize(0..known)).copied().unwrap_or(Target::CanaryReplicaSet)
}

fn route_kind(rng: &mut Rng, shape: &Shape) -> Kind {
    match shape.router {
        "nginx" if rng.bool() => Kind::Ingress,
        "istio" if rng.bool() => Kind::VirtualService,
        _ => choose(rng, &[Kind::AnalysisRun, Kind::ClusterAnalysisTemplate]),
    }
}

/// How far back an old list goes: mostly a little.
fn back(rng: &mut Rng) -> u64 {
    if rng.u32(0..4) == 0 { rng.u64(1..200) } else { rng.u64(1..30) }
}

fn one_kind(rng: &mut Rng) -> Option<Kind> {
    (rng.u32(0..3) > 0).then(|| choose(rng, &WATCHED))
}

/// One of several; they must not be empty.
pub(crate) fn choose<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    let index = rng.usize(0..of.len());
    of.get(index).unwrap_or_else(|| unreachable!("{index} is below the length")).clone()
}

//! What a rollout waits for, in words, and the commands that move it on.

use crds::condition::{ConditionType, Reason, find};
use crds::object_ref::ObjectRef;
use jiff::Timestamp;
use planner::rollout::{Snapshot, progress_deadline};
use planner::waiting::Waiting;
use serde::Serialize;

use super::{Move, command};
use crate::view::reason::words;

/// One thing that a rollout waits for.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Wait {
    /// The reason, as one word.
    pub(crate) reason: &'static str,
    /// What it waits for, in words.
    pub(crate) what: String,
    /// Since when, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// Until when at the latest, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// What a person can type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) moves: Vec<Move>,
}

impl Wait {
    /// Puts a reason into words.
    pub(crate) fn of(reason: &Waiting, snapshot: &Snapshot, now: Timestamp) -> Self {
        Self {
            reason: word(reason),
            what: words(reason, &snapshot.rollout.meta.name, now).long,
            since: since(reason, snapshot),
            until: until(reason, snapshot, now),
            moves: moves(reason, snapshot),
        }
    }
}

const fn word(reason: &Waiting) -> &'static str {
    match reason {
        Waiting::StoreBehindOwnWrites { .. } => "StoreBehindOwnWrites",
        Waiting::InvalidSpec { .. } => "InvalidSpec",
        Waiting::PausedByUser => "PausedByUser",
        Waiting::Resume { .. } => "Resume",
        Waiting::PauseEnds { .. } => "PauseEnds",
        Waiting::CanaryPodsNotReady { .. } => "CanaryPodsNotReady",
        Waiting::StablePodsNotReady { .. } => "StablePodsNotReady",
        Waiting::OldPodsLeaving { .. } => "OldPodsLeaving",
        Waiting::RouteDraining { .. } => "RouteDraining",
        Waiting::RouteProblem { .. } => "RouteProblem",
        Waiting::ServiceNotReady { .. } => "ServiceNotReady",
        Waiting::Analysis { .. } => "Analysis",
        Waiting::MeasurementDue { .. } => "MeasurementDue",
        Waiting::MeasurementUnderWay { .. } => "MeasurementUnderWay",
        Waiting::SecretsUnread { .. } => "SecretsUnread",
        Waiting::AnalysisTemplate { .. } => "AnalysisTemplate",
        Waiting::PodsUnread { .. } => "PodsUnread",
        Waiting::RestartDue { .. } => "RestartDue",
        Waiting::PodsRestarting { .. } => "PodsRestarting",
        Waiting::PodKept { .. } => "PodKept",
        Waiting::ScaleDownDelay { .. } => "ScaleDownDelay",
        Waiting::WorkloadKept { .. } => "WorkloadKept",
        Waiting::Aborted { .. } => "Aborted",
        Waiting::AtRest => "AtRest",
    }
}

fn since(reason: &Waiting, snapshot: &Snapshot) -> Option<Timestamp> {
    let status = &snapshot.rollout.status;
    let turned = |type_| find(&status.conditions, type_)?.last_transition_time.map(crds::Time::get);
    match reason {
        Waiting::Resume { since, .. } => Some(*since),
        Waiting::PauseEnds { .. } => status.pause_conditions.first()?.start_time.map(crds::Time::get),
        Waiting::InvalidSpec { .. } => turned(ConditionType::InvalidSpec),
        Waiting::PausedByUser => turned(ConditionType::Paused),
        Waiting::Aborted { .. } => status.aborted_at.map(crds::Time::get),
        Waiting::Analysis { run } => {
            let run = snapshot.runs().find(|it| it.meta.name == *run)?;
            run.status.started_at.map(crds::Time::get).or(run.meta.created)
        }
        Waiting::CanaryPodsNotReady { .. } => {
            find(&status.conditions, ConditionType::Progressing)?.last_update_time.map(crds::Time::get)
        }
        _ => None,
    }
}

fn until(reason: &Waiting, snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    match reason {
        Waiting::PauseEnds { at } | Waiting::MeasurementDue { at, .. } | Waiting::RestartDue { at } => {
            Some(*at)
        }
        Waiting::RouteDraining { until, .. }
        | Waiting::ScaleDownDelay { until, .. }
        | Waiting::WorkloadKept { until, .. }
        | Waiting::PodKept { until, .. } => Some(*until),
        Waiting::CanaryPodsNotReady { .. } => {
            // A deadline that has passed already is not waited for again.
            let progressing = find(&snapshot.rollout.status.conditions, ConditionType::Progressing);
            let is_late = progressing.is_some_and(|it| it.because(Reason::ProgressDeadlineExceeded));
            progress_deadline(snapshot, now).filter(|_| !is_late)
        }
        _ => None,
    }
}

fn moves(reason: &Waiting, snapshot: &Snapshot) -> Vec<Move> {
    let linnet = |to, words: &str| Move { to, command: command(snapshot, words) };
    let kubectl = |to, words: String| Move { to, command: on_namespace(snapshot, &words) };
    let status = &snapshot.rollout.status;
    let pods = |hash: &str| format!("get pods -l {}={hash}", crds::names::POD_TEMPLATE_HASH);
    match reason {
        Waiting::InvalidSpec { .. } => {
            vec![kubectl("correct it", format!("edit rollout {}", snapshot.rollout.meta.name))]
        }
        Waiting::PausedByUser => vec![linnet("go on", "promote")],
        Waiting::Resume { .. } => vec![linnet("go on", "promote"), linnet("go back", "abort")],
        Waiting::PauseEnds { .. } => vec![linnet("go on now", "promote"), linnet("go back", "abort")],
        Waiting::CanaryPodsNotReady { .. } => {
            vec![kubectl("see why", pods(&status.current_pod_hash)), linnet("go back", "abort")]
        }
        Waiting::StablePodsNotReady { .. } => vec![kubectl("see why", pods(&status.stable_rs))],
        Waiting::RouteProblem { route, .. } => vec![describe(route)],
        Waiting::ServiceNotReady { service, .. } => {
            vec![kubectl("see why", format!("describe service {service}"))]
        }
        Waiting::Analysis { run } => vec![
            kubectl("see the measurements", format!("describe analysisrun {run}")),
            linnet("go on without it", "promote --full"),
            linnet("go back", "abort"),
        ],
        Waiting::SecretsUnread { secrets } => {
            vec![kubectl("see which is missing", format!("get secrets {}", secrets.join(" ")))]
        }
        Waiting::AnalysisTemplate { .. } => vec![
            kubectl("see which there are", "get analysistemplates".to_owned()),
            linnet("go back", "abort"),
        ],
        Waiting::Aborted { .. } => {
            let stable = snapshot.sets().find(|set| set.hash == status.stable_rs);
            let revision = stable.and_then(|set| set.meta.annotations.get(crds::names::REVISION));
            let undo = |number| linnet("ask for the stable version", &format!("undo --to-revision {number}"));
            std::iter::once(linnet("start over", "retry rollout")).chain(revision.map(undo)).collect()
        }
        Waiting::PodKept { .. } => {
            vec![kubectl("see what keeps it", "get poddisruptionbudgets".to_owned())]
        }
        Waiting::StoreBehindOwnWrites { .. }
        | Waiting::OldPodsLeaving { .. }
        | Waiting::RouteDraining { .. }
        | Waiting::MeasurementDue { .. }
        | Waiting::MeasurementUnderWay { .. }
        | Waiting::PodsUnread { .. }
        | Waiting::RestartDue { .. }
        | Waiting::PodsRestarting { .. }
        | Waiting::ScaleDownDelay { .. }
        | Waiting::WorkloadKept { .. }
        | Waiting::AtRest => Vec::new(),
    }
}

fn describe(object: &ObjectRef) -> Move {
    let (kind, name) = (object.kind.name().to_lowercase(), &object.name);
    Move { to: "see it", command: format!("kubectl describe {kind} {name} -n {}", object.namespace) }
}

fn on_namespace(snapshot: &Snapshot, words: &str) -> String {
    format!("kubectl {words} -n {}", snapshot.rollout.meta.namespace)
}

//! Why a rollout stands where it stands: is it safe, what does it wait for, what moves it on, what does that rest on.
//!
//! Nothing is decided here: the reasons are the planner's, made from the same snapshot that the operator would see.

mod basis;
mod safety;
pub(crate) mod screen;
#[cfg(test)]
mod tests;
mod wait;

use crds::rollout::RolloutPhase;
use jiff::Timestamp;
use planner::rollout::{Action, Snapshot};
use serde::Serialize;
use serde_json::Value;

use super::health::NOT_OBSERVED;

pub(crate) use self::basis::Fact;
pub(crate) use self::safety::Safety;
pub(crate) use self::wait::Wait;

/// What an explanation is made from.
pub(crate) struct Look {
    /// What the operator's next decision would look at.
    pub(crate) snapshot: Snapshot,
    /// Who last wrote `status.abort`, if that is known.
    pub(crate) abort: Option<Writer>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<String>,
}

/// Who wrote a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Writer {
    /// The name that the client gave itself, such as `kubectl-linnet`.
    pub(crate) manager: String,
    /// When.
    pub(crate) at: Option<Timestamp>,
}

impl Look {
    /// Who last wrote `status.abort`, as the rollout's managed fields say.
    pub(crate) fn who_aborted(rollout: &Value) -> Option<Writer> {
        let entries = rollout.pointer("/metadata/managedFields")?.as_array()?;
        let entry = entries.iter().find(|it| it.pointer("/fieldsV1/f:status/f:abort").is_some())?;
        let at = entry.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
        Some(Writer { manager: entry.get("manager")?.as_str()?.to_owned(), at })
    }
}

/// A command that a person can type, and what it does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Move {
    /// What it does.
    pub(crate) to: &'static str,
    /// The command.
    pub(crate) command: String,
}

/// Why a rollout stands where it stands.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// Its name.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its phase.
    pub(crate) phase: RolloutPhase,
    /// The reference's message for the phase.
    pub(crate) message: String,
    /// Whether it is safe, and how to get back.
    pub(crate) safety: Safety,
    /// What it waits for, most important first.
    pub(crate) waiting: Vec<Wait>,
    /// What the operator is about to write.
    pub(crate) next: Vec<String>,
    /// What that rests on.
    pub(crate) basis: Vec<Fact>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<String>,
}

impl Explanation {
    /// Explains what was looked at.
    pub(crate) fn of(look: &Look, now: Timestamp) -> Self {
        let snapshot = &look.snapshot;
        let plan = planner::rollout::plan(snapshot, now);
        let (phase, message) = stand(snapshot);
        Self {
            name: snapshot.rollout.meta.name.clone(),
            namespace: snapshot.rollout.meta.namespace.clone(),
            phase,
            message,
            safety: Safety::of(snapshot),
            waiting: plan.waiting.iter().map(|reason| Wait::of(reason, snapshot, now)).collect(),
            next: plan.actions.iter().map(about).collect(),
            basis: basis::of(look),
            unread: look.unread.clone(),
        }
    }
}

/// Phase and message, unless they are about an older spec.
fn stand(snapshot: &Snapshot) -> (RolloutPhase, String) {
    let status = &snapshot.rollout.status;
    if status.phase == RolloutPhase::Unknown || status.observes(snapshot.rollout.meta.generation) {
        (status.phase, status.message.clone())
    } else {
        (RolloutPhase::Progressing, NOT_OBSERVED.to_owned())
    }
}

/// A command for this rollout.
fn command(snapshot: &Snapshot, words: &str) -> String {
    let meta = &snapshot.rollout.meta;
    format!("kubectl linnet {words} {} -n {}", meta.name, meta.namespace)
}

/// What an action does, as a sentence without a subject.
fn about(action: &Action) -> String {
    match action {
        Action::PatchRollout { .. } => "write annotations or spec.replicas of the rollout".to_owned(),
        Action::CreateReplicaSet { name, .. } => format!("create ReplicaSet {name}"),
        Action::AdoptReplicaSet { name, .. } => format!("take over ReplicaSet {name}, which nobody controls"),
        Action::PatchReplicaSet { name, scale: Some(scale), .. } => {
            format!("scale ReplicaSet {name} from {} to {}", scale.from, scale.to)
        }
        Action::PatchReplicaSet { name, .. } => format!("write annotations of ReplicaSet {name}"),
        Action::PatchTemplateMetadata { name, .. } => {
            format!("bring the metadata of the pods to come of ReplicaSet {name} into line with its role")
        }
        Action::PatchPod { name, .. } => {
            format!("bring the metadata of pod {name} into line with the role of its version")
        }
        Action::EvictPod { name, .. } => format!("evict pod {name}, so that another one is made"),
        Action::DeleteReplicaSet { name, .. } => format!("delete ReplicaSet {name} of the history"),
        Action::ScaleWorkload { workload, scale, .. } => {
            format!("scale {workload} from {} to {}", scale.from, scale.to)
        }
        Action::SwitchService { name, hash, .. } => {
            format!("point Service {name} at the pods with the hash {hash}")
        }
        Action::SetWeight { route, canary_weight, managed, .. } => {
            let weight = format!("set the new version's weight on {route} to {canary_weight}");
            if managed.is_empty() { weight } else { format!("{weight}, with {}", basis::rules(managed)) }
        }
        Action::CreateAnalysisRun { name, .. } => format!("begin analysis run {name}"),
        Action::TerminateAnalysisRun { name, .. } => format!("end analysis run {name}"),
        Action::DeleteAnalysisRun { name, .. } => format!("delete analysis run {name} of the history"),
    }
}

//! How objects are: the words and marks for phases and states.

use crds::analysis::AnalysisPhase;
use crds::names::WORKLOAD_GENERATION;
use crds::rollout::{Rollout, RolloutPhase};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt;
use serde::Serialize;

use super::paint::Colour;

/// How a ReplicaSet or a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Health {
    /// As it should be.
    Healthy,
    /// On its way there.
    Progressing,
    /// Wrong.
    Degraded,
    /// Without pods, on purpose.
    ScaledDown,
}

impl Health {
    /// Its mark and colour.
    pub(crate) const fn mark(self) -> (&'static str, Colour) {
        match self {
            Self::Healthy => ("✔", Colour::Green),
            Self::Progressing => ("◌", Colour::Blue),
            Self::Degraded => ("✖", Colour::Red),
            Self::ScaledDown => ("•", Colour::Grey),
        }
    }
}

/// The mark and colour of a rollout's phase.
pub(crate) const fn mark_of_phase(phase: RolloutPhase) -> (&'static str, Colour) {
    match phase {
        RolloutPhase::Healthy => ("✔", Colour::Green),
        RolloutPhase::Degraded => ("✖", Colour::Red),
        RolloutPhase::Progressing => ("◌", Colour::Blue),
        RolloutPhase::Paused => ("॥", Colour::Yellow),
        RolloutPhase::Unknown => ("?", Colour::Grey),
    }
}

/// The mark and colour of an analysis run's phase.
pub(crate) const fn mark_of_analysis(phase: AnalysisPhase) -> (&'static str, Colour) {
    match phase {
        AnalysisPhase::Successful => ("✔", Colour::Green),
        AnalysisPhase::Failed => ("✖", Colour::Red),
        AnalysisPhase::Error => ("⚠", Colour::Red),
        AnalysisPhase::Inconclusive => ("?", Colour::Yellow),
        AnalysisPhase::Running | AnalysisPhase::Pending | AnalysisPhase::Unknown => ("◌", Colour::Blue),
    }
}

/// What is said while the status speaks of an older spec.
pub(crate) const NOT_OBSERVED: &str = "waiting for rollout spec update to be observed";

/// The phase and message of a rollout as a client sees them: the status, unless it speaks of an older spec.
pub(crate) fn of_rollout(rollout: &Rollout) -> (RolloutPhase, String) {
    let progressing = |message: &str| (RolloutPhase::Progressing, message.to_owned());
    let Some(status) = &rollout.status else {
        return progressing(NOT_OBSERVED);
    };
    if !status.observes(rollout.metadata.generation.unwrap_or(0)) {
        return progressing(NOT_OBSERVED);
    }
    let is_noted = status.linnet.as_ref().is_some_and(|own| own.pause_over);
    if status.controller_pause && status.pause_conditions.is_empty() && !is_noted {
        return progressing("waiting for rollout to unpause");
    }
    let workload = rollout.annotations().get(WORKLOAD_GENERATION);
    if rollout.spec.workload_ref.is_some()
        && workload.is_some_and(|it| *it != status.workload_observed_generation)
    {
        return progressing("waiting for rollout spec update to be observed for the reference workload");
    }
    (status.phase, status.message.clone())
}

/// How a ReplicaSet is.
pub(crate) fn of_replica_set(replica_set: &ReplicaSet) -> Health {
    let want = replica_set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
    let status = replica_set.status.clone().unwrap_or_default();
    let failing = status
        .conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True");
    if failing {
        Health::Degraded
    } else if want == 0 && status.replicas == 0 {
        Health::ScaledDown
    } else if status.available_replicas.unwrap_or(0) >= want && status.replicas == want {
        Health::Healthy
    } else {
        Health::Progressing
    }
}

/// How a pod is, and the word that `kubectl get pods` has for it.
pub(crate) fn of_pod(pod: &Pod) -> (Health, String) {
    if pod.metadata.deletion_timestamp.is_some() {
        return (Health::Progressing, "Terminating".to_owned());
    }
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    if let Some(reason) = containers.iter().find_map(trouble) {
        return (Health::Degraded, reason);
    }
    let phase = status.phase.unwrap_or_else(|| "Pending".to_owned());
    let ready =
        status.conditions.unwrap_or_default().iter().any(|it| it.type_ == "Ready" && it.status == "True");
    let health = match phase.as_str() {
        "Failed" => Health::Degraded,
        "Succeeded" => Health::Healthy,
        "Running" if ready => Health::Healthy,
        _ => Health::Progressing,
    };
    (health, phase)
}

/// Why a container does not run, unless it is only about to.
fn trouble(container: &ContainerStatus) -> Option<String> {
    let ContainerState { waiting, terminated, .. } = container.state.clone().unwrap_or_default();
    let waiting = waiting.and_then(|waiting| waiting.reason);
    if let Some(reason) =
        waiting.filter(|reason| !matches!(reason.as_str(), "ContainerCreating" | "PodInitializing"))
    {
        return Some(reason);
    }
    let terminated = terminated.filter(|terminated| terminated.exit_code != 0)?;
    Some(terminated.reason.unwrap_or_else(|| format!("ExitCode:{}", terminated.exit_code)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::no_status(json!({"metadata": {"generation": 1}}), "Progressing", "waiting for rollout spec update to be observed")]
    #[case::older_status(json!({"metadata": {"generation": 2}, "status": {"observedGeneration": "1", "phase": "Healthy"}}),
        "Progressing", "waiting for rollout spec update to be observed")]
    #[case::older_number(json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "phase": "Healthy"}}),
        "Progressing", "waiting for rollout spec update to be observed")]
    #[case::number(json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "phase": "Healthy"}}), "Healthy", "")]
    #[case::left_out(json!({"metadata": {"generation": 2}, "status": {"phase": "Healthy"}}), "Healthy", "")]
    #[case::resumed(json!({"metadata": {"generation": 1}, "status": {"observedGeneration": "1", "controllerPause": true, "phase": "Paused"}}),
        "Progressing", "waiting for rollout to unpause")]
    #[case::current(json!({"metadata": {"generation": 1}, "status": {"observedGeneration": "1", "phase": "Degraded", "message": "x"}}), "Degraded", "x")]
    #[case::older_workload(json!({"metadata": {"generation": 1, "annotations": {"rollout.argoproj.io/workload-generation": "3"}},
        "spec": {"workloadRef": {"name": "web"}},
        "status": {"observedGeneration": "1", "workloadObservedGeneration": "2", "phase": "Healthy"}}),
        "Progressing", "waiting for rollout spec update to be observed for the reference workload")]
    fn rollout_phase(#[case] rollout: serde_json::Value, #[case] phase: &str, #[case] message: &str) {
        let mut rollout = rollout;
        if rollout["spec"].is_null() {
            rollout["spec"] = json!({});
        }
        let rollout: Rollout = serde_json::from_value(rollout).unwrap();
        let (got, text) = of_rollout(&rollout);
        assert_eq!((got.as_str(), text.as_str()), (phase, message));
    }
}

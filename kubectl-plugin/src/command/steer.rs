//! `promote`, `abort`, `retry`, `pause`: the patches that every client of this API sends.

use anyhow::{Context, Result, bail};
use crds::analysis::AnalysisPhase;
use crds::rollout::{Rollout, RolloutStatus};
use kube::Api;
use kube::api::Patch;
use serde_json::{Value, json};

use super::{load, print};
use crate::cluster::{Cluster, as_manager};
use crate::exit::Exit;

/// A change of a rollout: the part for the object, the part for its status.
#[derive(Debug, Default, PartialEq)]
struct Change {
    spec: Option<Value>,
    status: Option<Value>,
}

/// `promote [--full]`.
pub(crate) async fn promote(cluster: &Cluster, name: &str, full: bool) -> Result<Exit> {
    let rollout = load::rollout(cluster, name).await?;
    let change = if full { full_promotion(&rollout) } else { promotion(&rollout)? };
    if change == Change::default() {
        return print::line(&format!("rollout '{name}' is already fully promoted"));
    }
    send(cluster, name, change).await?;
    print::line(&format!("rollout '{name}' {}", if full { "fully promoted" } else { "promoted" }))
}

/// `abort`.
pub(crate) async fn abort(cluster: &Cluster, name: &str) -> Result<Exit> {
    load::rollout(cluster, name).await?;
    send(cluster, name, Change { status: Some(json!({ "abort": true })), ..Change::default() }).await?;
    print::line(&format!("rollout '{name}' aborted"))
}

/// `retry rollout`.
pub(crate) async fn retry(cluster: &Cluster, name: &str) -> Result<Exit> {
    let rollout = load::rollout(cluster, name).await?;
    if !rollout.status.is_some_and(|status| status.abort) {
        return print::line(&format!("rollout '{name}' was not aborted"));
    }
    send(cluster, name, Change { status: Some(json!({ "abort": false })), ..Change::default() }).await?;
    print::line(&format!("rollout '{name}' retried"))
}

/// `pause`.
pub(crate) async fn pause(cluster: &Cluster, name: &str) -> Result<Exit> {
    load::rollout(cluster, name).await?;
    send(cluster, name, Change { spec: Some(json!({ "paused": true })), ..Change::default() }).await?;
    print::line(&format!("rollout '{name}' paused"))
}

fn full_promotion(rollout: &Rollout) -> Change {
    let status = rollout.status.clone().unwrap_or_default();
    let under_way = status.current_pod_hash != status.stable_rs;
    Change { spec: unpause(rollout), status: under_way.then(|| json!({ "promoteFull": true })) }
}

/// Ends the pause if there is one, else the step: rollouts-api patches of the reference's own client.
fn promotion(rollout: &Rollout) -> Result<Change> {
    let status = rollout.status.clone().unwrap_or_default();
    let spec = unpause(rollout);
    let next = next_index(rollout, &status);
    let patch = if is_inconclusive(&status) && !status.pause_conditions.is_empty() {
        json!({ "pauseConditions": null, "controllerPause": false, "currentStepIndex": next })
    } else if !status.pause_conditions.is_empty() {
        json!({ "pauseConditions": null })
    } else if spec.is_some() || status.current_pod_hash == status.stable_rs {
        return Ok(Change { spec, status: None });
    } else if let Some(next) = next {
        json!({ "pauseConditions": null, "currentStepIndex": next })
    } else {
        bail!("there is no step to skip: the strategy is not a canary, or all of its steps are done");
    };
    Ok(Change { spec, status: Some(patch) })
}

fn unpause(rollout: &Rollout) -> Option<Value> {
    rollout.spec.paused.then(|| json!({ "paused": false }))
}

fn next_index(rollout: &Rollout, status: &RolloutStatus) -> Option<i32> {
    let steps = &rollout.spec.strategy.canary.as_ref()?.steps;
    let next = status.current_step_index? + 1;
    (usize::try_from(next).ok()? <= steps.len()).then_some(next)
}

fn is_inconclusive(status: &RolloutStatus) -> bool {
    let summary = status.canary.current_step_analysis_run_status.as_ref();
    summary.is_some_and(|summary| summary.status == AnalysisPhase::Inconclusive)
}

/// Sends the status part first: an update that is let go on must not see its old status.
async fn send(cluster: &Cluster, name: &str, change: Change) -> Result<()> {
    let api: Api<Rollout> = cluster.api();
    let params = as_manager();
    if let Some(status) = change.status {
        api.patch_status(name, &params, &Patch::Merge(json!({ "status": status })))
            .await
            .with_context(|| format!("cannot change the status of rollout {name:?}"))?;
    }
    if let Some(spec) = change.spec {
        api.patch(name, &params, &Patch::Merge(json!({ "spec": spec })))
            .await
            .with_context(|| format!("cannot change rollout {name:?}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rollout(paused: bool, status: &Value) -> Rollout {
        let spec = json!({ "paused": paused, "strategy": { "canary": { "steps": [{ "setWeight": 5 }, { "pause": {} }] } } });
        serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec, "status": status }))
            .unwrap()
    }

    #[rstest]
    #[case::pause(json!({ "pauseConditions": [{ "reason": "CanaryPauseStep" }], "currentStepIndex": 1, "currentPodHash": "b", "stableRS": "a" }),
        json!({ "pauseConditions": null }))]
    #[case::inconclusive(json!({ "pauseConditions": [{ "reason": "InconclusiveAnalysisRun" }], "currentStepIndex": 1,
        "canary": { "currentStepAnalysisRunStatus": { "name": "x", "status": "Inconclusive" } } }),
        json!({ "pauseConditions": null, "controllerPause": false, "currentStepIndex": 2 }))]
    #[case::step(json!({ "currentStepIndex": 0, "currentPodHash": "b", "stableRS": "a" }),
        json!({ "pauseConditions": null, "currentStepIndex": 1 }))]
    fn one_step(#[case] status: Value, #[case] want: Value) {
        let change = promotion(&rollout(false, &status)).unwrap();
        assert_eq!(change, Change { spec: None, status: Some(want) });
    }

    #[test]
    fn a_pause_by_hand_ends_without_skipping_a_step() {
        let change = promotion(&rollout(
            true,
            &json!({ "currentStepIndex": 0, "currentPodHash": "b", "stableRS": "a" }),
        ))
        .unwrap();
        assert_eq!(change, Change { spec: Some(json!({ "paused": false })), status: None });
    }

    #[test]
    fn nothing_is_left_to_promote() {
        let done = rollout(false, &json!({ "currentStepIndex": 2, "currentPodHash": "a", "stableRS": "a" }));
        assert_eq!(promotion(&done).unwrap(), Change::default());
        assert_eq!(full_promotion(&done), Change::default());
    }

    #[test]
    fn no_step_is_left_to_skip() {
        let last = rollout(false, &json!({ "currentStepIndex": 2, "currentPodHash": "b", "stableRS": "a" }));
        assert!(promotion(&last).unwrap_err().to_string().contains("no step to skip"));
    }
}

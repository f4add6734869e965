//! What there is when a sequence fails, for whoever looks for the cause.

use std::fmt::Write as _;

use anyhow::Result;
use crds::rollout::Rollout;
use e2e_tests::space::Space;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;

/// The Rollouts of a namespace with their conditions, its ReplicaSets, and for each pod when it was made, bound, started
/// and ready: the first time that is missing, or late, says who is waited for.
pub(crate) async fn picture(space: &Space) -> Result<String> {
    let mut text = format!("namespace {} at {}", space.name, jiff::Timestamp::now());
    for rollout in space.api::<Rollout>().list(&ListParams::default()).await? {
        let status = rollout.status.unwrap_or_default();
        write!(text, "\n  Rollout: {} {}", status.phase.as_str(), status.message)?;
        for condition in status.conditions {
            write!(text, "\n    {} {:?} {}", condition.type_, condition.status, condition.message)?;
        }
    }
    for set in space.api::<ReplicaSet>().list(&ListParams::default()).await? {
        let (name, wanted) = (set.name_any(), set.spec.unwrap_or_default().replicas);
        let status = set.status.unwrap_or_default();
        let (there, ready) = (status.replicas, status.ready_replicas.unwrap_or(0));
        write!(text, "\n  {name}: {wanted:?} wanted, {there} there, {ready} ready")?;
    }
    for pod in space.api::<Pod>().list(&ListParams::default()).await? {
        write!(text, "\n  {}", describe(&pod))?;
    }
    Ok(text)
}

fn describe(pod: &Pod) -> String {
    let made = pod.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
    let going = pod.metadata.deletion_timestamp.as_ref().map(|time| format!(", goes at {}", time.0));
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default().into_iter().map(|condition| {
        let since = condition.last_transition_time.map(|time| time.0.to_string()).unwrap_or_default();
        format!("{} {} since {since}", condition.type_, condition.status)
    });
    let phase = status.phase.unwrap_or_default();
    format!(
        "{}: {phase}, made {}{}; {}",
        pod.name_any(),
        made.unwrap_or_default(),
        going.unwrap_or_default(),
        conditions.collect::<Vec<_>>().join(", ")
    )
}

//! One rollout with everything that belongs to it, as plain data: what `get` draws and `-o json` prints.

use std::collections::BTreeMap;

use crds::analysis::{AnalysisPhase, AnalysisRun};
use crds::names::{POD_TEMPLATE_HASH, REVISION};
use crds::rollout::{CanaryStrategy, Rollout, RolloutPhase};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::Serialize;

use crate::view::health::{self, Health};
use crate::view::reason::words;
use crate::waiting;

/// The objects of one rollout, as the API server showed them.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    /// The rollout.
    pub(crate) rollout: Rollout,
    /// The ReplicaSets of the namespace that it may own.
    pub(crate) replica_sets: Vec<ReplicaSet>,
    /// The pods that these may own.
    pub(crate) pods: Vec<Pod>,
    /// The analysis runs that it may own.
    pub(crate) analysis_runs: Vec<AnalysisRun>,
}

/// A rollout, ready to be drawn.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tree {
    /// Its name.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// When it was created.
    pub(crate) created: Option<Timestamp>,
    /// Its phase, as of the spec that was last changed.
    pub(crate) phase: RolloutPhase,
    /// The reference's message for the phase.
    pub(crate) message: String,
    /// What it waits for, in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<String>,
    /// `Canary` or `BlueGreen`.
    pub(crate) strategy: &'static str,
    /// Where a canary with steps stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<Canary>,
    /// The images in use, each with the roles that it has.
    pub(crate) images: Vec<Image>,
    /// Pods wanted and there.
    pub(crate) replicas: Replicas,
    /// The revisions that have a ReplicaSet or an analysis run, newest first.
    pub(crate) revisions: Vec<Revision>,
}

/// Where a canary stands.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Canary {
    /// Steps that are done.
    pub(crate) step: i32,
    /// Steps in all.
    pub(crate) steps: usize,
    /// The weight that the steps ask for.
    pub(crate) set_weight: i32,
    /// The weight that the route has, or that the pods amount to without a route.
    pub(crate) actual_weight: i32,
}

/// An image in use.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct Image {
    /// The image.
    pub(crate) image: String,
    /// `stable`, `canary`, ...
    pub(crate) roles: Vec<&'static str>,
}

/// Pods wanted and there.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct Replicas {
    /// Of the spec.
    pub(crate) desired: i32,
    /// Of all versions.
    pub(crate) current: i32,
    /// Of the new version.
    pub(crate) updated: i32,
    /// Ready ones of all versions.
    pub(crate) ready: i32,
    /// Available ones of all versions.
    pub(crate) available: i32,
}

/// One revision.
#[derive(Debug, Default, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Revision {
    /// Its number.
    #[serde(rename = "revision")]
    pub(crate) number: i64,
    /// Its ReplicaSet, if it still exists.
    pub(crate) replica_sets: Vec<ReplicaSetNode>,
    /// Its analysis runs, oldest first.
    pub(crate) analysis_runs: Vec<AnalysisRunNode>,
}

/// A ReplicaSet.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct ReplicaSetNode {
    /// Its name.
    pub(crate) name: String,
    /// How it is.
    pub(crate) health: Health,
    /// When it was created.
    pub(crate) created: Option<Timestamp>,
    /// `stable`, `canary`, ...
    pub(crate) roles: Vec<&'static str>,
    /// When it will be scaled down.
    #[serde(skip_serializing_if = "Option::is_none", rename = "scaleDownAt")]
    pub(crate) scale_down_at: Option<Timestamp>,
    /// Its pods, oldest first.
    pub(crate) pods: Vec<PodNode>,
}

/// A pod.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct PodNode {
    /// Its name.
    pub(crate) name: String,
    /// How it is.
    pub(crate) health: Health,
    /// The word that `kubectl get pods` shows, such as `Running` or `CrashLoopBackOff`.
    pub(crate) status: String,
    /// When it was created.
    pub(crate) created: Option<Timestamp>,
    /// Ready containers.
    pub(crate) ready: usize,
    /// All containers.
    pub(crate) containers: usize,
    /// Restarts of all containers.
    pub(crate) restarts: i32,
}

/// An analysis run.
#[derive(Debug, Serialize, PartialEq)]
pub(crate) struct AnalysisRunNode {
    /// Its name.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) phase: AnalysisPhase,
    /// When it was created.
    pub(crate) created: Option<Timestamp>,
    /// Measurements that passed.
    pub(crate) successful: i32,
    /// Measurements that failed.
    pub(crate) failed: i32,
    /// Measurements that were neither.
    pub(crate) inconclusive: i32,
    /// Measurements that could not be made.
    pub(crate) error: i32,
    /// Its message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}

impl Tree {
    /// Arranges the objects of a rollout.
    pub(crate) fn of(objects: &Objects, now: Timestamp) -> Self {
        let rollout = &objects.rollout;
        let status = rollout.status.clone().unwrap_or_default();
        let canary = rollout.spec.strategy.canary.as_ref();
        let (phase, message) = health::of_rollout(rollout);
        Self {
            name: rollout.name_any(),
            namespace: rollout.namespace().unwrap_or_default(),
            created: created(rollout),
            phase,
            message,
            waiting: waiting::of(rollout, &objects.analysis_runs, now)
                .map(|reason| words(&reason, &rollout.name_any(), now).short),
            strategy: if canary.is_some() { "Canary" } else { "BlueGreen" },
            canary: canary.filter(|canary| !canary.steps.is_empty()).map(|canary| stand(rollout, canary)),
            images: images(objects),
            replicas: Replicas {
                desired: rollout.spec.replicas.unwrap_or(1),
                current: status.replicas,
                updated: status.updated_replicas,
                ready: status.ready_replicas,
                available: status.available_replicas,
            },
            revisions: revisions(objects),
        }
    }
}

/// When an object was created.
pub(crate) fn created(object: &impl ResourceExt) -> Option<Timestamp> {
    object.creation_timestamp().map(|time| time.0)
}

/// Where a canary with steps stands.
pub(crate) fn stand(rollout: &Rollout, canary: &CanaryStrategy) -> Canary {
    let status = rollout.status.clone().unwrap_or_default();
    let index = status.current_step_index.unwrap_or(0);
    let done = usize::try_from(index).unwrap_or(0).min(canary.steps.len());
    let promoted = !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash;
    let asked = canary.steps.iter().take(done + 1).rev().find_map(|step| step.set_weight).unwrap_or(0);
    let set_weight = if status.abort {
        0
    } else if promoted || done == canary.steps.len() {
        100
    } else {
        asked
    };
    let routed = status.canary.weights.as_ref().map(|weights| weights.canary.weight);
    let by_pods = if status.available_replicas > 0 {
        status.updated_replicas * 100 / status.available_replicas
    } else {
        0
    };
    let actual_weight = if promoted { 100 } else { routed.unwrap_or(by_pods.min(100)) };
    Canary { step: index, steps: canary.steps.len(), set_weight, actual_weight }
}

fn images(objects: &Objects) -> Vec<Image> {
    let mut images = BTreeMap::<String, Vec<&'static str>>::new();
    for replica_set in owned(objects) {
        let size = replica_set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
        let roles = roles(&objects.rollout, replica_set);
        if size == 0 && roles.is_empty() {
            continue;
        }
        for image in container_images(replica_set) {
            let known = images.entry(image).or_default();
            for role in &roles {
                if !known.contains(role) {
                    known.push(role);
                }
            }
        }
    }
    images.into_iter().map(|(image, roles)| Image { image, roles }).collect()
}

fn container_images(replica_set: &ReplicaSet) -> Vec<String> {
    let template = replica_set.spec.as_ref().and_then(|spec| spec.template.as_ref());
    let pod = template.and_then(|template| template.spec.as_ref());
    pod.map(|pod| pod.containers.iter().filter_map(|container| container.image.clone()).collect())
        .unwrap_or_default()
}

/// The ReplicaSets that this rollout owns.
fn owned(objects: &Objects) -> impl Iterator<Item = &ReplicaSet> {
    objects.replica_sets.iter().filter(|replica_set| is_owned(*replica_set, objects.rollout.uid().as_deref()))
}

fn is_owned(object: &impl ResourceExt, uid: Option<&str>) -> bool {
    uid.is_some() && object.owner_references().iter().any(|owner| Some(owner.uid.as_str()) == uid)
}

/// What a ReplicaSet is to its rollout.
fn roles(rollout: &Rollout, replica_set: &ReplicaSet) -> Vec<&'static str> {
    let status = rollout.status.clone().unwrap_or_default();
    let hash = replica_set.labels().get(POD_TEMPLATE_HASH).cloned().unwrap_or_default();
    let blue_green = rollout.spec.strategy.blue_green.is_some();
    let mut roles = Vec::new();
    if hash.is_empty() {
        return roles;
    }
    if hash == status.stable_rs {
        roles.push("stable");
    } else if hash == status.current_pod_hash && !blue_green {
        roles.push("canary");
    }
    if blue_green && hash == status.blue_green.active_selector {
        roles.push("active");
    }
    if blue_green && hash == status.blue_green.preview_selector && hash != status.blue_green.active_selector {
        roles.push("preview");
    }
    roles
}

fn revisions(objects: &Objects) -> Vec<Revision> {
    let mut revisions = BTreeMap::<i64, Revision>::new();
    for replica_set in owned(objects) {
        let revision = revision(replica_set);
        let node = replica_set_node(objects, replica_set);
        revisions
            .entry(revision)
            .or_insert_with(|| Revision { number: revision, ..Revision::default() })
            .replica_sets
            .push(node);
    }
    let mut runs: Vec<&AnalysisRun> =
        objects.analysis_runs.iter().filter(|run| is_owned(*run, objects.rollout.uid().as_deref())).collect();
    runs.sort_by_key(|run| (created(*run), run.name_any()));
    for run in runs {
        let revision = revision(run);
        let node = analysis_run_node(run);
        revisions
            .entry(revision)
            .or_insert_with(|| Revision { number: revision, ..Revision::default() })
            .analysis_runs
            .push(node);
    }
    revisions.into_values().rev().collect()
}

/// The revision in an object's annotations; 0 without one.
fn revision(object: &impl ResourceExt) -> i64 {
    object.annotations().get(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn replica_set_node(objects: &Objects, replica_set: &ReplicaSet) -> ReplicaSetNode {
    let mut pods: Vec<&Pod> =
        objects.pods.iter().filter(|pod| is_owned(*pod, replica_set.uid().as_deref())).collect();
    pods.sort_by_key(|pod| (created(*pod), pod.name_any()));
    let deadline = replica_set.annotations().get(crds::names::SCALE_DOWN_DEADLINE);
    ReplicaSetNode {
        name: replica_set.name_any(),
        health: health::of_replica_set(replica_set),
        created: created(replica_set),
        roles: roles(&objects.rollout, replica_set),
        scale_down_at: deadline.and_then(|text| text.parse().ok()),
        pods: pods.into_iter().map(pod_node).collect(),
    }
}

fn pod_node(pod: &Pod) -> PodNode {
    let containers =
        pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let (health, status) = health::of_pod(pod);
    PodNode {
        name: pod.name_any(),
        health,
        status,
        created: created(pod),
        ready: containers.iter().filter(|container| container.ready).count(),
        containers: pod.spec.as_ref().map_or(0, |spec| spec.containers.len()),
        restarts: containers.iter().map(|container| container.restart_count).sum(),
    }
}

fn analysis_run_node(run: &AnalysisRun) -> AnalysisRunNode {
    let status = run.status.clone().unwrap_or_default();
    let sum = |count: fn(&crds::analysis::MetricResult) -> i32| status.metric_results.iter().map(count).sum();
    AnalysisRunNode {
        name: run.name_any(),
        phase: status.phase,
        created: created(run),
        successful: sum(|result| result.successful),
        failed: sum(|result| result.failed),
        inconclusive: sum(|result| result.inconclusive),
        error: sum(|result| result.error),
        message: status.message.clone(),
    }
}

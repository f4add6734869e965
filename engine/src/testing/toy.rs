//! A planner of thirty lines, for the mechanics around it: one ReplicaSet per template, one step at half the weight,
//! then promotion.

use std::collections::BTreeMap;

use crds::rollout::RolloutPhase;
use jiff::Timestamp;
use planner::event::Event;
use planner::facts::ReplicaSetFacts;
use planner::rollout::{Action, Plan, Scale, Snapshot};
use planner::waiting::Waiting;
use serde_json::json;

use crate::engine::Planners;

/// The toy planner for Rollouts, and one for AnalysisRuns that does nothing.
pub(crate) const PLANNERS: Planners = Planners { rollout: plan, run: idle };

fn idle(snapshot: &planner::analysis_run::Snapshot, _: Timestamp) -> planner::analysis_run::Plan {
    planner::analysis_run::Plan {
        questions: Vec::new(),
        secrets_wanted: Vec::new(),
        status: snapshot.run.status.clone(),
        events: Vec::new(),
        waiting: Vec::new(),
        wake_at: None,
        delete: false,
    }
}

/// Deterministic, and correct enough to see what the engine makes of it.
pub(crate) fn plan(snapshot: &Snapshot, _: Timestamp) -> Plan {
    let mut status = snapshot.rollout.status.clone();
    let (Ok(spec), Some(template)) = (&snapshot.rollout.spec, &snapshot.template) else {
        status.phase = RolloutPhase::Degraded;
        status.message = format!("InvalidSpec: {:?}", snapshot.rollout.spec.as_ref().err());
        return resting(Vec::new(), status);
    };
    let wanted = spec.replicas.unwrap_or(1);
    let find = |hash: &str| snapshot.replica_sets.iter().find(|set| set.hash == hash);
    status.current_pod_hash.clone_from(&template.hash);
    let Some(new) = find(&template.hash) else { return resting(vec![create(snapshot, &template.hash)], status) };
    let stable = find(&status.stable_rs).unwrap_or(new);
    let aborted = status.abort && stable.hash != new.hash;
    let available = new.available_replicas >= wanted;
    let weight = if aborted || stable.hash == new.hash { 0 } else { 50 };
    let mut actions = Vec::new();
    if !aborted && new.replicas < wanted {
        actions.push(scale(new, wanted));
    }
    for route in snapshot.routes.iter().filter(|_| aborted || available) {
        if route.canary_weight.unwrap_or(0) != weight {
            actions.insert(0, Action::SetWeight {
                route: route.reference.clone(),
                canary_weight: weight,
                canary_hash: new.hash.clone(),
                stable_hash: stable.hash.clone(),
                events: vec![Event::normal("TrafficWeightUpdated", format!("weight {weight}"))],
            });
        }
    }
    let full = snapshot.rollout.meta.annotations.contains_key("promote") || snapshot.routes.is_empty();
    if actions.is_empty() && available && !aborted && (status.stable_rs.is_empty() || full) {
        status.stable_rs.clone_from(&new.hash);
    }
    let keep = |set: &&ReplicaSetFacts| set.hash != status.stable_rs && (aborted || set.hash != new.hash);
    actions.extend(snapshot.replica_sets.iter().filter(keep).filter(|set| set.replicas > 0).map(|set| scale(set, 0)));
    let sum = |count: fn(&ReplicaSetFacts) -> i32| snapshot.replica_sets.iter().map(count).sum();
    status.replicas = sum(|set| set.current_replicas);
    status.available_replicas = sum(|set| set.available_replicas);
    status.phase = if status.stable_rs == new.hash { RolloutPhase::Healthy } else { RolloutPhase::Progressing };
    resting(actions, status)
}

fn resting(actions: Vec<Action>, status: crds::rollout::RolloutStatus) -> Plan {
    Plan { actions, status, events: Vec::new(), waiting: vec![Waiting::AtRest], wake_at: None }
}

fn scale(set: &ReplicaSetFacts, to: i32) -> Action {
    Action::PatchReplicaSet {
        name: set.meta.name.clone(),
        uid: set.meta.uid.clone(),
        scale: Some(Scale { from: set.replicas, to }),
        annotations: BTreeMap::from([("rollout.argoproj.io/desired-replicas".to_owned(), Some(to.to_string()))]),
        events: vec![Event::normal("ScalingReplicaSet", format!("{} to {to}", set.meta.name))],
    }
}

fn create(snapshot: &Snapshot, hash: &str) -> Action {
    let rollout = &snapshot.rollout.meta;
    let name = format!("{}-{hash}", rollout.name);
    let template: serde_json::Value =
        snapshot.template.as_ref().map(|t| serde_json::from_str(&t.text).unwrap()).unwrap_or_default();
    let object = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": { "name": name, "namespace": rollout.namespace, "labels": { "rollouts-pod-template-hash": hash },
            "ownerReferences": [{ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": rollout.name,
                "uid": rollout.uid, "controller": true }] },
        "spec": { "replicas": 0, "template": template },
    });
    Action::CreateReplicaSet { name, object, events: vec![Event::normal("NewReplicaSetCreated", hash)] }
}

//! Whole updates, as writes and as events.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, Snapshot, plan};
use crate::waiting::Waiting;

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }, { "pause": { "duration": "2s" } }])
}

fn deployed(canary: &Value) -> World {
    let mut world = World::new(canary);
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    world.writes.clear();
    world.events.clear();
    world
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn events(world: &World) -> Vec<String> {
    world.events.iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
}

fn reasons(world: &World) -> Vec<&'static str> {
    world.events.iter().map(|event| event.reason).collect()
}

#[test]
fn a_first_deploy_tells_what_the_reference_tells() {
    let mut world = World::new(&json!({ "steps": steps() }));
    assert!(world.run(SignedDuration::from_mins(5)));
    let want = [
        "RolloutAddedToInformer",
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "RolloutNotCompleted",
        "ScalingReplicaSet",
        "RolloutCompleted",
    ];
    assert_eq!(reasons(&world), want);
    assert_eq!(world.status().current_step_index, Some(4));
}

#[test]
fn an_update_through_a_router() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!(world.status().message, "CanaryPauseStep");
    assert_eq!(world.status().current_step_index, Some(1));
    world.status().pause_conditions.clear();
    world.run(seconds(10));
    assert!(world.run(SignedDuration::from_mins(2)));
    let want = [
        "patch rollouts",
        "create replicasets web-hash-v2",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 0->1",
        "patch rollouts/status",
        "patch services web-canary hash-v2",
        "patch ingresses web-web-canary 20",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 1->3",
        "patch rollouts/status",
        "patch ingresses web-web-canary 60",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 3->5",
        "patch rollouts/status",
        "patch ingresses web-web-canary 100",
        "patch rollouts/status",
        "patch replicasets web-hash-v1",
        "patch services web-stable hash-v2",
        "patch ingresses web-web-canary 0",
        "patch rollouts/status",
        "patch replicasets web-hash-v1 5->0",
        "patch rollouts/status",
    ];
    assert_eq!(world.writes, want);
    let want = [
        "RolloutUpdated: Rollout updated to revision 2",
        "NewReplicaSetCreated: Created ReplicaSet web-hash-v2 (revision 2)",
        "RolloutNotCompleted: Rollout not completed, started update to revision 2 with hash hash-v2",
        "ScalingReplicaSet: Scaled up ReplicaSet web-hash-v2 (revision 2) from 0 to 1",
        "SwitchService: Switched selector for service 'web-canary' from 'hash-v1' to 'hash-v2'",
        "TrafficWeightUpdated: Traffic weight updated from 0 to 20",
        "RolloutStepCompleted: Rollout step 1/4 completed (setWeight: 20)",
        "RolloutPaused: Rollout is paused (CanaryPauseStep)",
        "RolloutStepCompleted: Rollout step 2/4 completed (pause)",
        "RolloutResumed: Rollout is resumed",
        "ScalingReplicaSet: Scaled up ReplicaSet web-hash-v2 (revision 2) from 1 to 3",
        "TrafficWeightUpdated: Traffic weight updated from 20 to 60",
        "RolloutStepCompleted: Rollout step 3/4 completed (setWeight: 60)",
        "RolloutPaused: Rollout is paused (CanaryPauseStep)",
        "RolloutStepCompleted: Rollout step 4/4 completed (pause: 2s)",
        "RolloutResumed: Rollout is resumed",
        "ScalingReplicaSet: Scaled up ReplicaSet web-hash-v2 (revision 2) from 3 to 5",
        "TrafficWeightUpdated: Traffic weight updated from 60 to 100",
        "RolloutCompleted: Rollout completed update to revision 2 (hash-v2): Completed all 4 canary steps",
        "SwitchService: Switched selector for service 'web-stable' from 'hash-v1' to 'hash-v2'",
        "TrafficWeightUpdated: Traffic weight updated from 100 to 0",
        "ScalingReplicaSet: Scaled down ReplicaSet web-hash-v1 (revision 1) from 5 to 0",
    ];
    assert_eq!(events(&world), want);
}

#[test]
fn an_update_without_a_router() {
    let mut world = deployed(&json!({ "steps": steps() }));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (1, 4));
    world.status().pause_conditions.clear();
    assert!(world.run(SignedDuration::from_mins(2)));
    assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (5, 0));
    let want = [
        "patch rollouts",
        "create replicasets web-hash-v2",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 0->1",
        "patch replicasets web-hash-v1 5->4",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 1->3",
        "patch replicasets web-hash-v1 4->3",
        "patch rollouts/status",
        "patch replicasets web-hash-v1 3->2",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 3->5",
        "patch replicasets web-hash-v1 2->1",
        "patch rollouts/status",
        "patch replicasets web-hash-v1 1->0",
        "patch rollouts/status",
        "patch rollouts/status",
    ];
    assert_eq!(world.writes, want);
}

#[test]
fn a_person_aborts_and_tries_again() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    world.writes.clear();
    world.status().abort = true;
    world.run(seconds(20));
    assert_eq!(world.writes[0], "patch ingresses web-web-canary 0", "{:?}", world.writes);
    assert_eq!(world.status().phase.as_str(), "Degraded");
    assert_eq!(world.status().message, "RolloutAborted: Rollout aborted update to revision 2");
    assert!(world.run(SignedDuration::from_mins(5)), "an aborted rollout rests");
    assert_eq!(world.set("v2").unwrap().replicas, 0);
    let want = [
        "patch ingresses web-web-canary 0",
        "patch rollouts/status",
        "patch services web-canary hash-v1",
        "patch replicasets web-hash-v2",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 1->0",
        "patch rollouts/status",
    ];
    assert_eq!(world.writes, want);
    world.status().abort = false;
    world.run(seconds(60));
    assert_eq!(world.status().message, "CanaryPauseStep");
    assert_eq!(world.status().linnet.as_ref().unwrap().attempt, Some(2));
    world.status().promote_full = true;
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(world.status().phase.as_str(), "Healthy");
    assert!(reasons(&world).contains(&"RolloutCompleted"));
}

#[test]
fn another_version_comes_in_the_middle() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    world.writes.clear();
    world.apply_version("v3");
    world.run(seconds(30));
    let want = [
        "patch rollouts",
        "create replicasets web-hash-v3",
        "patch rollouts/status",
        "patch replicasets web-hash-v3 0->1",
        "patch ingresses web-web-canary 0",
        // Nobody is to be sent to v2 any more, not even by a proxy that learns of the next weight first.
        "patch services web-canary hash-v1",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch services web-canary hash-v3",
        "patch ingresses web-web-canary 20",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 1->0",
        "patch rollouts/status",
    ];
    assert_eq!(world.writes, want);
    assert_eq!(world.set("v2").unwrap().replicas, 0);
    assert_eq!(world.snapshot.routes[0].canary_weight, Some(20));
}

#[test]
fn the_stable_version_comes_back_in_the_middle() {
    for canary in [fixture::routed(&steps()), json!({ "steps": steps() })] {
        let mut world = deployed(&canary);
        world.apply_version("v2");
        world.run(seconds(10));
        world.events.clear();
        world.apply_version("v1");
        assert!(world.run(SignedDuration::from_mins(5)));
        assert_eq!(world.status().phase.as_str(), "Healthy");
        assert_eq!(world.status().current_step_index, Some(4));
        assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (0, 5));
        assert!(
            events(&world).contains(&"SkipSteps: Rollback to stable ReplicaSets".to_owned()),
            "{:?}",
            events(&world)
        );
    }
}

#[test]
fn an_abort_without_a_router_returns_all_pods() {
    let mut world = deployed(&json!({ "steps": steps() }));
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().abort = true;
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (0, 5));
    assert_eq!(world.status().phase.as_str(), "Degraded");
}

#[test]
fn counts_of_an_older_spec_protect_nobody() {
    let mut world = deployed(&json!({ "steps": steps() }));
    world.apply_version("v2");
    world.run(seconds(10));
    let now = world.now;
    world.status().abort = true;
    world.status().aborted_at = Some(now.into());
    // The stable version was made smaller and larger again; its status still counts pods that have gone.
    let stable = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v1").unwrap();
    (stable.replicas, stable.available_replicas) = (5, 5);
    stable.meta.generation += 2;
    let shrinks = |snapshot: &Snapshot| {
        let plan = plan(snapshot, now);
        let shrinks = |action: &Action| matches!(action, Action::PatchReplicaSet { scale: Some(scale), .. } if scale.to < scale.from);
        plan.actions.iter().any(shrinks)
    };
    assert!(!shrinks(&world.snapshot));
    let stable = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v1").unwrap();
    stable.observed_generation = stable.meta.generation;
    assert!(shrinks(&world.snapshot));
}

#[test]
fn an_abort_at_rest_is_removed() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.status().abort = true;
    assert!(world.run(SignedDuration::from_mins(5)));
    assert!(!world.status().abort);
    assert_eq!(world.writes, ["patch rollouts/status"]);
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn an_update_that_does_not_move_is_degraded_in_time() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.broken.push("v2".to_owned());
    world.apply_version("v2");
    assert!(!world.run(seconds(599)));
    assert_eq!(world.status().phase.as_str(), "Progressing");
    world.run(seconds(10));
    assert_eq!(world.status().phase.as_str(), "Degraded");
    let name = "ReplicaSet \"web-hash-v2\" has timed out progressing.";
    assert_eq!(world.status().message, format!("ProgressDeadlineExceeded: {name}"));
    world.writes.clear();
    assert!(world.run(SignedDuration::from_hours(1)), "{:?}", world.last);
    assert!(world.writes.is_empty(), "{:?}", world.writes);
}

#[test]
fn a_store_behind_our_own_writes_only_waits() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    world.snapshot.stale.insert(world.snapshot.routes[0].reference.clone());
    world.status().pause_conditions.clear();
    let plan = crate::rollout::plan(&world.snapshot, world.now);
    assert!(plan.actions.is_empty() && plan.status == *world.status());
    assert!(matches!(plan.waiting[..], [Waiting::StoreBehindOwnWrites { .. }]));
    world.status().abort = true;
    let plan = crate::rollout::plan(&world.snapshot, world.now);
    assert!(matches!(plan.actions[..], [Action::SetWeight { canary_weight: 0, .. }]));
}

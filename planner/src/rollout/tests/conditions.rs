//! The conditions of whole updates: which there are, with which reasons and texts, and since when.

use crds::analysis::AnalysisPhase;
use crds::condition::{Condition, ConditionType, find};
use crds::rollout::RolloutStatus;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::World;
use crate::facts::ReplicaFailure;
use crate::fixture;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn condition(world: &World, type_: ConditionType) -> Option<Condition> {
    find(&world.snapshot.rollout.status.conditions, type_).cloned()
}

fn told(world: &World, type_: ConditionType) -> String {
    text(&world.snapshot.rollout.status, type_)
}

fn text(status: &RolloutStatus, type_: ConditionType) -> String {
    find(&status.conditions, type_)
        .map_or_else(|| "none".to_owned(), |it| format!("{} {}: {}", it.status, it.reason, it.message))
}

fn progressing(world: &World) -> String {
    told(world, ConditionType::Progressing)
}

/// What Progressing said in all statuses that are written within a minute, without what is repeated.
fn expect(world: &mut World, want: &[&str]) {
    world.statuses.clear();
    world.run(seconds(60));
    let mut seen: Vec<String> =
        world.statuses.iter().map(|status| text(status, ConditionType::Progressing)).collect();
    seen.dedup();
    assert_eq!(seen, want);
}

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }])
}

fn deployed(canary: &Value) -> World {
    let mut world = World::new(canary);
    assert!(world.run(seconds(300)));
    world
}

#[test]
fn of_a_healthy_rollout() {
    let world = deployed(&json!({ "steps": steps() }));
    let want = [
        (ConditionType::Available, "True AvailableReason: Rollout has minimum availability"),
        (
            ConditionType::Progressing,
            "True NewReplicaSetAvailable: ReplicaSet \"web-hash-v1\" has successfully progressed.",
        ),
        (ConditionType::Healthy, "True RolloutHealthy: Rollout is healthy"),
        (ConditionType::Completed, "True RolloutCompleted: RolloutCompleted"),
        (ConditionType::Ready, "True Healthy: Rollout is healthy"),
        (ConditionType::Paused, "none"),
        (ConditionType::InvalidSpec, "none"),
        (ConditionType::ReplicaFailure, "none"),
        (ConditionType::Reconciling, "none"),
        (ConditionType::Stalled, "none"),
    ];
    for (type_, text) in want {
        assert_eq!(told(&world, type_), text, "{type_}");
    }
}

#[test]
fn progressing_through_an_update_with_a_pause() {
    let mut world = deployed(&json!({ "steps": steps() }));
    world.apply_version("v2");
    expect(
        &mut world,
        &[
            "True NewReplicaSetCreated: Created new replica set \"web-hash-v2\"",
            "True ReplicaSetUpdated: ReplicaSet \"web-hash-v2\" is progressing.",
            "Unknown RolloutPaused: Rollout is paused",
        ],
    );
    assert_eq!(told(&world, ConditionType::Paused), "True RolloutPaused: Rollout is paused");
    assert_eq!(told(&world, ConditionType::Healthy), "False RolloutHealthy: Rollout is not healthy");
    assert_eq!(told(&world, ConditionType::Completed), "False RolloutCompleted: RolloutCompleted");
    assert_eq!(told(&world, ConditionType::Reconciling), "True Paused: Rollout is paused");
    world.status().pause_conditions.clear();
    expect(
        &mut world,
        &[
            "Unknown RolloutResumed: Rollout is resumed",
            "True ReplicaSetUpdated: ReplicaSet \"web-hash-v2\" is progressing.",
            "True NewReplicaSetAvailable: ReplicaSet \"web-hash-v2\" has successfully progressed.",
        ],
    );
    assert_eq!(told(&world, ConditionType::Paused), "False RolloutPaused: Rollout is paused");
    assert_eq!(told(&world, ConditionType::Ready), "True Healthy: Rollout is healthy");
}

#[test]
fn progressing_through_an_abort_and_a_retry() {
    let mut world = deployed(&fixture::routed(&steps()));
    world.apply_version("v2");
    world.run(seconds(60));
    world.status().abort = true;
    world.run(seconds(60));
    assert_eq!(progressing(&world), "False RolloutAborted: Rollout aborted update to revision 2");
    let stalled = "True Degraded: RolloutAborted: Rollout aborted update to revision 2";
    assert_eq!(told(&world, ConditionType::Stalled), stalled);
    assert_eq!(told(&world, ConditionType::Paused), "False RolloutPaused: Rollout is paused");
    world.status().abort = false;
    expect(
        &mut world,
        &[
            "Unknown RolloutRetry: Retrying Rollout after abort",
            "True ReplicaSetUpdated: ReplicaSet \"web-hash-v2\" is progressing.",
            "Unknown RolloutPaused: Rollout is paused",
        ],
    );
    assert_eq!(told(&world, ConditionType::Stalled), "none");
}

#[test]
fn a_version_that_comes_back_is_found() {
    let mut world = deployed(&json!({}));
    world.apply_version("v2");
    world.run(seconds(300));
    world.apply_version("v1");
    expect(
        &mut world,
        &[
            "True FoundNewReplicaSet: Found new replica set \"web-hash-v1\"",
            "True ReplicaSetUpdated: ReplicaSet \"web-hash-v1\" is progressing.",
            "True NewReplicaSetAvailable: ReplicaSet \"web-hash-v1\" has successfully progressed.",
        ],
    );
}

#[test]
fn a_promoted_version_that_loses_its_pods_says_so_and_is_degraded_in_time() {
    let mut world = deployed(&json!({}));
    world.broken.push("v1".to_owned());
    world.lose("hash-v1");
    world.run(seconds(10));
    let lost = "True ReplicaSetNotAvailable: Rollout does not have minimum availability";
    assert_eq!(progressing(&world), lost);
    let available = "False AvailableReason: Rollout does not have minimum availability";
    assert_eq!(told(&world, ConditionType::Available), available);
    assert_eq!(world.status().phase.as_str(), "Progressing");
    assert!(!world.run(seconds(580)));
    assert_eq!(progressing(&world), lost);
    world.run(seconds(20));
    let late = "False ProgressDeadlineExceeded: ReplicaSet \"web-hash-v1\" has timed out progressing.";
    assert_eq!(progressing(&world), late);
    assert_eq!(world.status().phase.as_str(), "Degraded");
    world.broken.clear();
    world.heal();
    assert!(world.run(seconds(60)));
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn a_replica_set_that_cannot_make_or_delete_pods_is_heard() {
    let mut world = deployed(&json!({}));
    world.snapshot.replica_sets[0].failure =
        Some(ReplicaFailure { reason: "FailedDelete".to_owned(), message: "a webhook denies it".to_owned() });
    world.run(seconds(10));
    assert_eq!(told(&world, ConditionType::ReplicaFailure), "True FailedDelete: a webhook denies it");
    world.snapshot.replica_sets[0].failure = None;
    world.run(seconds(10));
    assert_eq!(told(&world, ConditionType::ReplicaFailure), "none");
}

#[test]
fn the_active_service_makes_blue_green_available() {
    let mut world = World::with(&fixture::blue_green(&json!({})));
    let mut was_waiting = false;
    for _ in 0..100 {
        world.run(SignedDuration::from_millis(50));
        let is_served = !world.status().blue_green.active_selector.is_empty();
        let is_available = told(&world, ConditionType::Available).starts_with("True");
        was_waiting |= !is_served && condition(&world, ConditionType::Available).is_some();
        assert!(is_served || !is_available, "available although nobody is served");
    }
    assert!(was_waiting);
    assert!(told(&world, ConditionType::Available).starts_with("True"));
}

#[test]
fn times_move_only_with_what_is_said() {
    let mut world = deployed(&fixture::routed(&steps()));
    let before = condition(&world, ConditionType::Available).unwrap();
    world.apply_version("v2");
    world.run(seconds(60));
    let paused = condition(&world, ConditionType::Progressing).unwrap();
    assert!(paused.last_transition_time > before.last_transition_time, "True became Unknown");
    assert_eq!(condition(&world, ConditionType::Available).unwrap(), before, "the same is said");
    world.run(seconds(3600));
    assert_eq!(condition(&world, ConditionType::Progressing).unwrap(), paused, "nothing happened");
}

#[test]
fn an_invalid_spec_leaves_when_it_is_mended() {
    let mut world = deployed(&json!({}));
    let good = world.snapshot.rollout.spec.clone();
    world.snapshot.rollout.spec = Err("spec.replicas: invalid type: string".to_owned());
    world.run(seconds(10));
    let why = "The Rollout \"web\" is invalid: spec.replicas: invalid type: string";
    assert_eq!(told(&world, ConditionType::InvalidSpec), format!("True InvalidSpec: {why}"));
    assert_eq!(told(&world, ConditionType::Stalled), format!("True Degraded: InvalidSpec: {why}"));
    assert_eq!(told(&world, ConditionType::Healthy), "False RolloutHealthy: Rollout is not healthy");
    world.snapshot.rollout.spec = good;
    world.run(seconds(10));
    assert_eq!(told(&world, ConditionType::InvalidSpec), "none");
    assert_eq!(told(&world, ConditionType::Ready), "True Healthy: Rollout is healthy");
}

#[test]
fn the_verdict_is_in_the_words_of_the_reference() {
    let analysis = json!({ "templates": [{ "templateName": "errors" }] });
    for (canary, kind) in [
        (json!({ "steps": [{ "setWeight": 20 }, { "analysis": analysis }] }), "Step-based"),
        (json!({ "analysis": analysis, "steps": steps() }), "Background"),
    ] {
        let mut world = World::new(&canary);
        let spec = json!({ "metrics": [{ "name": "up", "provider": { "prometheus": { "query": "up" } } }] });
        let spec = Ok(serde_json::from_value(spec).unwrap());
        let facts = crate::facts::TemplateFacts { meta: fixture::meta("errors", "uid-errors"), spec };
        world.snapshot.templates.insert("errors".to_owned(), facts.into());
        world.run(seconds(60));
        world.apply_version("v2");
        world.run(seconds(10));
        let run = world.snapshot.analysis_runs.last_mut().unwrap();
        run.status.phase = AnalysisPhase::Failed;
        "Metric \"up\" assessed Failed".clone_into(&mut run.status.message);
        world.run(seconds(60));
        let why = format!("{kind} analysis phase error/failed: Metric \"up\" assessed Failed");
        let want = format!("False RolloutAborted: Rollout aborted update to revision 2: {why}");
        assert_eq!(progressing(&world), want);
        let event = world.events.iter().find(|event| event.reason == "RolloutAborted").unwrap();
        assert_eq!(event.message, format!("Rollout aborted update to revision 2: {why}"));
    }
}

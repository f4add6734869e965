//! Statuses that were lost while pods serve.

use crds::rollout::RolloutStatus;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::plan;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn canary(fields: &Value) -> Value {
    let mut canary = fixture::routed(&json!([{ "setWeight": 40 }, { "pause": {} }]));
    canary.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "canary": canary })
}

fn plain() -> Value {
    json!({ "canary": { "steps": [{ "setWeight": 40 }, { "pause": {} }] } })
}

fn by_hand() -> Value {
    fixture::blue_green(&json!({ "autoPromotionEnabled": false }))
}

/// A Rollout in the middle of an update whose status is gone.
fn robbed(strategy: &Value) -> World {
    let mut world = World::with(strategy);
    assert!(world.run(seconds(300)));
    world.apply_version("v2");
    world.run(seconds(20));
    *world.status() = RolloutStatus::default();
    world
}

#[rstest]
#[case::by_the_stable_service(canary(&json!({})))]
#[case::by_pods_alone(plain())]
#[case::by_the_active_service(by_hand())]
fn a_lost_status_promotes_nobody(#[case] strategy: Value) {
    let mut world = robbed(&strategy);
    world.run(seconds(60));
    let status = world.status().clone();
    assert_eq!((status.stable_rs.as_str(), status.current_pod_hash.as_str()), ("hash-v1", "hash-v2"));
    assert_eq!(status.phase.as_str(), "Paused", "{}", status.message);
    let told = world.events.iter().find(|event| event.reason == "StableVersionRecovered").unwrap();
    assert_eq!(told.message, "The status was lost: web-hash-v1 is the stable version, because it serves");
}

#[test]
fn a_lost_status_of_a_rollout_at_rest_is_written_again_and_nothing_else() {
    let mut world = World::with(&canary(&json!({})));
    assert!(world.run(seconds(300)));
    world.writes.clear();
    *world.status() = RolloutStatus::default();
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().stable_rs, "hash-v1");
    assert!(world.writes.iter().all(|write| write == "patch rollouts/status"), "{:?}", world.writes);
}

/// A version that has no pods and is to have none serves nobody: there is nothing to go back to.
#[test]
fn a_version_without_pods_is_not_the_stable_one() {
    let mut world = robbed(&canary(&json!({})));
    for set in &mut world.snapshot.replica_sets {
        set.replicas = 0;
    }
    let plan = plan(&world.snapshot, world.now);
    assert_eq!((plan.status.stable_rs.as_str(), plan.status.current_pod_hash.as_str()), ("", "hash-v2"));
}

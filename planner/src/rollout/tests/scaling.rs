//! How many pods each version has behind a router.

use crds::names::SCALE_DOWN_DEADLINE;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, plan};

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn routed(steps: &Value, fields: &Value) -> Value {
    let mut canary = fixture::routed(steps);
    canary.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    canary
}

fn deployed(canary: &Value) -> World {
    let mut world = World::new(canary);
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    world.writes.clear();
    world
}

fn dynamic(steps: &Value) -> World {
    deployed(&routed(steps, &json!({ "dynamicStableScale": true })))
}

fn sizes(world: &World) -> Vec<i32> {
    world.snapshot.replica_sets.iter().map(|set| set.replicas).collect()
}

fn weight(world: &World) -> Option<u32> {
    world.snapshot.routes[0].canary_weight
}

/// Runs in small steps until something is written, at most for a minute.
fn run_until_written(world: &mut World, write: &str) {
    let is_written = |world: &World| world.writes.iter().any(|written| written == write);
    for _ in 0..600 {
        if is_written(world) {
            return;
        }
        world.run(SignedDuration::from_millis(100));
    }
    panic!("{write} is not among {:?}", world.writes);
}

/// What was written, without status.
fn writes(world: &World) -> Vec<&str> {
    world.writes.iter().map(String::as_str).filter(|write| !write.ends_with("status")).collect()
}

#[test]
fn the_stable_version_shrinks_once_the_traffic_has_left() {
    let mut world = dynamic(&json!([{ "setWeight": 60 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(4));
    assert_eq!((weight(&world), sizes(&world)), (Some(60), vec![5, 3]), "not before the route is in force");
    world.run(seconds(4));
    assert_eq!(sizes(&world), [2, 3]);
    world.status().pause_conditions.clear();
    assert!(world.run(seconds(300)));
    let want = [
        "patch rollouts",
        "create replicasets web-hash-v2",
        "patch replicasets web-hash-v2 0->3",
        "patch services web-canary hash-v2",
        "patch ingresses web-web-canary 60",
        "patch replicasets web-hash-v1 5->2",
        "patch replicasets web-hash-v2 3->5",
        "patch ingresses web-web-canary 100",
        "patch services web-stable hash-v2",
        "patch ingresses web-web-canary 0",
        "patch replicasets web-hash-v1 2->0",
    ];
    assert_eq!(writes(&world), want);
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn an_abort_returns_the_traffic_as_the_stable_version_grows() {
    let mut world = dynamic(&json!([{ "setWeight": 80 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!((weight(&world), sizes(&world)), (Some(80), vec![1, 4]));
    // Pods come one by one: 20, 40 and 60 % can be carried, then four of five pods are enough for everything.
    world.startup = seconds(2);
    world.writes.clear();
    world.status().abort = true;
    world.run(seconds(1));
    assert_eq!((weight(&world), sizes(&world)), (Some(80), vec![5, 4]));
    assert!(world.run(seconds(300)));
    assert_eq!((weight(&world), sizes(&world)), (Some(0), vec![5, 0]));
    let weights: Vec<_> = writes(&world).into_iter().filter(|write| write.contains("ingresses")).collect();
    let want = ["patch ingresses web-web-canary 60", "patch ingresses web-web-canary 40"];
    assert_eq!(weights[..2], want, "{:?}", world.writes);
    assert_eq!(weights.last(), Some(&"patch ingresses web-web-canary 0"));
}

#[test]
fn another_version_in_the_middle_does_not_send_everybody_to_the_few_stable_pods() {
    let mut world = dynamic(&json!([{ "setWeight": 80 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!((weight(&world), sizes(&world)), (Some(80), vec![1, 4]));
    world.startup = seconds(10);
    world.apply_version("v3");
    world.run(seconds(5));
    assert_eq!(weight(&world), Some(80), "one pod carries 20 %");
    assert_eq!(sizes(&world), [5, 4, 4]);
    world.run(seconds(60));
    assert_eq!((weight(&world), sizes(&world)), (Some(80), vec![1, 0, 4]));
    assert_eq!(world.status().message, "CanaryPauseStep");
}

#[test]
fn a_return_to_the_stable_version_is_stepwise_too() {
    let mut world = dynamic(&json!([{ "setWeight": 60 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(10));
    world.startup = seconds(5);
    world.apply_version("v1");
    world.run(seconds(3));
    assert_eq!((weight(&world), sizes(&world)), (Some(60), vec![5, 3]));
    assert!(world.run(seconds(300)));
    assert_eq!((weight(&world), sizes(&world)), (Some(0), vec![5, 0]));
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn a_lower_weight_waits_for_the_stable_version() {
    let mut world =
        dynamic(&json!([{ "setWeight": 80 }, { "pause": {} }, { "setWeight": 20 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(10));
    world.startup = seconds(5);
    world.status().pause_conditions.clear();
    world.run(seconds(3));
    assert_eq!((weight(&world), sizes(&world)), (Some(80), vec![4, 4]));
    world.run(seconds(20));
    assert_eq!((weight(&world), sizes(&world)), (Some(20), vec![4, 1]));
}

#[test]
fn a_full_promotion_moves_the_traffic_with_the_pods() {
    let mut world = dynamic(&json!([{ "setWeight": 20 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!((weight(&world), sizes(&world)), (Some(20), vec![4, 1]));
    world.status().promote_full = true;
    assert!(world.run(seconds(300)));
    assert_eq!(sizes(&world), [0, 5]);
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn a_canary_scale_holds_until_the_weight_counts_again() {
    let steps = json!([
        { "setCanaryScale": { "replicas": 2 } }, { "pause": {} },
        { "setCanaryScale": { "weight": 60 } }, { "pause": {} },
        { "setWeight": 20 }, { "pause": {} },
        { "setCanaryScale": { "matchTrafficWeight": true } }, { "pause": {} },
        { "setWeight": 40 }, { "pause": {} },
    ]);
    let mut world = deployed(&fixture::routed(&steps));
    world.apply_version("v2");
    let mut seen = Vec::new();
    for _ in 0..5 {
        world.run(seconds(20));
        assert_eq!(world.status().message, "CanaryPauseStep");
        seen.push((weight(&world).unwrap_or(0), world.set("v2").unwrap().replicas));
        world.status().pause_conditions.clear();
    }
    assert_eq!(seen, [(0, 2), (0, 3), (20, 3), (20, 1), (40, 2)]);
    assert!(world.run(seconds(300)));
    assert_eq!(sizes(&world), [0, 5]);
}

#[test]
fn a_canary_scale_may_be_smaller_than_the_weight_and_ends_with_an_abort() {
    let steps = json!([{ "setWeight": 60 }, { "setCanaryScale": { "replicas": 1 } }, { "pause": {} }]);
    let mut world = deployed(&fixture::routed(&steps));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!((weight(&world), sizes(&world)), (Some(60), vec![5, 1]));
    assert_eq!(world.status().message, "CanaryPauseStep");
    world.status().abort = true;
    assert!(world.run(seconds(300)));
    assert_eq!((weight(&world), sizes(&world)), (Some(0), vec![5, 0]));
}

#[test]
fn a_weight_has_a_pod_whatever_the_scale_says() {
    let steps = json!([{ "setCanaryScale": { "replicas": 0 } }, { "setWeight": 20 }, { "pause": {} }]);
    let mut world = deployed(&fixture::routed(&steps));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!((weight(&world), sizes(&world)), (Some(20), vec![5, 1]));
}

#[rstest]
#[case::weight_alone(json!({}), json!([{ "setWeight": 1 }, { "pause": {} }]), 1)]
#[case::a_floor(json!({ "minPodsPerReplicaSet": 2 }), json!([{ "setWeight": 1 }, { "pause": {} }]), 2)]
#[case::a_floor_above_all_pods(json!({ "minPodsPerReplicaSet": 9 }), json!([{ "setWeight": 1 }, { "pause": {} }]), 5)]
#[case::none_is_none(json!({ "minPodsPerReplicaSet": 2 }), json!([{ "setWeight": 0 }, { "pause": {} }]), 0)]
#[case::a_scale_by_weight(json!({ "minPodsPerReplicaSet": 3 }),
    json!([{ "setCanaryScale": { "weight": 20 } }, { "pause": {} }]), 3)]
#[case::a_scale_by_number(json!({ "minPodsPerReplicaSet": 3 }),
    json!([{ "setCanaryScale": { "replicas": 1 } }, { "pause": {} }]), 1)]
fn at_least_so_many_pods(#[case] fields: Value, #[case] steps: Value, #[case] want: i32) {
    let mut world = deployed(&routed(&steps, &fields));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(world.status().message, "CanaryPauseStep");
    assert_eq!(sizes(&world), [5, want]);
}

#[test]
fn a_floor_holds_for_the_stable_version_too() {
    let fields = json!({ "minPodsPerReplicaSet": 3, "dynamicStableScale": true });
    let mut world = deployed(&routed(&json!([{ "setWeight": 80 }, { "pause": {} }]), &fields));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(sizes(&world), [3, 4]);
}

#[rstest]
#[case::all_pods(None, false)]
#[case::most_of_them(Some(json!({ "type": "Percent", "value": 60 })), true)]
#[case::too_many(Some(json!({ "type": "Percent", "value": 100 })), false)]
#[case::a_number(Some(json!({ "type": "Pods", "value": 2 })), true)]
#[case::more_than_there_are(Some(json!({ "type": "Pods", "value": 9 })), false)]
fn enough_pods_for_a_step(#[case] threshold: Option<Value>, #[case] goes_on: bool) {
    let steps = json!([{ "setWeight": 60 }, { "pause": {} }]);
    let mut world = deployed(&routed(&steps, &json!({ "replicaProgressThreshold": threshold })));
    world.startup = SignedDuration::from_hours(1);
    world.apply_version("v2");
    world.run(seconds(5));
    assert_eq!(sizes(&world), [5, 3]);
    let set = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v2").unwrap();
    (set.available_replicas, set.ready_replicas) = (2, 2);
    let selector = &mut world.snapshot.services.get_mut("web-canary").unwrap().selector;
    selector.insert(crds::names::POD_TEMPLATE_HASH.to_owned(), "hash-v2".to_owned());
    let plan = plan(&world.snapshot, world.now);
    let raises =
        plan.actions.iter().any(|action| matches!(action, Action::SetWeight { canary_weight: 60, .. }));
    assert_eq!(raises, goes_on, "{:?}", plan.actions);
}

/// What an autoscaler wants of an aborted update it gets of the stable version alone (AR#4973).
#[rstest]
#[case::routed(json!({ "canary": fixture::routed(&json!([{ "setWeight": 40 }, { "pause": {} }])) }))]
#[case::without_a_router(json!({ "canary": { "steps": [{ "setWeight": 40 }, { "pause": {} }] } }))]
#[case::blue_green(fixture::blue_green(&json!({ "autoPromotionEnabled": false })))]
fn an_aborted_version_is_not_scaled_up_again(#[case] strategy: Value) {
    let mut world = World::with(&strategy);
    assert!(world.run(seconds(300)));
    world.apply_version("v2");
    world.run(seconds(30));
    world.status().abort = true;
    assert!(world.run(seconds(300)));
    assert_eq!(sizes(&world), [5, 0]);
    for replicas in [9, 6, 12] {
        world.scale_to(replicas);
        assert!(world.run(seconds(300)));
        assert_eq!(sizes(&world), [replicas, 0]);
    }
}

#[test]
fn only_so_many_former_versions_are_kept() {
    let fields = json!({ "scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 1 });
    let mut world = deployed(&routed(&json!([{ "setWeight": 50 }]), &fields));
    for version in ["v2", "v3"] {
        world.apply_version(version);
        world.run(seconds(60));
        assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    }
    assert_eq!(sizes(&world), [0, 5, 5]);
    assert!(world.set("v2").unwrap().meta.annotations.contains_key(SCALE_DOWN_DEADLINE));
    assert!(world.run(SignedDuration::from_hours(1)));
    assert_eq!(sizes(&world), [0, 0, 5]);
}

/// Proxies learn of a Service and of a weight one after the other, in either order.
#[rstest]
#[case::a_version_that_has_lost_its_pods(true, Some(0))]
#[case::a_version_with_all_its_pods(false, Some(40))]
fn a_weight_rises_only_when_no_proxy_sends_it_to_a_version_that_lacks_pods(
    #[case] is_lost: bool,
    #[case] want: Option<u32>,
) {
    let mut world = deployed(&fixture::routed(&json!([{ "setWeight": 40 }, { "pause": {} }])));
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().abort = true;
    world.run(seconds(10));
    if is_lost {
        world.broken.push("v2".to_owned());
        world.lose("hash-v2");
    }
    world.apply_version("v3");
    world.run(seconds(2));
    assert!(world.writes.contains(&"patch services web-canary hash-v3".to_owned()), "{:?}", world.writes);
    assert_eq!(weight(&world), want, "{:?}", world.writes);
    world.run(seconds(6));
    assert_eq!(weight(&world), Some(40));
}

#[test]
fn a_weight_rises_no_further_than_the_version_before_can_carry_until_its_service_is_in_force() {
    let pause = json!({ "pause": { "duration": "1s" } });
    let steps = json!([{ "setWeight": 20 }, pause, { "setWeight": 60 }, { "pause": {} }]);
    let mut world = deployed(&fixture::routed(&steps));
    world.apply_version("v2");
    world.run(seconds(1));
    assert_eq!(weight(&world), Some(20));
    world.apply_version("v3");
    run_until_written(&mut world, "patch services web-canary hash-v3");
    world.run(seconds(3));
    assert_eq!(weight(&world), Some(20), "{:?}", world.writes);
    world.run(seconds(4));
    assert_eq!(weight(&world), Some(60), "{:?}", world.writes);
}

/// A proxy may learn of the weight before it learns that the stable Service has turned.
#[rstest]
#[case::with_all_its_pods(false, 0)]
#[case::without_any(true, 100)]
fn a_promoted_version_keeps_its_weight_while_the_version_before_lacks_pods(
    #[case] is_lost: bool,
    #[case] want: u32,
) {
    let pause = json!({ "pause": { "duration": "10s" } });
    let mut world = deployed(&fixture::routed(&json!([{ "setWeight": 40 }, pause])));
    world.apply_version("v2");
    world.run(seconds(5));
    if is_lost {
        world.broken.push("v1".to_owned());
        world.lose("hash-v1");
    }
    run_until_written(&mut world, "patch services web-stable hash-v2");
    world.run(seconds(1));
    assert_eq!(weight(&world), Some(want), "{:?}", world.writes);
    world.run(seconds(6));
    assert_eq!(weight(&world), Some(0), "{:?}", world.writes);
}

//! Updates without faults.

use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use serde_json::json;

use crate::input::{Input, Leadership};
use crate::testing::World;
use crate::testing::fixtures::{nginx, web};

#[test]
fn the_first_version_is_deployed_and_then_it_is_quiet() {
    let mut world = World::new();
    world.deploy(&json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] }));
    assert_eq!(
        world.api.writes.iter().filter(|write| !write.starts_with("patch status")).collect::<Vec<_>>(),
        ["patch Rollout web", "create ReplicaSet web-6c99dc7c", "patch ReplicaSet web-6c99dc7c"]
            .map(|write| write.replace("6c99dc7c", &hash(&world)))
            .iter()
            .collect::<Vec<_>>()
    );
    let (writes, requests) = (world.api.writes.len(), world.trace.len());
    world.run(Duration::from_hours(1));
    assert_eq!((world.api.writes.len(), world.trace.len()), (writes, requests), "{:#?}", world.trace);
    assert!(world.engine.handle(Input::Tick, world.now).is_empty());
    assert_eq!(world.engine.stats().queued, 0);
}

fn hash(world: &World) -> String {
    world.status()["stableRS"].as_str().unwrap().to_owned()
}

#[test]
fn a_canary_goes_through_its_steps_with_few_writes() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([
        { "setWeight": 20 }, { "pause": { "duration": "2s" } },
        { "setWeight": 60 }, { "pause": { "duration": "2s" } },
    ])));
    let before = world.api.writes.len();
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    assert_eq!(world.weight(), "0");
    let writes = &world.api.writes[before..];
    assert!(writes.len() <= 24, "{} writes: {writes:#?}", writes.len());
    let weights = writes.iter().filter(|write| write.contains("Ingress")).count();
    assert_eq!(weights, 4, "20, 60, 100 and back to 0: {writes:#?}");
    let at_rest = world.api.writes.len();
    world.run(Duration::from_hours(1));
    assert_eq!(world.api.writes.len(), at_rest);
}

#[test]
fn a_follower_writes_nothing_and_a_leader_goes_on_where_the_other_stopped() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": { "duration": "10s" } }])));
    world.set_image("web:2");
    world.run(Duration::from_secs(5));
    assert_eq!(world.weight(), "20");
    let reason = "the lease is held by another".to_owned();
    world.feed(Input::Leadership(Leadership::Following { reason }));
    let requests = world.trace.len();
    world.run(Duration::from_mins(1));
    assert_eq!(world.trace.len(), requests, "a follower does not even read");
    world.lead();
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

#[test]
fn the_operator_asks_for_watches_of_routes_only_when_a_rollout_names_one() {
    let mut world = World::new();
    world.deploy(&json!({}));
    assert!(!world.trace.is_empty() && !world.watches(Kind::Ingress));
    let canary = nginx(&json!([{ "setWeight": 20 }, { "pause": {} }]));
    world.api.merge(&web(), &json!({ "spec": { "strategy": { "canary": canary } } }));
    world.settle();
    assert!(world.watches(Kind::Ingress) && !world.watches(Kind::VirtualService));
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.weight(), "20");
}

#[test]
fn a_route_that_existed_before_any_rollout_named_it_is_read_when_one_does() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let mut other = world.api.objects[&ObjectRef::new(Kind::Ingress, "shop", "web")].clone();
    other["metadata"]["name"] = json!("other");
    world.api.put(Kind::Ingress, other, world.now);
    world.settle();
    let routing = json!({ "nginx": { "stableIngress": "other" } });
    world.api.merge(&web(), &json!({ "spec": { "strategy": { "canary": { "trafficRouting": routing } } } }));
    world.set_image("web:2");
    world.settle();
    let canary = ObjectRef::new(Kind::Ingress, "shop", "web-other-canary");
    assert!(world.api.objects.contains_key(&canary), "{:#?}", world.story());
}

#[test]
fn a_deleted_rollout_leaves_nothing_behind_in_memory() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    world.set_image("web:2");
    world.settle();
    assert!(!world.engine.waiting(&web()).is_empty());
    let everything: Vec<ObjectRef> = world.api.objects.keys().cloned().collect();
    for object in everything {
        world.api.delete(&object);
    }
    let requests = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), requests);
    assert!(world.engine.waiting(&web()).is_empty());
    assert!(world.engine.stats().objects.values().all(|count| *count == 0));
    assert!(world.engine.rollouts.is_empty() && world.engine.runs.is_empty());
}

#[test]
fn versions_that_are_kept_apart_are_found_again_and_nothing_is_redeployed_when_the_wish_goes() {
    let apart = json!({ "requiredDuringSchedulingIgnoredDuringExecution": {} });
    let mut world = World::new();
    world.deploy(&json!({ "antiAffinity": apart }));
    for image in ["web:2", "web:1", "web:2"] {
        world.set_image(image);
        world.settle();
        assert_eq!(world.phase(), "Healthy", "{}", world.story());
    }
    let sets = world.api.objects.iter().filter(|(object, _)| object.kind == Kind::ReplicaSet);
    let rules: Vec<bool> =
        sets.map(|(_, set)| set["spec"]["template"]["spec"].get("affinity").is_some()).collect();
    assert_eq!(rules.iter().filter(|rule| **rule).count(), 1, "only the second version was an update");
    assert_eq!(rules.len(), 2, "each version has one ReplicaSet: {}", world.story());
    let stable = world.status()["stableRS"].clone();
    world.api.merge(&web(), &json!({ "spec": { "strategy": { "canary": { "antiAffinity": null } } } }));
    world.settle();
    assert_eq!((world.phase(), &world.status()["stableRS"]), ("Healthy", &stable));
}

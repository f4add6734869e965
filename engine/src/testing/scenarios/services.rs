//! Services whose Rollout has let go of them.

use std::time::Duration;

use crds::names::{MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use crds::object_ref::{Kind, ObjectRef};
use rstest::rstest;
use serde_json::{Value, json};

use crate::input::Input;
use crate::settings::INSTANCE_LABEL;
use crate::testing::fixtures::{nginx, web};
use crate::testing::{Fault, World};

const BOTH: [&str; 2] = ["web-canary", "web-stable"];

fn deployed() -> World {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    for service in BOTH {
        assert!(is_held(&world, service), "{}", world.story());
    }
    world
}

fn service<'a>(world: &'a World, name: &str) -> &'a Value {
    &world.api.objects[&ObjectRef::new(Kind::Service, "shop", name)]
}

/// Whether a Service selects a version and carries the mark of a Rollout; it never does one of the two alone.
fn is_held(world: &World, name: &str) -> bool {
    let service = service(world, name);
    let is_marked = service["metadata"]["annotations"].get(MANAGED_BY_ROLLOUTS).is_some();
    assert_eq!(service["spec"]["selector"].get(POD_TEMPLATE_HASH).is_some(), is_marked, "{service}");
    assert_eq!(service["spec"]["selector"]["app"], "web");
    is_marked
}

fn released(world: &World) -> [bool; 2] {
    BOTH.map(|service| !is_held(world, service))
}

/// What was written and asked of Services.
fn about_services(world: &World) -> usize {
    world.trace.iter().filter(|request| request.contains("kind: Service") && !request.contains("Get")).count()
}

#[test]
fn services_get_their_own_selectors_back_when_their_rollout_has_gone_for_a_while() {
    let mut world = deployed();
    let version = service(&world, "web-stable")["metadata"]["resourceVersion"].clone();
    world.api.delete(&web());
    world.run(Duration::from_secs(9));
    assert_eq!(released(&world), [false, false]);
    world.run(Duration::from_secs(2));
    assert_eq!(released(&world), [true, true]);
    let patch = world
        .trace
        .iter()
        .find(|it| it.contains("web-stable") && it.contains("\"selector\"") && it.contains("Null"));
    let patch = patch.unwrap_or_else(|| panic!("{:#?}", world.trace));
    assert!(patch.contains(&format!("\"resourceVersion\": String({version})")), "{patch}");
    let requests = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), requests, "and then it is quiet");
}

#[test]
fn a_service_that_is_named_no_longer_is_released_and_the_others_are_not() {
    let mut world = deployed();
    let mut other = service(&world, "web-canary").clone();
    other["metadata"] = json!({ "name": "web-canary-2", "namespace": "shop" });
    other["spec"]["selector"] = json!({ "app": "web" });
    world.api.put(Kind::Service, other, world.now);
    world
        .api
        .merge(&web(), &json!({ "spec": { "strategy": { "canary": { "canaryService": "web-canary-2" } } } }));
    world.settle();
    assert_eq!(released(&world), [true, false], "{}", world.story());
    assert!(is_held(&world, "web-canary-2"));
}

#[test]
fn a_rollout_that_is_made_anew_soon_finds_its_services_as_they_were() {
    let mut world = deployed();
    let mut rollout = world.api.objects[&web()].clone();
    world.api.delete(&web());
    world.run(Duration::from_secs(5));
    let before = about_services(&world);
    rollout["metadata"] = json!({ "name": "web", "namespace": "shop" });
    let sets: Vec<ObjectRef> =
        world.api.objects.keys().filter(|object| object.kind == Kind::ReplicaSet).cloned().collect();
    for set in sets {
        world.api.merge(&set, &json!({ "metadata": { "ownerReferences": null } }));
    }
    world.api.put(Kind::Rollout, rollout, world.now);
    world.settle();
    assert_eq!(about_services(&world), before, "{}", world.story());
}

#[test]
fn a_list_without_the_rollout_is_no_proof_that_it_has_gone() {
    let mut world = deployed();
    world.api.hides_rollouts = true;
    world.restart();
    let before = about_services(&world);
    world.run(Duration::from_mins(1));
    assert_eq!((released(&world), about_services(&world)), ([false, false], before));
}

#[test]
fn nothing_is_released_while_rollouts_are_not_served() {
    let mut world = deployed();
    world.feed(Input::KindMissing(Kind::Rollout));
    let rollout = world.api.objects.remove(&web()).unwrap();
    world.settle();
    assert_eq!(released(&world), [false, false]);
    world.api.objects.insert(web(), rollout);
}

#[test]
fn the_service_of_another_operators_rollout_is_left_alone() {
    let mut world = deployed();
    world.api.merge(&web(), &json!({ "metadata": { "labels": { INSTANCE_LABEL: "blue" } } }));
    world.restart();
    let before = about_services(&world);
    world.run(Duration::from_mins(2));
    assert_eq!((released(&world), about_services(&world)), ([false, false], before));
}

#[test]
fn a_rollout_that_cannot_be_read_keeps_its_services_and_lets_go_of_them_when_it_can_be() {
    let mut world = deployed();
    let replicas = json!({ "spec": { "replicas": "many" } });
    world.api.merge(&web(), &replicas);
    world.restart();
    world.run(Duration::from_mins(2));
    assert_eq!(released(&world), [false, false]);
    let without = json!({ "spec": { "replicas": 5, "strategy": { "canary": {
        "canaryService": null, "stableService": null, "trafficRouting": null } } } });
    world.api.merge(&web(), &without);
    world.settle();
    assert_eq!(released(&world), [true, true], "{}", world.story());
}

#[test]
fn nothing_is_released_while_a_neighbour_that_may_name_it_cannot_be_read() {
    let mut world = deployed();
    let mut neighbour = world.api.objects[&web()].clone();
    neighbour["metadata"] = json!({ "name": "neighbour", "namespace": "shop" });
    neighbour["spec"]["strategy"] = json!("not what belongs here");
    let neighbour = world.api.put(Kind::Rollout, neighbour, world.now);
    world.api.delete(&web());
    world.run(Duration::from_mins(2));
    assert_eq!(released(&world), [false, false]);
    world.api.delete(&neighbour);
    world.settle();
    assert_eq!(released(&world), [true, true], "{:#?}", world.trace);
}

#[rstest]
#[case::answer_lost(Fault::AnswerLost)]
#[case::request_lost(Fault::RequestLost)]
#[case::overtaken(Fault::Overtaken)]
#[case::unavailable(Fault::Unavailable)]
#[case::denied(Fault::Denied)]
#[case::crash_before(Fault::CrashBefore)]
#[case::crash_after(Fault::CrashAfter)]
fn whatever_happens_to_any_write_both_are_released(#[case] fault: Fault) {
    let mut plain = deployed();
    let first = plain.writes_seen();
    plain.api.delete(&web());
    plain.settle();
    assert_eq!(plain.writes_seen(), first + 2);
    for index in first..plain.writes_seen() {
        let mut world = deployed();
        world.faults.insert(index, fault);
        world.api.delete(&web());
        world.settle();
        assert_eq!(released(&world), [true, true], "{index}: {:#?}", world.trace);
    }
}

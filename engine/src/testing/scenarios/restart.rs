//! `spec.restartAt`: pods that are older than that are evicted and made anew.

use std::collections::BTreeSet;
use std::time::Duration;

use crds::Time;
use crds::object_ref::{Kind, ObjectRef};
use rstest::rstest;
use serde_json::{Value, json};

use crate::input::{Input, Leadership};
use crate::testing::fixtures::{blue_green, web};
use crate::testing::{Fault, World};
use crate::time::after;

fn canary() -> Value {
    json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] })
}

fn deployed() -> World {
    let mut world = World::new();
    world.pod_objects = Some(0);
    world.deploy(&canary());
    world
}

/// Asks for a restart so many seconds from now.
fn ask(world: &mut World, seconds: u64) {
    let at = Time::from(after(world.now, Duration::from_secs(seconds)));
    world.api.merge(&web(), &json!({ "spec": { "restartAt": at } }));
}

fn pods(world: &World) -> BTreeSet<ObjectRef> {
    world.api.objects.keys().filter(|object| object.kind == Kind::Pod).cloned().collect()
}

fn evictions(world: &World) -> usize {
    world.api.writes.iter().filter(|write| write.starts_with("evict Pod")).count()
}

/// Checks that the restart is over, and that none of these pods is left.
fn check(world: &World, before: &BTreeSet<ObjectRef>) {
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    let asked = &world.api.objects[&web()]["spec"]["restartAt"];
    assert_eq!(world.status()["restartedAt"], *asked, "{}", world.story());
    assert!(pods(world).is_disjoint(before), "{}", world.story());
    assert_eq!(pods(world).len(), before.len(), "{}", world.story());
}

#[test]
fn every_pod_is_evicted_once_as_it_was_seen_and_then_it_is_quiet() {
    let mut world = deployed();
    let before = pods(&world);
    assert!(!world.watches(Kind::Pod));
    ask(&mut world, 0);
    world.settle();
    check(&world, &before);
    assert_eq!(evictions(&world), 5);
    let evict = world.trace.iter().find(|request| request.contains("Evict")).unwrap();
    let name = &before.iter().next().unwrap().name;
    assert!(
        evict.contains(name) && evict.contains("resource_version: \"") && evict.contains("uid: \"uid-"),
        "{evict}"
    );
    let requests = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), requests);
}

#[test]
fn a_restart_in_the_future_waits_for_its_time_and_looks_at_no_pod_before() {
    let mut world = deployed();
    let before = pods(&world);
    ask(&mut world, 600);
    world.settle();
    assert_eq!((evictions(&world), world.watches(Kind::Pod)), (0, false), "{}", world.story());
    assert_eq!(world.phase(), "Healthy");
    world.run(Duration::from_mins(10));
    check(&world, &before);
}

#[test]
fn a_single_pod_is_restarted_too_and_so_are_both_versions_of_a_blue_green_update() {
    let mut world = deployed();
    world.api.merge(&web(), &json!({ "spec": { "replicas": 1 } }));
    world.settle();
    let before = pods(&world);
    assert_eq!(before.len(), 1);
    ask(&mut world, 0);
    world.settle();
    check(&world, &before);

    let mut world = World::new();
    world.pod_objects = Some(0);
    let mut strategy = blue_green();
    strategy["blueGreen"]["autoPromotionEnabled"] = json!(false);
    strategy["blueGreen"].as_object_mut().unwrap().retain(|field, _| !field.ends_with("Analysis"));
    world.deploy_with(&strategy);
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.phase(), "Paused");
    let before = pods(&world);
    assert_eq!(before.len(), 10);
    ask(&mut world, 0);
    world.settle();
    assert!(pods(&world).is_disjoint(&before), "{}", world.story());
    assert_eq!(evictions(&world), 10);
    let stable = format!("evict Pod web-{}", world.status()["stableRS"].as_str().unwrap());
    let first = world.api.writes.iter().find(|write| write.starts_with("evict Pod")).unwrap();
    assert!(first.starts_with(&stable), "the stable version comes first: {first}");
}

#[test]
fn a_disruption_budget_keeps_a_pod_for_half_a_minute_and_nothing_else() {
    let mut world = deployed();
    let before = pods(&world);
    world.api.least_ready = 5;
    ask(&mut world, 0);
    world.run(Duration::from_secs(20));
    assert_eq!(evictions(&world), 0);
    let asked = world.trace.iter().filter(|request| request.contains("Evict")).count();
    assert_eq!(asked, 5, "each pod was asked for once: {}", world.story());
    assert_eq!(world.status()["message"], "rollout is restarting");
    // An update goes on meanwhile, and it is over then.
    world.api.merge(&web(), &json!({ "spec": { "replicas": 6 } }));
    world.run(Duration::from_secs(5));
    assert_eq!(world.status()["replicas"], 6, "{}", world.story());
    world.api.least_ready = 5;
    world.run(Duration::from_secs(30));
    assert!(evictions(&world) >= 1, "one pod may be missing now: {}", world.story());
    world.api.least_ready = 0;
    world.settle();
    assert!(pods(&world).is_disjoint(&before), "{}", world.story());
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

#[test]
fn who_may_not_evict_says_so_and_goes_on_with_all_else() {
    let mut world = deployed();
    world.api.forbids_eviction = true;
    ask(&mut world, 0);
    world.run(Duration::from_secs(20));
    let asked = world.trace.iter().filter(|request| request.contains("Evict")).count();
    assert_eq!(asked, 1, "{}", world.story());
    assert!(world.api.events.iter().any(|event| event.contains("pods/eviction")), "{}", world.story());
    world.set_image("web:2");
    world.run(Duration::from_secs(20));
    assert_eq!(world.phase(), "Paused", "{}", world.story());
}

#[test]
fn whoever_does_not_lead_evicts_nobody() {
    let mut world = deployed();
    let following = Leadership::Following { reason: "another leads".to_owned() };
    world.feed(Input::Leadership(following));
    ask(&mut world, 0);
    world.settle();
    assert_eq!(evictions(&world), 0);
}

#[test]
fn another_template_ends_a_restart_that_was_due_and_keeps_one_that_is_to_come() {
    let mut world = deployed();
    world.api.least_ready = 5;
    ask(&mut world, 0);
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.status()["restartedAt"], world.api.objects[&web()]["spec"]["restartAt"]);
    world.api.least_ready = 0;
    ask(&mut world, 600);
    world.set_image("web:3");
    world.settle();
    assert_ne!(world.status()["restartedAt"], world.api.objects[&web()]["spec"]["restartAt"]);
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
    let before = pods(&world);
    world.run(Duration::from_mins(10));
    check(&world, &before);
}

#[rstest]
#[case::answer_lost(Fault::AnswerLost)]
#[case::request_lost(Fault::RequestLost)]
#[case::overtaken(Fault::Overtaken)]
#[case::unavailable(Fault::Unavailable)]
#[case::denied(Fault::Denied)]
#[case::crash_before(Fault::CrashBefore)]
#[case::crash_after(Fault::CrashAfter)]
fn whatever_happens_to_any_write_every_pod_is_restarted(#[case] fault: Fault) {
    let mut plain = deployed();
    let first = plain.writes_seen();
    ask(&mut plain, 0);
    plain.settle();
    let last = plain.writes_seen();
    assert!(last > first + 5, "{}", plain.story());
    for index in first..last {
        let mut world = World::new();
        world.pod_objects = Some(0);
        world.faults.insert(index, fault);
        world.deploy(&canary());
        let before = pods(&world);
        ask(&mut world, 0);
        world.run(Duration::from_mins(3));
        check(&world, &before);
    }
}

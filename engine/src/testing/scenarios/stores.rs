//! Lists and watches that are behind, and Secrets that are not kept.

use std::sync::Arc;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use planner::waiting::Waiting;
use serde_json::json;

use crate::effect::{Call, Effect, Request};
use crate::input::{Input, WatchEvent};
use crate::testing::World;
use crate::testing::fixtures::{nginx, template, web};
use crate::time::after;

fn gets(effects: &[Effect]) -> Vec<ObjectRef> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request { request: Request { object, call: Call::Get }, .. } => Some(object.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_list_that_is_older_than_our_own_write_makes_the_rollout_wait_for_a_live_read() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let old = world.api.list(Kind::Rollout);
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.weight(), "20", "{}", world.story());
    let writes = world.api.writes.len();
    let kind = Kind::Rollout;
    world.engine.handle(Input::Watch { kind, event: WatchEvent::Init }, world.now);
    let mut effects = Vec::new();
    for object in old {
        let event = WatchEvent::InitApply(std::sync::Arc::new(object));
        effects.extend(world.engine.handle(Input::Watch { kind, event }, world.now));
    }
    assert_eq!(gets(&effects), [web()], "{effects:#?}");
    let waiting = world.engine.waiting(&web());
    assert_eq!(waiting, [Waiting::StoreBehindOwnWrites { objects: vec![web()] }]);
    world.feed(Input::Watch { kind, event: WatchEvent::InitDone });
    assert_eq!(world.api.writes.len(), writes, "a snapshot that is behind may only wait");
    for effect in effects {
        world.carry_out(effect);
    }
    world.settle();
    assert_eq!(world.api.writes.len(), writes, "{}", world.story());
    assert!(matches!(world.engine.waiting(&web())[..], [Waiting::Resume { .. }, ..]), "{}", world.story());
}

#[test]
fn a_relist_takes_away_what_was_deleted_meanwhile() {
    let mut world = World::new();
    world.deploy(&json!({}));
    let set = world.api.list(Kind::ReplicaSet).remove(0).meta.name;
    world.api.delete(&ObjectRef::new(Kind::ReplicaSet, "shop", &set));
    world.api.undelivered.clear();
    let kind = Kind::ReplicaSet;
    let writes = world.api.writes.len();
    world.feed(Input::Watch { kind, event: WatchEvent::Init });
    world.feed(Input::Watch { kind, event: WatchEvent::InitDone });
    world.settle();
    let created = format!("create ReplicaSet {set}");
    assert!(world.api.writes[writes..].contains(&created), "{}", world.story());
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

#[test]
fn a_relist_from_a_server_that_is_behind_takes_nothing_away() {
    let mut world = World::new();
    world.deploy(&json!({}));
    let writes = world.api.writes.len();
    for kind in [Kind::ReplicaSet, Kind::Rollout] {
        world.feed(Input::Watch { kind, event: WatchEvent::Init });
        world.feed(Input::Watch { kind, event: WatchEvent::InitDone });
    }
    world.settle();
    assert_eq!(world.api.writes.len(), writes, "{}", world.story());
    assert_eq!(world.phase(), "Healthy");
}

#[test]
fn what_was_deleted_is_there_again_when_the_store_is_restored() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let service = ObjectRef::new(Kind::Service, "shop", "web-canary");
    let before = (world.api.objects[&service].clone(), world.api.list(Kind::Service));
    world.api.delete(&service);
    world.settle();
    assert_eq!(world.phase(), "Degraded", "{}", world.story());
    world.api.objects.insert(service, before.0);
    let kind = Kind::Service;
    world.feed(Input::Watch { kind, event: WatchEvent::Init });
    for object in before.1 {
        world.feed(Input::Watch { kind, event: WatchEvent::InitApply(Arc::new(object)) });
    }
    world.feed(Input::Watch { kind, event: WatchEvent::InitDone });
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

/// An update that waits for a person, whose stable version somebody scales to one pod; what the engine then asks for.
fn scaled_by_somebody(world: &mut World) -> (ObjectRef, Vec<Effect>) {
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let set = ObjectRef::new(Kind::ReplicaSet, "shop", &world.api.list(Kind::ReplicaSet)[0].meta.name);
    world.set_image("web:2");
    world.settle();
    world.api.merge(&set, &json!({ "spec": { "replicas": 1 } }));
    let mut effects = Vec::new();
    for (kind, event) in std::mem::take(&mut world.api.undelivered) {
        effects.extend(world.engine.handle(Input::Watch { kind, event }, world.now));
    }
    (set, effects)
}

/// Answers the requests among effects; returns what follows.
fn answer(world: &mut World, effects: Vec<Effect>) -> Vec<Effect> {
    let mut next = Vec::new();
    for effect in effects {
        if let Effect::Request { id, request, .. } = effect {
            let answer = world.api.call(&request, world.now);
            next.extend(world.engine.handle(Input::Answer { id, answer }, world.now));
        }
    }
    next
}

fn writes(effects: &[Effect]) -> Vec<ObjectRef> {
    let of = |effect: &Effect| match effect {
        Effect::Request { request, .. } if request.call.is_write() => Some(request.object.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn pods_are_added_on_live_reads() {
    let mut world = World::new();
    let (set, reads) = scaled_by_somebody(&mut world);
    assert!(gets(&reads).contains(&set) && gets(&reads).contains(&web()), "{reads:#?}");
    assert_eq!(writes(&reads), []);
    // Meanwhile that person has changed it back.
    world.api.merge(&set, &json!({ "spec": { "replicas": 5 } }));
    let next = answer(&mut world, reads);
    assert_eq!(writes(&next), [], "{next:#?}");
}

#[test]
fn a_read_of_an_earlier_version_tells_that_the_store_was_restored() {
    let mut world = World::new();
    let (set, reads) = scaled_by_somebody(&mut world);
    let restored = world.api.objects.get_mut(&set).unwrap();
    restored["spec"]["replicas"] = json!(5);
    restored["metadata"]["resourceVersion"] = json!("1");
    let next = answer(&mut world, reads);
    assert_eq!(writes(&next), [], "decided on what is no more: {next:#?}");
}

#[test]
fn what_was_read_before_the_process_stood_still_is_read_again() {
    let mut world = World::new();
    let (set, reads) = scaled_by_somebody(&mut world);
    world.now = after(world.now, Duration::from_secs(30));
    let again = answer(&mut world, reads);
    assert_eq!(writes(&again), [], "{again:#?}");
    assert!(gets(&again).contains(&set), "{again:#?}");
    let next = answer(&mut world, again);
    assert_eq!(writes(&next), [set], "{next:#?}");
}

#[test]
fn a_server_that_takes_seconds_for_each_read_is_believed_all_the_same() {
    let mut world = World::new();
    let (set, mut effects) = scaled_by_somebody(&mut world);
    for _ in 0..6 {
        if writes(&effects) == [set.clone()] {
            return;
        }
        world.now = after(world.now, Duration::from_secs(2));
        effects = answer(&mut world, effects);
    }
    panic!("{effects:#?}");
}

#[test]
fn the_first_write_of_a_term_rests_on_live_reads_of_everything_that_steers_the_rollout() {
    let mut world = World::new();
    world
        .deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 40 }, { "pause": {} }])));
    world.set_image("web:2");
    world.settle();
    world.restart();
    let before = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), before, "nothing is to be written, so nothing is read");
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
    let asked = &world.trace[before..];
    let first_write = asked.iter().position(|request| !request.ends_with("call: Get }")).unwrap();
    for kind in ["Rollout", "ReplicaSet", "Service", "Ingress"] {
        let is_read = |request: &String| request.contains(&format!("kind: {kind},"));
        assert!(asked[..first_write].iter().any(is_read), "{kind}: {asked:#?}");
    }
    assert_eq!(world.weight(), "40", "{}", world.story());
}

#[test]
fn what_is_said_about_a_rollout_that_was_never_readable_costs_one_write_and_no_read() {
    let mut world = World::new();
    let bad = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": { "name": "bad", "namespace": "shop" }, "spec": { "replicas": "many" },
    });
    world.api.put(Kind::Rollout, bad, world.now);
    world.settle();
    let about: Vec<&String> =
        world.trace.iter().filter(|request| request.contains("name: \"bad\"")).collect();
    assert!(matches!(about.as_slice(), [write] if write.contains("MergePatchStatus")), "{about:#?}");
}

#[test]
fn the_echo_of_an_own_write_decides_nothing() {
    let mut world = World::new();
    world.deploy(&json!({}));
    for kind in [Kind::Rollout, Kind::ReplicaSet] {
        for object in world.api.list(kind) {
            let event = WatchEvent::Apply(std::sync::Arc::new(object));
            let effects = world.engine.handle(Input::Watch { kind, event }, world.now);
            assert!(effects.is_empty(), "{effects:#?}");
        }
    }
}

#[test]
fn a_secret_is_read_when_it_is_needed_and_kept_nowhere() {
    let mut world = World::new();
    world.metric = Some(
        |_| r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.01"]}]}}"#,
    );
    let mut canary = nginx(&json!([{ "setWeight": 20 }, { "pause": { "duration": "5s" } }]));
    canary["analysis"] = json!({ "templates": [{ "templateName": "secret" }] });
    let mut with_secret = template();
    with_secret["metadata"]["name"] = json!("secret");
    with_secret["spec"]["args"] =
        json!([{ "name": "token", "valueFrom": { "secretKeyRef": { "name": "prom", "key": "token" } } }]);
    with_secret["spec"]["metrics"][0]["provider"]["prometheus"]["headers"] =
        json!([{ "key": "Authorization", "value": "Bearer {{args.token}}" }]);
    world.api.put(Kind::AnalysisTemplate, with_secret, world.now);
    let secret =
        json!({ "metadata": { "name": "prom", "namespace": "shop" }, "data": { "token": "aHVudGVyMg==" } });
    world.api.put(Kind::Secret, secret, world.now);
    world.deploy(&canary);
    world.set_image("web:2");
    world.run(Duration::from_secs(4));
    assert!(world.asked >= 3, "{}", world.story());
    assert_eq!(world.trace.iter().filter(|request| request.contains("kind: Secret")).count(), world.asked);
    assert!(!format!("{:?}", world.engine).contains("hunter2"), "kept between questions");
    assert!(!format!("{:?}", world.api.objects).contains("hunter2"), "written into an object");
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

#[test]
fn a_replica_set_that_is_refused_is_a_condition_and_a_warning() {
    let mut world = World::new();
    world.refuse_replica_sets = true;
    let now = world.now;
    world.api.put(Kind::Rollout, crate::testing::fixtures::rollout("", &json!({})), now);
    world.settle();
    let conditions = &world.status()["conditions"];
    let refused = conditions
        .as_array()
        .unwrap()
        .iter()
        .find(|condition| condition["reason"] == "ReplicaSetCreateError");
    assert!(
        refused.unwrap()["message"].as_str().unwrap().contains("image: Required value"),
        "{}",
        world.story()
    );
    let warnings = world.api.events.iter().filter(|event| event.starts_with("ReplicaSetCreateError")).count();
    assert_eq!(warnings, 1, "{:#?}", world.api.events);
    let tries = world
        .trace
        .iter()
        .filter(|request| request.contains("Create(") && request.contains("ReplicaSet"))
        .count();
    assert!(tries <= 12, "{tries} tries in two minutes");
    world.refuse_replica_sets = false;
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

//! Lists and watches that are behind, and Secrets that are not kept.

use std::sync::Arc;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use planner::waiting::Waiting;
use serde_json::json;

use crate::input::{Input, WatchEvent};
use crate::testing::fixtures::{nginx, template, web};
use crate::testing::{World, gets};

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
        let event = WatchEvent::InitApply(Arc::new(object));
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
    let before = world.api.objects[&service].clone();
    world.api.delete(&service);
    world.settle();
    assert_eq!(world.phase(), "Degraded", "{}", world.story());
    world.api.objects.insert(service, before);
    world.list_anew(Kind::Service);
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

#[test]
fn a_kind_that_is_served_again_is_used_again() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let is_unserved = |world: &World| {
        let waiting = world.engine.waiting(&web());
        waiting.iter().any(|reason| matches!(reason, Waiting::RouteProblem { .. }))
    };
    world.feed(Input::KindMissing(Kind::Ingress));
    world.settle();
    assert!(is_unserved(&world), "{:?}", world.engine.waiting(&web()));
    world.list_anew(Kind::Ingress);
    world.settle();
    assert!(!is_unserved(&world), "{:?}", world.engine.waiting(&web()));
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
            let event = WatchEvent::Apply(Arc::new(object));
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

//! Labels and annotations that pods carry because of their version's role.

use std::time::Duration;

use crds::names::EPHEMERAL_METADATA;
use crds::object_ref::{Kind, ObjectRef};
use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::fixtures::web;
use crate::testing::{Fault, World};

fn roles() -> Value {
    json!({
        "canaryMetadata": { "labels": { "role": "canary" }, "annotations": { "try": "yes" } },
        "stableMetadata": { "labels": { "role": "stable" } },
        "steps": [{ "setWeight": 20 }, { "pause": {} }],
    })
}

fn deployed() -> World {
    let mut world = World::new();
    world.pod_objects = Some(0);
    world.deploy(&roles());
    world
}

/// Promotes the second version.
fn promote(world: &mut World) {
    world.set_image("web:2");
    world.settle();
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
}

/// Checks that every version and every pod carries what its role wants, and nothing else of any role.
fn check(world: &World) {
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    let stable = world.status()["stableRS"].clone();
    let sets = world.api.objects.iter().filter(|(object, _)| object.kind == Kind::ReplicaSet);
    for (object, set) in sets {
        let is_stable = set["metadata"]["labels"]["rollouts-pod-template-hash"] == stable;
        let role = if is_stable { json!("stable") } else { Value::Null };
        let note = set["metadata"]["annotations"].get(EPHEMERAL_METADATA).cloned().unwrap_or_default();
        let want = if is_stable { json!(r#"{"labels":{"role":"stable"}}"#) } else { Value::Null };
        assert_eq!(note, want, "{object}: {}", world.story());
        let pods = world.pods_of(&object.name);
        assert_eq!(pods.len(), if is_stable { 5 } else { 0 }, "{object}");
        let carriers =
            pods.iter().map(|(_, pod)| &pod["metadata"]).chain([&set["spec"]["template"]["metadata"]]);
        for metadata in carriers {
            assert_eq!((&metadata["labels"]["role"], &metadata["annotations"]["try"]), (&role, &Value::Null));
            assert_eq!(metadata["labels"]["app"], "web");
        }
    }
}

#[test]
fn pods_change_their_metadata_with_their_role_and_none_is_restarted() {
    let mut world = deployed();
    check(&world);
    world.set_image("web:2");
    world.settle();
    let canary = world.status()["currentPodHash"].as_str().unwrap().to_owned();
    let canaries = world.pods_of(&format!("web-{canary}"));
    assert_eq!(canaries.len(), 1, "{}", world.story());
    assert_eq!(canaries[0].1["metadata"]["labels"]["role"], "canary");
    assert_eq!(canaries[0].1["metadata"]["annotations"]["try"], "yes");
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
    check(&world);
    assert!(world.api.objects.contains_key(&canaries[0].0), "the first pod of the new version still runs");
    assert_eq!(world.status()["stableRS"], canary);
    let sets = world.api.writes.iter().filter(|write| write.starts_with("create ReplicaSet")).count();
    assert_eq!(sets, 2, "no version is redeployed");
}

#[test]
fn pods_are_watched_only_once_a_rollout_asks_and_then_all_are_read() {
    let mut world = World::new();
    world.pod_objects = Some(0);
    world.deploy(&json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] }));
    world.settle();
    assert!(!world.watches(Kind::Pod));
    world.api.merge(&web(), &json!({ "spec": { "strategy": { "canary": roles() } } }));
    world.settle();
    assert!(world.watches(Kind::Pod));
    check(&world);
}

#[test]
fn pods_of_others_are_known_by_name_alone() {
    let mut world = deployed();
    let other = json!({ "metadata": { "name": "other", "namespace": "shop",
        "labels": { "rollouts-pod-template-hash": "x" }, "ownerReferences": [{ "kind": "ReplicaSet",
        "name": "other", "uid": "u", "controller": true }] } });
    world.api.put(Kind::Pod, other, world.now);
    world.settle();
    let held = |name: &str| {
        let key = ("shop".to_owned(), name.to_owned());
        world.engine.stores.pods.get(&key).map(|held| held.facts().is_some())
    };
    assert_eq!(held("other"), Some(false));
    let ours: Vec<ObjectRef> =
        world.api.objects.keys().filter(|object| object.kind == Kind::Pod).cloned().collect();
    assert!(ours.iter().filter(|pod| pod.name != "other").all(|pod| held(&pod.name) == Some(true)));
}

#[test]
fn metadata_that_nobody_wants_any_more_is_taken_away() {
    let mut world = deployed();
    world.api.merge(
        &web(),
        &json!({ "spec": { "strategy": { "canary": {
        "canaryMetadata": null, "stableMetadata": null } } } }),
    );
    world.settle();
    for (object, value) in &world.api.objects {
        if object.kind == Kind::ReplicaSet {
            assert_eq!(value["metadata"]["annotations"].get(EPHEMERAL_METADATA), None, "{}", world.story());
        }
        if object.kind == Kind::Pod {
            assert_eq!(value["metadata"]["labels"].get("role"), None);
        }
    }
    let requests = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), requests, "and then it is quiet");
}

#[rstest]
#[case::answer_lost(Fault::AnswerLost)]
#[case::overtaken(Fault::Overtaken)]
#[case::crash_before(Fault::CrashBefore)]
#[case::crash_after(Fault::CrashAfter)]
fn whatever_happens_to_any_write_every_pod_ends_with_the_metadata_of_its_role(#[case] fault: Fault) {
    let mut plain = deployed();
    let first = plain.writes_seen();
    promote(&mut plain);
    check(&plain);
    for index in first..plain.writes_seen() {
        let mut world = World::new();
        world.pod_objects = Some(0);
        world.faults.insert(index, fault);
        world.deploy(&roles());
        promote(&mut world);
        world.run(Duration::from_mins(1));
        check(&world);
    }
}

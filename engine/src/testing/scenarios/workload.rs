//! The pod template of another object, and a Deployment whose pods go as those of the Rollout come.

use std::time::Duration;

use crds::names::WORKLOAD_GENERATION;
use crds::object_ref::{Kind, ObjectRef};
use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::fixtures::web;
use crate::testing::{Fault, World};

fn template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "web", "image": image }] },
    })
}

fn deployment() -> ObjectRef {
    ObjectRef::new(Kind::Deployment, "shop", "base")
}

/// A workload of that kind with the template of an image.
fn workload(kind: Kind, image: &str) -> Value {
    let metadata = json!({ "name": "base", "namespace": "shop" });
    let selector = json!({ "matchLabels": { "app": "web" } });
    match kind {
        Kind::PodTemplate => json!({ "metadata": metadata, "template": template(image) }),
        _ => json!({ "metadata": metadata,
            "spec": { "replicas": 5, "selector": selector, "template": template(image) } }),
    }
}

/// A Rollout that refers to it.
fn referring(kind: Kind, scale_down: &str) -> Value {
    let version = if kind == Kind::PodTemplate { "v1" } else { "apps/v1" };
    let reference =
        json!({ "apiVersion": version, "kind": kind.name(), "name": "base", "scaleDown": scale_down });
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": {
            "replicas": 5, "selector": { "matchLabels": { "app": "web" } }, "workloadRef": reference,
            "strategy": { "canary": { "steps": [{ "setWeight": 40 }, { "pause": { "duration": "2s" } }] } },
        },
    })
}

fn set_image(world: &mut World, image: &str) {
    world.api.merge(&deployment(), &json!({ "spec": { "template": template(image) } }));
}

fn size(world: &World) -> i64 {
    world.api.objects[&deployment()]["spec"]["replicas"].as_i64().unwrap()
}

/// A Deployment is replaced and gets another image later.
fn story(scale_down: &str, faults: impl IntoIterator<Item = (usize, Fault)>, slow_watch: bool) -> World {
    let mut world = World::new();
    world.faults = faults.into_iter().collect();
    world.slow_watch = slow_watch;
    world.api.put(Kind::Deployment, workload(Kind::Deployment, "web:1"), world.now);
    world.api.put(Kind::Rollout, referring(Kind::Deployment, scale_down), world.now);
    world.settle();
    set_image(&mut world, "web:2");
    world.settle();
    world.settle();
    world
}

/// The images of the ReplicaSets with pods.
fn images(world: &World) -> Vec<String> {
    let sets = world.api.objects.iter().filter(|(object, _)| object.kind == Kind::ReplicaSet);
    sets.filter(|(_, set)| set["spec"]["replicas"] != 0)
        .map(|(_, set)| {
            set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn check(world: &World, want: i64, what: &str) {
    assert_eq!(world.phase(), "Healthy", "{what}: {}", world.story());
    assert_eq!(images(world), ["web:2"], "{what}: {}", world.story());
    assert_eq!(size(world), want, "{what}: {}", world.story());
    let rollout = &world.api.objects[&web()];
    assert_eq!(
        rollout["spec"].get("template"),
        None,
        "{what}: what was read elsewhere is never written down"
    );
    let generation = world.api.objects[&deployment()]["metadata"]["generation"].to_string();
    assert_eq!(rollout["metadata"]["annotations"][WORKLOAD_GENERATION], *generation, "{what}");
    assert_eq!(rollout["status"]["workloadObservedGeneration"], *generation, "{what}");
    let created = world.api.writes.iter().filter(|write| write.starts_with("create ReplicaSet")).count();
    assert_eq!(created, 2, "{what}: {:#?}", world.api.writes);
}

#[test]
fn a_deployment_that_is_not_to_shrink_is_only_read() {
    check(&story("never", [], false), 5, "undisturbed");
}

#[rstest]
#[case::onsuccess("onsuccess", 0)]
#[case::progressively("progressively", 0)]
fn whatever_happens_to_any_write_the_deployment_is_replaced(#[case] scale_down: &str, #[case] want: i64) {
    let plain = story(scale_down, [], false);
    check(&plain, want, "undisturbed");
    for fault in Fault::ALL {
        for index in 0..plain.writes_seen() {
            check(&story(scale_down, [(index, fault)], false), want, &format!("{fault:?} at write {index}"));
        }
    }
    check(&story(scale_down, [], true), want, "slow watches");
}

#[test]
fn pods_are_taken_from_a_deployment_by_uid_and_size_after_live_reads() {
    let mut world = World::new();
    world.api.put(Kind::Deployment, workload(Kind::Deployment, "web:1"), world.now);
    world.api.put(Kind::Rollout, referring(Kind::Deployment, "progressively"), world.now);
    world.settle();
    let uid = world.api.objects[&deployment()]["metadata"]["uid"].as_str().unwrap();
    let patch = |from: i32, to: i32| {
        let body = json!([
            { "op": "test", "path": "/metadata/uid", "value": uid },
            { "op": "test", "path": "/spec/replicas", "value": from },
            { "op": "replace", "path": "/spec/replicas", "value": to },
        ]);
        let call = crate::effect::Call::JsonPatch(body);
        format!("{:?}", crate::effect::Request { object: deployment(), call })
    };
    let place = |wanted: &String| world.trace.iter().position(|request| request == wanted);
    let (first, last) = (place(&patch(5, 1)).unwrap(), place(&patch(1, 0)).unwrap());
    assert!(first < last);
    let read =
        format!("{:?}", crate::effect::Request { object: deployment(), call: crate::effect::Call::Get });
    assert!(world.trace[..first].contains(&read), "{:#?}", &world.trace[..first]);
    let told = world.api.events.iter().filter(|event| event.starts_with("ScalingDeployment")).count();
    assert_eq!(told, 2, "{:#?}", world.api.events);
}

#[test]
fn a_deployment_that_somebody_scales_meanwhile_is_looked_at_again() {
    let mut world = World::new();
    world.pods_start = false;
    world.api.put(Kind::Deployment, workload(Kind::Deployment, "web:1"), world.now);
    world.api.put(Kind::Rollout, referring(Kind::Deployment, "progressively"), world.now);
    world.settle();
    assert_eq!(size(&world), 5, "no pod is available");
    world.api.merge(&deployment(), &json!({ "spec": { "replicas": 9 } }));
    world.settle();
    assert_eq!(size(&world), 9, "and still none is");
    world.pods_start = true;
    world.settle();
    assert_eq!((size(&world), world.phase()), (0, "Healthy"), "{}", world.story());
    let requests = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), requests, "and then it is quiet");
}

#[rstest]
#[case::deployment(Kind::Deployment)]
#[case::replica_set(Kind::SourceReplicaSet)]
#[case::pod_template(Kind::PodTemplate)]
fn a_workload_may_come_late_and_change_and_go(#[case] kind: Kind) {
    let mut world = World::new();
    world.api.put(Kind::Rollout, referring(kind, "never"), world.now);
    world.settle();
    let missing = |world: &World| {
        let message = world.status()["message"].as_str().unwrap();
        message.starts_with("InvalidSpec") && message.ends_with("\"base\" not found")
    };
    assert!(missing(&world), "{}", world.story());
    let base = world.api.put(kind, workload(kind, "web:1"), world.now);
    world.settle();
    assert_eq!((world.phase(), images(&world)), ("Healthy", vec!["web:1".to_owned()]), "{}", world.story());
    world.api.put(kind, workload(kind, "web:2"), world.now);
    world.run(Duration::from_millis(1));
    assert_eq!(images(&world).len(), 2, "at once: {}", world.story());
    world.settle();
    assert_eq!((world.phase(), images(&world)), ("Healthy", vec!["web:2".to_owned()]), "{}", world.story());
    world.api.delete(&base);
    world.settle();
    assert!(missing(&world), "{}", world.story());
    assert_eq!(images(&world), ["web:2"], "its pods stay");
    world.api.put(kind, workload(kind, "web:2"), world.now);
    world.settle();
    assert_eq!((world.phase(), images(&world)), ("Healthy", vec!["web:2".to_owned()]), "{}", world.story());
}

#[test]
fn workloads_are_watched_only_where_a_rollout_refers_to_one_and_others_are_known_by_name_alone() {
    let mut world = World::new();
    world.deploy(&json!({}));
    let kinds = [Kind::Deployment, Kind::SourceReplicaSet, Kind::PodTemplate];
    assert!(kinds.iter().all(|kind| !world.watches(*kind)));
    world.api.put(Kind::Deployment, workload(Kind::Deployment, "web:1"), world.now);
    let mut other = workload(Kind::Deployment, "other:1");
    other["metadata"]["name"] = json!("other");
    world.api.put(Kind::Deployment, other, world.now);
    let reference = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "base" });
    let patch = json!({ "spec": { "template": null, "workloadRef": reference } });
    world.api.merge(&web(), &patch);
    world.settle();
    assert_eq!(kinds.map(|kind| world.watches(kind)), [true, false, false]);
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    assert_eq!(images(&world), ["web:1"], "the same template is the same version");
    let kept = |world: &World, name: &str| {
        let key = ("shop".to_owned(), name.to_owned());
        world.engine.stores.deployments.get(&key).map(|held| held.kept().is_some())
    };
    assert_eq!((kept(&world, "base"), kept(&world, "other")), (Some(true), Some(false)));
    // The reference moves to one that is known by name alone, and its template is read.
    let patch = json!({ "spec": { "workloadRef": { "name": "other" } } });
    world.api.merge(&web(), &patch);
    world.settle();
    assert_eq!(images(&world), ["other:1"], "{}", world.story());
    assert_eq!((kept(&world, "base"), kept(&world, "other")), (Some(false), Some(true)));
}

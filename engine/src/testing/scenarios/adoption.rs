//! What others have left: ReplicaSets without an owner, and updates that another operator has begun.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::fixtures::{blue_green, nginx, route, web};
use crate::testing::{Fault, World};

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }])
}

fn sets(world: &World) -> BTreeMap<ObjectRef, Value> {
    let is_set = |(object, _): &(&ObjectRef, &Value)| object.kind == Kind::ReplicaSet;
    world.api.objects.iter().filter(is_set).map(|(object, set)| (object.clone(), set.clone())).collect()
}

/// The Rollout is deleted without its ReplicaSets, and applied again.
fn make_anew(world: &mut World) {
    let mut rollout = world.api.objects[&web()].clone();
    world.api.delete(&web());
    for set in sets(world).keys() {
        world.api.merge(set, &json!({ "metadata": { "ownerReferences": null } }));
    }
    rollout["metadata"] = json!({ "name": "web", "namespace": "shop" });
    rollout["status"] = json!({});
    world.api.put(Kind::Rollout, rollout, world.now);
}

/// Checks that the Rollout controls all ReplicaSets and that no pod came or went.
fn check(world: &World, before: &BTreeMap<ObjectRef, Value>) {
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    let uid = &world.api.objects[&web()]["metadata"]["uid"];
    let after = sets(world);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (object, set) in &after {
        let owners = set["metadata"]["ownerReferences"].as_array().unwrap();
        let controllers = owners.iter().filter(|owner| owner["controller"] == true);
        assert_eq!(controllers.map(|owner| &owner["uid"]).collect::<Vec<_>>(), [uid], "{object}");
        assert_eq!(set["spec"], before[object]["spec"], "{object}");
    }
}

#[test]
fn replica_sets_that_were_left_are_taken_over_as_they_were_seen() {
    let mut world = World::new();
    world.deploy(&json!({}));
    let before = sets(&world);
    make_anew(&mut world);
    let set = before.keys().next().unwrap();
    let seen = world.api.objects[set]["metadata"].clone();
    let requests = world.trace.len();
    world.settle();
    check(&world, &before);
    let adoption =
        world.trace[requests..].iter().find(|request| request.contains("ownerReferences")).unwrap();
    for text in [&seen["uid"], &seen["resourceVersion"]] {
        assert!(adoption.contains(&text.to_string()), "{adoption}");
    }
    let requests = world.trace.len();
    world.settle();
    assert_eq!(world.trace.len(), requests, "and then it is quiet");
}

#[test]
fn other_owners_stay_and_somebody_elses_replica_set_is_never_touched() {
    let mut world = World::new();
    world.deploy(&json!({}));
    let set = sets(&world).keys().next().unwrap().clone();
    let other = |controller: bool| json!([{ "apiVersion": "v1", "kind": "Team", "name": "shop", "uid": "t", "controller": controller }]);
    make_anew(&mut world);
    world.api.merge(&set, &json!({ "metadata": { "ownerReferences": other(false) } }));
    world.settle();
    let owners = world.api.objects[&set]["metadata"]["ownerReferences"].as_array().unwrap().clone();
    assert_eq!(owners.len(), 2, "{owners:?}");
    assert_eq!(owners[0], other(false)[0]);

    make_anew(&mut world);
    world.api.merge(&set, &json!({ "metadata": { "ownerReferences": other(true) } }));
    let foreign = world.api.objects[&set].clone();
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    assert_eq!(world.api.objects[&set], foreign);
    assert_eq!(sets(&world).len(), 2, "it has one of its own under another name");
}

#[rstest]
#[case::answer_lost(Fault::AnswerLost)]
#[case::request_lost(Fault::RequestLost)]
#[case::overtaken(Fault::Overtaken)]
#[case::unavailable(Fault::Unavailable)]
#[case::denied(Fault::Denied)]
#[case::crash_before(Fault::CrashBefore)]
#[case::crash_after(Fault::CrashAfter)]
fn whatever_happens_to_any_write_all_are_taken_over(#[case] fault: Fault) {
    let story = |faults: BTreeMap<usize, Fault>| {
        let mut world = World::new();
        world.deploy(&json!({}));
        world.set_image("web:2");
        world.settle();
        let (before, first) = (sets(&world), world.writes_seen());
        world.faults = faults;
        make_anew(&mut world);
        world.run(Duration::from_mins(3));
        check(&world, &before);
        (first, world.writes_seen())
    };
    let (first, last) = story(BTreeMap::new());
    assert!(last >= first + 2);
    for index in first..last {
        story(BTreeMap::from([(index, fault)]));
    }
}

/// Makes everything look as another operator of the same API leaves it: other hashes of templates and steps, templates
/// with the server's defaults, nothing of our own.
fn leave_to_another(world: &mut World) {
    let mut hashes: Vec<String> = sets(world)
        .values()
        .map(|set| set["metadata"]["labels"]["rollouts-pod-template-hash"].as_str().unwrap().to_owned())
        .collect();
    hashes.sort();
    let foreign = ["6f7bb8d4c5", "5d9c7c6b7f"];
    let renamed = |text: &str| {
        let pairs = hashes.iter().zip(foreign);
        pairs.fold(text.to_owned(), |text, (ours, theirs)| text.replace(ours.as_str(), theirs))
    };
    world.restart();
    let objects = std::mem::take(&mut world.api.objects);
    for (object, value) in objects {
        let mut value: Value = serde_json::from_str(&renamed(&value.to_string())).unwrap();
        if object.kind == Kind::Rollout {
            let status = value["status"].as_object_mut().unwrap();
            status.remove("linnet");
            if status.contains_key("currentStepHash") {
                status["currentStepHash"] = json!("797b5dc8c8");
            }
        }
        if object.kind == Kind::ReplicaSet {
            let spec = &mut value["spec"]["template"]["spec"];
            spec["restartPolicy"] = json!("Always");
            spec["dnsPolicy"] = json!("ClusterFirst");
            spec["terminationGracePeriodSeconds"] = json!(30);
            spec["containers"][0]["imagePullPolicy"] = json!("IfNotPresent");
        }
        let object = ObjectRef::new(object.kind, object.namespace, renamed(&object.name));
        world.api.objects.insert(object, value);
    }
    world.api.undelivered.clear();
}

/// What was written but for the status of the Rollout.
fn beside_status(world: &World, from: usize) -> Vec<String> {
    let writes = world.api.writes.iter().skip(from);
    writes.filter(|write| !write.starts_with("patch status of Rollout")).cloned().collect()
}

#[test]
fn a_canary_that_another_operator_has_begun_goes_on_where_it_is() {
    let mut world = World::new();
    world.deploy(&nginx(&steps()));
    world.set_image("web:2");
    world.settle();
    assert_eq!((world.phase(), world.weight()), ("Paused", "20"));
    leave_to_another(&mut world);
    let (before, status, writes) = (sets(&world), world.status().clone(), world.api.writes.len());
    world.settle();
    assert_eq!(beside_status(&world, writes), Vec::<String>::new(), "{}", world.story());
    for field in ["currentPodHash", "stableRS", "currentStepIndex", "pauseConditions", "phase"] {
        assert_eq!(world.status()[field], status[field], "{field}");
    }
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    assert_eq!(world.status()["stableRS"], status["currentPodHash"]);
    assert_eq!(sets(&world).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}

#[test]
fn a_blue_green_update_that_another_operator_has_begun_goes_on_where_it_is() {
    let mut strategy = blue_green();
    let fields = strategy["blueGreen"].as_object_mut().unwrap();
    fields.retain(|field, _| !field.ends_with("Analysis"));
    fields.insert("autoPromotionEnabled".to_owned(), json!(false));
    fields.insert("scaleDownDelaySeconds".to_owned(), json!(300));
    let mut world = World::new();
    world.deploy_with(&strategy);
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.phase(), "Paused");
    leave_to_another(&mut world);
    let (before, status, writes) = (sets(&world), world.status().clone(), world.api.writes.len());
    let active = world.selected("web-active").to_owned();
    world.settle();
    assert_eq!(beside_status(&world, writes), Vec::<String>::new(), "{}", world.story());
    assert_eq!((world.phase(), world.selected("web-active")), ("Paused", active.as_str()));

    // It promotes; the version before is kept until the time that the other operator has set.
    world.patch_status(&json!({ "pauseConditions": null }));
    world.run(Duration::from_mins(1));
    assert_eq!(world.status()["stableRS"], status["currentPodHash"], "{}", world.story());
    leave_to_another_again(&mut world);
    let writes = world.api.writes.len();
    world.run(Duration::from_mins(2));
    assert_eq!(beside_status(&world, writes), Vec::<String>::new(), "{}", world.story());
    world.run(Duration::from_mins(4));
    let old = sets(&world).values().filter(|set| set["spec"]["replicas"] == 0).count();
    assert_eq!((old, world.phase()), (1, "Healthy"), "{}", world.story());
    assert_eq!(sets(&world).len(), before.len());
}

/// Only what is our own goes: the names are the other operator's already.
fn leave_to_another_again(world: &mut World) {
    world.restart();
    world.api.merge(&web(), &json!({ "status": { "linnet": null } }));
    world.api.undelivered.clear();
}

/// A Rollout that is made anew in the middle of an update goes on with it from its first step, whatever its stores know:
/// what serves the users, the Service says, and which ReplicaSet that is, is read live.
#[rstest]
#[case::that_sees_everything(false)]
#[case::that_sees_it_late(true)]
fn a_rollout_that_is_made_anew_in_the_middle_of_an_update_gives_nobody_more_requests(
    #[case] slow_watch: bool,
) {
    let mut world = World::new();
    world.deploy(&nginx(&steps()));
    world.set_image("web:2");
    world.run(Duration::from_mins(1));
    assert_eq!(world.weight(), "20", "{}", world.story());
    let stable = world.api.objects[&web()]["status"]["stableRS"].clone();
    make_anew(&mut world);
    // The garbage collector takes what the old one owned and nobody has kept.
    world.api.delete(&route());
    world.slow_watch = slow_watch;
    world.run(Duration::from_mins(1));
    let status = &world.api.objects[&web()]["status"];
    assert_eq!((&status["stableRS"], &status["currentStepIndex"]), (&stable, &json!(1)), "{}", world.story());
    assert_eq!((world.phase(), world.weight()), ("Paused", "20"), "{}", world.story());
}

//! What is read live before something is written, and for how long that counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::{Kind, ObjectRef};
use serde_json::json;

use crate::effect::Effect;
use crate::input::Input;
use crate::testing::fixtures::{nginx, web};
use crate::testing::{Fault, World, gets};
use crate::time::after;

/// An update that waits for a person, whose stable version somebody scales to one pod; what the engine then asks for.
fn scaled_by_somebody(world: &mut World) -> (ObjectRef, Vec<Effect>) {
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let set = ObjectRef::new(Kind::ReplicaSet, "shop", &world.api.list(Kind::ReplicaSet)[0].meta.name);
    world.set_image("web:2");
    world.settle();
    world.api.merge(&set, &json!({ "spec": { "replicas": 1 } }));
    let effects = seen(world);
    (set, effects)
}

/// Delivers what changed; returns what follows.
fn seen(world: &mut World) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (kind, event) in std::mem::take(&mut world.api.undelivered) {
        effects.extend(world.engine.handle(Input::Watch { kind, event }, world.now));
    }
    effects
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
fn an_answer_from_before_the_store_was_restored_is_not_believed() {
    let mut world = World::new();
    let (set, reads) = scaled_by_somebody(&mut world);
    let mut restored = world.api.objects[&set].clone();
    restored["metadata"]["resourceVersion"] = json!("1");
    let asked = answer(&mut world, reads);
    assert_eq!(writes(&asked), std::slice::from_ref(&set));
    let request = |effect| match effect {
        Effect::Request { id, request, .. } if request.object == set => Some((id, request)),
        _ => None,
    };
    let (id, request) = asked.into_iter().find_map(request).unwrap();
    let answer = world.api.call(&request, world.now);
    world.api.objects.insert(set.clone(), restored);
    world.api.undelivered.clear();
    world.list_anew(Kind::ReplicaSet);
    let effects = world.engine.handle(Input::Answer { id, answer }, world.now);
    assert_eq!(gets(&effects), std::slice::from_ref(&set), "{effects:#?}");
    for effect in effects {
        world.carry_out(effect);
    }
    world.settle();
    assert_eq!(world.api.objects[&set]["spec"]["replicas"], 5, "{}", world.story());
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
fn a_busy_server_is_asked_twice_once_and_then_taken_as_it_is() {
    let mut world = World::new();
    let (set, mut effects) = scaled_by_somebody(&mut world);
    let mut rounds = Vec::new();
    for size in [1, 2, 3] {
        let mut asked = 0;
        while writes(&effects) != [set.clone()] {
            asked += 1;
            world.now = after(world.now, Duration::from_millis(1_200));
            effects = answer(&mut world, effects);
        }
        rounds.push(asked);
        answer(&mut world, effects);
        world.settle();
        world.api.merge(&set, &json!({ "spec": { "replicas": size } }));
        effects = seen(&mut world);
    }
    assert_eq!(rounds, [2, 1, 1]);
}

/// An update that waits for a person at 20 %.
fn waiting() -> World {
    let mut world = World::new();
    world
        .deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 40 }, { "pause": {} }])));
    world.set_image("web:2");
    world.settle();
    world
}

#[test]
fn the_first_write_of_a_term_rests_on_live_reads_of_everything_that_steers_the_rollout() {
    let mut world = waiting();
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

/// How often each object was read live in a part of the story.
fn reads(trace: &[String]) -> BTreeMap<&String, usize> {
    let mut counted = BTreeMap::new();
    for request in trace.iter().filter(|request| request.ends_with("call: Get }")) {
        *counted.entry(request).or_default() += 1;
    }
    counted
}

/// An update that waits at 20 % is sent on to 40 %; what was asked for since.
fn sent_on(change: fn(&mut World)) -> Vec<String> {
    let mut world = waiting();
    let before = world.trace.len();
    change(&mut world);
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
    assert_eq!(world.weight(), "40", "{}", world.story());
    world.trace.split_off(before)
}

#[test]
fn what_was_read_also_serves_what_adds_pods_and_statuses_but_nothing_that_moves_requests() {
    let asked = sent_on(|_| ());
    let is_write = |request: &&String| request.contains("Patch");
    assert!(
        asked.iter().filter(is_write).count() >= 4,
        "a step is left, pods come, the weight rises: {asked:#?}"
    );
    // Once for the step that is left and for its pods, and once for the weight and the step that is done with it.
    for (request, times) in reads(&asked) {
        assert!(times <= 2 || request.contains("kind: Rollout,"), "{times} times {request}");
    }
    let weight =
        asked.iter().position(|request| is_write(&request) && request.contains("kind: Ingress")).unwrap();
    let before = asked[..weight].iter().rposition(|request| is_write(&request)).unwrap();
    let anew = reads(&asked[before..weight]);
    for kind in ["ReplicaSet", "Service", "Ingress"] {
        assert!(anew.keys().any(|request| request.contains(&format!("kind: {kind},"))), "{kind}: {asked:#?}");
    }
}

#[test]
fn a_promoted_version_takes_all_requests_on_the_pods_of_the_version_before() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let earlier = world.api.list(Kind::ReplicaSet)[0].meta.name.clone();
    world.set_image("web:2");
    world.settle();
    let before = world.trace.len();
    world.patch_status(&json!({ "pauseConditions": null }));
    world.settle();
    assert_eq!(world.weight(), "0", "{}", world.story());
    let asked = &world.trace[before..];
    let is_write = |request: &String| request.contains("Patch");
    let last =
        asked.iter().rposition(|request| is_write(request) && request.contains("kind: Ingress")).unwrap();
    let written = asked[..last].iter().rposition(is_write).unwrap();
    let anew = reads(&asked[written..last]);
    assert!(anew.keys().any(|request| request.contains(&earlier)), "{earlier}: {asked:#?}");
}

#[test]
fn a_conflict_ends_what_was_read() {
    let asked = sent_on(|world| {
        let next = world.writes_seen();
        world.faults.insert(next, Fault::Overtaken);
    });
    let again =
        reads(&asked).into_iter().filter(|(request, times)| *times > 1 && request.contains("kind: Service,"));
    assert!(again.count() > 0, "{asked:#?}");
}

#[test]
fn a_rollout_without_a_status_lists_its_replica_sets() {
    let mut world = World::new();
    world.deploy(&json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] }));
    let set = world.api.list(Kind::ReplicaSet).remove(0).reference();
    let mut rollout = world.api.objects[&web()].clone();
    world.api.delete(&web());
    world.settle();
    // The ReplicaSet was left, and the watch has missed that.
    let mut left = world.api.objects[&set].clone();
    world.api.delete(&set);
    world.settle();
    left["metadata"]["ownerReferences"] = json!([]);
    left["status"]["observedGeneration"] = json!(1);
    world.api.put(Kind::ReplicaSet, left, world.now);
    world.api.undelivered.clear();
    // Applied again, it wants another version.
    rollout["metadata"] = json!({ "name": "web", "namespace": "shop" });
    rollout["status"] = json!({});
    rollout["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    world.api.put(Kind::Rollout, rollout, world.now);
    world.settle();
    let status = &world.api.objects[&web()]["status"];
    let stable = &world.api.objects[&set]["metadata"]["labels"][POD_TEMPLATE_HASH];
    assert_eq!((&status["stableRS"], &status["currentStepIndex"]), (stable, &json!(1)), "{}", world.story());
}

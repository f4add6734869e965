//! People, controllers and tools: whole manifests, patches, typed changes.

use engine::object::View;

use super::*;

#[test]
fn what_is_applied_twice_is_written_once() {
    let mut store = Store::new();
    let service = manifest(Kind::Service, "web");
    let web = store.apply(&service, START).unwrap();
    store.apply(&service, later(1)).unwrap();
    assert_eq!((store.version(), web), (1, reference(Kind::Service, "web")));
}

#[test]
fn applying_leaves_alone_what_others_have_added() {
    let mut store = Store::new();
    let mut service = manifest(Kind::Service, "web");
    service["metadata"]["labels"] = json!({ "tier": "front" });
    let web = store.apply(&service, START).unwrap();
    store.merge(
        &web,
        &json!({ "spec": { "selector": { "rollouts-pod-template-hash": "abc" } } }),
        false,
        START,
    );

    service["metadata"]["labels"] = json!({ "team": "shop" });
    store.apply(&service, later(1)).unwrap();
    let held = store.manifest(&web).unwrap();
    assert_eq!(held["spec"]["selector"], json!({ "app": "web", "rollouts-pod-template-hash": "abc" }));
    assert_eq!(held["metadata"]["labels"], json!({ "team": "shop" }), "what it had and lacks now goes");
}

#[test]
fn applying_puts_back_what_it_says_itself() {
    let mut store = Store::new();
    let route = manifest(Kind::VirtualService, "web");
    let web = store.apply(&route, START).unwrap();
    let moved = json!({ "spec": { "http": [{ "route": [{ "weight": 80 }, { "weight": 20 }] }] } });
    store.merge(&web, &moved, false, START);
    store.apply(&route, later(1)).unwrap();
    assert_eq!(store.manifest(&web).unwrap()["spec"], route["spec"]);
    assert_eq!(store.version(), 3);
}

#[test]
fn a_manifest_of_an_unknown_kind_is_refused() {
    let refusal = Store::new().apply(&json!({ "kind": "StatefulSet", "metadata": { "name": "web" } }), START);
    assert_eq!(code(&refusal.unwrap_err()), (400, "BadRequest"));
}

#[test]
fn a_spec_that_cannot_be_read_is_kept_and_said() {
    let (mut store, web) = store_with(Kind::Rollout);
    let fast = json!({ "spec": { "strategy": "fast" } });
    assert_eq!(code(&store.merge(&web, &fast, false, later(2))), (422, "Invalid"));
    store.set_permissive(true);
    store.merge(&web, &fast, false, later(2));
    store.set_permissive(false);
    let labelled = store.merge(&web, &json!({ "metadata": { "labels": { "a": "b" } } }), false, later(2));
    assert_eq!(code(&labelled), (200, ""), "what was wrong before is borne with");
    let View::Rollout(facts) = &store.get(&web).unwrap().view else { panic!("no Rollout") };
    assert!(facts.spec.as_ref().unwrap_err().contains("spec.strategy"), "{:?}", facts.spec);
    store.merge(&web, &json!({ "spec": { "strategy": { "canary": {} } } }), false, later(3));
    let View::Rollout(facts) = &store.get(&web).unwrap().view else { panic!("no Rollout") };
    assert_eq!(facts.spec.as_ref().unwrap().replicas, Some(3));
}

#[test]
fn an_abort_by_a_person_is_a_status() {
    let (mut store, web) = store_with(Kind::Rollout);
    let after = object(store.merge(&web, &json!({ "status": { "abort": true } }), true, later(2)));
    let View::Rollout(facts) = after.view else { panic!("no Rollout") };
    assert!(facts.status.abort);
    assert_eq!(facts.meta.generation, 1);
}

#[test]
fn a_controller_changes_a_status_and_an_autoscaler_a_spec() {
    let (mut store, web) = store_with(Kind::Rollout);
    assert!(store.update_spec(&web, later(2), |object| {
        if let View::Rollout(facts) = &mut object.view {
            facts.spec.as_mut().unwrap().replicas = Some(9);
        }
    }));
    let held = store.manifest(&web).unwrap();
    assert_eq!((&held["spec"]["replicas"], &held["metadata"]["generation"]), (&json!(9), &json!(2)));
    assert_eq!(held["spec"]["template"]["spec"]["containers"][0]["image"], "a:1");
    // A patch on top starts from what the typed change left.
    store.merge(&web, &json!({ "spec": { "paused": true } }), false, later(3));
    assert_eq!(store.manifest(&web).unwrap()["spec"]["replicas"], 9);

    assert!(store.update(&web, later(4), |object| {
        if let View::Rollout(facts) = &mut object.view {
            facts.status.replicas = 9;
        }
    }));
    assert_eq!(store.get(&web).unwrap().meta.generation, 3);
    assert!(!store.update(&web, later(5), |_| {}), "nothing changed");
    assert_eq!(store.version(), 4);
}

#[test]
fn the_store_goes_back_to_a_backup() {
    let (mut store, web) = store_with(Kind::Rollout);
    store.merge(&web, &json!({ "spec": { "replicas": 5 } }), false, later(2));
    store.apply(&manifest(Kind::Service, "late"), later(3)).unwrap();
    store.restore(1);
    assert_eq!((store.version(), store.restores()), (1, 1));
    assert_eq!(store.manifest(&web).unwrap()["spec"]["replicas"], 3);
    assert!(store.get(&reference(Kind::Service, "late")).is_none());
    let again = store.apply(&manifest(Kind::Service, "late"), later(4)).unwrap();
    assert_eq!(store.version(), 2, "versions are given out a second time");
    assert_eq!(store.get(&again).unwrap().meta.uid, "uid-3", "uids are not");
}

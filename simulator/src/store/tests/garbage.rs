//! What goes with its owner.

use super::*;

fn owned(name: &str, owners: &Value) -> Value {
    let mut manifest = manifest(Kind::ReplicaSet, name);
    manifest["metadata"]["ownerReferences"] = owners.clone();
    manifest
}

fn owner(kind: &str, uid: &str) -> Value {
    json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": "web", "uid": uid, "controller": kind == "Rollout" })
}

#[test]
fn what_is_owned_goes_with_its_owner() {
    let (mut store, web) = store_with(Kind::Rollout);
    let set = store.apply(&owned("set", &json!([owner("Rollout", "uid-1")])), START).unwrap();
    assert_eq!(store.get(&set).unwrap().meta.controller.as_ref().unwrap().uid, "uid-1");
    assert_eq!(store.collect_garbage(later(1)), 0, "the owner is there");
    assert!(store.remove(&web, later(2)));
    assert!(store.get(&set).is_some(), "it goes later, on its own");
    assert!(store.is_untidy());
    assert_eq!(store.collect_garbage(later(3)), 1);
    assert!(store.get(&set).is_none());
    assert_eq!(store.collect_garbage(later(4)), 0);
}

#[test]
fn an_owner_that_never_was_takes_its_objects_with_it() {
    let mut store = Store::new();
    let set = store.apply(&owned("set", &json!([owner("Rollout", "uid-9")])), START).unwrap();
    assert_eq!(store.collect_garbage(later(1)), 1);
    assert!(store.get(&set).is_none());
}

#[test]
fn the_last_owner_decides() {
    let (mut store, web) = store_with(Kind::Rollout);
    let owners = json!([owner("Rollout", "uid-1"), owner("StatefulSet", "somebody")]);
    let set = store.apply(&owned("set", &owners), START).unwrap();
    store.remove(&web, later(2));
    assert_eq!(store.collect_garbage(later(3)), 1);
    let kept = store.get(&set).unwrap();
    assert_eq!(kept.meta.controller, None);
    assert_eq!(store.manifest(&set).unwrap()["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
}

#[test]
fn whoever_gets_a_dead_owner_later_goes_too() {
    let (mut store, web) = store_with(Kind::Rollout);
    let set = store.apply(&manifest(Kind::ReplicaSet, "set"), START).unwrap();
    store.remove(&web, later(1));
    assert_eq!(store.collect_garbage(later(2)), 0);
    let owners = json!([owner("Rollout", "uid-1")]);
    store.merge(&set, &json!({ "metadata": { "ownerReferences": owners } }), false, later(3));
    assert_eq!(store.collect_garbage(later(4)), 1);
    assert!(store.get(&set).is_none());
}

//! What is left behind, and what is not ours.

use super::*;

#[test]
fn s7_old_pods_are_left() {
    let mut world = world("canary-nginx/steps");
    while world.step() {}
    let mut store = world.store().clone();
    assert_eq!(ending::leaks(&store), Vec::<String>::new());
    let stable = facts(&world).status.stable_rs;
    let old =
        crate::roles::sets(&store, &facts(&world)).find(|set| set.hash != stable).unwrap().meta.name.clone();
    store.merge(&object(Kind::ReplicaSet, &old), &json!({ "spec": { "replicas": 2 } }), false, world.now());
    assert_eq!(ending::leaks(&store).len(), 1);
    store.merge(world.rollout(), &json!({ "spec": { "revisionHistoryLimit": 0 } }), false, world.now());
    store.merge(&object(Kind::ReplicaSet, &old), &json!({ "spec": { "replicas": 0 } }), false, world.now());
    assert_eq!(ending::leaks(&store).len(), 1, "the history is too long");
}

#[rstest]
#[case::ports_of_a_service("canary-nginx/steps", Kind::Service, "web-canary", json!({ "spec": { "ports": [{ "port": 81 }], "selector": { "app": "other" } } }))]
#[case::labels("canary-nginx/steps", Kind::Service, "web-canary", json!({ "metadata": { "labels": { "a": "b" } } }))]
#[case::a_foreign_ingress("canary-nginx/steps", Kind::Ingress, "web", json!({ "metadata": { "annotations": { "a": "b" } } }))]
#[case::hosts_of_a_route("canary-istio/steps", Kind::VirtualService, "web", json!({ "spec": { "hosts": ["other.example.com"] } }))]
#[case::the_users_spec("canary-istio/steps", Kind::Rollout, "web", json!({ "spec": { "replicas": 1 } }))]
fn s8_what_is_not_ours(#[case] name: &str, #[case] kind: Kind, #[case] who: &str, #[case] patch: Value) {
    let mut world = world(name);
    until(&mut world, is_at(1));
    world.forge(object(kind, who), Call::MergePatch(patch));
    assert!(rules(&world).contains(&Rule::S8), "{:?}", world.violations());
}

#[rstest]
#[case::another_template(json!([{ "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x" }]))]
#[case::more_pods(json!([{ "op": "replace", "path": "/spec/replicas", "value": 9 }]))]
#[case::fewer_pods_of_its_owner(json!([{ "op": "replace", "path": "/spec/replicas", "value": 1 }]))]
fn s8_a_deployment_is_its_owners(#[case] patch: Value) {
    let mut world = referring();
    until(&mut world, is_at(1));
    let deployment = object(Kind::Deployment, "base");
    world.give(&deployment, &json!({ "spec": { "replicas": 3 } }));
    world.forge(deployment, Call::JsonPatch(patch));
    assert!(rules(&world).contains(&Rule::S8), "{:?}", world.violations());
}

#[test]
fn s7_a_deployment_is_left_with_pods() {
    let mut world = referring();
    while world.step() {}
    assert_eq!(workload::left(world.store()), Vec::<String>::new());
    let mut store = world.store().clone();
    let deployment = object(Kind::Deployment, "base");
    store.merge(&deployment, &json!({ "spec": { "replicas": 1 } }), false, world.now());
    assert!(workload::left(&store).is_empty(), "its owner may do that in later revisions");
    let noted = json!({ "status": { "linnet": { "handingOver": true } } });
    store.merge(world.rollout(), &noted, true, world.now());
    assert_eq!(workload::left(&store).len(), 1);
}

/// A Rollout that takes its pod template from a Deployment.
fn referring() -> World {
    use crate::search::{manifests, shape::Shape, story};
    let course = story::Course::new(&[20, 60], 1);
    let wishes = manifests::Wishes {
        replicas: 3,
        steps: course.steps.clone(),
        background: false,
        strategy: json!({}),
        spec: json!({}),
    };
    let shape = Shape::named("canary-workload").unwrap();
    let scenario = story::Story::Plain.scenario(shape, &wishes, &course);
    World::with(&Prepared::new(&scenario).unwrap(), 3, &[])
}

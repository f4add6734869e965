//! Requests of the engine: what they answer, and what they change.

use rstest::rstest;

use super::*;

#[rstest]
#[case::get(Call::Get)]
#[case::merge(Call::MergePatch(json!({})))]
#[case::status(Call::MergePatchStatus(json!({})))]
#[case::json(Call::JsonPatch(json!([])))]
#[case::delete(Call::Delete { uid: "uid-1".to_owned(), resource_version: None })]
fn nothing_is_found_where_nothing_is(#[case] request: Call) {
    let mut store = Store::new();
    assert_eq!(code(&call(&mut store, Kind::Rollout, request)), (404, "NotFound"));
    assert_eq!(store.version(), 0);
}

#[rstest]
#[case::all(&[], &["api", "web"])]
#[case::with_a_label(&[("app", "web")], &["web"])]
#[case::with_all_of_them(&[("app", "web"), ("tier", "front")], &[])]
fn a_list_shows_what_carries_the_labels(#[case] labels: &[(&str, &str)], #[case] want: &[&str]) {
    let mut store = Store::new();
    for name in ["web", "api"] {
        let mut made = manifest(Kind::ReplicaSet, name);
        made["metadata"]["labels"] = json!({ "app": name });
        call(&mut store, Kind::ReplicaSet, Call::Create(made));
    }
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let answer = call(&mut store, Kind::ReplicaSet, Call::List { labels });
    let Answer::Objects(objects) = answer else { panic!("no list: {answer:?}") };
    assert_eq!(objects.iter().map(|object| object.meta.name.as_str()).collect::<Vec<_>>(), want);
}

#[test]
fn a_created_object_has_an_identity() {
    let (mut store, web) = store_with(Kind::Rollout);
    let meta = object(call(&mut store, Kind::Rollout, Call::Get)).meta;
    assert_eq!((meta.uid.as_str(), meta.resource_version.as_str(), meta.generation), ("uid-1", "1", 1));
    assert_eq!(meta.created, Some(later(1)));
    let again = call(&mut store, Kind::Rollout, Call::Create(manifest(Kind::Rollout, "web")));
    assert_eq!(code(&again), (409, "AlreadyExists"));
    assert_eq!(store.version(), 1);
    assert!(store.get(&web).is_some());
}

#[test]
fn a_status_is_not_created_where_it_is_written_apart() {
    let mut with_status = manifest(Kind::Rollout, "web");
    with_status["status"] = json!({ "abort": true });
    let mut store = Store::new();
    let made = object(call(&mut store, Kind::Rollout, Call::Create(with_status)));
    assert_eq!(super::super::view::status(&made.view), json!({}));

    let mut with_status = manifest(Kind::AnalysisRun, "web");
    with_status["status"] = json!({ "phase": "Failed" });
    let made = object(call(&mut store, Kind::AnalysisRun, Call::Create(with_status)));
    assert_eq!(super::super::view::status(&made.view)["phase"], "Failed");
}

#[rstest]
#[case::other_incarnation("uid-2", None, (409, "Conflict"))]
#[case::other_version("uid-1", Some("7"), (409, "Conflict"))]
#[case::this_version("uid-1", Some("1"), (200, ""))]
#[case::any_version("uid-1", None, (200, ""))]
fn a_deletion_is_conditioned(#[case] uid: &str, #[case] version: Option<&str>, #[case] want: (u16, &str)) {
    let (mut store, web) = store_with(Kind::ReplicaSet);
    let delete = Call::Delete { uid: uid.to_owned(), resource_version: version.map(str::to_owned) };
    let answer = call(&mut store, Kind::ReplicaSet, delete);
    assert_eq!(code(&answer), want);
    assert_eq!(store.get(&web).is_none(), want.0 == 200);
}

#[test]
fn finalizers_are_waited_for() {
    let (mut store, web) = store_with(Kind::Rollout);
    object(call(
        &mut store,
        Kind::Rollout,
        Call::MergePatch(json!({ "metadata": { "finalizers": ["a/b"] } })),
    ));
    let delete = Call::Delete { uid: "uid-1".to_owned(), resource_version: None };
    assert!(matches!(call(&mut store, Kind::Rollout, delete.clone()), Answer::Done));
    let marked = store.get(&web).unwrap();
    assert!(marked.meta.deleting);
    assert_eq!(marked.meta.generation, 2);

    let version = store.version();
    assert!(matches!(call(&mut store, Kind::Rollout, delete), Answer::Done));
    assert_eq!(store.version(), version, "to delete it again changes nothing");

    let more = json!({ "metadata": { "finalizers": ["a/b", "c/d"] } });
    assert_eq!(code(&call(&mut store, Kind::Rollout, Call::MergePatch(more))), (422, "Invalid"));
    object(call(&mut store, Kind::Rollout, Call::MergePatch(json!({ "metadata": { "finalizers": null } }))));
    assert!(store.get(&web).is_none());
    assert_eq!(store.changes(Kind::Rollout, 0).last().unwrap().verb, crate::store::Verb::Deleted);
}

#[test]
fn a_name_that_is_used_again_is_another_object() {
    let (mut store, web) = store_with(Kind::Service);
    assert!(store.remove(&web, START));
    let made = object(call(&mut store, Kind::Service, Call::Create(manifest(Kind::Service, "web"))));
    assert_eq!(made.meta.uid, "uid-2");
}

#[rstest]
#[case::without_labels(json!({ "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": {} } }))]
#[case::without_selector(json!({ "spec": { "template": {} } }))]
#[case::below_zero(json!({ "spec": { "replicas": -1, "selector": { "matchExpressions": [] }, "template": {} } }))]
fn impossible_replica_sets_are_refused(#[case] body: Value) {
    let mut body = body;
    body["metadata"] = json!({ "name": "web", "namespace": "shop" });
    let mut store = Store::new();
    assert_eq!(code(&call(&mut store, Kind::ReplicaSet, Call::Create(body))), (422, "Invalid"));
}

#[test]
fn a_replica_set_has_one_replica_unless_it_says_otherwise() {
    let (store, web) = store_with(Kind::ReplicaSet);
    assert_eq!(store.manifest(&web).unwrap()["spec"]["replicas"], 1);
}

#[rstest]
#[case::no_name(json!({ "metadata": {} }), (422, "Invalid"))]
#[case::no_possible_name(json!({ "metadata": { "name": "Web_1" } }), (422, "Invalid"))]
#[case::other_namespace(json!({ "metadata": { "name": "web", "namespace": "bank" } }), (400, "BadRequest"))]
#[case::labels_that_are_no_texts(json!({ "metadata": { "name": "web", "labels": { "a": 1 } } }), (400, "BadRequest"))]
#[case::no_object(json!(["web"]), (400, "BadRequest"))]
fn bodies_are_checked(#[case] body: Value, #[case] want: (u16, &str)) {
    let mut store = Store::new();
    assert_eq!(code(&call(&mut store, Kind::Service, Call::Create(body))), want);
}

#[test]
fn an_event_is_filed_once() {
    let mut store = Store::new();
    let event = json!({ "metadata": { "name": "web.1" }, "reason": "SetWeight", "message": "m" });
    assert!(matches!(call(&mut store, Kind::Event, Call::Create(event.clone())), Answer::Done));
    assert_eq!(code(&call(&mut store, Kind::Event, Call::Create(event))), (409, "AlreadyExists"));
    assert_eq!(store.events().len(), 1);
    assert_eq!(store.version(), 1, "an event takes a version as every write does");
}

#[test]
fn secrets_show_their_texts() {
    let secret = json!({ "kind": "Secret", "metadata": { "name": "web", "namespace": "shop" }, "data": { "token": "czNjcmV0" } });
    let mut store = Store::new();
    store.apply(&secret, START).unwrap();
    let engine::object::View::Secret(data) = object(call(&mut store, Kind::Secret, Call::Get)).view else {
        panic!("no secret")
    };
    assert_eq!(data.0["token"], "s3cret");
}

//! Patches: what they may change, what they are conditioned on, what they count as.

use engine::object::View;
use rstest::rstest;

use super::*;

fn generation_after(kind: Kind, request: Call) -> (i64, u64) {
    let (mut store, _) = store_with(kind);
    let after = object(call(&mut store, kind, request));
    (after.meta.generation, store.version())
}

#[rstest]
#[case::spec(Kind::Rollout, Call::MergePatch(json!({ "spec": { "replicas": 5 } })), (2, 2))]
#[case::labels(Kind::Rollout, Call::MergePatch(json!({ "metadata": { "labels": { "a": "b" } } })), (1, 2))]
#[case::status(Kind::Rollout, Call::MergePatchStatus(json!({ "status": { "abort": true } })), (1, 2))]
#[case::status_at_the_wrong_door(Kind::Rollout, Call::MergePatch(json!({ "status": { "abort": true } })), (1, 1))]
#[case::spec_at_the_wrong_door(Kind::Rollout, Call::MergePatchStatus(json!({ "spec": { "replicas": 5 } })), (1, 1))]
#[case::labels_at_the_wrong_door(Kind::Rollout, Call::MergePatchStatus(json!({ "metadata": { "labels": { "a": "b" } } })), (1, 1))]
#[case::labels_with_a_built_in_status(Kind::ReplicaSet, Call::MergePatchStatus(json!({ "metadata": { "labels": { "a": "b" } } })), (1, 2))]
#[case::nothing(Kind::Rollout, Call::MergePatch(json!({ "spec": { "replicas": 3 } })), (1, 1))]
#[case::empty(Kind::Rollout, Call::MergePatch(json!({})), (1, 1))]
#[case::status_is_part_of_a_run(Kind::AnalysisRun, Call::MergePatch(json!({ "status": { "phase": "Running" } })), (2, 2))]
#[case::a_service_counts_nothing(Kind::Service, Call::MergePatch(json!({ "spec": { "selector": { "a": "b" } } })), (0, 2))]
#[case::route(Kind::VirtualService, Call::JsonPatch(json!([{ "op": "replace", "path": "/spec/http/0/route/0/weight", "value": 80 }])), (2, 2))]
#[case::route_as_it_was(Kind::VirtualService, Call::JsonPatch(json!([{ "op": "replace", "path": "/spec/http/0/route/0/weight", "value": 100 }])), (1, 1))]
#[case::a_template_has_no_status(Kind::AnalysisTemplate, Call::MergePatch(json!({ "status": { "phase": "Running" } })), (1, 1))]
#[case::status_of_a_route(Kind::VirtualService, Call::MergePatchStatus(json!({ "status": { "phase": "Running" } })), (1, 2))]
#[case::unknown_status_is_dropped(Kind::Ingress, Call::MergePatchStatus(json!({ "status": { "phase": "Running" } })), (1, 1))]
#[case::annotation_of_a_route(Kind::Ingress, Call::MergePatch(json!({ "metadata": { "annotations": { "a": "b" } } })), (1, 2))]
#[case::size(Kind::ReplicaSet, Call::JsonPatch(json!([{ "op": "replace", "path": "/spec/replicas", "value": 4 }])), (2, 2))]
fn what_counts_as_a_new_generation(#[case] kind: Kind, #[case] request: Call, #[case] want: (i64, u64)) {
    assert_eq!(generation_after(kind, request), want);
}

#[rstest]
#[case::old_version_in_a_merge(Call::MergePatch(json!({ "metadata": { "resourceVersion": "9" }, "spec": { "replicas": 5 } })), (409, "Conflict"))]
#[case::old_version_with_more(Call::MergePatch(json!({ "metadata": { "resourceVersion": "9", "labels": { "a": "b" } } })), (409, "Conflict"))]
#[case::old_version_of_a_status(Call::MergePatchStatus(json!({ "metadata": { "resourceVersion": "9" }, "status": {} })), (409, "Conflict"))]
#[case::old_version_in_a_json_patch(Call::JsonPatch(json!([{ "op": "replace", "path": "/metadata/resourceVersion", "value": "9" }])), (409, "Conflict"))]
#[case::this_version(Call::JsonPatch(json!([{ "op": "replace", "path": "/metadata/resourceVersion", "value": "1" }])), (200, ""))]
#[case::test_fails(Call::JsonPatch(json!([{ "op": "test", "path": "/metadata/uid", "value": "x" }])), (422, "Invalid"))]
#[case::test_of_a_size_fails(Call::JsonPatch(json!([{ "op": "test", "path": "/spec/replicas", "value": 9 }])), (422, "Invalid"))]
#[case::path_is_not_there(Call::JsonPatch(json!([{ "op": "remove", "path": "/metadata/annotations/x" }])), (422, "Invalid"))]
#[case::test_holds(Call::JsonPatch(json!([{ "op": "test", "path": "/spec/replicas", "value": 3 }])), (200, ""))]
#[case::no_such_operation(Call::JsonPatch(json!([{ "op": "frob", "path": "/spec" }])), (422, "Invalid"))]
#[case::nothing_is_null(Call::JsonPatch(json!([{ "op": "test", "path": "/spec/missing", "value": null }])), (200, ""))]
#[case::uid_of_a_status_is_not_looked_at(Call::MergePatchStatus(json!({ "metadata": { "uid": "x" } })), (200, ""))]
#[case::no_label(Call::MergePatch(json!({ "metadata": { "labels": { "a": "not a value!" } } })), (422, "Invalid"))]
#[case::no_finalizer(Call::MergePatch(json!({ "metadata": { "finalizers": ["not one"] } })), (422, "Invalid"))]
#[case::no_list(Call::JsonPatch(json!({})), (400, "BadRequest"))]
#[case::no_object(Call::MergePatch(json!([])), (400, "BadRequest"))]
#[case::selector_cannot_change(Call::MergePatch(json!({ "spec": { "selector": { "matchLabels": { "app": "b" } } } })), (422, "Invalid"))]
#[case::uid_cannot_change(Call::MergePatch(json!({ "metadata": { "uid": "x" } })), (422, "Invalid"))]
#[case::name_cannot_change(Call::MergePatch(json!({ "metadata": { "name": "x" } })), (400, "BadRequest"))]
fn conditions(#[case] request: Call, #[case] want: (u16, &str)) {
    let (mut store, web) = store_with(Kind::Rollout);
    let before = store.get(&web).unwrap().clone();
    let answer = call(&mut store, Kind::Rollout, request);
    assert_eq!(code(&answer), want);
    assert_eq!(
        *store.get(&web).unwrap(),
        before,
        "what is refused or changes nothing leaves the object alone"
    );
    assert_eq!(store.version(), 1);
}

#[test]
fn a_run_has_no_subresource() {
    let (mut store, _) = store_with(Kind::AnalysisRun);
    let answer = call(&mut store, Kind::AnalysisRun, Call::MergePatchStatus(json!({ "status": {} })));
    assert_eq!(code(&answer), (404, "NotFound"));
}

#[test]
fn a_status_is_merged_key_by_key() {
    let (mut store, web) = store_with(Kind::Rollout);
    let first = json!({ "status": { "abort": true, "message": "m", "canary": { "weights": { "canary": { "weight": 20 } } } } });
    object(call(&mut store, Kind::Rollout, Call::MergePatchStatus(first)));
    let second = json!({ "status": { "abort": null, "replicas": 4 } });
    object(call(&mut store, Kind::Rollout, Call::MergePatchStatus(second)));
    let status = store.manifest(&web).unwrap()["status"].clone();
    assert_eq!(
        (&status["abort"], &status["message"], &status["replicas"]),
        (&Value::Null, &json!("m"), &json!(4))
    );
    assert_eq!(status["canary"]["weights"]["canary"]["weight"], 20);
}

#[test]
fn a_resized_replica_set_keeps_its_template_and_counts() {
    let (mut store, web) = store_with(Kind::ReplicaSet);
    store.update(&web, later(2), |object| {
        if let View::ReplicaSet(facts) = &mut object.view {
            facts.ready_replicas = 1;
        }
    });
    let operations = json!([
        { "op": "test", "path": "/metadata/uid", "value": "uid-1" },
        { "op": "test", "path": "/spec/replicas", "value": 1 },
        { "op": "replace", "path": "/spec/replicas", "value": 4 },
        { "op": "add", "path": "/metadata/annotations", "value": { "rollout.argoproj.io/desired-replicas": "4" } },
    ]);
    let View::ReplicaSet(facts) =
        object(call(&mut store, Kind::ReplicaSet, Call::JsonPatch(operations))).view
    else {
        panic!("no ReplicaSet")
    };
    assert_eq!((facts.replicas, facts.ready_replicas, facts.meta.generation), (4, 1, 2));
    assert_eq!(facts.meta.annotations.len(), 1);
    let whole = store.manifest(&web).unwrap().to_string();
    let View::ReplicaSet(read) = engine::object::decode(Kind::ReplicaSet, &whole).unwrap().view else {
        panic!("no ReplicaSet")
    };
    assert_eq!(read, facts, "the projection is what would be read from the object");
}

#[test]
fn a_route_shows_its_own_metadata() {
    let (mut store, _) = store_with(Kind::Ingress);
    let patch =
        json!({ "metadata": { "annotations": { "nginx.ingress.kubernetes.io/canary-weight": "20" } } });
    let route = object(call(&mut store, Kind::Ingress, Call::MergePatch(patch)));
    let View::Route(value) = route.view else { panic!("no route") };
    assert_eq!(value["metadata"]["resourceVersion"], "2");
    assert_eq!(value["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"], "20");
    assert_eq!(value["spec"]["rules"][0]["host"], "shop.example.com");
}

#[test]
fn a_malformed_status_is_refused() {
    let (mut store, _) = store_with(Kind::Rollout);
    let answer =
        call(&mut store, Kind::Rollout, Call::MergePatchStatus(json!({ "status": { "replicas": "x" } })));
    assert_eq!(code(&answer), (422, "Invalid"));
}

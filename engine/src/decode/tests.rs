use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::object::SecretData;

fn rollout(json: &Value) -> planner::facts::RolloutFacts {
    match decode(Kind::Rollout, &json.to_string()).unwrap().view {
        View::Rollout(facts) => planner::facts::RolloutFacts::clone(&facts),
        other => panic!("{other:?}"),
    }
}

#[test]
fn metadata_is_read_field_by_field() {
    let meta = decode_meta(
        &json!({ "metadata": {
            "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": "many",
            "creationTimestamp": "2026-11-21T03:00:00Z", "deletionTimestamp": "2026-11-21T03:00:01Z",
            "labels": { "app": "web", "n": 3 },
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b" },
            "managedFields": [{ "manager": "kubectl" }],
            "ownerReferences": [
                { "apiVersion": "v1", "kind": "X", "name": "x", "uid": "1" },
                { "apiVersion": "v1", "kind": "Rollout", "name": "web", "uid": "2", "controller": true }
            ]
        }})
        .to_string(),
    )
    .unwrap();
    assert_eq!(
        (meta.name.as_str(), meta.namespace.as_str(), meta.resource_version.as_str()),
        ("web", "shop", "7")
    );
    assert_eq!((meta.generation, meta.deleting), (0, true));
    assert_eq!(meta.created, "2026-11-21T03:00:00Z".parse().ok());
    assert_eq!(meta.labels.into_iter().collect::<Vec<_>>(), [("app".to_owned(), "web".to_owned())]);
    assert_eq!(meta.annotations.into_iter().collect::<Vec<_>>(), [("a".to_owned(), "b".to_owned())]);
    assert_eq!(meta.controller.map(|owner| owner.uid).as_deref(), Some("2"));
}

#[rstest]
#[case::no_json("{", "EOF")]
#[case::no_metadata("{}", "metadata: missing")]
#[case::no_name(r#"{"metadata":{"name":7}}"#, "metadata.name: missing")]
fn without_a_name_there_is_no_object(#[case] json: &str, #[case] want: &str) {
    let error = decode(Kind::Rollout, json).unwrap_err();
    assert!(error.contains(want), "{error}");
}

#[test]
fn a_bad_spec_is_named_with_path_and_value() {
    let facts = rollout(&json!({ "metadata": { "name": "web" }, "spec": { "replicas": "two" } }));
    let error = facts.spec.unwrap_err();
    assert!(error.contains("spec.replicas") && error.contains("two"), "{error}");
}

#[test]
fn a_megabyte_of_nonsense_gives_a_short_sentence() {
    let facts =
        rollout(&json!({ "metadata": { "name": "web" }, "spec": { "replicas": "ü".repeat(1 << 20) } }));
    let error = facts.spec.unwrap_err();
    assert!(error.len() <= LONGEST_COMPLAINT + 3 && error.contains("spec.replicas"), "{}", error.len());
}

#[test]
fn one_bad_status_field_does_not_lose_the_others() {
    let facts = rollout(&json!({ "metadata": { "name": "web" }, "spec": {},
        "status": { "abort": true, "stableRS": "abc", "replicas": "many", "conditions": 7 } }));
    assert!(facts.status.abort);
    assert_eq!((facts.status.stable_rs.as_str(), facts.status.replicas), ("abc", 0));
    assert!(facts.status.conditions.is_empty());
}

#[test]
fn a_replica_set_is_read_with_its_hash_counts_and_failure() {
    let object = json!({
        "metadata": { "name": "web-abc", "labels": { "rollouts-pod-template-hash": "abc" } },
        "spec": { "replicas": 3, "minReadySeconds": 5, "template": { "spec": { "containers": [] } } },
        "status": { "replicas": 2, "readyReplicas": 1, "observedGeneration": 4, "conditions": [
            { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
              "message": "exceeded quota" }
        ]}
    });
    let View::ReplicaSet(facts) = decode(Kind::ReplicaSet, &object.to_string()).unwrap().view else {
        panic!("no ReplicaSet")
    };
    assert_eq!((facts.hash.as_str(), facts.replicas, facts.min_ready_seconds), ("abc", 3, 5));
    assert_eq!((facts.current_replicas, facts.ready_replicas, facts.available_replicas), (2, 1, 0));
    assert_eq!(facts.observed_generation, 4);
    let failure = facts.failure.as_ref().map(|failure| (failure.reason.as_str(), failure.message.as_str()));
    assert_eq!(failure, Some(("FailedCreate", "exceeded quota")));
    assert_eq!(facts.template_digest, crate::template::digest(r#"{"spec":{"containers":null}}"#, None));
}

#[test]
fn what_a_role_added_makes_no_other_version() {
    let set = |note: Option<&str>, template: Value| {
        let annotations: BTreeMap<&str, &str> =
            note.map(|note| ("rollout.argoproj.io/ephemeral-metadata", note)).into_iter().collect();
        let object = json!({ "metadata": { "name": "web", "annotations": annotations }, "spec": { "template": template } });
        let View::ReplicaSet(facts) = decode(Kind::ReplicaSet, &object.to_string()).unwrap().view else {
            panic!("no ReplicaSet")
        };
        facts
    };
    let plain = set(None, json!({ "metadata": { "labels": { "app": "web" } } }));
    let roled = set(
        Some(r#"{"labels":{"role":"canary","gone":"x"}}"#),
        json!({ "metadata": { "labels": { "app": "web", "role": "canary" } } }),
    );
    assert_eq!(plain.template_digest, roled.template_digest);
    assert_eq!(plain.template_metadata, None, "nothing is kept that no role asks for");
    let held = roled.template_metadata.as_deref().unwrap();
    assert_eq!((held.labels["role"].as_str(), held.labels["app"].as_str()), ("canary", "web"));
    let own = set(Some("{}"), json!({ "metadata": { "labels": { "app": "web", "role": "canary" } } }));
    assert_ne!(plain.template_digest, own.template_digest);
    let unreadable = set(Some("]"), json!({ "metadata": { "labels": { "app": "web" } } }));
    assert_eq!(plain.template_digest, unreadable.template_digest);
}

#[test]
fn a_route_keeps_what_is_not_ours_but_not_the_bookkeeping() {
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": "web", "resourceVersion": "3", "managedFields": [1],
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "x", "mine": "y" } },
        "spec": { "unknown": { "field": [1, 2] } },
        "status": { "loadBalancer": {} }
    });
    let View::Route(value) = decode(Kind::Ingress, &object.to_string()).unwrap().view else {
        panic!("no route")
    };
    assert_eq!(
        *value,
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": { "name": "web", "resourceVersion": "3", "annotations": { "mine": "y" } },
            "spec": { "unknown": { "field": [1, 2] } }
        })
    );
}

#[test]
fn a_secret_is_decoded_and_never_printed() {
    let object =
        json!({ "metadata": { "name": "s" }, "data": { "token": "aHVudGVyMg==", "binary": "/w==" } });
    let view = decode(Kind::Secret, &object.to_string()).unwrap().view;
    assert!(!format!("{view:?}").contains("hunter2"));
    let View::Secret(SecretData(data)) = view else { panic!("no Secret") };
    assert_eq!(data.into_iter().collect::<Vec<_>>(), [("token".to_owned(), "hunter2".to_owned())]);
}

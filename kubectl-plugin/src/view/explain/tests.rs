use crds::object_ref::Kind;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::known::Known;
use crate::view::paint::Paint;
use crate::view::reason::tests::reasons;

fn now() -> Timestamp {
    "2026-11-21T03:10:00Z".parse().unwrap()
}

fn template(image: &str) -> Value {
    json!({ "metadata": { "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "web", "image": image }] } })
}

fn rollout(strategy: &Value, image: &str, status: &Value) -> Value {
    json!({
        "metadata": { "name": "web", "namespace": "shop", "uid": "u1", "generation": 2, "resourceVersion": "9",
            "annotations": { "rollout.argoproj.io/revision": "2" } },
        "spec": { "replicas": 4, "selector": { "matchLabels": { "app": "web" } }, "template": template(image),
            "strategy": strategy },
        "status": status,
    })
}

fn replica_set(hash: &str, image: &str, revision: &str, pods: (i32, i32)) -> (Kind, Value) {
    let mut template = template(image);
    template["metadata"]["labels"]["rollouts-pod-template-hash"] = json!(hash);
    let labels = json!({ "app": "web", "rollouts-pod-template-hash": hash });
    let object = json!({
        "metadata": { "name": format!("web-{hash}"), "namespace": "shop", "uid": hash, "generation": 1,
            "resourceVersion": "5", "labels": labels, "creationTimestamp": "2026-11-21T03:00:00Z",
            "annotations": { "rollout.argoproj.io/revision": revision, "rollout.argoproj.io/desired-replicas": "4" },
            "ownerReferences": [{ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u1",
                "controller": true }] },
        "spec": { "replicas": pods.0, "selector": { "matchLabels": labels }, "template": template },
        "status": { "replicas": pods.0, "readyReplicas": pods.1, "availableReplicas": pods.1, "observedGeneration": 1 },
    });
    (Kind::ReplicaSet, object)
}

fn service(name: &str, hash: &str) -> (Kind, Value) {
    (
        Kind::Service,
        json!({ "metadata": { "name": name, "namespace": "shop", "uid": name, "resourceVersion": "3",
        "annotations": { "argo-rollouts.argoproj.io/managed-by-rollouts": "web" } },
        "spec": { "selector": { "app": "web", "rollouts-pod-template-hash": hash } } }),
    )
}

fn run(name: &str, step: &str, status: &Value) -> (Kind, Value) {
    (
        Kind::AnalysisRun,
        json!({
        "metadata": { "name": name, "namespace": "shop", "uid": name, "resourceVersion": "4",
            "labels": { "rollouts-pod-template-hash": "b", "rollout-type": "Step", "step-index": step },
            "annotations": { "rollout.argoproj.io/revision": "2" },
            "ownerReferences": [{ "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "u1",
                "controller": true }] },
        "spec": { "metrics": [{ "name": "errors", "successCondition": "result[0] < 0.05",
            "provider": { "prometheus": { "address": "http://prometheus", "query": "errors" } } }] },
        "status": status }),
    )
}

fn look(rollout: &Value, objects: &[(Kind, Value)]) -> Look {
    let spec = json!({ "metrics": [{ "name": "errors", "successCondition": "result[0] < 0.05",
        "provider": { "prometheus": { "address": "http://prometheus", "query": "errors" } } }] });
    let meta = json!({ "name": "errors", "namespace": "shop", "uid": "t1", "resourceVersion": "1" });
    let template = (Kind::AnalysisTemplate, json!({ "metadata": meta, "spec": spec }));
    let objects: Vec<_> = objects.iter().chain([&template]).collect();
    let mut known = Known::begin("shop", rollout.to_string(), 5, now()).unwrap();
    while let Some(kind) = known.next() {
        let texts: Vec<String> =
            objects.iter().filter(|(of, _)| *of == kind).map(|(_, object)| object.to_string()).collect();
        known.list(kind, texts.iter().map(String::as_str));
    }
    let snapshot = known.snapshot().unwrap();
    Look { snapshot, abort: Look::who_aborted(rollout), unread: Vec::new() }
}

fn screen(rollout: &Value, objects: &[(Kind, Value)]) -> String {
    screen::text(&Explanation::of(&look(rollout, objects), now()), now(), Paint::plain())
}

fn canary() -> Value {
    json!({ "canary": { "steps": [{ "setWeight": 25 }, { "pause": {} },
        { "analysis": { "templates": [{ "templateName": "errors" }] } }, { "setWeight": 50 }] } })
}

fn progressing(status: &str, reason: &str, message: &str) -> Value {
    json!([{ "type": "Progressing", "status": status, "reason": reason, "message": message,
        "lastUpdateTime": "2026-11-21T03:05:00Z", "lastTransitionTime": "2026-11-21T03:05:00Z" }])
}

/// A status in the middle of an update of `strategy`, left by another operator.
fn midway(strategy: &Value, index: i32, fields: &Value) -> Value {
    // A hash of another operator counts as that of the present steps.
    let hash = if strategy["canary"]["steps"].is_array() { "hashed-elsewhere" } else { "" };
    let mut status = json!({ "stableRS": "a", "currentPodHash": "b", "currentStepIndex": index,
        "currentStepHash": hash, "observedGeneration": "2", "phase": "Progressing",
        "replicas": 4, "updatedReplicas": 1, "readyReplicas": 4, "availableReplicas": 4 });
    for (key, value) in fields.as_object().unwrap() {
        status[key] = value.clone();
    }
    status
}

fn both(new: (i32, i32)) -> Vec<(Kind, Value)> {
    vec![replica_set("a", "web:1", "1", (3, 3)), replica_set("b", "web:2", "2", new)]
}

#[test]
fn healthy() {
    let status =
        json!({ "stableRS": "a", "currentPodHash": "a", "observedGeneration": "2", "phase": "Healthy" });
    let rollout = rollout(&canary(), "web:1", &status);
    insta::assert_snapshot!(screen(&rollout, &[replica_set("a", "web:1", "2", (4, 4))]));
}

#[test]
fn paused_until_a_person_resumes() {
    let strategy = canary();
    let pause = json!([{ "reason": "CanaryPauseStep", "startTime": "2026-11-21T03:08:00Z" }]);
    let fields = json!({ "pauseConditions": pause, "controllerPause": true, "phase": "Paused",
        "message": "CanaryPauseStep" });
    let status = midway(&strategy, 1, &fields);
    insta::assert_snapshot!(screen(&rollout(&strategy, "web:2", &status), &both((1, 1))));
}

#[test]
fn measured_and_not_well() {
    let strategy = canary();
    let measured = json!({ "phase": "Running", "startedAt": "2026-11-21T03:09:00Z", "metricResults": [{ "name": "errors",
        "phase": "Running", "failed": 1, "count": 1, "measurements": [{ "phase": "Failed", "value": "[0.12]",
            "startedAt": "2026-11-21T03:09:30Z", "finishedAt": "2026-11-21T03:09:31Z" }] }] });
    let status = midway(
        &strategy,
        2,
        &json!({ "canary": { "currentStepAnalysisRunStatus": {
        "name": "web-b-2-2", "status": "Running" } } }),
    );
    let mut objects = both((1, 1));
    objects.push(run("web-b-2-2", "2", &measured));
    insta::assert_snapshot!(screen(&rollout(&strategy, "web:2", &status), &objects));
}

#[test]
fn aborted_by_an_analysis() {
    let strategy = canary();
    let message = "Rollout aborted update to revision 2: Step-based analysis phase error/failed: \
        Metric \"errors\" assessed Failed due to failed (1) > failureLimit (0)";
    let fields = json!({ "abort": true, "abortedAt": "2026-11-21T03:05:00Z", "phase": "Degraded",
        "message": format!("RolloutAborted: {message}"), "conditions": progressing("False", "RolloutAborted", message) });
    let objects = [replica_set("a", "web:1", "1", (4, 4)), replica_set("b", "web:2", "2", (0, 0))];
    insta::assert_snapshot!(screen(&rollout(&strategy, "web:2", &midway(&strategy, 0, &fields)), &objects));
}

#[test]
fn aborted_by_a_person() {
    let strategy = canary();
    let message = "Rollout aborted update to revision 2";
    let fields = json!({ "abort": true, "abortedAt": "2026-11-21T03:05:00Z", "phase": "Degraded",
        "message": format!("RolloutAborted: {message}"), "conditions": progressing("False", "RolloutAborted", message) });
    let mut rollout = rollout(&strategy, "web:2", &midway(&strategy, 0, &fields));
    rollout["metadata"]["managedFields"] = json!([
        { "manager": "linnet", "fieldsV1": { "f:status": { "f:phase": {} } } },
        { "manager": "kubectl-linnet", "subresource": "status", "time": "2026-11-21T03:04:59Z",
            "fieldsV1": { "f:status": { "f:abort": {} } } }]);
    let objects = [replica_set("a", "web:1", "1", (4, 4)), replica_set("b", "web:2", "2", (0, 0))];
    insta::assert_snapshot!(screen(&rollout, &objects));
}

#[test]
fn degraded_with_pods_that_do_not_come() {
    let strategy = json!({ "canary": {} });
    let message = "ReplicaSet \"web-b\" has timed out progressing.";
    let fields = json!({ "currentStepIndex": null, "phase": "Degraded", "message":
        format!("ProgressDeadlineExceeded: {message}"), "conditions":
        progressing("False", "ProgressDeadlineExceeded", message) });
    let status = midway(&strategy, 0, &fields);
    insta::assert_snapshot!(screen(&rollout(&strategy, "web:2", &status), &both((2, 0))));
}

#[test]
fn a_preview_that_waits_to_be_promoted() {
    let strategy = json!({ "blueGreen": { "activeService": "active", "previewService": "preview",
        "autoPromotionEnabled": false } });
    let pause = json!([{ "reason": "BlueGreenPause", "startTime": "2026-11-21T03:08:00Z" }]);
    let fields = json!({ "currentStepIndex": null, "currentStepHash": "", "pauseConditions": pause,
        "controllerPause": true, "phase": "Paused", "message": "BlueGreenPause",
        "blueGreen": { "activeSelector": "a", "previewSelector": "b" } });
    let objects = [
        replica_set("a", "web:1", "1", (4, 4)),
        replica_set("b", "web:2", "2", (4, 4)),
        service("active", "a"),
        service("preview", "b"),
    ];
    insta::assert_snapshot!(screen(&rollout(&strategy, "web:2", &midway(&strategy, 0, &fields)), &objects));
}

#[test]
fn a_first_version() {
    let rollout = rollout(&canary(), "web:1", &json!({}));
    insta::assert_snapshot!(screen(&rollout, &[]));
}

#[test]
fn a_spec_that_is_refused() {
    let strategy = json!({ "canary": {}, "blueGreen": { "activeService": "active" } });
    let status = midway(&canary(), 1, &json!({}));
    insta::assert_snapshot!(screen(&rollout(&strategy, "web:2", &status), &both((1, 1))));
}

#[test]
fn every_reason_in_words() {
    let strategy = canary();
    let pause = json!([{ "reason": "CanaryPauseStep", "startTime": "2026-11-21T03:08:00Z" }]);
    let fields = json!({ "pauseConditions": pause, "abortedAt": "2026-11-21T03:07:00Z",
        "conditions": progressing("True", "ReplicaSetUpdated", "") });
    let look = look(&rollout(&strategy, "web:2", &midway(&strategy, 0, &fields)), &both((1, 1)));
    let mut explanation = Explanation::of(&look, now());
    explanation.waiting = reasons().iter().map(|it| Wait::of(it, &look.snapshot, now())).collect();
    let words: std::collections::BTreeSet<_> = explanation.waiting.iter().map(|wait| wait.reason).collect();
    assert_eq!(words.len(), 24, "each reason has a word of its own");
    insta::assert_snapshot!(screen::text(&explanation, now(), Paint::plain()));
}

#[test]
fn as_json() {
    let strategy = canary();
    let pause = json!([{ "reason": "CanaryPauseStep", "startTime": "2026-11-21T03:08:00Z" }]);
    let status = midway(&strategy, 1, &json!({ "pauseConditions": pause, "controllerPause": true }));
    let look = look(&rollout(&strategy, "web:2", &status), &both((1, 1)));
    insta::assert_snapshot!(serde_json::to_string_pretty(&Explanation::of(&look, now())).unwrap());
}

//! Scripts that are drawn from a seed.

use crds::names::INSTANCE_ID;
use crds::object_ref::Kind;
use fastrand::Rng;
use serde_json::{Value, json};

use super::script::{Act, Nothing, Precondition, Script, Step};

/// The kinds that random scripts speak of.
const KINDS: [Kind; 8] = [
    Kind::Rollout,
    Kind::AnalysisRun,
    Kind::AnalysisTemplate,
    Kind::ClusterAnalysisTemplate,
    Kind::ReplicaSet,
    Kind::Service,
    Kind::Ingress,
    Kind::VirtualService,
];

const NAMES: [&str; 2] = ["web", "api"];

/// Draws a script of a length from a seed.
#[must_use]
pub fn random(seed: u64, length: usize) -> Script {
    let mut rng = Rng::with_seed(seed);
    // Few kinds at once, so that their objects live through something.
    let kinds: Vec<Kind> = (0..2).map(|_| drawn(&mut rng, &KINDS, Kind::Rollout)).collect();
    let steps = (0..length).map(|_| step(&mut rng, &kinds)).collect();
    Script { name: format!("seed {seed}"), steps }
}

fn drawn<T: Copy>(rng: &mut Rng, from: &[T], otherwise: T) -> T {
    from.get(rng.usize(..from.len().max(1))).copied().unwrap_or(otherwise)
}

fn step(rng: &mut Rng, kinds: &[Kind]) -> Step {
    let kind = drawn(rng, kinds, Kind::Rollout);
    let name = drawn(rng, &NAMES, "web").to_owned();
    let act = match rng.u8(..16) {
        0..4 => Act::Create(manifest(kind, &name)),
        4..8 => Act::Merge(merge_patch(rng, kind)),
        8..10 => Act::MergeStatus(status_patch(rng)),
        10..13 => Act::Json(json_patch(rng, kind)),
        13 => Act::Get(Nothing {}),
        14 => Act::List(Nothing {}),
        _ => Act::Delete(Precondition {
            uid: rng.bool().then(|| drawn(rng, &["$uid", "$uid", "$uid-1"], "$uid").to_owned()),
            version: None,
        }),
    };
    Step { kind, name, act }
}

fn merge_patch(rng: &mut Rng, kind: Kind) -> Value {
    let mut patch = match rng.u8(..6) {
        0 => json!({ "metadata": { "labels": { "n": rng.u8(..2).to_string() } } }),
        1 => json!({ "metadata": { "annotations": { "n": rng.bool().then_some("1") } } }),
        2 => json!({ "metadata": { "finalizers": rng.bool().then(|| json!(["linnet.test/wait"])) } }),
        3 => json!({ "status": { "phase": drawn(rng, &["Running", "Failed"], "Failed") } }),
        _ => json!({ "spec": spec_patch(rng, kind) }),
    };
    if let (Some(version), Some(fields)) = (precondition(rng), patch.as_object_mut()) {
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("resourceVersion".to_owned(), json!(version));
        }
    }
    patch
}

fn precondition(rng: &mut Rng) -> Option<&'static str> {
    drawn(rng, &[None, Some("$version"), Some("$version-1")], None)
}

fn spec_patch(rng: &mut Rng, kind: Kind) -> Value {
    change(kind, rng.u8(1..4))
}

/// A merge patch of a kind's spec; other numbers, other changes.
pub(super) fn change(kind: Kind, number: u8) -> Value {
    match kind {
        Kind::Rollout => json!({ "replicas": number }),
        Kind::ReplicaSet => json!({ "minReadySeconds": number }),
        Kind::Service => json!({ "selector": { "n": number.to_string() } }),
        Kind::Ingress => json!({ "rules": [{ "host": format!("shop{number}.example.com") }] }),
        Kind::VirtualService => json!({ "hosts": [format!("shop{number}")] }),
        Kind::AnalysisRun => json!({ "terminate": true }),
        _ => json!({ "metrics": [metric(&format!("m{number}"))] }),
    }
}

fn status_patch(rng: &mut Rng) -> Value {
    let mut patch = json!({ "status": { "message": drawn(rng, &["one", "two"], "one") } });
    if let (Some(version), Some(fields)) = (precondition(rng), patch.as_object_mut()) {
        fields.insert("metadata".to_owned(), json!({ "resourceVersion": version }));
    }
    patch
}

fn json_patch(rng: &mut Rng, kind: Kind) -> Value {
    let uid = drawn(rng, &["$uid", "$uid", "$uid-1"], "$uid");
    let mut operations = vec![json!({ "op": "test", "path": "/metadata/uid", "value": uid })];
    match rng.u8(..5) {
        0 => operations.push(json!({ "op": "add", "path": "/metadata/annotations", "value": { "j": "1" } })),
        1 => operations.push(json!({ "op": "remove", "path": "/metadata/annotations/n" })),
        2 => {
            let version = precondition(rng).unwrap_or("$version");
            operations
                .push(json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version }));
            operations.push(json!({ "op": "add", "path": "/metadata/labels/j", "value": "1" }));
        }
        3 => operations.push(json!({ "op": "test", "path": "/spec/nothing", "value": 1 })),
        _ => operations.extend(spec_operations(rng, kind)),
    }
    Value::Array(operations)
}

fn spec_operations(rng: &mut Rng, kind: Kind) -> Vec<Value> {
    let Value::Object(fields) = spec_patch(rng, kind) else { return Vec::new() };
    fields
        .into_iter()
        .map(|(key, value)| json!({ "op": "add", "path": format!("/spec/{key}"), "value": value }))
        .collect()
}

fn metric(name: &str) -> Value {
    json!({ "name": name, "provider": { "prometheus": { "query": "up" } } })
}

/// A small manifest of a kind that nobody acts on: its label hands it to an operator that is not there.
pub(super) fn manifest(kind: Kind, name: &str) -> Value {
    let template = json!({
        "metadata": { "labels": { "app": name } },
        "spec": {
            "containers": [{ "name": "main", "image": "linnet.test/none:1" }],
            "nodeSelector": { "linnet.test/nowhere": "true" },
        },
    });
    let selector = json!({ "matchLabels": { "app": name } });
    let spec = match kind {
        Kind::Rollout => json!({
            "replicas": 1, "selector": selector, "template": template,
            "strategy": { "canary": { "steps": [{ "setWeight": 20 }] } },
        }),
        Kind::ReplicaSet => json!({ "replicas": 0, "selector": selector, "template": template }),
        Kind::Service => json!({ "selector": { "app": name }, "ports": [{ "port": 80 }] }),
        Kind::Ingress => json!({ "rules": [{ "host": "shop.example.com" }] }),
        Kind::VirtualService => json!({
            "hosts": ["shop"],
            "http": [{ "route": [{ "destination": { "host": "shop" }, "weight": 100 }] }],
        }),
        _ => json!({ "metrics": [metric("errors")] }),
    };
    json!({ "metadata": { "labels": { INSTANCE_ID: "model" } }, "spec": spec })
}

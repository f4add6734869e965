//! The store's own rules, one by one, and what holds after any writes.

mod calls;
mod garbage;
mod patches;
mod people;
mod properties;

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Request};
use engine::input::Answer;
use engine::object::Object;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Store;

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn later(seconds: i64) -> Timestamp {
    START + SignedDuration::from_secs(seconds)
}

fn reference(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind, if kind == Kind::ClusterAnalysisTemplate { "" } else { "shop" }, name)
}

/// A small manifest of each kind that the store keeps.
fn manifest(kind: Kind, name: &str) -> Value {
    let spec = match kind {
        Kind::Rollout => json!({
            "replicas": 3, "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [{ "name": "main", "image": "a:1" }] } },
            "strategy": { "canary": { "steps": [{ "setWeight": 20 }] } },
        }),
        Kind::ReplicaSet => json!({
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": { "containers": [{ "name": "main", "image": "a:1" }] } },
        }),
        Kind::Service => json!({ "selector": { "app": name }, "ports": [{ "port": 80 }] }),
        Kind::Ingress => json!({ "rules": [{ "host": "shop.example.com" }] }),
        Kind::VirtualService => {
            json!({ "hosts": ["shop"], "http": [{ "route": [{ "weight": 100 }, { "weight": 0 }] }] })
        }
        _ => json!({ "metrics": [{ "name": "errors", "provider": { "web": { "url": "http://x" } } }] }),
    };
    let api_version = match (kind.group(), kind.default_version()) {
        ("", version) => version.to_owned(),
        (group, version) => format!("{group}/{version}"),
    };
    let mut metadata = json!({ "name": name });
    if kind != Kind::ClusterAnalysisTemplate {
        metadata["namespace"] = json!("shop");
    }
    json!({ "apiVersion": api_version, "kind": kind.name(), "metadata": metadata, "spec": spec })
}

/// A store that holds one object of a kind, named `web`.
fn store_with(kind: Kind) -> (Store, ObjectRef) {
    let mut store = Store::new();
    let created = call(&mut store, kind, Call::Create(manifest(kind, "web")));
    assert!(matches!(created, Answer::Object(_)), "{created:?}");
    (store, reference(kind, "web"))
}

fn call(store: &mut Store, kind: Kind, call: Call) -> Answer {
    store.call(&Request { object: reference(kind, "web"), call }, later(1))
}

/// The object of a success.
#[track_caller]
fn object(answer: Answer) -> Object {
    match answer {
        Answer::Object(object) => Object::clone(&object),
        other => panic!("no object: {other:?}"),
    }
}

/// Code and reason of an answer: 200 for a success.
fn code(answer: &Answer) -> (u16, &str) {
    match answer {
        Answer::Object(_) | Answer::Objects(_) | Answer::Done => (200, ""),
        Answer::Refused { status, reason, .. } => (*status, reason),
        Answer::Unknown { .. } => (0, ""),
    }
}

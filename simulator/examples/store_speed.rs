//! Measures how long the store takes for what the engine and the controllers ask of it most.
//!
//! `cargo run --profile simulate --package simulator --example store_speed`

use std::hint::black_box;
use std::time::Instant;

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Request};
use engine::object::View;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::store::Store;
use simulator::watch::{Cursor, Selector};

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);
/// How often each thing is done.
const TIMES: u32 = 20_000;

fn main() {
    let mut bench = Bench::new();
    let weights = |n: u32| json!({ "status": { "canary": { "weights": { "canary": { "weight": n % 100 } } }, "replicas": n } });
    bench.measure("status patch of a Rollout", |store, n| {
        call(store, Kind::Rollout, Call::MergePatchStatus(weights(n)));
    });
    bench.measure("status patch of an AnalysisRun", |store, n| {
        call(store, Kind::AnalysisRun, Call::MergePatch(json!({ "status": { "message": n.to_string() } })));
    });
    bench.measure("size of a ReplicaSet by JSON patch", |store, n| {
        let operations = json!([
            { "op": "test", "path": "/metadata/uid", "value": "uid-2" },
            { "op": "test", "path": "/spec/replicas", "value": n },
            { "op": "replace", "path": "/spec/replicas", "value": n + 1 },
            { "op": "add", "path": "/metadata/annotations/linnet.test~1n", "value": n.to_string() },
        ]);
        call(store, Kind::ReplicaSet, Call::JsonPatch(operations));
    });
    bench.measure("weight of a VirtualService by JSON patch", |store, n| {
        let operations = json!([{ "op": "replace", "path": "/spec/http/0/route/0/weight", "value": n }]);
        call(store, Kind::VirtualService, Call::JsonPatch(operations));
    });
    bench.measure("annotation of an Ingress by merge patch", |store, n| {
        let patch = json!({ "metadata": { "annotations": { "weight": n.to_string() } } });
        call(store, Kind::Ingress, Call::MergePatch(patch));
    });
    bench.measure("read", |store, _| call(store, Kind::Rollout, Call::Get));
    bench.measure("counts of a ReplicaSet, typed", |store, n| {
        store.update(&reference(Kind::ReplicaSet), START, |object| {
            if let View::ReplicaSet(facts) = &mut object.view {
                facts.ready_replicas = i32::try_from(n).unwrap_or_default() + 1;
            }
        });
    });
    bench.deliveries();
}

fn reference(kind: Kind) -> ObjectRef {
    ObjectRef::new(kind, "shop", "web")
}

fn call(store: &mut Store, kind: Kind, call: Call) {
    black_box(store.call(&Request { object: reference(kind), call }, START));
}

struct Bench {
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let mut store = Store::new();
        for manifest in manifests() {
            assert!(store.apply(&manifest, START).is_ok(), "{manifest}");
        }
        Self { store }
    }

    fn measure(&mut self, what: &str, mut act: impl FnMut(&mut Store, u32)) {
        let before = self.store.version();
        let micros = timed(|| (0..TIMES).for_each(|n| act(&mut self.store, n)));
        let written = self.store.version() - before;
        report(what, micros / f64::from(TIMES), &format!("{written} writes"));
    }

    /// What the measured writes come to in a watch: each event as the engine takes it.
    fn deliveries(&self) {
        for kind in [Kind::Rollout, Kind::ReplicaSet, Kind::VirtualService] {
            let mut cursor = Cursor::open(kind, Selector::All, SignedDuration::ZERO, START);
            cursor.relist(START, Some(0));
            let mut count = 0_u32;
            let micros = timed(|| {
                while let Some(delivery) = cursor.poll(&self.store, START) {
                    black_box(delivery.event.to_event());
                    count += 1;
                }
            });
            report(
                &format!("delivery of a {}", kind.name()),
                micros / f64::from(count),
                &format!("{count} events"),
            );
        }
    }
}

/// How many microseconds something takes.
#[expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]
fn timed(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64() * 1e6
}

fn report(what: &str, micros: f64, of: &str) {
    println!("{what:42} {micros:8.2} µs, {:9.0} per second ({of})", 1e6 / micros);
}

fn manifests() -> Vec<Value> {
    let template = json!({
        "metadata": { "labels": { "app": "web" }, "annotations": { "team": "shop" } },
        "spec": { "containers": [{
            "name": "main", "image": "registry.example.com/shop/web:1.2.3", "ports": [{ "containerPort": 8080 }],
            "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "readinessProbe": { "httpGet": { "path": "/ready", "port": 8080 } },
            "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
        }] },
    });
    let selector = json!({ "matchLabels": { "app": "web" } });
    let object = |api: &str, kind: &str, spec: Value| {
        json!({
            "apiVersion": api, "kind": kind, "spec": spec,
            "metadata": { "name": "web", "namespace": "shop", "annotations": { "linnet.test/n": "0" } },
        })
    };
    let steps =
        json!([{ "setWeight": 20 }, { "pause": { "duration": 10 } }, { "setWeight": 50 }, { "pause": {} }]);
    vec![
        object(
            "argoproj.io/v1alpha1",
            "Rollout",
            json!({
                "replicas": 5, "selector": selector, "template": template, "strategy": { "canary": { "steps": steps } },
            }),
        ),
        object("apps/v1", "ReplicaSet", json!({ "replicas": 0, "selector": selector, "template": template })),
        object(
            "argoproj.io/v1alpha1",
            "AnalysisRun",
            json!({
                "metrics": [{ "name": "errors", "provider": { "prometheus": { "query": "up" } } }],
            }),
        ),
        object(
            "networking.istio.io/v1",
            "VirtualService",
            json!({
                "hosts": ["web"],
                "http": [{ "route": [
                    { "destination": { "host": "stable" }, "weight": 100 }, { "destination": { "host": "canary" }, "weight": 0 },
                ] }],
            }),
        ),
        object("networking.k8s.io/v1", "Ingress", json!({ "rules": [{ "host": "shop.example.com" }] })),
    ]
}

//! Facts for tests: a Rollout and what surrounds it, as they would be observed.
//!
//! Everything begins at [`start`], in the namespace `default`, with the Rollout `web` of five pods.

use std::collections::{BTreeMap, BTreeSet};

use crds::TemplateText;
use crds::names::{POD_TEMPLATE_HASH, REVISION};
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{RolloutSpec, RolloutStatus, WorkloadRef};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::facts::{Meta, ReplicaSetFacts, RolloutFacts, RouteFacts, ServiceFacts, WorkloadFacts};
use crate::rollout::{Settings, Snapshot, TemplateIdentity};
use crate::shared::Shared;

/// The namespace of all fixtures.
pub const NAMESPACE: &str = "default";
/// The name of the Rollout.
pub const ROLLOUT: &str = "web";
/// The uid of the Rollout.
pub const UID: &str = "uid-web";

/// When everything begins: 2026-11-21T03:00:00Z.
#[must_use]
pub fn start() -> Timestamp {
    Timestamp::from_second(1_795_230_000).unwrap_or_default()
}

/// Metadata of an object of the namespace.
#[must_use]
pub fn meta(name: &str, uid: &str) -> Meta {
    Meta {
        namespace: NAMESPACE.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        resource_version: "1".to_owned(),
        generation: 1,
        created: Some(start()),
        ..Meta::default()
    }
}

/// The wanted template of a version such as `v1`; its hash is `hash-v1`.
#[must_use]
pub fn template(version: &str) -> Shared<TemplateIdentity> {
    let text = TemplateText::from(&template_value(version));
    TemplateIdentity::new(text, format!("digest-{version}"), format!("hash-{version}")).into()
}

fn template_value(version: &str) -> Value {
    json!({
        "metadata": { "labels": { "app": ROLLOUT } },
        "spec": { "containers": [{ "name": "web", "image": format!("web:{version}") }] },
    })
}

/// A spec with that canary strategy and five pods; a strategy that is none gives the default one.
#[must_use]
pub fn spec(version: &str, canary: &Value) -> RolloutSpec {
    spec_with(version, &json!({ "canary": canary }))
}

/// A spec with that `spec.strategy` and five pods.
#[must_use]
pub fn spec_with(version: &str, strategy: &Value) -> RolloutSpec {
    let spec = json!({
        "replicas": 5,
        "selector": { "matchLabels": { "app": ROLLOUT } },
        "template": template_value(version),
        "strategy": strategy,
    });
    serde_json::from_value(spec).unwrap_or_default()
}

/// A blue-green strategy with the Services `web-active` and `web-preview`, and these fields beside them.
#[must_use]
pub fn blue_green(fields: &Value) -> Value {
    let mut strategy = json!({ "activeService": "web-active", "previewService": "web-preview" });
    if let (Some(strategy), Some(fields)) = (strategy.as_object_mut(), fields.as_object()) {
        strategy.extend(fields.clone());
    }
    json!({ "blueGreen": strategy })
}

/// A canary strategy with those steps through the NGINX Ingress `web`.
#[must_use]
pub fn routed(steps: &Value) -> Value {
    json!({
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": { "nginx": { "stableIngress": "web" } },
        "steps": steps,
    })
}

/// A canary strategy with those steps between the Services `web-ping` and `web-pong`, which take turns behind the
/// VirtualService `web`.
#[must_use]
pub fn ping_pong(steps: &Value) -> Value {
    json!({
        "pingPong": { "pingService": "web-ping", "pongService": "web-pong" },
        "trafficRouting": { "istio": { "virtualService": { "name": "web" } } },
        "steps": steps,
    })
}

/// The two Services that [`routed`] names, as a user makes them.
#[must_use]
pub fn services() -> BTreeMap<String, Shared<ServiceFacts>> {
    services_named(["web-canary", "web-stable"])
}

fn services_named(names: [&str; 2]) -> BTreeMap<String, Shared<ServiceFacts>> {
    names
        .into_iter()
        .map(|name| {
            let selector = BTreeMap::from([("app".to_owned(), ROLLOUT.to_owned())]);
            (name.to_owned(), ServiceFacts { meta: meta(name, name), selector }.into())
        })
        .collect()
}

/// The canary Ingress of [`routed`], before it exists.
#[must_use]
pub fn route() -> RouteFacts {
    RouteFacts {
        reference: ObjectRef::new(Kind::Ingress, NAMESPACE, "web-web-canary"),
        version: None,
        canary_weight: None,
        in_shape: false,
        managed: None,
        problem: None,
        is_missing: false,
    }
}

/// The VirtualService of [`ping_pong`], as a user makes it: everything goes to ping.
fn virtual_service() -> RouteFacts {
    RouteFacts {
        reference: ObjectRef::new(Kind::VirtualService, NAMESPACE, ROLLOUT),
        version: Some(("uid-route".to_owned(), "1".to_owned())),
        canary_weight: Some(100),
        in_shape: true,
        managed: Some(Vec::new()),
        problem: None,
        is_missing: false,
    }
}

/// A Rollout that was just created with that strategy; with a router, its Services and its route are there too.
#[must_use]
pub fn created(canary: &Value) -> Snapshot {
    created_with(&json!({ "canary": canary }))
}

/// A Rollout that was just created with that `spec.strategy`; the Services and the route that it needs are there too.
#[must_use]
pub fn created_with(strategy: &Value) -> Snapshot {
    let spec = spec_with("v1", strategy);
    let is_routed = spec.strategy.canary.as_ref().is_some_and(|canary| canary.traffic_routing.is_some());
    let takes_turns = spec.strategy.canary.as_ref().is_some_and(|canary| canary.ping_pong.is_some());
    let services = match &spec.strategy.blue_green {
        None if takes_turns => services_named(["web-ping", "web-pong"]),
        Some(_) => services_named(["web-active", "web-preview"]),
        None if is_routed => services(),
        None => BTreeMap::new(),
    };
    Snapshot {
        rollout: Shared::new(RolloutFacts {
            meta: meta(ROLLOUT, UID),
            spec: Ok(spec),
            last_readable_spec: None,
            status: RolloutStatus::default(),
        }),
        template: Some(template("v1")),
        workload: None,
        replica_sets: Vec::new(),
        orphans: Vec::new(),
        services,
        routes: match (is_routed, takes_turns) {
            (true, true) => vec![virtual_service()],
            (true, false) => vec![route()],
            (false, _) => Vec::new(),
        },
        routing_problem: None,
        analysis_runs: Vec::new(),
        templates: BTreeMap::new(),
        pods: None,
        cluster_templates: BTreeMap::new(),
        taken: BTreeSet::new(),
        kept: BTreeMap::new(),
        tenure: None,
        stale: BTreeSet::new(),
        settings: Settings::default(),
    }
}

/// A Rollout that takes the template of the Deployment `web-base`, which has five pods, and was just created with that
/// `spec.strategy`; what happens to the Deployment is that word.
#[must_use]
pub fn referring(strategy: &Value, scale_down: &str) -> Snapshot {
    let mut snapshot = created_with(strategy);
    if let Ok(spec) = &mut snapshot.rollout.spec {
        spec.template = None;
        spec.workload_ref = Some(WorkloadRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web-base".to_owned(),
            scale_down: scale_down.to_owned(),
        });
    }
    let selector = json!({ "matchLabels": { "app": ROLLOUT } });
    snapshot.workload = Some(Shared::new(WorkloadFacts {
        meta: meta("web-base", "uid-base"),
        template: Some(TemplateText::from(&template_value("v1"))),
        selector: serde_json::from_value(selector).ok(),
        replicas: 5,
    }));
    snapshot
}

/// A ReplicaSet of a version, with all its pods available.
#[must_use]
pub fn replica_set(version: &str, revision: i64, replicas: i32) -> Shared<ReplicaSetFacts> {
    let hash = format!("hash-{version}");
    let mut meta = meta(&format!("{ROLLOUT}-{hash}"), &format!("uid-{version}"));
    meta.annotations.insert(REVISION.to_owned(), revision.to_string());
    meta.labels.insert(POD_TEMPLATE_HASH.to_owned(), hash.clone());
    Shared::new(ReplicaSetFacts {
        meta,
        hash,
        template_digest: format!("digest-{version}"),
        replicas,
        current_replicas: replicas,
        ready_replicas: replicas,
        available_replicas: replicas,
        observed_generation: 1,
        ..ReplicaSetFacts::default()
    })
}

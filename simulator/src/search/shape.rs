//! Strategies behind routers: what comes later joins by one more row of the table.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::manifests::{CANARY, ERRORS, FINAL, SMOKE, STABLE, Wishes, ingress, virtual_service};
use crate::fault::FaultKind;

/// A strategy behind a router.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it is called.
    pub name: &'static str,
    /// The row of the matrix.
    pub strategy: &'static str,
    /// The column of the matrix.
    pub router: &'static str,
    /// Whether it goes step by step.
    pub has_steps: bool,
    /// Faults that cannot matter here.
    pub without: &'static [FaultKind],
    /// What happens to the Deployment that the Rollout takes its pod template from; nothing if it has its own.
    pub scale_down: Option<&'static str>,
    /// Steps before those of the story.
    pub(crate) opening: fn() -> Vec<Value>,
    /// The `strategy` of the spec.
    pub(crate) strategy_spec: fn(&Wishes) -> Value,
    /// The route objects of the user.
    pub(crate) routes: fn() -> Vec<Value>,
}

/// Strategy and router.
pub(crate) type Place = (&'static str, &'static str);

/// All strategies with their routers.
pub(crate) fn places() -> BTreeSet<Place> {
    SHAPES.iter().map(Shape::place).collect()
}

/// Pods alone share the requests.
const PODS: Shape = Shape {
    name: "canary",
    strategy: "canary",
    router: "none",
    has_steps: true,
    without: &[FaultKind::F15],
    scale_down: None,
    opening: Vec::new,
    strategy_spec: |wishes| canary(wishes, &Value::Null),
    routes: Vec::new,
};
/// An Ingress does.
const NGINX: Shape = Shape {
    name: "canary-nginx",
    router: "nginx",
    without: &[],
    strategy_spec: |wishes| canary(wishes, &json!({ "nginx": { "stableIngress": "web" } })),
    routes: || vec![ingress("web")],
    ..PODS
};
/// A VirtualService does.
const ISTIO: Shape = Shape {
    name: "canary-istio",
    router: "istio",
    without: &[],
    strategy_spec: |wishes| canary(wishes, &json!({ "istio": { "virtualService": primary("web") } })),
    routes: || vec![virtual_service("web")],
    ..PODS
};

/// All of them.
pub const SHAPES: &[Shape] = &[
    PODS,
    NGINX,
    Shape {
        name: "canary-nginx-two",
        strategy_spec: |wishes| canary(wishes, &json!({ "nginx": { "stableIngresses": ["web", "shop"] } })),
        routes: || vec![ingress("web"), ingress("shop")],
        ..NGINX
    },
    ISTIO,
    Shape {
        name: "canary-istio-two",
        strategy_spec: |wishes| {
            canary(wishes, &json!({ "istio": { "virtualServices": [primary("web"), primary("shop")] } }))
        },
        routes: || vec![virtual_service("web"), virtual_service("shop")],
        ..ISTIO
    },
    Shape {
        name: "canary-istio-managed",
        opening: managed_routes,
        strategy_spec: |wishes| {
            let names = ["early", "beta", "shadow"].map(|name| json!({ "name": name }));
            canary(wishes, &json!({ "managedRoutes": names, "istio": { "virtualService": primary("web") } }))
        },
        ..ISTIO
    },
    Shape {
        name: "canary-istio-turns",
        strategy_spec: |wishes| taking_turns((ISTIO.strategy_spec)(wishes)),
        ..ISTIO
    },
    Shape {
        name: "blue-green",
        strategy: "blueGreen",
        has_steps: false,
        without: &[],
        strategy_spec: blue_green,
        ..PODS
    },
    Shape { name: "canary-roles", strategy_spec: |wishes| with_roles((PODS.strategy_spec)(wishes)), ..PODS },
    Shape { name: "canary-workload", scale_down: Some("progressively"), ..PODS },
    Shape { name: "canary-nginx-workload", scale_down: Some("onsuccess"), ..NGINX },
];

/// A VirtualService whose split is the route `primary`.
fn primary(name: &str) -> Value {
    json!({ "name": name, "routes": ["primary"] })
}

impl Shape {
    /// The shape of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SHAPES.iter().find(|shape| shape.name == name)
    }

    /// Its strategy and its router.
    pub(crate) const fn place(&self) -> Place {
        (self.strategy, self.router)
    }

    /// Whether old versions may be kept for a while: where pods alone share the requests, they may not.
    #[must_use]
    pub fn keeps_old_versions(&self) -> bool {
        self.router != "none" || !self.has_steps
    }
}

fn canary(wishes: &Wishes, routing: &Value) -> Value {
    let mut canary = json!({ "steps": wishes.steps });
    if let Some(fields) = canary.as_object_mut() {
        if !routing.is_null() {
            fields.insert("canaryService".to_owned(), json!(CANARY));
            fields.insert("stableService".to_owned(), json!(STABLE));
            fields.insert("trafficRouting".to_owned(), routing.clone());
        }
        if wishes.background {
            fields.insert("analysis".to_owned(), json!({ "templates": [{ "templateName": ERRORS }] }));
        }
    }
    json!({ "canary": canary })
}

/// Chosen requests meet the new version before any weight does, some are copied to it, and one choice is withdrawn.
fn managed_routes() -> Vec<Value> {
    let header = |route: &str, value: &str| {
        json!({ "setHeaderRoute": { "name": route, "match": [
            { "headerName": "group", "headerValue": { "exact": value } },
        ] } })
    };
    vec![
        header("early", "staff"),
        header("beta", "beta"),
        json!({ "setMirrorRoute": { "name": "shadow", "percentage": 50, "match": [
            { "method": { "exact": "GET" }, "path": { "prefix": "/" } },
        ] } }),
        json!({ "setHeaderRoute": { "name": "early" } }),
    ]
}

/// The two Services take the roles of stable and canary in turns.
fn taking_turns(mut strategy: Value) -> Value {
    if let Some(canary) = strategy.get_mut("canary").and_then(Value::as_object_mut) {
        let pair = [("pingService", "stableService"), ("pongService", "canaryService")];
        let pair: serde_json::Map<String, Value> = pair
            .into_iter()
            .filter_map(|(turn, role)| Some((turn.to_owned(), canary.remove(role)?)))
            .collect();
        canary.insert("pingPong".to_owned(), Value::Object(pair));
    }
    strategy
}

/// Pods carry what their version's role wants: one label in both roles, and one entry in one of them alone.
fn with_roles(mut strategy: Value) -> Value {
    if let Some(canary) = strategy.get_mut("canary").and_then(Value::as_object_mut) {
        let new = json!({ "labels": { "role": "canary" }, "annotations": { "on-trial": "yes" } });
        canary.insert("canaryMetadata".to_owned(), new);
        canary.insert("stableMetadata".to_owned(), json!({ "labels": { "role": "stable" } }));
    }
    strategy
}

/// The analysis before the switch is that of a step; the one after it ends by itself.
fn blue_green(wishes: &Wishes) -> Value {
    let run = |template: &str| json!({ "templates": [{ "templateName": template }] });
    let mut spec = json!({
        "activeService": STABLE,
        "previewService": CANARY,
        "autoPromotionEnabled": false,
        "prePromotionAnalysis": run(SMOKE),
    });
    if let Some(fields) = spec.as_object_mut().filter(|_| wishes.background) {
        fields.insert("postPromotionAnalysis".to_owned(), run(FINAL));
    }
    json!({ "blueGreen": spec })
}

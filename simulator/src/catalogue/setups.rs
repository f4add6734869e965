//! Strategies and routers: the manifests around a Rollout.

use serde_json::{Value, json};

/// One strategy with one router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Its name, such as `canary-nginx`.
    pub(crate) name: &'static str,
    /// Whether a router splits the traffic.
    pub(crate) routed: bool,
    /// The part of the canary strategy that names the router and its Services.
    strategy: fn() -> Value,
    /// The objects beside the Rollout.
    around: fn() -> Vec<Value>,
}

/// All of them.
pub(crate) const SETUPS: &[Setup] = &[
    Setup { name: "canary-basic", routed: false, strategy: basic, around: Vec::new },
    Setup { name: "canary-nginx", routed: true, strategy: nginx, around: ingress },
    Setup { name: "canary-istio", routed: true, strategy: istio, around: virtual_service },
];

/// The namespace of all objects.
pub(super) const NAMESPACE: &str = "shop";

impl Setup {
    /// The manifests, with a Rollout that has these further fields in its canary strategy.
    pub(crate) fn manifests(&self, canary: &Value) -> Vec<Value> {
        let mut strategy = (self.strategy)();
        json_patch::merge(&mut strategy, canary);
        let mut manifests = (self.around)();
        manifests.push(template());
        manifests.push(json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
            "metadata": { "name": "web", "namespace": NAMESPACE },
            "spec": {
                "replicas": 4, "selector": { "matchLabels": { "app": "web" } },
                "template": { "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "web", "image": "web:v1" }] } },
                "strategy": { "canary": strategy },
            },
        }));
        manifests
    }
}

fn basic() -> Value {
    json!({ "maxSurge": 1, "maxUnavailable": 1 })
}

fn nginx() -> Value {
    routed(&json!({ "nginx": { "stableIngress": "web" } }))
}

fn istio() -> Value {
    routed(&json!({ "istio": { "virtualService": { "name": "web", "routes": ["primary"] } } }))
}

fn routed(routing: &Value) -> Value {
    json!({ "canaryService": "web-canary", "stableService": "web-stable", "trafficRouting": routing })
}

fn service(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] } })
}

fn ingress() -> Vec<Value> {
    let backend = json!({ "service": { "name": "web-stable", "port": { "number": 80 } } });
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": "web", "namespace": NAMESPACE },
        "spec": { "ingressClassName": "nginx", "rules": [{ "host": "web.example.com", "http": { "paths": [
            { "path": "/", "pathType": "Prefix", "backend": backend } ] } }] },
    });
    vec![service("web-stable"), service("web-canary"), ingress]
}

fn virtual_service() -> Vec<Value> {
    let route = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": "web", "namespace": NAMESPACE },
        "spec": { "hosts": ["web.example.com"], "http": [
            { "name": "testers", "match": [{ "headers": { "canary": { "exact": "true" } } }],
                "route": [{ "destination": { "host": "web-canary" } }] },
            { "name": "primary", "route": [
                { "destination": { "host": "web-stable" }, "weight": 100 },
                { "destination": { "host": "web-canary" }, "weight": 0 } ] } ] },
    });
    vec![service("web-stable"), service("web-canary"), route]
}

/// An error rate that is measured a few times; `background` measures until it is ended.
fn template() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": { "name": "error-rate", "namespace": NAMESPACE },
        "spec": {
            "args": [{ "name": "count", "value": "3" }],
            "metrics": [{
                "name": "error-rate", "interval": "2s", "count": "{{args.count}}",
                "successCondition": "len(result) == 1 && result[0] <= 0.05",
                "failureCondition": "len(result) == 1 && result[0] > 0.05",
                "provider": { "prometheus": { "address": "http://prometheus.example:9090", "query": "error_rate" } },
            }],
        },
    })
}

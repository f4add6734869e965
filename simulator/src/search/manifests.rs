//! The objects of the shop in which every searched story plays: one Rollout, its Services, routes and templates.

use serde_json::{Value, json};

use super::shape::Shape;

/// The namespace of everything.
pub const NAMESPACE: &str = "shop";
/// The name of the Rollout.
pub const ROLLOUT: &str = "web";
/// The Deployment that some Rollouts take their pod template from.
pub const DEPLOYMENT: &str = "base";
/// The Service of the stable version.
pub const STABLE: &str = "web-stable";
/// The Service of the new version.
pub const CANARY: &str = "web-canary";
/// The template of the analysis beside the steps.
pub const ERRORS: &str = "errors";
/// The template of the analysis in a step.
pub const SMOKE: &str = "smoke";

/// The template of the analysis after a switch: the same measurements, but it ends by itself.
pub const FINAL: &str = "final";

/// What a story wants of its Rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Wishes {
    /// How many pods.
    pub replicas: i32,
    /// The steps of a canary.
    pub steps: Vec<Value>,
    /// Whether the update is measured beside its steps.
    pub background: bool,
    /// Merged into the strategy.
    pub strategy: Value,
    /// Merged into the spec.
    pub spec: Value,
}

/// All manifests of a story: the Rollout last.
#[must_use]
pub fn all(shape: &Shape, wishes: &Wishes) -> Vec<Value> {
    let mut objects = vec![service(STABLE), service(CANARY)];
    objects.extend((shape.routes)());
    objects.push(template(ERRORS, &json!({ "interval": "5s", "count": 60, "inconclusiveLimit": 3 })));
    objects.push(template(SMOKE, &json!({ "interval": "2s", "count": 3, "inconclusiveLimit": 3 })));
    let query = json!({ "prometheus": { "query": format!("{ERRORS}_rate") } });
    objects.push(template(FINAL, &json!({ "interval": "2s", "count": 4, "provider": query })));
    objects.extend(shape.scale_down.map(|_| deployment(wishes.replicas)));
    objects.push(rollout(shape, wishes));
    objects
}

fn rollout(shape: &Shape, wishes: &Wishes) -> Value {
    let mut strategy = (shape.strategy_spec)(wishes);
    if let Some(inner) = strategy.as_object_mut().and_then(|all| all.values_mut().next()) {
        merge(inner, &wishes.strategy);
    }
    let mut spec = json!({
        "replicas": wishes.replicas,
        "selector": { "matchLabels": { "app": ROLLOUT } },
        "template": pod_template(),
        "strategy": strategy,
    });
    merge(&mut spec, &wishes.spec);
    if let Some(fields) = spec.as_object_mut()
        && let Some(scale_down) = shape.scale_down
    {
        let reference = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "name": DEPLOYMENT, "scaleDown": scale_down,
        });
        fields.remove("template");
        fields.insert("workloadRef".to_owned(), reference);
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": { "name": ROLLOUT, "namespace": NAMESPACE },
        "spec": spec,
    })
}

fn pod_template() -> Value {
    json!({
        "metadata": { "labels": { "app": ROLLOUT } },
        "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
    })
}

/// The Deployment that a Rollout replaces.
fn deployment(replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": DEPLOYMENT, "namespace": NAMESPACE },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": ROLLOUT } },
            "template": pod_template(),
        },
    })
}

/// Another Rollout of the shop, without steps and without a router.
pub(crate) fn neighbour() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": { "name": "aside", "namespace": NAMESPACE },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": "aside" } },
            "template": {
                "metadata": { "labels": { "app": "aside" } },
                "spec": { "containers": [{ "name": "one", "image": "aside:1" }] },
            },
            "strategy": { "canary": {} },
        },
    })
}

/// A Service of the shop.
fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": { "selector": { "app": ROLLOUT }, "ports": [{ "port": 80 }] },
    })
}

/// An Ingress of the shop that routes one host to the stable Service.
pub(crate) fn ingress(name: &str) -> Value {
    let backend = json!({ "service": { "name": STABLE, "port": { "number": 80 } } });
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{
                "host": format!("{name}.example"),
                "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] },
            }],
        },
    })
}

/// A VirtualService of the shop: a route for testers before the one that is split, with settings of its owner.
pub(crate) fn virtual_service(name: &str) -> Value {
    let to = |service: &str, weight: u32| json!({ "destination": { "host": service }, "weight": weight });
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "hosts": [format!("{name}.example")],
            "http": [
                {
                    "name": "testers",
                    "match": [{ "headers": { "tester": { "exact": "yes" } } }],
                    "route": [to(CANARY, 100)],
                },
                {
                    "name": "primary",
                    "route": [to(STABLE, 100), to(CANARY, 0)],
                    "retries": { "attempts": 3 },
                    "timeout": "5s",
                },
            ],
        },
    })
}

/// An AnalysisTemplate with one metric: the share of errors, at most 5 %.
fn template(name: &str, limits: &Value) -> Value {
    let mut metric = json!({
        "name": "error-rate",
        "successCondition": "len(result) == 1 && result[0] <= 0.05",
        "failureCondition": "len(result) == 1 && result[0] > 0.05",
        "provider": { "prometheus": { "address": "http://prometheus:9090", "query": format!("{name}_rate") } },
    });
    merge(&mut metric, limits);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": { "metrics": [metric] },
    })
}

/// Merges objects into objects; everything else is replaced.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, Value::Null) if into.is_object() => {}
        (into, from) => *into = from.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::shape::SHAPES;

    #[test]
    fn every_shape_has_a_rollout_with_its_wishes() {
        for shape in SHAPES {
            let wishes = Wishes {
                replicas: 7,
                steps: vec![json!({ "setWeight": 20 })],
                background: true,
                strategy: json!({ "scaleDownDelaySeconds": 3 }),
                spec: json!({ "revisionHistoryLimit": 1 }),
            };
            let objects = all(shape, &wishes);
            let rollout = objects.last().unwrap();
            assert_eq!(rollout["kind"], "Rollout");
            assert_eq!(rollout["spec"]["revisionHistoryLimit"], 1);
            let strategy = rollout["spec"]["strategy"].as_object().unwrap().values().next().unwrap();
            assert_eq!(strategy["scaleDownDelaySeconds"], 3, "{}", shape.name);
        }
    }

    #[test]
    fn merging_keeps_what_is_not_named() {
        let mut value = json!({ "a": { "b": 1, "c": 2 }, "d": 3 });
        merge(&mut value, &json!({ "a": { "c": 4 }, "e": 5 }));
        assert_eq!(value, json!({ "a": { "b": 1, "c": 4 }, "d": 3, "e": 5 }));
    }
}

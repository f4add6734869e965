//! The objects of one shop: a Rollout behind NGINX, its Services, its Ingress.

use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use serde_json::{Value, json};

use super::World;
use crate::input::{Input, WatchEvent};

/// The Rollout.
pub(crate) fn web() -> ObjectRef {
    ObjectRef::new(Kind::Rollout, "shop", "web")
}

/// The canary Ingress that its router drives.
pub(crate) fn route() -> ObjectRef {
    ObjectRef::new(Kind::Ingress, "shop", "web-web-canary")
}

/// A Rollout of five pods with this canary strategy.
pub(crate) fn rollout(image: &str, canary: &Value) -> Value {
    rollout_with(image, &json!({ "canary": canary }))
}

/// A Rollout of five pods with this `spec.strategy`.
pub(crate) fn rollout_with(image: &str, strategy: &Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": {
            "replicas": 5,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": image }] },
            },
            "strategy": strategy,
        },
    })
}

/// A canary through NGINX.
pub(crate) fn nginx(steps: &Value) -> Value {
    json!({
        "canaryService": "web-canary", "stableService": "web-stable", "steps": steps,
        "trafficRouting": { "nginx": { "stableIngress": "web" } },
    })
}

/// A blue-green strategy that is measured before and after the switch.
pub(crate) fn blue_green() -> Value {
    let analysis = json!({ "templates": [{ "templateName": "smoke" }] });
    json!({ "blueGreen": {
        "activeService": "web-active", "previewService": "web-preview", "scaleDownDelaySeconds": 10,
        "prePromotionAnalysis": analysis, "postPromotionAnalysis": analysis,
    } })
}

fn service(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "shop" },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } })
}

/// An Ingress that routes to the stable Service.
pub(crate) fn ingress(name: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": name, "namespace": "shop" },
        "spec": { "ingressClassName": "nginx", "rules": [{ "host": "shop.example", "http": { "paths": [{
            "path": "/", "pathType": "Prefix",
            "backend": { "service": { "name": "web-stable", "port": { "number": 80 } } },
        }] } }] },
    })
}

/// An AnalysisTemplate with one metric that is measured every second and may never fail.
pub(crate) fn template() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": { "name": "errors", "namespace": "shop" },
        "spec": { "metrics": [{
            "name": "error-rate", "interval": "1s", "failureLimit": 0, "successCondition": "result[0] < 0.05",
            "provider": { "prometheus": { "address": "http://prometheus", "query": "errors" } },
        }] },
    })
}

/// An AnalysisTemplate with one metric that is measured four times.
fn smoke() -> Value {
    let mut template = template();
    template["metadata"]["name"] = json!("smoke");
    template["spec"]["metrics"][0]["count"] = json!(4);
    template
}

impl World {
    /// Puts the Services, the Ingress, the templates and a canary, and deploys its first version.
    pub(crate) fn deploy(&mut self, canary: &Value) {
        self.deploy_with(&json!({ "canary": canary }));
    }

    /// The same for any `spec.strategy`.
    pub(crate) fn deploy_with(&mut self, strategy: &Value) {
        let now = self.now;
        for name in ["web-canary", "web-stable", "web-active", "web-preview"] {
            self.api.put(Kind::Service, service(name), now);
        }
        self.api.put(Kind::Ingress, ingress("web"), now);
        self.api.put(Kind::AnalysisTemplate, template(), now);
        self.api.put(Kind::AnalysisTemplate, smoke(), now);
        self.api.put(Kind::Rollout, rollout_with("web:1", strategy), now);
        self.settle();
        assert_eq!(self.phase(), "Healthy", "{}", self.story());
    }

    /// Asks for another image.
    pub(crate) fn set_image(&mut self, image: &str) {
        let patch = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "web", "image": image }] } } } });
        self.api.merge(&web(), &patch);
    }

    /// Merges into the status, as the command line does.
    pub(crate) fn patch_status(&mut self, patch: &Value) {
        self.api.merge(&web(), &json!({ "status": patch }));
    }

    /// The watch of a kind begins anew with a list of what is there.
    pub(crate) fn list_anew(&mut self, kind: Kind) {
        self.feed(Input::Watch { kind, event: WatchEvent::Init });
        for object in self.api.list(kind) {
            self.feed(Input::Watch { kind, event: WatchEvent::InitApply(Arc::new(object)) });
        }
        self.feed(Input::Watch { kind, event: WatchEvent::InitDone });
    }

    /// Runs for two minutes.
    pub(crate) fn settle(&mut self) {
        self.run(std::time::Duration::from_mins(2));
    }

    /// The status of the Rollout.
    pub(crate) fn status(&self) -> &Value {
        &self.api.objects[&web()]["status"]
    }

    /// What happened, for the sentence of a failed assertion.
    pub(crate) fn story(&self) -> String {
        let (writes, events, status) = (&self.api.writes, &self.api.events, self.status());
        let waiting = self.engine.waiting(&web());
        format!("writes {writes:#?}\nevents {events:#?}\nwaiting {waiting:#?}\nlog {:#?}\n{status}", self.log)
    }

    /// The phase of the Rollout.
    pub(crate) fn phase(&self) -> &str {
        self.status()["phase"].as_str().unwrap_or_default()
    }

    /// The hash that a Service selects.
    pub(crate) fn selected(&self, service: &str) -> &str {
        let service = ObjectRef::new(Kind::Service, "shop", service);
        self.api.objects[&service]["spec"]["selector"][crds::names::POD_TEMPLATE_HASH]
            .as_str()
            .unwrap_or_default()
    }

    /// The weight that the route says.
    pub(crate) fn weight(&self) -> &str {
        self.api.objects.get(&route()).map_or("none", |ingress| {
            ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"]
                .as_str()
                .unwrap_or("none")
        })
    }
}

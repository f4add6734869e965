//! What the update needs and nobody gave: made up, and said so.

use std::collections::{BTreeMap, BTreeSet};

use crds::analysis::{AnalysisTemplateSpec, Argument};
use crds::names::API_VERSION;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{IstioVirtualService, PingPongRole, RolloutSpec};
use serde_json::{Map, Value, json};
use traffic_routers::{Objects, Owner, RouteError, drivable};

use super::change::{workload, workload_facts};
use super::report::Assumption;

/// How many objects one router may lack before we stop making them up.
const MOST: usize = 64;
/// The query of a made-up metric.
const MADE_UP: &str = "made up: the template is not among the files";

/// The objects that a spec names, as far as they are given, and those that were made up.
#[derive(Debug)]
pub(super) struct Gaps<'a> {
    rollout: &'a ObjectRef,
    place: &'a str,
    spec: &'a RolloutSpec,
    objects: BTreeMap<ObjectRef, Value>,
    assumptions: Vec<Assumption>,
    missing: Vec<ObjectRef>,
}

/// Adds to `objects` what the Rollout, which stands at `place`, names and nobody gave; says what was added, and which objects that are.
///
/// Secrets are always made up: nobody keeps them where manifests are. All else only if `makes_up`.
pub(super) fn fill(
    (rollout, place): (&ObjectRef, &str),
    spec: &RolloutSpec,
    objects: BTreeMap<ObjectRef, Value>,
    makes_up: bool,
) -> (BTreeMap<ObjectRef, Value>, Vec<Assumption>, Vec<ObjectRef>) {
    let mut gaps = Gaps { rollout, place, spec, objects, assumptions: Vec::new(), missing: Vec::new() };
    if makes_up {
        gaps.services();
        gaps.routes();
        gaps.templates();
    }
    gaps.secrets();
    (gaps.objects, gaps.assumptions, gaps.missing)
}

/// The objects that carry the weight of a Rollout.
pub(super) fn routes(rollout: &ObjectRef, spec: &RolloutSpec) -> Vec<ObjectRef> {
    drivable(&owner(rollout), spec).0.iter().flat_map(|router| router.routes()).collect()
}

/// The templates that a spec names, in order, each once; those that they name in turn follow where they are given.
pub(super) fn templates(
    rollout: &ObjectRef,
    spec: &RolloutSpec,
    objects: &BTreeMap<ObjectRef, Value>,
) -> Vec<ObjectRef> {
    let mut found: Vec<ObjectRef> = Vec::new();
    let mut open: Vec<ObjectRef> =
        spec.analysis_templates().map(|it| it.object(&rollout.namespace)).collect();
    open.reverse();
    while let Some(next) = open.pop() {
        if found.contains(&next) {
            continue;
        }
        let nested = objects.get(&next).map(template_spec).unwrap_or_default().templates;
        open.extend(nested.iter().rev().map(|it| it.object(&rollout.namespace)));
        found.push(next);
    }
    found
}

/// The spec of a template; empty where it cannot be read.
pub(super) fn template_spec(template: &Value) -> AnalysisTemplateSpec {
    template.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default()
}

fn owner(rollout: &ObjectRef) -> Owner {
    Owner {
        namespace: rollout.namespace.clone(),
        name: rollout.name.clone(),
        uid: String::new(),
        stable_ping_pong: PingPongRole::Ping,
    }
}

impl Gaps<'_> {
    fn assume(&mut self, object: &ObjectRef, text: &str) {
        self.missing.push(object.clone());
        let (rollout, place) = (self.rollout, self.place);
        let remedy = format!("give the manifest with -f, or correct the name in {rollout} ({place})");
        self.assumptions.push(Assumption {
            text: format!("{object} is not among the files: {text}"),
            remedy,
            is_gap: true,
        });
    }

    fn services(&mut self) {
        let canary = self.spec.strategy.canary.iter().flat_map(|canary| {
            let pair = canary.ping_pong.iter().flat_map(|pair| [&pair.ping_service, &pair.pong_service]);
            [&canary.stable_service, &canary.canary_service].into_iter().chain(pair)
        });
        let switch = self.spec.strategy.blue_green.iter();
        let switch = switch.flat_map(|strategy| [&strategy.active_service, &strategy.preview_service]);
        let names: BTreeSet<&String> = canary.chain(switch).filter(|name| !name.is_empty()).collect();
        let selector = self.selector();
        for name in names {
            let object = ObjectRef::new(Kind::Service, &self.rollout.namespace, name);
            if !self.objects.contains_key(&object) {
                let service = json!({
                    "apiVersion": "v1", "kind": "Service",
                    "metadata": { "name": name, "namespace": object.namespace },
                    "spec": { "selector": selector, "ports": [{ "port": 80 }] },
                });
                self.assume(&object, "a Service that selects the pods of the Rollout is assumed");
                self.objects.insert(object, service);
            }
        }
    }

    /// The labels by which the pods are known: those of the workload where the Rollout leaves them to it.
    fn selector(&self) -> BTreeMap<String, String> {
        let of_workload = || {
            let object = workload(self.spec, &self.rollout.namespace)?;
            workload_facts(&object, self.objects.get(&object)?)?.selector.clone()
        };
        let selector = self.spec.selector.clone().or_else(of_workload);
        selector.and_then(|it| it.match_labels).unwrap_or_default()
    }

    fn routes(&mut self) {
        let (routers, _) = drivable(&owner(self.rollout), self.spec);
        for router in &routers {
            for route in router.routes() {
                for _ in 0..MOST {
                    let Err(RouteError::NotFound { object, .. }) = router.observe(&route, &self.known())
                    else {
                        break;
                    };
                    let Some(made_up) = self.route(&object) else { break };
                    self.assume(&object, "one that sends everything to the stable Service is assumed");
                    self.objects.insert(object, made_up);
                }
            }
        }
    }

    fn known(&self) -> Objects {
        self.objects.clone()
    }

    /// A route object that sends everything to the stable Service; nothing for a kind that cannot be made up.
    fn route(&self, object: &ObjectRef) -> Option<Value> {
        let canary = self.spec.strategy.canary.as_ref()?;
        let metadata = json!({ "name": object.name, "namespace": object.namespace });
        Some(match object.kind {
            Kind::Ingress => ingress(&metadata, canary.services(PingPongRole::Ping)[0]),
            Kind::VirtualService => {
                let istio = canary.traffic_routing.as_ref()?.istio.as_ref()?;
                let mut named = istio.virtual_service.iter().chain(&istio.virtual_services);
                let config = named.find(|it| it.name.split('.').next() == Some(object.name.as_str()))?;
                virtual_service(&metadata, config, canary.services(PingPongRole::Ping))
            }
            _ => return None,
        })
    }

    fn templates(&mut self) {
        for object in templates(self.rollout, self.spec, &self.objects) {
            if self.objects.contains_key(&object) {
                continue;
            }
            let manifest = json!({
                "apiVersion": API_VERSION, "kind": object.kind.name(),
                "metadata": if object.namespace.is_empty() {
                    json!({ "name": object.name })
                } else {
                    json!({ "name": object.name, "namespace": object.namespace })
                },
                "spec": { "metrics": [{
                    "name": object.name, "successCondition": "result[0] == 1",
                    "provider": { "prometheus": { "query": MADE_UP } },
                }] },
            });
            self.assume(&object, "one measurement, which passes, is assumed");
            self.objects.insert(object, manifest);
        }
    }

    /// Secrets do not belong into a repository, so that they are missing is no gap.
    fn secrets(&mut self) {
        let mut wanted: BTreeMap<ObjectRef, BTreeSet<String>> = BTreeMap::new();
        for object in templates(self.rollout, self.spec, &self.objects) {
            let spec = self.objects.get(&object).map(template_spec).unwrap_or_default();
            for key in spec.args.iter().filter_map(secret_key) {
                let secret = ObjectRef::new(Kind::Secret, &self.rollout.namespace, &key.0);
                wanted.entry(secret).or_default().insert(key.1);
            }
        }
        for (secret, keys) in wanted {
            if self.objects.contains_key(&secret) {
                continue;
            }
            // "c2ltdWxhdGVk" is "simulated" in base64: no value leaves this process.
            let data: BTreeMap<&String, &str> = keys.iter().map(|key| (key, "c2ltdWxhdGVk")).collect();
            let manifest = json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": { "name": secret.name, "namespace": secret.namespace }, "data": data,
            });
            let keys = keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let text = format!("{secret} is taken to exist, with {keys}");
            self.assumptions.push(Assumption { text, remedy: String::new(), is_gap: false });
            self.objects.insert(secret, manifest);
        }
    }
}

fn secret_key(argument: &Argument) -> Option<(String, String)> {
    let key = argument.value_from.as_ref()?.secret_key_ref.as_ref()?;
    Some((key.name.clone(), key.key.clone()))
}

fn ingress(metadata: &Value, stable: &str) -> Value {
    let backend = json!({ "service": { "name": stable, "port": { "number": 80 } } });
    let path = json!({ "path": "/", "pathType": "Prefix", "backend": backend });
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": { "rules": [{ "host": "simulated.example.com", "http": { "paths": [path] } }] },
    })
}

fn virtual_service(metadata: &Value, config: &IstioVirtualService, hosts: [&str; 2]) -> Value {
    let [stable, canary] = hosts;
    let split = json!([
        { "destination": { "host": stable }, "weight": 100 },
        { "destination": { "host": canary }, "weight": 0 },
    ]);
    let has_others = !config.tls_routes.is_empty() || !config.tcp_routes.is_empty();
    let http: Vec<Value> = match config.routes.as_slice() {
        [] if has_others => Vec::new(),
        [] => vec![json!({ "route": split })],
        names => names.iter().map(|name| json!({ "name": name, "route": split })).collect(),
    };
    let tls = config.tls_routes.iter().map(
        |route| json!({ "match": [{ "port": route.port, "sniHosts": route.sni_hosts }], "route": split }),
    );
    let tcp =
        config.tcp_routes.iter().map(|route| json!({ "match": [{ "port": route.port }], "route": split }));
    let parts: [(&str, Vec<Value>); 3] = [("http", http), ("tls", tls.collect()), ("tcp", tcp.collect())];
    let routes = parts.into_iter().filter(|(_, routes)| !routes.is_empty());
    let mut spec = Map::from_iter([("hosts".to_owned(), json!(["simulated.example.com"]))]);
    spec.extend(routes.map(|(name, routes)| (name.to_owned(), Value::Array(routes))));
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": metadata,
        "spec": spec,
    })
}

//! istiod, and the pod and Service that give its ingress gateway an identity.

use anyhow::Result;
use serde_json::{Value, json};

use super::component::{Component, local};
use super::plan::Plan;
use super::probe::Probe;
use super::state::{self, State};
use super::{envoy, kubectl, node};

/// Where Istio lives.
pub(crate) const NAMESPACE: &str = "istio-system";
/// The Service of the ingress gateway.
pub(crate) const GATEWAY_SERVICE: &str = "istio-ingressgateway";
/// The pod whose name the gateway's Envoy bears.
pub(crate) const GATEWAY_POD: &str = "istio-ingressgateway-0";
/// Port by which Envoy is steered.
pub(crate) const GRPC_PORT: u16 = 15010;
/// Port of health and debugging.
pub(crate) const HTTP_PORT: u16 = 15080;
/// Ports of the gateway: as a `Gateway` names them, and where its Envoy listens on every address of the namespace.
/// The latter are not those that pods use.
pub(crate) const GATEWAY_PORTS: [(&str, u16, u16); 3] =
    [("http", 80, 18080), ("http-gateway-api", 81, 18081), ("tcp", 82, 18082)];

/// Starts istiod and the Envoy of its ingress gateway.
///
/// # Errors
/// When one of them does not become ready.
pub(crate) fn start(state: &State, plan: &Plan) -> Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    kubectl::apply_objects(state, "istio-namespace", &[namespace])?;
    // A pod without a ServiceAccount is refused.
    let in_namespace = format!("--namespace={NAMESPACE}");
    let account = ["get", "serviceaccount", "default", &in_namespace, "--output=name"];
    kubectl::wait_for_output(state, "the ServiceAccount default of istio-system", &account)?;
    kubectl::apply_objects(state, "istio-gateway", &gateway())?;

    let mut istiod = istiod(state, plan)?.start(state)?;
    let address = ["get", "pod", GATEWAY_POD, &in_namespace, "--output=jsonpath={.status.podIP}"];
    let address = kubectl::wait_for_output(state, "the address of the gateway's pod", &address)?;
    istiod.wait_ready(state)?;
    envoy::start(state, plan, address.trim())
}

fn istiod(state: &State, plan: &Plan) -> Result<Component> {
    let mesh = state.path("mesh.json");
    // Without a CA no proxy may ask for certificates: it would wait for them for ever, without a word.
    state::write_json(
        &mesh,
        &json!({"enableAutoMtls": false, "enablePrometheusMerge": false, "accessLogFile": ""}),
    )?;
    let ready = Probe::Http { address: local(HTTP_PORT), path: "/ready".to_owned() };
    let mut component = Component::new("istiod", plan.program("istiod")?, ready)
        .arg("discovery")
        .arg(format!("--kubeconfig={}", state.text("kubeconfig")))
        .arg(format!("--meshConfig={}", mesh.display()))
        .arg(format!("--grpcAddr={}", local(GRPC_PORT)))
        .arg(format!("--httpAddr={}", local(HTTP_PORT)))
        .arg(format!("--namespace={NAMESPACE}"))
        .words("--secureGRPCAddr= --httpsAddr= --monitoringAddr=127.0.0.1:15014");
    for setting in SETTINGS {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        component = component.env(name, value);
    }
    Ok(component)
}

/// No CA and no webhooks; nothing that only Istio's own build of Envoy has; changes are sent on after 10 ms.
const SETTINGS: [&str; 14] = [
    "POD_NAMESPACE=istio-system",
    "POD_NAME=istiod-0",
    "CLUSTER_ID=Kubernetes",
    "ENABLE_CA_SERVER=false",
    "PILOT_CERT_PROVIDER=none",
    "XDS_AUTH=false",
    "ENABLE_LEADER_ELECTION=false",
    "PILOT_ENABLE_ALPN_FILTER=false",
    "PILOT_ENABLE_METADATA_EXCHANGE=false",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER=false",
    "PILOT_ENABLE_AMBIENT=false",
    "PILOT_DEBOUNCE_AFTER=10ms",
    "PILOT_DEBOUNCE_MAX=1s",
    "INJECTION_WEBHOOK_CONFIG_NAME=",
];

/// The labels by which a `Gateway` selects the gateway.
pub(crate) fn gateway_labels() -> Value {
    json!({"istio": "ingressgateway", "app": GATEWAY_SERVICE})
}

fn gateway() -> [Value; 2] {
    let ports: Vec<Value> = GATEWAY_PORTS
        .iter()
        .map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target}))
        .collect();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": GATEWAY_POD, "namespace": NAMESPACE, "labels": gateway_labels(),
            "annotations": {node::NO_LISTEN: "true"}},
        "spec": {"containers": [{"name": "envoy", "image": "envoy"}]},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": GATEWAY_SERVICE, "namespace": NAMESPACE, "labels": gateway_labels()},
        "spec": {"selector": gateway_labels(), "ports": ports},
    });
    [pod, service]
}

//! `cluster.json`: everything that a test needs to know of a cluster. Addresses hold inside its namespace.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::component::local;
use super::namespace::{NODE_ADDRESS, Namespace};
use super::plan::{Extra, Plan};
use super::state::{self, State};
use super::{envoy, istio, keys, node, prometheus, proxy, traefik};

/// The facts of a cluster; a part that was not asked for is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    name: String,
    state_directory: PathBuf,
    namespace: Namespace,
    kubeconfig: PathBuf,
    certificate_authority: PathBuf,
    audit_log: PathBuf,
    logs: PathBuf,
    api_server: String,
    /// What a pod finds as `KUBERNETES_SERVICE_HOST` and port would be.
    api_server_for_pods: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<ProxyFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traefik: Option<TraefikFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    istio: Option<IstioFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prometheus: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeFacts {
    service_discovery: String,
    pods: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProxyFacts {
    address: String,
    control: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TraefikFacts {
    web: String,
    metrics: String,
    configuration: String,
    ingress_class: &'static str,
    gateway_class: &'static str,
    gateway_port: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IstioFacts {
    gateway_selector: serde_json::Value,
    gateway_service: String,
    ports: Vec<PortFacts>,
    debug: String,
    metrics: String,
    routes: String,
}

/// A port of the ingress gateway: as a `Gateway` names it, and where requests are sent.
#[derive(Debug, Serialize)]
struct PortFacts {
    name: &'static str,
    port: u16,
    address: String,
}

/// Writes the facts; their presence says that the cluster was started completely.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(state: &State, plan: &Plan, namespace: Namespace) -> Result<()> {
    let url = |port: u16, path: &str| format!("http://{}{path}", local(port));
    let facts = Facts {
        name: state.name().to_string(),
        state_directory: state.directory().to_owned(),
        namespace,
        kubeconfig: state.kubeconfig(),
        certificate_authority: state.path("pki/ca.crt"),
        audit_log: state.path("audit.log"),
        logs: state.path("logs"),
        api_server: keys::API_SERVER.to_owned(),
        api_server_for_pods: format!("https://{NODE_ADDRESS}:6443"),
        node: plan.has(Extra::Node).then(|| NodeFacts {
            service_discovery: url(node::DISCOVERY_PORT, "/sd"),
            pods: url(node::DISCOVERY_PORT, "/pods"),
        }),
        proxy: plan.has(Extra::Proxy).then(|| ProxyFacts {
            address: local(proxy::PORT).to_string(),
            control: url(proxy::CONTROL_PORT, ""),
        }),
        traefik: plan.has(Extra::Traefik).then(|| TraefikFacts {
            web: url(traefik::WEB_PORT, ""),
            metrics: url(traefik::ADMIN_PORT, "/metrics"),
            configuration: url(traefik::ADMIN_PORT, "/api/rawdata"),
            ingress_class: "nginx",
            gateway_class: "traefik",
            gateway_port: traefik::WEB_PORT,
        }),
        istio: plan.has(Extra::Istio).then(istio_facts),
        prometheus: plan.has(Extra::Prometheus).then(|| url(prometheus::PORT, "")),
    };
    state::write_json(&state.facts(), &facts)
}

fn istio_facts() -> IstioFacts {
    let ports = istio::GATEWAY_PORTS
        .iter()
        .map(|(name, port, target)| PortFacts { name, port: *port, address: local(*target).to_string() })
        .collect();
    IstioFacts {
        gateway_selector: istio::gateway_labels(),
        gateway_service: format!("{}.{}.svc.cluster.local", istio::GATEWAY_SERVICE, istio::NAMESPACE),
        ports,
        debug: format!("http://{}/debug", local(istio::HTTP_PORT)),
        metrics: format!("http://{}/stats/prometheus", local(envoy::ADMIN_PORT)),
        routes: format!("http://{}/config_dump?resource=dynamic_route_configs", local(envoy::ADMIN_PORT)),
    }
}

//! A stock Envoy as Istio's ingress gateway.

use anyhow::Result;
use serde_json::{Value, json};

use super::component::{Component, local};
use super::istio;
use super::plan::Plan;
use super::probe::Probe;
use super::state::{self, State};

/// Port of its statistics and administration.
pub(crate) const ADMIN_PORT: u16 = 15000;

/// Starts Envoy under the name of a pod, so that istiod knows whom it steers.
///
/// # Errors
/// When its configuration cannot be written or it does not become ready.
pub(crate) fn start(state: &State, plan: &Plan, pod_address: &str) -> Result<()> {
    let path = state.path("envoy.json");
    state::write_json(&path, &bootstrap(pod_address))?;
    let ready = Probe::Http { address: local(ADMIN_PORT), path: "/ready".to_owned() };
    Component::new("envoy", plan.program("envoy")?, ready)
        .arg("--config-path")
        .arg(path.display().to_string())
        .words("--concurrency 1 --disable-hot-restart --log-level warning")
        .start(state)?
        .wait_ready(state)
}

fn bootstrap(pod_address: &str) -> Value {
    let (pod, namespace) = (istio::GATEWAY_POD, istio::NAMESPACE);
    json!({
        "node": {
            "id": format!("router~{pod_address}~{pod}.{namespace}~{namespace}.svc.cluster.local"),
            "cluster": format!("{}.{namespace}", istio::GATEWAY_SERVICE),
            "metadata": {
                "NAME": pod, "NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.31.1",
                "SERVICE_ACCOUNT": "default", "INSTANCE_IPS": pod_address,
                "LABELS": istio::gateway_labels(),
            },
        },
        "admin": {"address": socket(ADMIN_PORT)},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC", "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {"clusters": [control_plane()]},
        "stats_config": statistics(),
    })
}

/// Where it is steered from.
fn control_plane() -> Value {
    json!({
        "name": "xds-grpc", "type": "STATIC", "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            },
        },
        "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": socket(istio::GRPC_PORT)}}]}]},
    })
}

/// istiod ends the names of clusters with ";": without these tags a metric's name is cut at the first dot.
fn statistics() -> Value {
    json!({
        "use_all_default_tags": false,
        "stats_tags": [
            {"tag_name": "cluster_name", "regex": r"^cluster\.((.+?);\.)"},
            {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
            {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
        ],
    })
}

fn socket(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_id_names_the_gateway_pod() {
        let id = bootstrap("10.244.0.7")["node"]["id"].clone();
        assert_eq!(
            id,
            "router~10.244.0.7~istio-ingressgateway-0.istio-system~istio-system.svc.cluster.local"
        );
    }
}

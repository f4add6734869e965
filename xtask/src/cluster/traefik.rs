//! Traefik as the data plane of NGINX canary annotations, `HTTPRoute`s and its own kinds.

use anyhow::Result;
use serde_json::json;

use super::component::{Component, local};
use super::kubectl;
use super::plan::Plan;
use super::probe::Probe;
use super::state::State;

/// Port that users' requests go to; the listener of a Gateway must have the same.
pub(crate) const WEB_PORT: u16 = 9000;
/// Port of its metrics and health.
pub(crate) const ADMIN_PORT: u16 = 9001;

/// Starts Traefik.
///
/// # Errors
/// When its classes cannot be made or it does not become ready.
pub(crate) fn start(state: &State, plan: &Plan) -> Result<()> {
    kubectl::apply_objects(
        state,
        "traefik",
        &[
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
                "metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}),
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                "metadata": {"name": "traefik"}, "spec": {"controllerName": "traefik.io/gateway-controller"}}),
        ],
    )?;
    let ready = Probe::Http { address: local(ADMIN_PORT), path: "/ping".to_owned() };
    Component::new("traefik", plan.program("traefik")?, ready)
        .env("KUBECONFIG", state.text("kubeconfig"))
        .words("--global.checknewversion=false --global.sendanonymoususage=false --log.level=INFO")
        .arg(format!("--entrypoints.web.address={}", local(WEB_PORT)))
        .arg(format!("--entrypoints.traefik.address={}", local(ADMIN_PORT)))
        .words("--api.insecure --api.dashboard=false --ping")
        .words("--metrics.prometheus --metrics.prometheus.addserviceslabels --metrics.prometheus.addrouterslabels")
        // The default holds back a second change for two seconds.
        .arg("--providers.providersthrottleduration=100ms")
        .words("--providers.kubernetesingressnginx --providers.kubernetesgateway --providers.kubernetescrd")
        .start(state)?
        .wait_ready(state)
}

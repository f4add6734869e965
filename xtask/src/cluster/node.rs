//! The node whose pods answer real requests.

use anyhow::Result;

use super::component::{Component, local};
use super::kubectl;
use super::namespace::POD_RANGE;
use super::plan::Plan;
use super::probe::Probe;
use super::state::State;

/// Port of its list of scrape targets.
pub(crate) const DISCOVERY_PORT: u16 = 9110;
/// The annotation of a pod that is an identity only and has no servers.
pub(crate) const NO_LISTEN: &str = "linnet.test/no-listen";

const NODE_NAME: &str = "node-1";

/// Starts the node and waits until pods can be scheduled to it.
///
/// # Errors
/// When it does not become ready.
pub(crate) fn start(state: &State, plan: &Plan) -> Result<()> {
    let ready = Probe::Http { address: local(DISCOVERY_PORT), path: "/healthz".to_owned() };
    let mut component = Component::new("node", plan.program("e2e-node")?, ready)
        .arg(format!("--kubeconfig={}", state.text("kubeconfig")))
        .arg(format!("--node-name={NODE_NAME}"))
        .arg(format!("--pod-cidr={POD_RANGE}"))
        .arg(format!("--log-dir={}", state.text("logs/pods")))
        .arg(format!("--sd-listen={}", local(DISCOVERY_PORT)));
    for image in &plan.images {
        component = component.arg("--image").arg(image);
    }
    component.start(state)?.wait_ready(state)?;
    let name = format!("node/{NODE_NAME}");
    kubectl::wait_for_output(state, "the Node object", &["get", &name, "--output=name"])?;
    kubectl::run(state, ["wait", "--for=condition=Ready", &name, "--timeout=100s"]).map(drop)
}

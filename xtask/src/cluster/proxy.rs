//! The reverse proxy before the API server.

use anyhow::Result;

use super::component::{Component, local};
use super::keys;
use super::plan::Plan;
use super::probe::Probe;
use super::state::State;

/// Port that clients use in place of the API server's.
pub(crate) const PORT: u16 = 6444;
/// Port by which tests tell it what to do.
pub(crate) const CONTROL_PORT: u16 = 6445;

/// Starts the proxy.
///
/// # Errors
/// When it does not become ready.
pub(crate) fn start(state: &State, plan: &Plan) -> Result<()> {
    let ready = Probe::Http { address: local(CONTROL_PORT), path: "/healthz".to_owned() };
    // Shown to clients is the API server's own certificate, so that one kubeconfig serves for both.
    Component::new("proxy", plan.program("e2e-proxy")?, ready)
        .arg(format!("--listen={}", local(PORT)))
        .arg(format!("--upstream={}", keys::API_SERVER))
        .arg(format!("--ca={}", state.text("pki/ca.crt")))
        .arg(format!("--cert={}", state.text("pki/apiserver.crt")))
        .arg(format!("--key={}", state.text("pki/apiserver.key")))
        .arg(format!("--control={}", local(CONTROL_PORT)))
        .start(state)?
        .wait_ready(state)
}

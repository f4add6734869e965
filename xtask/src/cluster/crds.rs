//! Foreign kinds that the data planes read.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::kubectl;
use super::plan::{Extra, Plan};
use super::state::State;

/// Applies what the parts of the cluster need, and waits until the API server serves it.
///
/// # Errors
/// When the server refuses one, or does not establish it in time.
pub(crate) fn install(state: &State, plan: &Plan) -> Result<()> {
    let mut directories = Vec::new();
    if plan.has(Extra::Traefik) {
        let kept = beside(plan.program("traefik")?)?;
        directories.extend([kept.join("gateway-api"), kept.join("traefik")]);
    }
    if plan.has(Extra::Istio) {
        let kept = beside(plan.program("istiod")?)?;
        directories.push(kept.join("istio"));
        if !plan.has(Extra::Traefik) {
            directories.push(kept.join("gateway-api"));
        }
    }
    if directories.is_empty() {
        return Ok(());
    }
    directories.iter().try_for_each(|directory| kubectl::apply(state, directory))?;
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=100s"];
    kubectl::run(state, established).map(drop)
}

fn beside(program: &Path) -> Result<std::path::PathBuf> {
    Ok(program.parent().context("a program lies in a directory")?.join("crds"))
}

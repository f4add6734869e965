//! The controller that Linnet is measured beside, as it is shipped: Argo Rollouts.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use e2e_tests::facts::Facts;
use tokio::process::{Child, Command};

/// The variable that names the binary; `make bench` builds it and sets this.
const VARIABLE: &str = "ARGO_ROLLOUTS";
/// It serves these on every address; its own ports are those of pods, which share the addresses of the cluster here.
const PORTS: [&str; 2] = ["--healthzPort=28080", "--metricsPort=28090"];

/// A running controller; it ends with the value.
#[derive(Debug)]
pub(crate) struct Reference {
    _process: Child,
}

impl Reference {
    /// Starts the controller with the administrator's rights and its own default limits. Nothing else may hold the
    /// cluster's Rollouts: it takes part in no election.
    pub(crate) fn start(facts: &Facts) -> Result<Self> {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from);
        let program = program.with_context(|| format!("{VARIABLE} is not set: run this by `make bench`"))?;
        let path = facts.logs.join("argo-rollouts.log");
        let log = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let process = Command::new(&program)
            .arg("--kubeconfig")
            .arg(&facts.kubeconfig)
            .arg("--leader-elect=false")
            .args(PORTS)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { _process: process })
    }
}

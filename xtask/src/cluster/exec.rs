//! `cluster exec`: any command inside the namespace of a cluster, with its tools at hand.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::namespace::Namespace;
use super::state::{ClusterName, State};

/// Runs a command inside the cluster's network namespace.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The cluster.
    #[arg(long, default_value = super::DEFAULT_NAME)]
    name: ClusterName,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Becomes the command; returns only when that is impossible.
///
/// # Errors
/// When the cluster does not run or the command cannot be started.
pub(crate) fn run(options: &Options) -> Result<std::convert::Infallible> {
    let state = State::of(&options.name)?;
    let Some(namespace) = Namespace::find(&state)? else {
        bail!(
            "the cluster {0} is not running; start it with `cargo xtask cluster up --name {0}`",
            options.name
        )
    };
    let mut command = namespace.enter();
    surroundings(&mut command, &state)?;
    let error = command.args(&options.command).exec();
    Err(error).context("cannot start nsenter (package util-linux)")
}

/// Sets what a command needs to find the cluster, and takes away what would lead it elsewhere.
fn surroundings(command: &mut Command, state: &State) -> Result<()> {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let search = std::iter::once(state.path("bin")).chain(std::env::split_paths(&inherited));
    command.env("PATH", std::env::join_paths(search).context("PATH cannot be extended")?);
    command.env("KUBECONFIG", state.kubeconfig()).env("LINNET_CLUSTER", state.facts());
    // All clusters have the same address, so the default cache would mix up what they serve.
    command.env("KUBECACHEDIR", state.path("kube-cache"));
    for name in ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
        command.env_remove(name);
    }
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    Ok(())
}

//! A real Kubernetes control plane on this machine, with the data planes and metrics that tests need.
//!
//! Each cluster lives in a network namespace and a state directory of its own. What must happen inside the namespace
//! is done by this same program, started again in there (`inside`).

mod build;
mod cargo_build;
mod component;
mod control_plane;
mod crds;
mod down;
mod envoy;
mod exec;
mod facts;
mod istio;
mod keys;
mod kubectl;
mod namespace;
mod node;
mod plan;
mod probe;
mod process;
mod prometheus;
mod proxy;
mod recipe;
mod stand_in;
mod state;
mod status;
mod traefik;
mod up;

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use namespace::Namespace;
use state::State;

pub(crate) use cargo_build::restamped;
pub(crate) use plan::Extra;
pub(crate) use up::programs;

/// The name of the cluster where none is given.
const DEFAULT_NAME: &str = "linnet";

/// What can be done with clusters.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start a cluster.
    Up(up::Options),
    /// Stop a cluster and remove everything of it.
    Down(down::Options),
    /// Show what runs, what it uses and whether it is ready.
    Status(status::Options),
    /// Print the path of the administrator's kubeconfig; its server can be reached through `exec` only.
    Kubeconfig(status::Options),
    /// Run a command inside the network namespace of a cluster, with KUBECONFIG, kubectl and helm at hand.
    Exec(exec::Options),
    /// Build what clusters are made of, where it is missing.
    Build(build::Options),
    /// The part of a command that runs inside the namespace.
    #[command(subcommand, hide = true)]
    Inside(Inside),
}

/// The parts that run inside the namespace of a cluster.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Inside {
    /// Start everything.
    Start(status::Options),
    /// Print the table of components.
    Status(status::Options),
}

/// Runs a command.
///
/// # Errors
/// When it fails; the error says what to do where that is known.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Up(options) => return up::run(options),
        Command::Down(options) => down::run(&options)?,
        Command::Status(options) => return status::run(&options),
        Command::Kubeconfig(options) => println!("{}", State::of(&options.name)?.kubeconfig().display()),
        Command::Exec(options) => match exec::run(&options)? {},
        Command::Build(options) => build::run(&options)?,
        Command::Inside(Inside::Start(options)) => up::start(&State::of(&options.name)?)?,
        Command::Inside(Inside::Status(options)) => status::print(&State::of(&options.name)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs one of the [`Inside`] commands in the namespace; it has printed its own error when the code says so.
fn inside(namespace: &Namespace, arguments: &[&str]) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let status = namespace
        .enter()
        .arg(program)
        .args(["cluster", "inside"])
        .args(arguments)
        .status()
        .context("cannot start nsenter (package util-linux)")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The root of the repository.
pub(crate) fn repository() -> &'static std::path::Path {
    recipe::repository()
}

/// The directory of what was built and is kept between checkouts.
///
/// # Errors
/// When neither `LINNET_CACHE`, `XDG_CACHE_HOME` nor `HOME` says where it may live.
pub(crate) fn cache() -> Result<std::path::PathBuf> {
    state::home("LINNET_CACHE", "XDG_CACHE_HOME", ".cache")
}

/// Builds the programs of this workspace and returns where they are, by name.
///
/// # Errors
/// When cargo fails.
pub(crate) fn our_programs() -> Result<std::collections::BTreeMap<String, std::path::PathBuf>> {
    cargo_build::build(false)
}

/// The controller that Linnet is measured beside; it is built where it is missing.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn argo_rollouts() -> Result<std::path::PathBuf> {
    build::ensure(recipe::Binary::ArgoRollouts)
}

/// The URL of Prometheus inside a cluster.
pub(crate) fn prometheus() -> String {
    format!("http://{}", component::local(prometheus::PORT))
}

/// The URL where users come in through Traefik inside a cluster.
pub(crate) fn entrance() -> String {
    format!("http://{}", component::local(traefik::WEB_PORT))
}

/// The search path, with a helm on it: the system's own, else one that is built where it is missing.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn path_with_helm() -> Result<std::ffi::OsString> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    if up::on_path("helm").is_some() {
        return Ok(search);
    }
    let helm = build::ensure(recipe::Binary::Helm)?;
    let directory = helm.parent().map(std::path::Path::to_owned);
    std::env::join_paths(std::env::split_paths(&search).chain(directory)).context("PATH cannot be extended")
}

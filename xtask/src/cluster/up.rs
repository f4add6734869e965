//! `cluster up`: from nothing to a cluster that serves.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::namespace::{self, Namespace};
use super::plan::{Extra, Plan};
use super::recipe::Binary;
use super::state::{ClusterName, State};
use super::{
    build, cargo_build, control_plane, crds, down, facts, istio, node, prometheus, proxy, status, traefik,
};

/// Starts a cluster; one that runs already with the same parts is left alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The cluster.
    #[arg(long, default_value = super::DEFAULT_NAME)]
    name: ClusterName,
    /// Parts beside the control plane.
    #[arg(long, value_delimiter = ',')]
    with: Vec<Extra>,
    /// An image that the node runs as a process of this machine.
    #[arg(long = "image", value_name = "NAME=PATH", value_parser = image)]
    images: Vec<String>,
    /// Build node and proxy with optimisations, for measurements.
    #[arg(long)]
    release: bool,
    /// Use a user namespace even where named network namespaces are allowed.
    #[arg(long)]
    rootless: bool,
}

/// Checks the form of an image and makes its path absolute: the node runs in another directory.
fn image(text: &str) -> Result<String, String> {
    let (name, path) = text.split_once('=').ok_or("must be NAME=PATH")?;
    let path = PathBuf::from(path).canonicalize().map_err(|error| format!("{path}: {error}"))?;
    Ok(format!("{name}={}", path.display()))
}

/// Builds what is missing, makes the namespace, and starts everything inside of it.
///
/// # Errors
/// When something cannot be built or started; what was started by then is stopped, its logs are kept.
pub(crate) fn run(options: Options) -> Result<ExitCode> {
    let state = State::of(&options.name)?;
    let _lock = state.lock()?;
    let mut plan = Plan::new(&options.with, options.images);
    plan.programs = programs(&plan, options.release)?;
    if is_up(&state, &plan)? {
        println!("cluster {} is up already", options.name);
        return Ok(ExitCode::SUCCESS);
    }
    if state.exists() {
        eprintln!("removing what is left of cluster {}", options.name);
        down::remove(&state)?;
    }
    state.create()?;
    plan.write(&state)?;
    let namespace = Namespace::create(&state, options.rootless)?;
    let code = super::inside(&namespace, &["start", "--name", &options.name.to_string()])?;
    if code != ExitCode::SUCCESS {
        down::stop(&state)?;
        eprintln!("the cluster was stopped; its logs are in {}", state.path("logs").display());
    }
    Ok(code)
}

fn is_up(state: &State, plan: &Plan) -> Result<bool> {
    let same = Plan::read(state)?.is_some_and(|running| running == *plan);
    Ok(same && state.facts().exists() && Namespace::find(state)?.is_some() && status::all_alive(state)?)
}

/// All programs that the plan needs, built where they are missing.
fn programs(plan: &Plan, release: bool) -> Result<BTreeMap<String, PathBuf>> {
    let mut binaries = vec![Binary::Kube, Binary::Helm];
    if plan.has(Extra::Traefik) {
        binaries.push(Binary::Traefik);
    }
    if plan.has(Extra::Istio) {
        binaries.extend([Binary::Istiod, Binary::Envoy]);
    }
    let mut crates = Vec::new();
    if plan.has(Extra::Node) {
        crates.push("e2e-node");
    }
    if plan.has(Extra::Proxy) {
        crates.push("e2e-proxy");
    }
    let mut programs = cargo_build::build(&crates, release)?;
    if plan.has(Extra::Prometheus) {
        let system = on_path("prometheus");
        let path = system.map_or_else(|| build::ensure(Binary::Prometheus), Ok)?;
        programs.insert("prometheus".to_owned(), path);
    }
    for binary in binaries {
        programs.insert(binary.recipe().name.to_owned(), build::ensure(binary)?);
    }
    Ok(programs)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH")?;
    std::env::split_paths(&search).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Starts everything; runs inside the namespace.
///
/// # Errors
/// When a part does not become ready.
pub(crate) fn start(state: &State) -> Result<()> {
    let begin = Instant::now();
    let plan = Plan::read(state)?.context("the cluster has no plan")?;
    let namespace = Namespace::find(state)?.context("the namespace of the cluster is gone")?;
    namespace::configure()?;
    symlink(plan.program("kube")?, state.path("bin").join("kubectl"))?;
    symlink(plan.program("helm")?, state.path("bin").join("helm"))?;

    let told = |what: &str| println!("{:>6.1} s  {what}", begin.elapsed().as_secs_f32());
    control_plane::start(state, plan.program("kube")?)?;
    told("control plane");
    crds::install(state, &plan)?;
    for extra in &plan.extras {
        match extra {
            Extra::Node => node::start(state, &plan)?,
            Extra::Proxy => proxy::start(state, &plan)?,
            Extra::Traefik => traefik::start(state, &plan)?,
            Extra::Istio => istio::start(state, &plan)?,
            Extra::Prometheus => prometheus::start(state, &plan)?,
        }
        told(&format!("{extra:?}").to_lowercase());
    }
    facts::write(state, &plan, namespace)?;
    println!("cluster {} is up; use it with `cargo xtask cluster exec --name {0} -- COMMAND`", state.name());
    Ok(())
}

//! `cluster up`: from nothing to a cluster that serves.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::namespace::{self, Namespace};
use super::plan::{Extra, Plan};
use super::recipe::Binary;
use super::state::{ClusterName, State};
use super::{
    build, cargo_build, control_plane, crds, down, facts, istio, node, prometheus, proxy, status, traefik,
};

/// Starts a cluster; one that runs already with these parts is left alone.
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
    /// Build the programs of this workspace with optimisations, for measurements.
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
    plan.programs = programs(&plan.extras, options.release)?;
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
    // A plan that another version of this program wrote is another plan.
    let enough = matches!(Plan::read(state), Ok(Some(running)) if running.covers(plan));
    Ok(enough && state.facts().exists() && Namespace::find(state)?.is_some() && status::all_alive(state)?)
}

/// All programs that these parts need, built where they are missing: ours and those of others side by side, since
/// neither build has work for all processors all the time.
///
/// # Errors
/// When something cannot be built.
pub(crate) fn programs(extras: &[Extra], release: bool) -> Result<BTreeMap<String, PathBuf>> {
    let (ours, others) = thread::scope(|scope| {
        let ours = scope.spawn(|| cargo_build::build(release));
        let others = of_others(extras);
        (ours.join().unwrap_or_else(|_| bail!("the build of our programs panicked")), others)
    });
    let mut programs = ours?;
    programs.extend(others?);
    Ok(programs)
}

fn of_others(extras: &[Extra]) -> Result<BTreeMap<String, PathBuf>> {
    let mut programs = BTreeMap::new();
    let mut binaries = vec![Binary::Kube, Binary::Helm];
    if extras.contains(&Extra::Traefik) {
        binaries.push(Binary::Traefik);
    }
    if extras.contains(&Extra::Istio) {
        binaries.extend([Binary::Istiod, Binary::Envoy]);
    }
    if extras.contains(&Extra::Prometheus) {
        let system = on_path("prometheus");
        let path = system.map_or_else(|| build::ensure(Binary::Prometheus), Ok)?;
        programs.insert("prometheus".to_owned(), path);
    }
    for binary in binaries {
        programs.insert(binary.recipe().name.to_owned(), build::ensure(binary)?);
    }
    Ok(programs)
}

/// The first file of that name on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH")?;
    std::env::split_paths(&search).map(|directory| directory.join(program)).find(|path| path.is_file())
}

/// Something to start, with its name.
type Step<'run> = (&'static str, &'run (dyn Fn() -> Result<()> + Sync));

/// The step, if its part belongs to the cluster.
fn asked<'run>(plan: &Plan, extra: Extra, step: Step<'run>) -> Option<Step<'run>> {
    plan.has(extra).then_some(step)
}

/// Does all steps side by side and says when each is done.
///
/// # Errors
/// With the first step of the list that failed, once all have ended.
fn at_once(begin: Instant, steps: &[Step]) -> Result<()> {
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let run = |(name, work): Step| {
            work().with_context(|| format!("cannot start: {name}"))?;
            println!("{:>6.1} s  {name}", begin.elapsed().as_secs_f32());
            Ok(())
        };
        let threads: Vec<_> = steps.iter().map(|step| scope.spawn(move || run(*step))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a step panicked"))).collect()
    });
    results.into_iter().collect()
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

    let control_plane = || control_plane::start(state, plan.program("kube")?);
    at_once(begin, &[("control plane", &control_plane)])?;
    let kinds = || crds::install(state, &plan);
    let node = || node::start(state, &plan);
    let proxy = || proxy::start(state, &plan);
    let prometheus = || prometheus::start(state, &plan);
    let traefik = || traefik::start(state, &plan);
    let istio = || istio::start(state, &plan);

    let mut first: Vec<Step> = vec![("foreign kinds", &kinds)];
    first.extend(asked(&plan, Extra::Node, ("node", &node)));
    first.extend(asked(&plan, Extra::Proxy, ("proxy", &proxy)));
    first.extend(asked(&plan, Extra::Prometheus, ("prometheus", &prometheus)));
    at_once(begin, &first)?;
    // These read the foreign kinds, and the gateway's pod needs the node.
    let second =
        [asked(&plan, Extra::Traefik, ("traefik", &traefik)), asked(&plan, Extra::Istio, ("istio", &istio))];
    at_once(begin, &second.into_iter().flatten().collect::<Vec<Step>>())?;
    facts::write(state, &plan, namespace)?;
    println!("cluster {} is up; use it with `cargo xtask cluster exec --name {0} -- COMMAND`", state.name());
    Ok(())
}

//! What `make` calls: `test`, `demo`, `bench`.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cluster::{Extra, argo_rollouts, entrance, our_programs, path_with_helm, prometheus, restamped};
use crate::lint;
use crate::simulate;
use crate::stage::{cargo, printed, run, run_last};
use crate::stand::{Profile, Stand};

/// Everything that a story may need.
const ALL_PARTS: &[Extra] = &[Extra::Node, Extra::Proxy, Extra::Traefik, Extra::Istio, Extra::Prometheus];
/// What the demo needs, so that its first run builds no more.
const DEMO_PARTS: &[Extra] = &[Extra::Node, Extra::Traefik, Extra::Prometheus];
/// What times are measured with: nothing that takes processors away from what is measured.
const BENCH_PARTS: &[Extra] = &[Extra::Node];
/// The program of all stories.
const STORIES: [&str; 6] = ["test", "--package", "e2e-tests", "--locked", "--test", "stories"];
/// How often the sequences of verbs are repeated, ten of each strategy at once.
const SEQUENCE_ROUNDS: &str = "LINNET_SEQUENCE_ROUNDS";
/// Unless somebody says otherwise, 200 sequences of each strategy.
const SOAK_ROUNDS: &str = "20";

/// Lints, functions, the search in the simulated cluster, and the stories on a real control plane; the test runner has
/// the last word.
///
/// # Errors
/// With the first stage that fails.
pub(crate) fn test() -> Result<()> {
    lint::all()?;
    run("functions", &mut cargo(["test", "--workspace", "--locked", "--lib", "--bins"]))?;
    simulate::test()?;
    stories(None)
}

/// The stories of one file, or all of them, on a control plane of their own.
///
/// # Errors
/// When there is no such story, the cluster cannot be started, or a story fails.
pub(crate) fn stories(file: Option<&str>) -> Result<()> {
    let (_stand, mut stories) = on_a_stand("stories", file)?;
    run_last("stories", &mut stories)
}

/// Random sequences of verbs under live traffic, for longer than in [`test()`].
///
/// # Errors
/// When the cluster cannot be started, a request is lost, or a rollout does not come to rest.
pub(crate) fn soak() -> Result<()> {
    let (_stand, mut sequences) = on_a_stand("soak", Some("sequences"))?;
    if std::env::var_os(SEQUENCE_ROUNDS).is_none() {
        sequences.env(SEQUENCE_ROUNDS, SOAK_ROUNDS);
    }
    run_last("soak", &mut sequences)
}

/// The stories of a file, ready to be run on a control plane of their own, which goes with the first value.
fn on_a_stand(name: &'static str, file: Option<&str>) -> Result<(Stand, Command)> {
    // The names of stories begin with that of their file.
    let filter = file.map(|file| format!("{file}::")).unwrap_or_default();
    run("building the stories", cargo(STORIES).arg("--no-run"))?;
    let listed = printed(cargo(STORIES).args(["--", "--list", &filter]))?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        bail!("no story has a name that begins with {filter:?}; their files are in e2e/tests/tests/stories");
    }
    let other = ("linnet-restamped", restamped()?);
    let stand = Stand::up(name, ALL_PARTS, Profile::Dev, &[other])?;
    let mut inside = stand.exec()?;
    inside.arg("cargo").args(STORIES);
    inside.args(["--offline", "--", "--nocapture", "--test-threads=1", &filter]);
    inside.env("KUBECTL_LINNET", stand.program("kubectl-linnet")?);
    Ok((stand, inside))
}

/// A good and a bad version under live traffic, drawn as it happens: on the cluster that `KUBECONFIG` names, else on a
/// local one.
///
/// # Errors
/// When the demo does not end as it should.
pub(crate) fn demo() -> Result<()> {
    if std::env::var_os("KUBECONFIG").is_some_and(|path| !path.is_empty()) {
        return demo_elsewhere();
    }
    let stand = Stand::up("demo", DEMO_PARTS, Profile::Dev, &[])?;
    let mut inside = stand.exec()?;
    inside.arg(stand.program("demo")?).env("KUBECTL_LINNET", stand.program("kubectl-linnet")?);
    // The node takes these names for the operator's binary and for its own server.
    inside.env("LINNET_IMAGE", "linnet.test/linnet").env("LINNET_DEMO_IMAGE", "linnet.test/demo");
    inside.env("LINNET_PROMETHEUS", prometheus()).env("LINNET_ENTRANCE", entrance());
    run("demo", &mut inside)
}

/// The demo on the cluster of `KUBECONFIG`; its own words are the last ones.
fn demo_elsewhere() -> Result<()> {
    let programs = our_programs()?;
    let program = |name: &str| programs.get(name).with_context(|| format!("no program {name} was built"));
    let mut there = Command::new(program("demo")?);
    there.env("KUBECTL_LINNET", program("kubectl-linnet")?).env("PATH", path_with_helm()?);
    Err(there.exec()).context("cannot start the demo")
}

/// Times, measured with optimised programs: ours, and those of Argo Rollouts on the same machine.
///
/// # Errors
/// When a measurement fails.
pub(crate) fn bench() -> Result<()> {
    simulate::bench()?;
    let reference = argo_rollouts()?;
    let stand = Stand::up("bench", BENCH_PARTS, Profile::Release, &[])?;
    run("bench", stand.exec()?.arg(stand.program("bench")?).env("ARGO_ROLLOUTS", reference))
}

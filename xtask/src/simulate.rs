//! The search in the simulated cluster.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::stage::{cargo, run, run_last};

/// Where scenarios that have failed once stay for ever.
const SCENARIOS: &str = "simulator/tests/scenarios";

/// For how long planted bugs are searched for at most.
const BUGS_SECONDS: &str = "240";
/// How many percent of them have to be found.
const BUGS_PERCENT: &str = "95";
/// For how long every fault at every write is gone through at most. Two quiet cores take nine minutes for all of them; a
/// slower machine says how many rows it has not reached.
const EXHAUSTIVE_SECONDS: &str = "600";

/// For how long stories and faults are drawn from seeds, always the same ones: 0 and those that follow.
const RANDOM_SECONDS: &str = "120";
/// How many of a thousand of them may break a rule: docs/simulator-findings.md names those that are known, and a faster
/// machine plays some that nobody has seen yet: what those find is no fault of the change that it is found with.
const OPEN_PER_MILLE: &str = "1";

/// What to search.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What the program `search` is told: `exhaustive`, `random`, `matrix`, `bugs`, `determinism`, `replay FILE`,
    /// `bench`, each with `--help`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "--help")]
    words: Vec<String>,
}

/// The program `search`, told these words. One build serves everything: nothing is planted unless it is asked for.
fn search<const N: usize>(words: [&str; N]) -> Command {
    let mut command = cargo([
        "run",
        "--quiet",
        "--locked",
        "--profile",
        "simulate",
        "--package",
        "simulator",
        "--bin",
        "search",
        "--features",
        "planted-bugs",
        "--",
    ]);
    command.args(words);
    command
}

/// One call of the program.
///
/// # Errors
/// When a rule was broken.
pub(crate) fn one(arguments: &Arguments) -> Result<()> {
    run_last("search", search([]).args(&arguments.words))
}

/// What every change has to pass: whatever failed before and was corrected, equal traces for equal seeds, planted bugs
/// that are found, stories and faults by chance, and every fault at every write of every row.
///
/// # Errors
/// With the first search that finds something.
pub(crate) fn test() -> Result<()> {
    let mut build =
        cargo(["build", "--locked", "--profile", "simulate", "--package", "simulator", "--bin", "search"]);
    run("simulated cluster: building", build.args(["--features", "planted-bugs"]))?;
    run("simulated cluster: earlier failures", &mut search(["replay", SCENARIOS]))?;
    run("simulated cluster: determinism", &mut search(["determinism", "--seeds", "1000"]))?;
    let bugs = ["bugs", "--seconds", BUGS_SECONDS, "--at-least-percent", BUGS_PERCENT];
    run("simulated cluster: planted bugs", &mut search(bugs))?;
    let drawn = ["random", "--list", "--seconds", RANDOM_SECONDS, "--open-per-mille", OPEN_PER_MILLE];
    run("simulated cluster: seeds", &mut search(drawn))?;
    let every = ["exhaustive", "--seconds", EXHAUSTIVE_SECONDS];
    run("simulated cluster: every fault at every write", &mut search(every))
}

/// How fast the search is.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn bench() -> Result<()> {
    run("simulated cluster", &mut search(["bench"]))
}

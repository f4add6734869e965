//! Tasks of the repository: generated files, checks, and the local cluster.

mod cluster;
mod compatibility;
mod generate;
mod lint;
mod simulate;
mod stage;
mod stand;
mod tasks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Start, stop and use a real Kubernetes control plane on this machine.
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Write the files that are generated from the code.
    Generate(generate::Arguments),
    /// Check everything that can be said about the code without running it.
    Lint,
    /// Check everything: lints, functions, and the stories on a real control plane.
    Test,
    /// Only the stories on a real control plane.
    Stories {
        /// The file whose stories are run, such as `canary`; all of them where none is named.
        file: Option<String>,
    },
    /// Random sequences of verbs under live traffic, for an hour.
    Soak,
    /// Search the simulated cluster for orders of events that break a rule.
    Simulate(simulate::Arguments),
    /// Play a good and a bad version under live traffic, on the cluster of KUBECONFIG or a local one.
    Demo,
    /// Measure times, with optimised programs.
    Bench,
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().task {
        Task::Cluster(command) => cluster::run(command),
        Task::Generate(arguments) => generate::run(&arguments).map(|()| ExitCode::SUCCESS),
        Task::Lint => lint::all().map(|()| ExitCode::SUCCESS),
        Task::Test => tasks::test().map(|()| ExitCode::SUCCESS),
        Task::Stories { file } => tasks::stories(file.as_deref()).map(|()| ExitCode::SUCCESS),
        Task::Soak => tasks::soak().map(|()| ExitCode::SUCCESS),
        Task::Simulate(arguments) => simulate::one(&arguments).map(|()| ExitCode::SUCCESS),
        Task::Demo => tasks::demo().map(|()| ExitCode::SUCCESS),
        Task::Bench => tasks::bench().map(|()| ExitCode::SUCCESS),
    }
}

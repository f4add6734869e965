//! Tasks of the repository: generated files, checks, and the local cluster.

mod cluster;
mod generate;

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
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().task {
        Task::Cluster(command) => cluster::run(command),
        Task::Generate(arguments) => generate::run(&arguments).map(|()| ExitCode::SUCCESS),
    }
}

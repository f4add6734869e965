//! Tasks of the repository: generated files, checks, and the local cluster.

mod generate;

use clap::{Parser, Subcommand};

/// Tasks of the repository.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the files that are generated from the code.
    Generate(generate::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Generate(arguments) => generate::run(&arguments),
    }
}

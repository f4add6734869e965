//! Searches the simulated cluster for orders of events that break a rule.

mod bench;
mod bugs;
mod determinism;
mod exhaustive;
mod failure;
mod random;
mod replay;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use planted_bugs::Bug;

/// What is played is made of millions of small values.
#[cfg(feature = "planted-bugs")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Searches the simulated cluster for orders of events that break a rule.
#[derive(Parser)]
#[command(name = "search")]
struct Cli {
    /// How many threads search; by default one per processor.
    #[arg(long, global = true)]
    threads: Option<usize>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Go through every write of every row, one fault at a time.
    Exhaustive {
        /// Only rows with this text in their names.
        #[arg(long, default_value = "")]
        only: String,
        /// For how many seconds at most; how many rows were not reached is said.
        #[arg(long)]
        seconds: Option<u64>,
    },
    /// Draw stories and faults from seeds.
    Random(random::Arguments),
    /// The same, each strategy with its router as often as any other, with the table of faults that mattered.
    Matrix(random::Arguments),
    /// Plant one bug after the other and see how many seeds find it.
    Bugs(bugs::Arguments),
    /// Play seeds twice and compare their traces.
    Determinism {
        /// How many seeds.
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
    },
    /// Play scenario files, or all in a directory.
    Replay {
        /// The files.
        files: Vec<PathBuf>,
        /// With this bug planted.
        #[arg(long)]
        bug: Option<Bug>,
        /// Tell what happens.
        #[arg(long)]
        timeline: bool,
    },
    /// Measure the speed.
    Bench {
        /// For how long, with one thread and then with all.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let threads = cli.threads.unwrap_or_else(workers::processors);
    let is_good = match cli.task {
        Task::Exhaustive { only, seconds } => {
            exhaustive::run(threads, &only, seconds.map(Duration::from_secs))
        }
        Task::Random(arguments) => random::run(threads, &arguments, false),
        Task::Matrix(arguments) => random::run(threads, &arguments, true),
        Task::Bugs(arguments) => bugs::run(threads, &arguments),
        Task::Determinism { seeds } => determinism::run(threads, seeds),
        Task::Replay { files, bug, timeline } => replay::run(&files, bug, timeline),
        Task::Bench { seconds } => bench::run(threads, seconds),
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! kubectl linnet: see, steer and explain rollouts from the command line.

mod cli;
mod cluster;
mod command;
mod exit;
mod known;
mod revisions;
mod tree;
mod view;
mod waiting;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    match command::run(cli).await {
        Ok(exit) => exit.into(),
        Err(error) => exit::failure(&error),
    }
}

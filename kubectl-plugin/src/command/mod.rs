//! One file per verb.

mod explain;
mod get;
mod list;
mod load;
mod print;
mod set_image;
mod simulate;
mod status;
mod steer;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Command, Explain, Get, List, Retry, Set};
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::view::paint::Paint;

/// Carries out what the command line asks for.
pub(crate) async fn run(cli: Cli) -> Result<Exit> {
    let paint = Paint::for_stdout(cli.connection.no_color);
    match cli.command {
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "kubectl-linnet", &mut std::io::stdout());
            return Ok(Exit::Ok);
        }
        Command::Version { short } => {
            let version = env!("CARGO_PKG_VERSION");
            return print::line(&if short {
                version.to_owned()
            } else {
                format!("kubectl-linnet {version}")
            });
        }
        Command::Simulate(args) => return simulate::run(&cli.connection, &args, paint).await,
        _ => {}
    }
    let cluster = Cluster::connect(&cli.connection).await?;
    match cli.command {
        Command::Get { what: Get::Rollout(args) } => get::run(&cluster, &args, paint).await,
        Command::List { what: List::Rollouts(args) } => list::run(&cluster, &args).await,
        Command::Explain { what: Explain::Rollout(args) } => explain::run(&cluster, &args, paint).await,
        Command::Status(args) => status::run(&cluster, &args).await,
        Command::Promote { name, full } => steer::promote(&cluster, &name, full).await,
        Command::Abort { name } => steer::abort(&cluster, &name).await,
        Command::Retry { what: Retry::Rollout { name } } => steer::retry(&cluster, &name).await,
        Command::Pause { name } => steer::pause(&cluster, &name).await,
        Command::Set { what: Set::Image { name, images } } => set_image::run(&cluster, &name, &images).await,
        Command::Simulate(_) | Command::Completion { .. } | Command::Version { .. } => Ok(Exit::Ok),
    }
}

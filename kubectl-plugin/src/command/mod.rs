//! One file per verb.

mod explain;
mod get;
mod history;
mod keeper;
mod list;
mod load;
mod print;
mod restart;
mod served;
mod set_image;
mod simulate;
mod status;
mod steer;
mod undo;

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
    in_cluster(&Cluster::connect(&cli.connection).await?, cli.command, paint).await
}

/// Carries out what needs a cluster.
async fn in_cluster(cluster: &Cluster, command: Command, paint: Paint) -> Result<Exit> {
    match command {
        Command::Get { what: Get::Rollout(args) } => get::run(cluster, &args, paint).await,
        Command::List { what: List::Rollouts(args) } => list::run(cluster, &args).await,
        Command::Explain { what: Explain::Rollout(args) } => explain::run(cluster, &args, paint).await,
        Command::Status(args) => status::run(cluster, &args).await,
        Command::Promote { name, full } => steer::promote(cluster, &name, full).await,
        Command::Abort { name } => steer::abort(cluster, &name).await,
        Command::Retry { what: Retry::Rollout { name } } => steer::retry(cluster, &name).await,
        Command::Pause { name } => steer::pause(cluster, &name).await,
        Command::Undo(args) => undo::run(cluster, &args).await,
        Command::Restart(args) => restart::run(cluster, &args).await,
        Command::History(args) => history::run(cluster, &args).await,
        Command::Diff(args) => history::diff(cluster, &args, paint).await,
        Command::Set { what: Set::Image { name, images } } => set_image::run(cluster, &name, &images).await,
        Command::Simulate(_) | Command::Completion { .. } | Command::Version { .. } => Ok(Exit::Ok),
    }
}

//! `status`: is it safe? The exit code says so.

use std::time::Duration;

use anyhow::Result;
use crds::rollout::{Rollout, RolloutPhase};
use futures::StreamExt;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::{load, print};
use crate::cli::StatusArgs;
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::view::health;

/// What `-o json` prints.
#[derive(Debug, PartialEq, Serialize)]
struct Status {
    name: String,
    phase: RolloutPhase,
    message: String,
}

/// Prints the phase of a rollout, once or until it has settled.
pub(crate) async fn run(cluster: &Cluster, args: &StatusArgs) -> Result<Exit> {
    let end = Instant::now() + args.timeout.unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
    let mut changes = load::changes(cluster, &args.name).await?;
    let mut last = None;
    loop {
        let status = read(cluster, &args.name).await?;
        if last.as_ref() != Some(&status) {
            show(&status, args)?;
        }
        match ended(status.phase, args.watch) {
            Some(exit) => return Ok(exit),
            None => last = Some(status),
        }
        if timeout_at(end, changes.next()).await.is_err() {
            return Ok(Exit::Timeout);
        }
    }
}

async fn read(cluster: &Cluster, name: &str) -> Result<Status> {
    let rollout: Rollout = load::rollout(cluster, name).await?;
    let (phase, message) = health::of_rollout(&rollout);
    Ok(Status { name: name.to_owned(), phase, message })
}

fn show(status: &Status, args: &StatusArgs) -> Result<()> {
    if print::data(status, args.output)? {
        return Ok(());
    }
    let line = if status.message.is_empty() {
        status.phase.to_string()
    } else {
        format!("{} - {}", status.phase, status.message)
    };
    print::line(&line).map(drop)
}

/// How the command ends at this phase; not yet, when a change is waited for.
const fn ended(phase: RolloutPhase, watch: bool) -> Option<Exit> {
    match phase {
        RolloutPhase::Progressing | RolloutPhase::Paused | RolloutPhase::Unknown if watch => None,
        phase => Some(Exit::of(phase)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::healthy(RolloutPhase::Healthy, true, Some(Exit::Ok))]
    #[case::degraded(RolloutPhase::Degraded, true, Some(Exit::Degraded))]
    #[case::degraded_once(RolloutPhase::Degraded, false, Some(Exit::Degraded))]
    #[case::paused_is_waited_out(RolloutPhase::Paused, true, None)]
    #[case::progressing_once(RolloutPhase::Progressing, false, Some(Exit::Ok))]
    fn ends(#[case] phase: RolloutPhase, #[case] watch: bool, #[case] want: Option<Exit>) {
        assert_eq!(ended(phase, watch), want);
    }
}

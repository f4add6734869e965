//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// See, steer and explain rollouts.
#[derive(Debug, Parser)]
#[command(name = "kubectl-linnet", bin_name = "kubectl linnet", version, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done (status: healthy), 1 error, 2 degraded or aborted, 3 timeout.")]
pub(crate) struct Cli {
    /// How to reach the cluster.
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to reach the cluster, in kubectl's words.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// The namespace; by default the context's.
    #[arg(short, long, global = true)]
    pub(crate) namespace: Option<String>,
    /// The context of the kubeconfig.
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// The kubeconfig file; by default `$KUBECONFIG`, then `~/.kube/config`, then the pod's ServiceAccount.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<std::path::PathBuf>,
    /// No colours, also by the environment variable `NO_COLOR`.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show one rollout as a tree: revisions, ReplicaSets, pods, analysis runs, and what it waits for.
    Get {
        /// What to show.
        #[command(subcommand)]
        what: Get,
    },
    /// Show many rollouts as a table.
    List {
        /// What to list.
        #[command(subcommand)]
        what: List,
    },
    /// Tell whether a rollout is healthy, by its exit code; with --watch, wait until it is or cannot be.
    Status(StatusArgs),
    /// Go on: end the current pause, or the current step if there is none.
    Promote {
        /// The rollout.
        name: String,
        /// Skip all steps, pauses and analyses that are left.
        #[arg(long)]
        full: bool,
    },
    /// Take every request back to the stable version.
    Abort {
        /// The rollout.
        name: String,
    },
    /// Start an aborted update over, from its first step.
    Retry {
        /// What to retry.
        #[command(subcommand)]
        what: Retry,
    },
    /// Stop at the current step until `promote`.
    Pause {
        /// The rollout.
        name: String,
    },
    /// Change a part of the pod template.
    Set {
        /// What to change.
        #[command(subcommand)]
        what: Set,
    },
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version {
        /// Only the number.
        #[arg(long)]
        short: bool,
    },
}

/// What `get` shows.
#[derive(Debug, Subcommand)]
pub(crate) enum Get {
    /// One rollout as a tree.
    #[command(aliases = ["ro", "rollouts"])]
    Rollout(GetArgs),
}

/// What `list` lists.
#[derive(Debug, Subcommand)]
pub(crate) enum List {
    /// The rollouts of a namespace, or of all.
    #[command(aliases = ["ro", "rollout"])]
    Rollouts(ListArgs),
}

/// What `retry` starts over.
#[derive(Debug, Subcommand)]
pub(crate) enum Retry {
    /// An aborted rollout.
    #[command(aliases = ["ro"])]
    Rollout {
        /// The rollout.
        name: String,
    },
}

/// What `set` changes.
#[derive(Debug, Subcommand)]
pub(crate) enum Set {
    /// Container images: `set image web app=registry/app:v2`, or `*=IMAGE` for all containers.
    Image {
        /// The rollout.
        name: String,
        /// CONTAINER=IMAGE, more than once if need be.
        #[arg(required = true, value_name = "CONTAINER=IMAGE")]
        images: Vec<String>,
    },
}

/// Of `get rollout`.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// The rollout.
    pub(crate) name: String,
    /// Draw again whenever something changes, until interrupted.
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// End the watch after this time, such as 90s or 5m.
    #[arg(long, value_parser = duration, requires = "watch")]
    pub(crate) timeout: Option<Duration>,
    /// Another form than the tree.
    #[arg(short, long)]
    pub(crate) output: Option<Output>,
}

/// Of `list rollouts`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// The rollouts of all namespaces.
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only rollouts with these labels, such as app=web.
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Another form than the table.
    #[arg(short, long)]
    pub(crate) output: Option<Output>,
}

/// Of `status`.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// The rollout.
    pub(crate) name: String,
    /// Wait until the rollout is healthy or degraded.
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Give up after this time, such as 90s or 5m; by default never.
    #[arg(short, long, value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Another form than a line.
    #[arg(short, long)]
    pub(crate) output: Option<Output>,
}

/// Another form than the one for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// More columns.
    Wide,
}

/// Reads a duration: seconds, or a Go duration such as `1m30s`.
fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: kube::core::Duration = text.parse().map_err(|error| format!("{error}: try 90s or 5m"))?;
    if parsed.is_negative() {
        return Err("a time to wait cannot be negative".to_owned());
    }
    Ok(parsed.into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case::seconds("90", Duration::from_secs(90))]
    #[case::go("1m30s", Duration::from_secs(90))]
    fn durations(#[case] text: &str, #[case] want: Duration) {
        assert_eq!(duration(text), Ok(want));
    }

    #[rstest]
    #[case::word("soon")]
    #[case::negative("-5s")]
    fn no_durations(#[case] text: &str) {
        assert!(duration(text).is_err());
    }
}

//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// See, steer and explain rollouts.
#[derive(Debug, Parser)]
#[command(name = "kubectl-linnet", bin_name = "kubectl linnet", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done (status and explain: healthy or on its way), 1 error, 2 degraded or aborted, 3 timeout."
)]
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
    /// Tell whether it is safe, what is waited for, what moves it on, and what that rests on; by its exit code, too, like
    /// status.
    Explain {
        /// What to explain.
        #[command(subcommand)]
        what: Explain,
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
    /// Return to an earlier version: put the template of its revision into the spec.
    Undo(UndoArgs),
    /// Replace all pods by new ones of the same template.
    Restart(RestartArgs),
    /// Show the revisions with their images, newest first.
    History(HistoryArgs),
    /// Show what tells the templates of two revisions apart.
    Diff(DiffArgs),
    /// Change a part of the pod template.
    Set {
        /// What to change.
        #[command(subcommand)]
        what: Set,
    },
    /// Play an update in a cluster in memory, and show what it will do; nothing is changed anywhere.
    Simulate(Box<SimulateArgs>),
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

/// What `explain` explains.
#[derive(Debug, Subcommand)]
pub(crate) enum Explain {
    /// Why a rollout stands where it stands.
    #[command(aliases = ["ro", "rollouts"])]
    Rollout(ExplainArgs),
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
    /// Container images: `set image web app=registry/app:v2`, or `*=IMAGE` for all containers; in the workload, where the
    /// rollout refers to one.
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

/// Of `undo`.
#[derive(Args, Debug)]
pub(crate) struct UndoArgs {
    /// The rollout.
    pub(crate) name: String,
    /// The revision to return to; by default the one before the newest.
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) to_revision: Option<i64>,
}

/// Of `restart`.
#[derive(Args, Debug)]
pub(crate) struct RestartArgs {
    /// The rollout.
    pub(crate) name: String,
    /// Begin after this time, such as 90s or 5m; by default at once.
    #[arg(short, long = "in", value_name = "DURATION", value_parser = duration)]
    pub(crate) after: Option<Duration>,
}

/// Of `history`.
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// The rollout.
    pub(crate) name: String,
    /// Another form than the table.
    #[arg(short, long)]
    pub(crate) output: Option<Output>,
}

/// Of `diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The rollout.
    pub(crate) name: String,
    /// One revision to compare with the current one, or two; by default the stable one and the current one.
    #[arg(value_name = "REVISION", num_args = 0..=2, value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) revisions: Vec<i64>,
}

/// Of `explain rollout`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The rollout.
    pub(crate) name: String,
    /// The operator's flag of this name.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) route_drain_seconds: u32,
    /// Another form than the screen.
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

/// Of `simulate`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 it finishes (people may be needed), 1 error, 2 it is taken back, 4 it never ends, \
    5 the spec is refused, 6 something is missing and --strict was given."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct SimulateArgs {
    /// The rollout; by default every rollout of the files.
    #[arg(required_unless_present = "filename")]
    pub(crate) name: Option<String>,
    /// Manifests: files, directories, or - for standard input.
    #[arg(short, long, value_name = "FILE", num_args = 1.., required_unless_present = "from_cluster")]
    pub(crate) filename: Vec<std::path::PathBuf>,
    /// Also the directories within directories.
    #[arg(short = 'R', long, requires = "filename")]
    pub(crate) recursive: bool,
    /// Take the rollout that runs, and what it names, from the cluster; with -f, as what runs before the change.
    #[arg(long, requires = "name")]
    pub(crate) from_cluster: bool,
    /// The new image, as CONTAINER=IMAGE; * for all containers.
    #[arg(long, value_name = "CONTAINER=IMAGE")]
    pub(crate) set_image: Vec<String>,
    /// From this step on, counted from 1, every measurement fails.
    #[arg(long, value_name = "STEP", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) fail_at: Option<u32>,
    /// The pods of the new version never become ready.
    #[arg(long)]
    pub(crate) pods_never_ready: bool,
    /// No metric backend can be reached.
    #[arg(long)]
    pub(crate) metrics_down: bool,
    /// How long a pod takes until it is ready.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    pub(crate) pod_start: Duration,
    /// How long a person takes where one is needed.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(crate) person_takes: Duration,
    /// The operator's flag of this name.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) route_drain_seconds: u32,
    /// Fail where something is missing instead of assuming it.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Do not try what would happen if something went wrong.
    #[arg(long)]
    pub(crate) no_what_if: bool,
    /// Another form than the screen.
    #[arg(short, long)]
    pub(crate) output: Option<SimulateOutput>,
}

/// Another form than the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SimulateOutput {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// The screen, and everything that happens, and the route objects as a whole.
    Wide,
    /// A page with a chart, complete in itself.
    Html,
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

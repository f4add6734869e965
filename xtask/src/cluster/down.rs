//! `cluster down`: ends what was started for a cluster, and nothing else.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::component::Record;
use super::control_plane;
use super::namespace::{self, Namespace};
use super::process;
use super::state::{ClusterName, State};

const LIMIT: Duration = Duration::from_secs(30);

/// Stops a cluster and removes everything of it; also one that was only half started.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The cluster.
    #[arg(long, default_value = super::DEFAULT_NAME)]
    name: ClusterName,
}

/// Stops and removes a cluster; one that does not exist is fine.
///
/// # Errors
/// When a process does not end or a file cannot be removed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let state = State::of(&options.name)?;
    let _lock = state.lock()?;
    if !state.exists() {
        println!("there is no cluster {}", options.name);
        return Ok(());
    }
    remove(&state)?;
    println!("cluster {} is gone", options.name);
    Ok(())
}

/// Stops a cluster and removes everything of it. The caller holds the lock.
///
/// # Errors
/// When a process does not end or a file cannot be removed.
pub(crate) fn remove(state: &State) -> Result<()> {
    stop(state)?;
    fs::remove_dir_all(state.directory())
        .with_context(|| format!("cannot remove {}", state.directory().display()))
}

/// Stops a cluster but leaves its logs and manifests for a person to look at. The caller holds the lock.
///
/// # Errors
/// When a process does not end.
pub(crate) fn stop(state: &State) -> Result<()> {
    // What another version of this program wrote may not be understood; the namespace shows its processes all the same.
    let records = Record::all(state).unwrap_or_else(|error| {
        eprintln!("{error:#}");
        Vec::new()
    });
    let namespace = Namespace::find(state)?;
    // Looked up once: the holder of the namespace is among those that end.
    let inode = namespace.as_ref().and_then(Namespace::inode);
    let spared = process::ancestry();
    process::wait_for("the processes of the cluster to end", LIMIT, || {
        let mut left: Vec<u32> = records
            .iter()
            .map(|record| &record.process)
            .filter(|own| own.is_alive())
            .map(|own| own.pid)
            .collect();
        // A process may have been started just before a crash could write it down, or by a component.
        left.extend(inode.iter().flat_map(|inode| namespace::members(*inode)));
        left.retain(|pid| !spared.contains(pid));
        for pid in &left {
            process::kill(*pid);
        }
        Ok(if left.is_empty() { Ok(()) } else { Err(format!("still there: {left:?}")) })
    })?;
    namespace.iter().try_for_each(Namespace::remove)?;
    control_plane::remove_data(state)
}

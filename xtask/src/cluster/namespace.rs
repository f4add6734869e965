//! The network namespace of a cluster: its ports clash with nobody's, and every pod address is local in it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::process::{self, Identity};
use super::state::{self, State};

/// An address of the node that is not loopback, for the API server to advertise.
pub(crate) const NODE_ADDRESS: &str = "192.0.2.1";
/// Where pods get their addresses from.
pub(crate) const POD_RANGE: &str = "10.244.0.0/16";
/// Where Services get their addresses from.
pub(crate) const SERVICE_RANGE: &str = "10.96.0.0/16";

const LIMIT: Duration = Duration::from_secs(30);

/// Device and inode of a namespace.
pub(crate) type Inode = (u64, u64);

/// What keeps the namespace in being.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(crate) enum Namespace {
    /// A name below `/run/netns`; needs root.
    Named {
        /// The name, as `ip netns` knows it.
        name: String,
        /// Device and inode; absent until the namespace has been made.
        inode: Option<Inode>,
    },
    /// A process in a user namespace of its own; needs no rights.
    Held {
        /// The process; absent until it has written down who it is.
        holder: Option<Identity>,
    },
}

impl Namespace {
    /// Makes the namespace and writes down that it is ours: the intention first, so that a crash leaves no orphan.
    ///
    /// # Errors
    /// When neither way of making one works here, or the name is taken by somebody else.
    pub(crate) fn create(state: &State, rootless: bool) -> Result<Self> {
        if rootless || !may_name() {
            return Self::hold(state);
        }
        match Self::name(state)? {
            Some(named) => Ok(named),
            None => Self::hold(state),
        }
    }

    /// `None` where even root may not make named namespaces, as in most containers.
    fn name(state: &State) -> Result<Option<Self>> {
        let name = format!("linnet-{}", state.name());
        if named_path(&name).exists() {
            bail!(
                "the network namespace {name} exists but belongs to no state in {}; \
                 choose another --name, or remove it with `ip netns del {name}`",
                state.directory().display()
            );
        }
        record(state, &Self::Named { name: name.clone(), inode: None })?;
        if let Err(error) = process::output(Command::new("ip").args(["netns", "add", &name]), LIMIT) {
            eprintln!("{error:#}; trying a user namespace");
            return Ok(None);
        }
        let inode = inode(&named_path(&name));
        let made = Self::Named { name, inode };
        record(state, &made)?;
        Ok(Some(made))
    }

    fn hold(state: &State) -> Result<Self> {
        record(state, &Self::Held { holder: None })?;
        // The holder writes its own id, so that it can be found even if this process dies right now.
        let holder_file = state.path("holder");
        let mut child = Command::new("setsid")
            .args(["unshare", "--user", "--map-root-user", "--net", "sh", "-c"])
            .arg("echo $$ >\"$0.draft\" && mv \"$0.draft\" \"$0\" && exec sleep infinity")
            .arg(&holder_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(state.log("namespace"))?)
            .spawn()
            .context("cannot start setsid and unshare (package util-linux)")?;
        let pid = process::wait_for("a network namespace made by unshare", LIMIT, || {
            if let Some(status) = child.try_wait()? {
                let said = fs::read_to_string(state.log("namespace"))?;
                bail!("unshare failed ({status}): {} (are user namespaces allowed here?)", said.trim());
            }
            Ok(held_pid(&holder_file).ok_or_else(|| "it has not written its process id yet".to_owned()))
        })?;
        let made = Self::Held { holder: Some(Identity::of(pid)?) };
        record(state, &made)?;
        Ok(made)
    }

    /// The namespace that a state directory speaks of, if it still is the one that was made for it.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub(crate) fn find(state: &State) -> Result<Option<Self>> {
        let found = match state::read_json(&state.path("namespace.json"))? {
            Some(Self::Held { holder: None }) => {
                let holder = held_pid(&state.path("holder")).and_then(|pid| Identity::of(pid).ok());
                Some(Self::Held { holder })
            }
            other => other,
        };
        Ok(found.filter(Self::is_ours))
    }

    fn is_ours(&self) -> bool {
        match self {
            Self::Named { name, inode: None } => named_path(name).exists(),
            Self::Named { name, inode: made } => inode(&named_path(name)) == *made,
            Self::Held { holder } => holder.as_ref().is_some_and(Identity::is_alive),
        }
    }

    /// A command that runs another one, whose words are to be added, inside the namespace.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        match self {
            Self::Named { name, .. } => {
                command.arg(format!("--net={}", named_path(name).display()));
            }
            Self::Held { holder } => {
                let pid = holder.as_ref().map_or(0, |holder| holder.pid);
                command.args(["--user", "--net", "--preserve-credentials", "--target", &pid.to_string()]);
            }
        }
        command.arg("--");
        command
    }

    /// Device and inode, by which its processes know it.
    pub(crate) fn inode(&self) -> Option<Inode> {
        match self {
            Self::Named { name, .. } => inode(&named_path(name)),
            Self::Held { holder } => holder.as_ref().and_then(|holder| network_of(holder.pid)),
        }
    }

    /// Removes the namespace's name; a held one goes with its last process.
    ///
    /// # Errors
    /// When the name cannot be removed.
    pub(crate) fn remove(&self) -> Result<()> {
        if let Self::Named { name, .. } = self {
            process::output(Command::new("ip").args(["netns", "del", name]), LIMIT)?;
        }
        Ok(())
    }
}

/// Every process that lives in a network namespace.
pub(crate) fn members(namespace: Inode) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| network_of(*pid) == Some(namespace))
        .collect()
}

/// Gives the namespace that this process is in the addresses of node, pods and Services.
///
/// # Errors
/// When `ip` refuses.
pub(crate) fn configure() -> Result<()> {
    let node = format!("{NODE_ADDRESS}/32");
    for arguments in [
        vec!["link", "set", "lo", "up"],
        vec!["addr", "add", &node, "dev", "lo"],
        vec!["route", "add", "local", POD_RANGE, "dev", "lo"],
        vec!["route", "add", "local", SERVICE_RANGE, "dev", "lo"],
    ] {
        process::output(Command::new("ip").args(arguments), LIMIT)?;
    }
    Ok(())
}

/// Whether this user may make named namespaces: root of the machine, not of a user namespace.
fn may_name() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    // Only the first user namespace maps every id.
    let whole = fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.contains("4294967295"));
    root && whole
}

fn record(state: &State, namespace: &Namespace) -> Result<()> {
    state::write_json(&state.path("namespace.json"), namespace)
}

fn named_path(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

fn held_pid(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn network_of(pid: u32) -> Option<Inode> {
    inode(Path::new(&format!("/proc/{pid}/ns/net")))
}

fn inode(path: &Path) -> Option<Inode> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

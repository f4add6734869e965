//! Containers that are real processes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};
use tokio::process::{Child, Command};
use tokio::time::sleep_until;

use crate::lifecycle::exit::Ending;
use crate::stop::{Stop, Stopper};

/// First argument of this program when it is to become another one that dies with its parent.
pub(crate) const SHIM: &str = "exec-with-parent";

/// A process to be.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) dir: PathBuf,
    pub(crate) log: PathBuf,
}

/// Starts the process; its output is appended to the log.
///
/// It leads a process group of its own, has only the variables of the order, and is killed when this node
/// dies in whatever way.
///
/// # Errors
///
/// When the program is not there, its directory or log cannot be made, or the system refuses.
pub(crate) fn spawn(order: &Order) -> Result<Child> {
    if !order.program.is_file() {
        return Err(anyhow!("exec: {}: no such file", order.program.display()));
    }
    std::fs::create_dir_all(&order.dir).with_context(|| format!("cannot create {}", order.dir.display()))?;
    let log = open_log(&order.log)?;
    let shim = std::env::current_exe().context("cannot find this program's own file")?;
    Command::new(shim)
        .arg(SHIM)
        .arg(std::process::id().to_string())
        .arg(&order.program)
        .args(&order.args)
        .env_clear()
        .envs(&order.env)
        .current_dir(&order.dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("cannot share the log")?)
        .stderr(log)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", order.program.display()))
}

/// Waits for the end of `child`, and ends it when told to: SIGTERM first, SIGKILL at the deadline.
pub(crate) async fn attend(mut child: Child, mut stop: Stopper) -> Ending {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let signal = |signal: Signal| {
        if let Some(group) = group {
            // The group may be gone already.
            let _ = kill_process_group(group, signal);
        }
    };
    let asked = tokio::select! {
        status = child.wait() => {
            signal(Signal::KILL);
            return ending(status);
        }
        asked = stop.requested() => asked,
    };
    if let Stop::By(deadline) = asked {
        signal(Signal::TERM);
        tokio::select! {
            status = child.wait() => {
                signal(Signal::KILL);
                return ending(status);
            }
            () = sleep_until(deadline) => {}
            () = stop.killed() => {}
        }
    }
    signal(Signal::KILL);
    ending(child.wait().await)
}

/// Becomes the program that the arguments name, to be killed when the parent dies.
///
/// Called at the very start of `main` with the arguments behind [`SHIM`]: the parent's id, the program, its
/// arguments. A wrapper of our own, because doing this between fork and exec would need unsafe code.
///
/// # Errors
///
/// Returns only when the program cannot be executed.
pub(crate) fn become_program(mut args: impl Iterator<Item = std::ffi::OsString>) -> Result<()> {
    let parent = args.next().context("the parent's id is missing")?;
    let program = args.next().context("the program is missing")?;
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot bind to the parent's life")?;
    let still = getppid().map(|id| id.as_raw_nonzero().to_string());
    if still.as_deref() != parent.to_str() {
        return Err(anyhow!("the parent is gone"));
    }
    let error = std::process::Command::new(&program).args(args).exec();
    Err(error).with_context(|| format!("cannot execute {}", Path::new(&program).display()))
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

fn ending(status: std::io::Result<ExitStatus>) -> Ending {
    match status {
        Ok(status) => Ending::exited(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(9))),
        Err(error) => Ending::failed(format!("lost sight of the process: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::stop::channel;

    /// The shim is the node's own binary, which a unit test is not: start `sh` directly.
    fn shell(line: &str) -> Child {
        Command::new("/bin/sh").args(["-c", line]).process_group(0).kill_on_drop(true).spawn().unwrap()
    }

    #[tokio::test]
    async fn the_exit_code_is_reported() {
        let (_stop, stopper) = channel();
        assert_eq!(attend(shell("exit 3"), stopper).await, Ending::exited(3));
    }

    #[tokio::test]
    async fn sigterm_ends_a_willing_process() {
        let (stop, stopper) = channel();
        let child = shell("trap 'exit 5' TERM; while true; do sleep 0.05; done");
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.send_replace(Stop::By(Instant::now() + Duration::from_secs(20)));
        assert_eq!(attend(child, stopper).await.code, 5);
    }

    #[tokio::test]
    async fn sigkill_ends_an_unwilling_process_at_the_deadline() {
        let (stop, stopper) = channel();
        let child = shell("trap '' TERM; while true; do sleep 0.05; done");
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.send_replace(Stop::By(Instant::now() + Duration::from_millis(300)));
        assert_eq!(attend(child, stopper).await, Ending::killed());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let order = Order {
            program: PathBuf::from("/no/such/program"),
            args: vec![],
            env: BTreeMap::new(),
            dir: std::env::temp_dir(),
            log: std::env::temp_dir().join("e2e-node-test.log"),
        };
        assert!(spawn(&order).unwrap_err().to_string().contains("/no/such/program"));
    }
}

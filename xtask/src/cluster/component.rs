//! One process of a cluster: how it is started, and how one sees that it is ready.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::probe::Probe;
use super::process::{self, Identity};
use super::state::{self, State};

/// Generous: machines that run tests are busy.
const READY_LIMIT: Duration = Duration::from_mins(2);
/// Lines of a failed component's log that are shown.
const LOG_LINES: usize = 20;

/// A process that is to run.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    ready: Probe,
}

impl Component {
    /// A component without arguments yet.
    pub(crate) fn new(name: &'static str, program: impl Into<PathBuf>, ready: Probe) -> Self {
        Self { name, program: program.into(), arguments: Vec::new(), environment: Vec::new(), ready }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments, one for each word that stands between white space.
    pub(crate) fn words(mut self, text: &str) -> Self {
        self.arguments.extend(text.split_ascii_whitespace().map(str::to_owned));
        self
    }

    /// Sets a variable of its environment, which otherwise holds nothing but the search path and the home directory:
    /// a `KUBERNETES_SERVICE_HOST` or proxy of the caller would lead it to another cluster.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts the process in a session of its own and writes down who it is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(self, state: &State) -> Result<Running> {
        let log = state.log(self.name);
        let file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = Command::new("setsid");
        command.arg(&self.program).args(&self.arguments).current_dir(state.directory());
        command
            .env_clear()
            .envs(inherited())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {} ({})", self.name, self.program.display()))?;
        let record =
            Record { name: self.name.to_owned(), process: Identity::of(child.id())?, ready: self.ready };
        state::write_json(&record.path(state), &record)?;
        Ok(Running { child, record, log })
    }
}

/// Variables that a component shares with the caller.
fn inherited() -> Vec<(&'static str, std::ffi::OsString)> {
    ["PATH", "HOME", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

/// A process that was started by this run.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    record: Record,
    log: PathBuf,
}

impl Running {
    /// Waits until the component is ready.
    ///
    /// # Errors
    /// When it ends or the limit passes, with the end of its log.
    pub(crate) fn wait_ready(&mut self, state: &State) -> Result<()> {
        let name = self.record.name.clone();
        let child = &mut self.child;
        let ready = &self.record.ready;
        process::wait_for(&format!("{name} to be ready"), READY_LIMIT, || {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended ({status})");
            }
            Ok(ready.ask(state))
        })
        .with_context(|| format!("the end of {}:\n{}", self.log.display(), tail(&self.log)))
    }
}

fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}

/// What is kept of a component that was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name of the component.
    pub(crate) name: String,
    /// Its process.
    pub(crate) process: Identity,
    /// How one sees that it is ready.
    pub(crate) ready: Probe,
}

impl Record {
    /// All components of a cluster, in the order in which they were started.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(crate) fn all(state: &State) -> Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir(state.path("components")) else { return Ok(Vec::new()) };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                records.extend(state::read_json::<Self>(&path)?);
            }
        }
        records.sort_by_key(|record| (record.process.started, record.process.pid));
        Ok(records)
    }

    fn path(&self, state: &State) -> PathBuf {
        state.path("components").join(format!("{}.json", self.name))
    }
}

/// A loopback address.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_shows_the_last_lines_only() {
        let path = std::env::temp_dir().join(format!("linnet-tail-test-{}", std::process::id()));
        let lines: Vec<String> = (1..=50).map(|line| format!("line {line}")).collect();
        fs::write(&path, lines.join("\n")).unwrap();
        let shown = tail(&path);
        assert!(shown.starts_with("line 31\n") && shown.ends_with("\nline 50"), "{shown}");
        fs::remove_file(&path).unwrap();
        assert_eq!(tail(&path), "");
    }
}

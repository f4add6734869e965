//! `cluster status`: what runs, what it uses, whether it is ready.

use anyhow::{Context as _, Result, bail};

use super::component::Record;
use super::namespace::Namespace;
use super::process;
use super::state::{ClusterName, State};

/// Shows the components of a cluster.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The cluster.
    #[arg(long, default_value = super::DEFAULT_NAME)]
    pub(crate) name: ClusterName,
}

/// Prints the table; the readiness of components can be asked inside the namespace only.
///
/// # Errors
/// When the cluster does not run.
pub(crate) fn run(options: &Options) -> Result<std::process::ExitCode> {
    let state = State::of(&options.name)?;
    let Some(namespace) = Namespace::find(&state)? else {
        bail!("the cluster {} is not running", options.name)
    };
    super::inside(&namespace, &["status", "--name", &options.name.to_string()])
}

/// Prints the table, from inside the namespace.
///
/// # Errors
/// When the records cannot be read.
pub(crate) fn print(state: &State) -> Result<()> {
    let records = Record::all(state).context("the state of the cluster cannot be read")?;
    println!("{:<26} {:>9} {:>8}  READY", "COMPONENT", "PID", "RSS");
    for record in &records {
        println!("{}", row(state, record));
    }
    Ok(())
}

fn row(state: &State, record: &Record) -> String {
    let pid = record.process.pid;
    if !record.process.is_alive() {
        return format!("{:<26} {:>9} {:>8}  no: it has ended", record.name, pid, "-");
    }
    let memory = process::resident_mib(pid).map_or_else(|| "-".to_owned(), |mib| format!("{mib} MiB"));
    let ready = match record.ready.ask(state) {
        Ok(()) => "yes".to_owned(),
        Err(reason) => format!("no: {reason}"),
    };
    format!("{:<26} {pid:>9} {memory:>8}  {ready}", record.name)
}

/// Whether every component that was started still runs.
///
/// # Errors
/// When the records cannot be read.
pub(crate) fn all_alive(state: &State) -> Result<bool> {
    let records = Record::all(state)?;
    Ok(!records.is_empty() && records.iter().all(|record| record.process.is_alive()))
}

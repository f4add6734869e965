//! One stage of a longer task: a command with a title, its time, and a clear end when it fails.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::cluster::repository;

/// Runs a command in the repository and says what it is for and how long it took.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(title: &str, command: &mut Command) -> Result<()> {
    let start = Instant::now();
    run_last(title, command)?;
    println!("== {title}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a command in the repository whose own last words are to be the last ones.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run_last(title: &str, command: &mut Command) -> Result<()> {
    println!("== {title}");
    let status = command
        .current_dir(repository())
        .status()
        .with_context(|| format!("{title}: cannot run {command:?}"))?;
    if !status.success() {
        bail!("{title}: {command:?} ended with {status}");
    }
    Ok(())
}

/// What a command in the repository printed; what it says of its way there goes to standard error.
///
/// # Errors
/// When it cannot be run or fails.
pub(crate) fn printed(command: &mut Command) -> Result<String> {
    let output = command
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A call of the cargo that runs this program, with the lock file as it is.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// A call of this program.
///
/// # Errors
/// When the path of this program is not known.
pub(crate) fn xtask<const N: usize>(arguments: [&str; N]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("the path of this program is not known")?);
    command.args(arguments);
    Ok(command)
}

//! Programs of this workspace that a cluster runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::recipe;

/// What is used of a line that cargo prints for programs.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

/// Everything of this workspace that clusters, tests and the demo run. It is always built together: cargo chooses the
/// features of what they share for all of them, and would build that again for a part.
const PACKAGES: [&str; 5] = ["e2e-node", "e2e-proxy", "e2e-tests", "kubectl-plugin", "operator"];

/// The commit that the operator of [`restamped`] says it was built from.
const OTHER_COMMIT: &str = "another-build";

/// Builds the programs of this workspace and returns where they are, by name.
///
/// # Errors
/// When cargo fails; its messages go to standard error.
pub(crate) fn build(release: bool) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = command();
    if release {
        command.arg("--release");
    }
    programs_of(command)
}

/// Builds the operator once more from the same source, stamped with another commit, and returns a copy of it: the next
/// [`build`] puts the other one in its place.
///
/// # Errors
/// When cargo fails, or the copy cannot be written.
pub(crate) fn restamped() -> Result<PathBuf> {
    let mut command = command();
    command.env("LINNET_COMMIT", OTHER_COMMIT);
    let programs = programs_of(command)?;
    let built = programs.get("linnet").context("cargo built no operator")?;
    let copy = built.with_file_name("linnet-restamped");
    std::fs::copy(built, &copy).with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}

fn command() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // What others have written takes longer where nothing is cached, and goes first.
    let mut command = Command::new("nice");
    command.args(["-n", "10"]).arg(cargo);
    command.current_dir(recipe::repository()).args(["build", "--message-format=json-render-diagnostics"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    command
}

fn programs_of(mut command: Command) -> Result<BTreeMap<String, PathBuf>> {
    let output = command.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo cannot build {}", PACKAGES.join(", "));
    }
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_other_messages() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"executable\":null}\n",
            "not json\n",
            "{\"reason\":\"compiler-artifact\",\"executable\":\"/t/debug/e2e-node\"}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        let found = executables(messages);
        assert_eq!(found, BTreeMap::from([("e2e-node".to_owned(), PathBuf::from("/t/debug/e2e-node"))]));
    }
}

//! kubectl, as the administrator of a cluster; only inside its namespace.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::process;
use super::state::{self, State};

/// Generous: the first apply after a start waits for the API server's schemas.
const LIMIT: Duration = Duration::from_mins(2);

/// Runs kubectl and returns what it printed.
///
/// # Errors
/// When it fails or takes longer than two minutes.
pub(crate) fn run<S: AsRef<OsStr>>(state: &State, arguments: impl IntoIterator<Item = S>) -> Result<String> {
    let mut command = Command::new(state.path("bin").join("kubectl"));
    command.env("KUBECONFIG", state.kubeconfig()).env("KUBECACHEDIR", state.path("kube-cache"));
    process::output(command.args(arguments), LIMIT)
}

/// Applies manifests, files or directories, on the server's side.
///
/// # Errors
/// When the server refuses one of them.
pub(crate) fn apply(state: &State, paths: &[PathBuf]) -> Result<()> {
    // Without validation by the client, which would fetch the schemas of all kinds first; the server checks anyway.
    let mut arguments: Vec<OsString> =
        ["apply", "--server-side", "--force-conflicts", "--validate=false"].map(OsString::from).to_vec();
    for path in paths {
        arguments.extend([OsString::from("--filename"), path.into()]);
    }
    run(state, arguments).map(drop)
}

/// Applies objects and keeps them as a file of the cluster, where a person can look them up.
///
/// # Errors
/// When the file cannot be written or the server refuses one of the objects.
pub(crate) fn apply_objects(state: &State, name: &str, objects: &[Value]) -> Result<()> {
    let directory = state.path("manifests");
    fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{name}.json"));
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
    state::write_json(&path, &list)?;
    apply(state, &[path])
}

/// Waits until `kubectl ARGUMENTS` succeeds and prints something.
///
/// # Errors
/// After the limit, with what was waited for and what kubectl said last.
pub(crate) fn wait_for_output(state: &State, what: &str, arguments: &[&str]) -> Result<String> {
    process::wait_for(what, LIMIT, || {
        Ok(match run(state, arguments) {
            Ok(text) if text.trim().is_empty() => Err("kubectl printed nothing".to_owned()),
            Ok(text) => Ok(text),
            Err(error) => Err(format!("{error:#}")),
        })
    })
}

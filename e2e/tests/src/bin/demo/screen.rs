//! What the person sees: sentences, and the tree whenever it has changed.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use e2e_tests::operator::run;
use tokio::process::Command;

/// The terminal, and the plugin that draws trees.
pub(crate) struct Screen {
    plugin: PathBuf,
}

impl Screen {
    /// Finds the plugin: the variable `KUBECTL_LINNET`, else the PATH.
    pub(crate) fn new() -> Self {
        let named = std::env::var_os("KUBECTL_LINNET").map(PathBuf::from);
        Self { plugin: named.unwrap_or_else(|| PathBuf::from("kubectl-linnet")) }
    }

    /// The tree of a rollout, as the plugin draws it.
    pub(crate) async fn tree(&self, namespace: &str, name: &str) -> Result<String> {
        let mut plugin = Command::new(&self.plugin);
        plugin.args(["get", "rollout", name, "--namespace", namespace]).stderr(Stdio::inherit());
        run(plugin).await
    }
}

/// Prints a sentence, or many.
pub(crate) fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("cannot write to the terminal")
}

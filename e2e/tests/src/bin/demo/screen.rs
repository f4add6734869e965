//! What the person sees: sentences, and the tree whenever it has changed.

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
    pub(crate) fn new() -> Result<Self> {
        let named = std::env::var_os("KUBECTL_LINNET").map(PathBuf::from);
        Ok(Self { plugin: named.unwrap_or_else(|| PathBuf::from("kubectl-linnet")) })
    }

    /// Prints a sentence.
    pub(crate) fn say(&self, sentence: &str) -> Result<()> {
        use std::io::Write;
        writeln!(std::io::stdout(), "{sentence}").context("cannot write to the terminal")
    }

    /// The tree of a rollout, as the plugin draws it.
    pub(crate) async fn tree(&self, namespace: &str, name: &str) -> Result<String> {
        let mut plugin = Command::new(&self.plugin);
        plugin.args(["get", "rollout", name, "--namespace", namespace]).stderr(Stdio::inherit());
        run(plugin).await
    }
}

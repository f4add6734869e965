//! The operator: its chart, installed by Helm, its binary run by the node.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::manifest::repository;

/// The namespace and the release of the operator that most stories share.
pub const NAMESPACE: &str = "linnet-system";
/// The release, which is also the name of its `ServiceAccount`.
pub const RELEASE: &str = "linnet";

/// An installation of the chart.
#[derive(Clone, Debug)]
pub struct Release {
    /// The namespace that it is installed in.
    pub namespace: String,
    /// The name of the release.
    pub name: String,
    /// `--set` values.
    pub values: Vec<String>,
}

impl Release {
    /// Installs or upgrades the chart, and waits until its pods are ready.
    ///
    /// # Errors
    /// With Helm's own words.
    pub async fn install(&self) -> Result<()> {
        self.helm(&["--wait", "--timeout", "90s"]).await
    }

    /// Installs or upgrades the chart, and waits for nothing.
    ///
    /// # Errors
    /// With Helm's own words.
    pub async fn apply(&self) -> Result<()> {
        self.helm(&[]).await
    }

    /// Removes the release, and leaves the kinds that other releases use.
    ///
    /// # Errors
    /// With Helm's own words.
    pub async fn uninstall(&self) -> Result<()> {
        let mut helm = Command::new("helm");
        helm.args(["uninstall", &self.name, "--namespace", &self.namespace]);
        run(helm).await.with_context(|| format!("cannot remove release {}", self.name))?;
        Ok(())
    }

    async fn helm(&self, wait: &[&str]) -> Result<()> {
        let mut helm = Command::new("helm");
        helm.args(["upgrade", "--install", &self.name]).arg(repository().join("charts/linnet"));
        helm.args(["--namespace", &self.namespace, "--create-namespace"]).args(wait);
        for value in &self.values {
            // A tag such as 1.10 is a text.
            let flag = if value.starts_with("image.") { "--set-string" } else { "--set" };
            helm.args([flag, value]);
        }
        run(helm)
            .await
            .with_context(|| format!("cannot install release {} in {}", self.name, self.namespace))?;
        Ok(())
    }
}

/// Installs the operator that most stories share, unless it is there.
///
/// # Errors
/// With Helm's own words.
pub async fn shared() -> Result<()> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_try_init(|| async { shared_release().install().await }).await.copied()
}

/// The installation that [`shared()`] makes.
#[must_use]
pub fn shared_release() -> Release {
    Release {
        namespace: NAMESPACE.to_owned(),
        name: RELEASE.to_owned(),
        values: vec!["image.repository=linnet.test/linnet".to_owned()],
    }
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it cannot be run, or fails: with what it said.
pub async fn run(mut command: Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().await.with_context(|| format!("cannot run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?} ended with {}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

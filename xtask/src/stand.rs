//! A cluster that runs everything, for as long as a task needs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use crate::cluster::{Extra, programs};
use crate::stage::{run, xtask};

/// How the programs of this workspace are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly, for stories.
    Dev,
    /// With optimisations, for measurements.
    Release,
}

/// A running cluster. It is removed when the value goes, however the task ends.
#[derive(Debug)]
pub(crate) struct Stand {
    name: &'static str,
    programs: BTreeMap<String, PathBuf>,
}

impl Stand {
    /// Builds what is missing and starts a cluster with these parts, whose node runs these binaries beside the
    /// operator's as images.
    ///
    /// # Errors
    /// When something cannot be built or started.
    pub(crate) fn up(
        name: &'static str,
        parts: &[Extra],
        profile: Profile,
        images: &[(&str, PathBuf)],
    ) -> Result<Self> {
        let programs = programs(parts, profile == Profile::Release)?;
        let stand = Self { name, programs };
        let names = parts.iter().filter_map(Extra::to_possible_value);
        let with = names.map(|part| part.get_name().to_owned()).collect::<Vec<_>>().join(",");
        let mut up = xtask(["cluster", "up", "--name", name, "--with", &with])?;
        let operator = ("linnet", stand.program("linnet")?.to_owned());
        for (image, path) in images.iter().chain([&operator]) {
            up.arg("--image").arg(format!("{image}={}", path.display()));
        }
        if profile == Profile::Release {
            up.arg("--release");
        }
        run("cluster", &mut up)?;
        Ok(stand)
    }

    /// Where a program of this workspace is.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn program(&self, name: &str) -> Result<&Path> {
        self.programs
            .get(name)
            .map(PathBuf::as_path)
            .with_context(|| format!("this workspace has no program {name}"))
    }

    /// A command that runs what is appended to it inside the cluster's network namespace.
    ///
    /// # Errors
    /// When the path of this program is not known.
    pub(crate) fn exec(&self) -> Result<Command> {
        xtask(["cluster", "exec", "--name", self.name, "--"])
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Err(error) = down(self.name) {
            eprintln!("cluster {} was not removed: {error:#}", self.name);
        }
    }
}

/// Removes a cluster without a word, so that what the task printed last stays last.
fn down(name: &str) -> Result<()> {
    let mut command = xtask(["cluster", "down", "--name", name])?;
    let output = command.stdin(Stdio::null()).output().context("cannot run cluster down")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

//! Where a cluster keeps what it is: one directory with everything that `down` needs to remove it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The name of a cluster: it becomes part of file names and of a network namespace's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ClusterName(String);

impl FromStr for ClusterName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 40 || text.starts_with('-') || !text.chars().all(allowed) {
            return Err(format!("{text:?} must be 1 to 40 of a-z, 0-9 and '-', and not begin with '-'"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Display for ClusterName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The directory of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct State {
    name: ClusterName,
    directory: PathBuf,
}

impl State {
    /// The state of the cluster with that name, whether it exists or not.
    ///
    /// # Errors
    /// When neither `LINNET_STATE`, `XDG_STATE_HOME` nor `HOME` says where state may live.
    pub(crate) fn of(name: &ClusterName) -> Result<Self> {
        let root = home("LINNET_STATE", "XDG_STATE_HOME", ".local/state")?;
        Ok(Self { name: name.clone(), directory: root.join("clusters").join(&name.0) })
    }

    /// Creates the directory, readable by its owner alone because it holds keys and tokens.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub(crate) fn create(&self) -> Result<()> {
        for directory in
            [self.directory.clone(), self.path("logs"), self.path("bin"), self.path("components")]
        {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        Ok(())
    }

    /// Holds off every other `up` and `down` of this cluster until the returned file is dropped.
    ///
    /// # Errors
    /// When another one is at work now.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.directory.with_extension("lock");
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        if file.try_lock().is_err() {
            bail!(
                "another `cluster up` or `cluster down` of {} is at work (lock {})",
                self.name,
                path.display()
            );
        }
        Ok(file)
    }

    /// Whether there is anything of this cluster on disk.
    pub(crate) fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// The name of the cluster.
    pub(crate) fn name(&self) -> &ClusterName {
        &self.name
    }

    /// The directory of the cluster.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file or directory of the cluster.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The same as text, for a command line.
    pub(crate) fn text(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// The facts that tests read.
    pub(crate) fn facts(&self) -> PathBuf {
        self.path("cluster.json")
    }

    /// The log of a component.
    pub(crate) fn log(&self, component: &str) -> PathBuf {
        self.path("logs").join(format!("{component}.log"))
    }
}

/// The directory of Linnet below `own`, or below `xdg`, or below the default in the home directory.
///
/// # Errors
/// When none of the variables is set.
pub(crate) fn home(own: &str, xdg: &str, default: &str) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let chosen = choose_home(variable(own), variable(xdg), variable("HOME"), default)
        .with_context(|| format!("set one of {own}, {xdg} or HOME"))?;
    std::path::absolute(&chosen).with_context(|| format!("{} cannot be made absolute", chosen.display()))
}

fn choose_home(
    own: Option<PathBuf>,
    xdg: Option<PathBuf>,
    home: Option<PathBuf>,
    default: &str,
) -> Option<PathBuf> {
    let below_home = || home.map(|home| home.join(default));
    own.or_else(|| xdg.or_else(below_home).map(|base| base.join("linnet")))
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write(path, &text)
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a value that [`write_json`] wrote; `None` when there is no such file.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value =
        serde_json::from_str(&text).with_context(|| format!("{} cannot be understood", path.display()))?;
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        for bad in ["", "..", "a/b", "-x", "Upper", "a b"] {
            assert!(bad.parse::<ClusterName>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("demo-2".parse::<ClusterName>().unwrap().to_string(), "demo-2");
    }

    #[test]
    fn own_variable_beats_xdg_beats_home() {
        let path = |text: &str| Some(PathBuf::from(text));
        let choose = |own, xdg, home| choose_home(own, xdg, home, ".local/state");
        assert_eq!(choose(path("/own"), path("/xdg"), path("/home")), path("/own"));
        assert_eq!(choose(None, path("/xdg"), path("/home")), path("/xdg/linnet"));
        assert_eq!(choose(None, None, path("/home")), path("/home/.local/state/linnet"));
        assert_eq!(choose(None, None, None), None);
    }

    #[test]
    fn json_survives_the_way_to_disk_and_back() {
        let directory = std::env::temp_dir().join(format!("linnet-state-test-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("value.json");
        assert_eq!(read_json::<Vec<u32>>(&path).unwrap(), None);
        write_json(&path, &vec![1, 2]).unwrap();
        assert_eq!(read_json::<Vec<u32>>(&path).unwrap(), Some(vec![1, 2]));
        fs::write(&path, "[1,").unwrap();
        assert!(read_json::<Vec<u32>>(&path).unwrap_err().to_string().contains("value.json"));
        fs::remove_dir_all(&directory).unwrap();
    }
}

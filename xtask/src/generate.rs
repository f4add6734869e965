//! `cargo xtask generate`: the files that are generated from the code, written or compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

/// Directories that hold the definitions of the kinds, relative to the root of the repository.
const DEFINITION_DIRECTORIES: [&str; 2] = ["crds/manifests", "charts/linnet/crds"];

const HEADER: &str = "# Generated from the types in crds/src by `cargo xtask generate`. Do not edit.\n";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a file differs from what the code says.
    #[arg(long)]
    check: bool,
}

/// Writes or compares all generated files.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let files = files()?;
    let root = root()?;
    if arguments.check { check(&root, &files) } else { write(&root, &files) }
}

/// Returns the text of each generated file by its path, relative to the root.
fn files() -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for definition in crds::schema::definitions() {
        let name = format!("{}.yaml", definition.spec.names.plural);
        let body =
            serde_saphyr::to_string(&definition).with_context(|| format!("cannot write {name} as YAML"))?;
        for directory in DEFINITION_DIRECTORIES {
            files.insert(Path::new(directory).join(&name), format!("{HEADER}{body}"));
        }
    }
    Ok(files)
}

fn write(root: &Path, files: &BTreeMap<PathBuf, String>) -> Result<()> {
    for stray in strays(root, files)? {
        fs::remove_file(&stray).with_context(|| format!("cannot remove {}", stray.display()))?;
    }
    for (path, text) in files {
        let path = root.join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn check(root: &Path, files: &BTreeMap<PathBuf, String>) -> Result<()> {
    let differing = files.iter().filter(|(path, text)| {
        fs::read_to_string(root.join(path)).map_or(true, |committed| committed != **text)
    });
    let mut wrong: Vec<String> = differing.map(|(path, _)| path.display().to_string()).collect();
    wrong.extend(strays(root, files)?.iter().map(|path| path.display().to_string()));
    ensure!(
        wrong.is_empty(),
        "these files are not what the code says; run `cargo xtask generate`: {}",
        wrong.join(", ")
    );
    Ok(())
}

/// Returns the files in the generated directories that no longer belong there.
fn strays(root: &Path, files: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>> {
    let mut strays = Vec::new();
    for directory in DEFINITION_DIRECTORIES {
        let directory = root.join(directory);
        if !directory.exists() {
            continue;
        }
        for entry in
            fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?
        {
            let path = entry?.path();
            if path.strip_prefix(root).map_or(true, |relative| !files.contains_key(relative)) {
                strays.push(path);
            }
        }
    }
    Ok(strays)
}

/// Returns the root of the repository: the directory above this crate's.
fn root() -> Result<PathBuf> {
    let Some(root) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() else {
        bail!("{} has no directory above it", env!("CARGO_MANIFEST_DIR"));
    };
    Ok(root.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own for one test, empty at the start.
    fn empty_root(test: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("linnet-generate-{test}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        root
    }

    #[test]
    fn what_was_written_passes_the_check_until_somebody_edits_it() {
        let root = empty_root("edited");
        let files = files().unwrap();
        assert!(check(&root, &files).is_err(), "nothing is there yet");
        write(&root, &files).unwrap();
        check(&root, &files).unwrap();

        let edited = root.join("charts/linnet/crds/rollouts.yaml");
        fs::write(&edited, "kind: Nothing\n").unwrap();
        let error = check(&root, &files).unwrap_err().to_string();
        assert!(error.ends_with(": charts/linnet/crds/rollouts.yaml"), "{error}");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_file_of_a_kind_that_is_gone_is_named_and_then_removed() {
        let root = empty_root("stray");
        let files = files().unwrap();
        write(&root, &files).unwrap();
        let stray = root.join("crds/manifests/gone.yaml");
        fs::write(&stray, "kind: Gone\n").unwrap();
        let error = check(&root, &files).unwrap_err().to_string();
        assert!(error.contains("gone.yaml"), "{error}");
        write(&root, &files).unwrap();
        assert!(!stray.exists());
        check(&root, &files).unwrap();
        fs::remove_dir_all(&root).unwrap();
    }
}

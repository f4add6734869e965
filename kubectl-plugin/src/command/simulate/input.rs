//! Manifests from files, directories and standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use simulator::preview::manifest::{Manifest, read, read_leniently};

/// Endings of files that may hold manifests.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// All objects of these files; directories in the order of names, with `recursive` also those within them.
pub(super) fn manifests(files: &[PathBuf], recursive: bool) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for file in files {
        if file.as_os_str() == STANDARD_INPUT {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
            manifests.extend(read("standard input", &text)?);
        } else if file.is_dir() {
            directory(file, recursive, &mut manifests)?;
        } else {
            manifests.extend(read(&file.display().to_string(), &contents(file)?)?);
        }
    }
    Ok(manifests)
}

/// The objects of a directory. Files there may hold other things, such as the values of a chart.
fn directory(directory: &Path, recursive: bool, manifests: &mut Vec<Manifest>) -> Result<()> {
    let cannot = || format!("cannot read the directory {}", directory.display());
    let entries = std::fs::read_dir(directory).with_context(cannot)?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().with_context(cannot)?;
    paths.sort();
    let before = manifests.len();
    let mut has_files = false;
    for path in paths {
        if path.is_dir() {
            if recursive {
                self::directory(&path, recursive, manifests)?;
                has_files = true;
            }
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) {
            has_files = true;
            manifests.extend(read_leniently(&path.display().to_string(), &contents(&path)?)?.0);
        }
    }
    if !has_files && manifests.len() == before {
        bail!(
            "no manifests in {}: there is no .yaml, .yml or .json file; --recursive looks deeper",
            directory.display()
        );
    }
    Ok(())
}

fn contents(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

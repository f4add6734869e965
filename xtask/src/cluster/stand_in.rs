//! Modules of which a component is built without parts that it never reaches here and that take longer to compile than
//! all else: copies outside of the module cache, in which our own files stand in for those of whole directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::process;

/// For a copy of a module.
const LIMIT: Duration = Duration::from_mins(5);

/// A module and what stands in for parts of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StandIn {
    /// The module.
    pub(crate) module: &'static str,
    /// A directory of the wrapper, laid out like the module: wherever it has Go files, the module's own are left out.
    pub(crate) files: &'static str,
}

impl StandIn {
    /// The copy of the module below `draft`, which stands in `source`, with the files of `wrapper` in it.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub(crate) fn place(&self, source: &Path, wrapper: &Path, draft: &Path) -> Result<PathBuf> {
        let copy = draft.join(self.files);
        fs::create_dir_all(copy.parent().unwrap_or(draft))?;
        let mut cp = Command::new("cp");
        // The module cache is read-only.
        cp.args(["-R", "--no-preserve=mode"]).arg(source).arg(&copy);
        process::output(&mut cp, LIMIT).with_context(|| format!("cannot copy {}", self.module))?;
        overlay(&wrapper.join(self.files), &copy)?;
        Ok(copy)
    }
}

/// Puts the Go files of one directory in the place of another's, and so on below.
fn overlay(files: &Path, copy: &Path) -> Result<()> {
    let ours = entries(files)?;
    if ours.iter().any(|path| is_go(path)) {
        for theirs in entries(copy)?.iter().filter(|path| is_go(path)) {
            fs::remove_file(theirs).with_context(|| format!("cannot remove {}", theirs.display()))?;
        }
    }
    for path in ours {
        let target = copy.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            overlay(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let read = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>();
    read().with_context(|| format!("cannot read {}", directory.display()))
}

fn is_go(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "go")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_files_stand_in_for_those_of_their_directory_alone() {
        let root = std::env::temp_dir().join(format!("linnet-stand-in-test-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for path in ["module/kept.go", "module/all/a.go", "module/all/b.go", "module/all/deep/kept.go"] {
            write(path, "theirs");
        }
        write("wrapper/ours/all/none.go", "ours");
        let stand_in = StandIn { module: "example.com/module", files: "ours" };
        let copy = stand_in.place(&root.join("module"), &root.join("wrapper"), &root.join("draft")).unwrap();
        assert_eq!(copy, root.join("draft/ours"));
        assert_eq!(fs::read_to_string(copy.join("all/none.go")).unwrap(), "ours");
        assert!(!copy.join("all/a.go").exists() && !copy.join("all/b.go").exists());
        assert!(copy.join("kept.go").exists() && copy.join("all/deep/kept.go").exists());
        assert!(root.join("module/all/a.go").exists(), "the module itself is left alone");
        fs::remove_dir_all(&root).unwrap();
    }
}

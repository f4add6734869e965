//! `lint`: everything that can be said about the code without running it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cluster::cache;
use crate::compatibility;
use crate::stage::{cargo, printed, run, xtask};

/// The rooms without a clock, a client or a thread.
const PURE_ROOMS: [&str; 5] = ["crds", "analysis", "planner", "traffic-routers", "engine"];
/// What would end their purity.
const IMPURE: [&str; 6] = ["hyper", "kube-client", "rand", "reqwest", "tokio", "tower"];
/// The programs that people run.
const PROGRAMS: [&str; 2] = ["operator", "kubectl-plugin"];
/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Checks formatting, lints, documentation, dependencies, purity, generated files and the table of what is compatible.
///
/// # Errors
/// With the first check that fails.
pub(crate) fn all() -> Result<()> {
    run("formatting", &mut cargo(["fmt", "--all", "--check"]))?;
    run("lints", &mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    let mut documentation =
        cargo(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
    run("documentation", documentation.env("RUSTDOCFLAGS", "-D warnings"))?;
    run("generated files", &mut xtask(["generate", "--check"])?)?;
    purity()?;
    no_planted_bugs()?;
    compatibility::check()?;
    let mut deny = Command::new(cargo_deny()?);
    run("dependencies", deny.args(["--locked", "check", "bans", "licenses", "sources"]))
}

/// Fails when a pure room depends on a clock, a client or a runtime.
fn purity() -> Result<()> {
    println!("== purity of {}", PURE_ROOMS.join(", "));
    for room in PURE_ROOMS {
        let mut tree =
            cargo(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", room]);
        let text = printed(&mut tree)?;
        let found = impure(&text);
        if !found.is_empty() {
            bail!("{room} must be pure, but depends on {}", found.join(", "));
        }
    }
    Ok(())
}

/// Fails when a program that people run has planted bugs in it.
fn no_planted_bugs() -> Result<()> {
    println!("== no planted bugs in {}", PROGRAMS.join(", "));
    for program in PROGRAMS {
        let mut tree = cargo([
            "tree",
            "--locked",
            "--edges",
            "normal,features",
            "--prefix",
            "none",
            "--package",
            program,
        ]);
        tree.args(["--invert", "planted-bugs"]);
        if has_planted_bugs(&printed(&mut tree)?) {
            bail!("{program} must not be built with planted bugs, but enables their feature");
        }
    }
    Ok(())
}

/// Whether a tree of features, one per line, has that of the planted bugs.
fn has_planted_bugs(tree: &str) -> bool {
    tree.lines().any(|line| line.starts_with("planted-bugs feature \"enabled\""))
}

/// The impure crates of a dependency tree that has one crate per line.
fn impure(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut found: Vec<&str> = names.filter(|name| IMPURE.contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The program cargo-deny, built into the cache where it is missing.
fn cargo_deny() -> Result<PathBuf> {
    let root = cache()?.join("tools").join(format!("cargo-deny-{CARGO_DENY}"));
    let program = root.join("bin/cargo-deny");
    if !program.exists() {
        let mut install = cargo(["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--force"]);
        run("building cargo-deny", install.arg("--root").arg(&root))?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    #[test]
    fn impure_crates_are_found_by_their_whole_name() {
        let tree = "planner v0.1.0\nserde v1.0.0\ntokio v1.54.1\nhyper-util v0.1.0\ntokio v1.54.1 (*)\n";
        assert_eq!(super::impure(tree), ["tokio"]);
    }

    #[test]
    fn planted_bugs_are_found_by_their_feature() {
        let tree = "engine v0.1.0\nplanted-bugs v0.1.0\nplanted-bugs feature \"default\"\n";
        assert!(!super::has_planted_bugs(tree));
        assert!(super::has_planted_bugs(&format!("{tree}planted-bugs feature \"enabled\" (*)\n")));
    }
}

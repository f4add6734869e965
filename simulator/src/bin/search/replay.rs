//! Scenario files, played again.

use std::path::{Path, PathBuf};

use planted_bugs::Bug;
use simulator::outcome::Outcome;
use simulator::scenario::Scenario;
use simulator::search::trial::Ready;

/// Plays all files, and all in directories; returns whether every rule was kept in all of them.
pub(crate) fn run(files: &[PathBuf], bug: Option<Bug>, timeline: bool) -> bool {
    let files: Vec<PathBuf> = files.iter().flat_map(|path| scenarios(path)).collect();
    let mut is_good = true;
    for file in &files {
        match play(file, bug) {
            Ok(outcome) => {
                is_good &= outcome.violations.is_empty();
                print(file, &outcome, timeline);
            }
            Err(message) => {
                is_good = false;
                println!("{}: {message}", file.display());
            }
        }
    }
    println!("{} scenarios replayed: {}", files.len(), if is_good { "all good" } else { "some fail" });
    is_good
}

/// A file itself, or the scenarios of a directory, in order.
fn scenarios(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    files
}

#[expect(clippy::disallowed_methods, reason = "the search alone touches files, nothing that is played")]
fn play(file: &Path, bug: Option<Bug>) -> Result<Outcome, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"))?;
    let scenario = Scenario::from_yaml(&text).map_err(|error| error.to_string())?;
    let ready = Ready::new(&scenario).map_err(|error| error.to_string())?;
    let play = || ready.play_recorded(scenario.seed, &scenario.faults);
    Ok(match bug {
        Some(bug) => planted_bugs::with(bug, play),
        None => play(),
    })
}

fn print(file: &Path, outcome: &Outcome, timeline: bool) {
    if timeline {
        for entry in &outcome.timeline {
            println!("{:>9.3} s  {:?}", Seconds(entry.at_ms).as_f64(), entry.what);
        }
    }
    let verdict = if outcome.violations.is_empty() { "good" } else { "FAILS" };
    println!("{}: {verdict}: {} events, {} writes", file.display(), outcome.events, outcome.commits);
    for violation in &outcome.violations {
        println!("  {violation}");
    }
}

struct Seconds(u64);

impl Seconds {
    fn as_f64(&self) -> f64 {
        std::time::Duration::from_millis(self.0).as_secs_f64()
    }
}

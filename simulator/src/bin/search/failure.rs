//! A run that broke a rule: made small, printed, and written to a file that replays it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use planted_bugs::Bug;
use simulator::outcome::{Outcome, Rule, Violation};
use simulator::scenario::Scenario;
use simulator::search::{Trial, shrink, trial};

/// How many scenarios may be played to make one smaller.
const BUDGET: usize = 600;

/// A run that broke a rule.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Where it stands among others.
    pub(crate) number: u64,
    /// What was played.
    pub(crate) scenario: Scenario,
    /// The first rule that was broken, and how.
    pub(crate) violation: Violation,
}

/// Plays a trial; a panic is a violation like others.
pub(crate) fn play(trial: &Trial) -> Result<Outcome, Violation> {
    caught(|| trial.run())
}

/// What a run came to; a panic is a violation like others.
pub(crate) fn caught(run: impl FnOnce() -> Outcome) -> Result<Outcome, Violation> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| broken(format!("a panic: {}", words(panic.as_ref()))))
}

/// What makes it impossible to play something.
pub(crate) fn broken(message: String) -> Violation {
    Violation { at_ms: 0, rule: Rule::Plan, message }
}

/// The first violation of a run.
pub(crate) fn first_violation(result: &Result<Outcome, Violation>) -> Option<&Violation> {
    match result {
        Ok(outcome) => outcome.violations.first(),
        Err(violation) => Some(violation),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Keeps the first failures of each rule.
pub(crate) fn keep(failures: &mut Vec<Failure>, failure: Failure) {
    const OF_EACH_RULE: usize = 3;
    let alike = failures.iter().filter(|other| other.violation.rule == failure.violation.rule).count();
    if alike < OF_EACH_RULE {
        failures.push(failure);
    }
}

/// Prints all failures, and the first of each rule as the smallest scenario that still fails.
pub(crate) fn report(mut failures: Vec<Failure>, bug: Option<Bug>) {
    failures.sort_by_key(|failure| (failure.violation.rule, failure.number));
    for failure in &failures {
        println!("  {}: {}", failure.scenario.name, failure.violation);
    }
    failures.dedup_by_key(|failure| failure.violation.rule);
    for failure in failures {
        show(&failure, bug);
    }
}

fn show(failure: &Failure, bug: Option<Bug>) {
    let work = || shrink::shrink(&failure.scenario, failure.violation.rule, BUDGET);
    let small = match bug {
        Some(bug) => planted_bugs::with(bug, || catch_unwind(AssertUnwindSafe(work))),
        None => catch_unwind(AssertUnwindSafe(work)),
    };
    let small = small.unwrap_or_else(|_| failure.scenario.clone());
    let violation = catch_unwind(AssertUnwindSafe(|| match bug {
        Some(bug) => planted_bugs::with(bug, || trial::alone(&small)),
        None => trial::alone(&small),
    }));
    let said = violation
        .ok()
        .and_then(Result::ok)
        .and_then(|outcome| outcome.violations.into_iter().next())
        .unwrap_or_else(|| failure.violation.clone());
    let text = match small.to_yaml() {
        Ok(yaml) => format!("# {}\n# {said}\n{yaml}", small.name),
        Err(error) => format!("# {error}\n"),
    };
    println!("--- the smallest scenario that breaks {}\n{text}---", failure.violation.rule);
    match save(failure, &text) {
        Ok(path) => println!("replay it with: cargo xtask simulate replay {}", path.display()),
        Err(error) => println!("it could not be written to a file: {error}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the search alone touches files, nothing that is played")]
fn save(failure: &Failure, text: &str) -> std::io::Result<PathBuf> {
    let directory = std::env::temp_dir().join("linnet-simulator");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{}-{}.yaml", failure.violation.rule, failure.number));
    std::fs::write(&path, text)?;
    Ok(path)
}

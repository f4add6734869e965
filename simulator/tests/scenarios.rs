//! Whatever broke a rule once is played again.

use std::path::PathBuf;

use simulator::scenario::Scenario;
use simulator::search::trial;

#[expect(clippy::disallowed_methods, reason = "the scenarios are files")]
#[test]
fn what_failed_once_does_not_fail_again() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let scenario = Scenario::from_yaml(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let outcome = trial::alone(&scenario).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(outcome.violations, [], "{}", file.display());
        assert!(outcome.commits > 0, "{}: nothing happened", file.display());
    }
}

//! The table of `docs/compatibility.md`: every test that it names has to exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::cluster::repository;

/// Where the table is.
const TABLE: &str = "docs/compatibility.md";

/// Fails where the table names a test that is not there, and prints how much of it is shown by tests.
///
/// # Errors
/// With every wrong name.
pub(crate) fn check() -> Result<()> {
    println!("== tests of {TABLE}");
    let root = repository();
    let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("cannot read {TABLE}"))?;
    let rows = rows(&text);
    if rows.is_empty() {
        bail!("{TABLE} has no rows");
    }
    let mut sources = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in &rows {
        for test in &row.tests {
            let source = sources.entry(test.path.clone()).or_insert_with(|| read(root, &test.path));
            if let Some(problem) = problem(test, source.as_deref()) {
                wrong.push(format!("line {}: {problem}", row.line));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{TABLE} names tests that are not there:\n{}", wrong.join("\n"));
    }
    println!("{}", summary(&rows));
    Ok(())
}

/// One row of a table: what it says, and the tests that show it.
#[derive(Debug, PartialEq)]
struct Row {
    line: usize,
    about: String,
    is_built: bool,
    tests: Vec<Test>,
}

/// A test as the table names it: `path.rs::function`, or `path.rs::function::case`.
#[derive(Debug, PartialEq)]
struct Test {
    path: String,
    function: String,
    case: Option<String>,
}

/// The rows of all tables: three cells, of which the second says what Linnet does and the third names tests.
fn rows(text: &str) -> Vec<Row> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(index, line)| row(index.saturating_add(1), line)).collect()
}

fn row(line: usize, text: &str) -> Option<Row> {
    let inner = text.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split(" | ").map(str::trim).collect();
    let [about, what, tests] = cells.as_slice() else { return None };
    if about.chars().all(|letter| "-:|".contains(letter)) || *tests == "Test" {
        return None;
    }
    let tests = tests.split('`').filter_map(test).collect();
    Some(Row { line, about: (*about).to_owned(), is_built: !what.starts_with("not yet"), tests })
}

fn test(text: &str) -> Option<Test> {
    let mut parts = text.split("::");
    let (path, function, case) = (parts.next()?, parts.next()?, parts.next());
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "rs").then(|| Test {
        path: path.to_owned(),
        function: function.to_owned(),
        case: case.map(str::to_owned),
    })
}

fn read(root: &Path, path: &str) -> Option<String> {
    fs::read_to_string(root.join(path)).ok()
}

/// What is wrong with a test's name, if something is.
fn problem(test: &Test, source: Option<&str>) -> Option<String> {
    let Test { path, function, case } = test;
    let Some(source) = source else { return Some(format!("there is no file {path}")) };
    let Some(head) = head(source, function) else {
        return Some(format!("there is no function {function} in {path}"));
    };
    if !["test]", "#[rstest", "test("].iter().any(|mark| head.contains(mark)) {
        return Some(format!("{function} in {path} is no test"));
    }
    let case = case.as_ref().filter(|case| !head.contains(&format!("case::{case}(")))?;
    Some(format!("{function} in {path} has no case {case}"))
}

/// The lines before a function, up to the blank one: its attributes and cases.
fn head<'a>(source: &'a str, function: &str) -> Option<&'a str> {
    let names = [format!("fn {function}("), format!("fn {function}<")];
    let end = names.iter().find_map(|name| source.find(name))?;
    let before = source.get(..end)?;
    before.rsplit("\n\n").next()
}

fn summary(rows: &[Row]) -> String {
    let shown = rows.iter().filter(|row| row.is_built && !row.tests.is_empty()).count();
    let later = rows.iter().filter(|row| !row.is_built).count();
    let bare: Vec<&Row> = rows.iter().filter(|row| row.is_built && row.tests.is_empty()).collect();
    let named: Vec<String> = bare.iter().map(|row| format!("\n  line {}: {}", row.line, row.about)).collect();
    let (all, without) = (rows.len(), bare.len());
    format!("{all} rows: {shown} shown by tests, {later} not yet, {without} without a test{}", named.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
| Row | Linnet | Test |
|---|---|---|
| `spec.paused` | as the reference | `a/src/x.rs::holds`, `a/src/x.rs::table::one` |
| `steps[].plugin` | not yet: refused | |
| `phase` | as the reference | |

| other | table |
|---|---|
";

    const SOURCE: &str = "
fn helper() {}

#[test]
fn holds() {}

#[rstest]
#[case::one(1)]
fn table(#[case] number: i32) {}
";

    fn named(text: &str) -> Option<String> {
        problem(&test(text).unwrap(), Some(SOURCE))
    }

    #[test]
    fn rows_and_their_tests_are_counted() {
        let rows = rows(TABLE);
        assert_eq!(rows.iter().map(|row| row.tests.len()).collect::<Vec<_>>(), [2, 0, 0]);
        let want = "3 rows: 1 shown by tests, 1 not yet, 1 without a test\n  line 5: `phase`";
        assert_eq!(summary(&rows), want);
    }

    #[test]
    fn a_name_without_a_test_is_found() {
        assert_eq!(named("x.rs::holds"), None);
        assert_eq!(named("x.rs::table::one"), None);
        assert_eq!(named("x.rs::table::two").unwrap(), "table in x.rs has no case two");
        assert_eq!(named("x.rs::gone").unwrap(), "there is no function gone in x.rs");
        assert_eq!(named("x.rs::helper").unwrap(), "helper in x.rs is no test");
        assert_eq!(problem(&test("y.rs::holds").unwrap(), None).unwrap(), "there is no file y.rs");
    }
}

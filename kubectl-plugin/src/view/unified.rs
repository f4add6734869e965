//! Two texts line by line: a unified diff.

use super::paint::{Colour, Paint};

/// Lines that are shown around a change.
const AROUND: usize = 3;

/// A line of the diff.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    Come(&'a str),
}

/// The difference between two titled texts; empty if there is none.
pub(crate) fn diff(from: (&str, &str), to: (&str, &str), paint: Paint) -> String {
    let lines = lines(&from.1.lines().collect::<Vec<_>>(), &to.1.lines().collect::<Vec<_>>());
    let hunks = hunks(&lines);
    if hunks.is_empty() {
        return String::new();
    }
    let mut text = format!("--- {}\n+++ {}\n", from.0, to.0);
    for (begin, end) in hunks {
        let (before, rest) = lines.split_at(begin);
        let hunk = rest.get(..end.saturating_sub(begin)).unwrap_or_default();
        let head = format!("@@ -{} +{} @@", range(before, hunk, is_old), range(before, hunk, is_new));
        text.push_str(&paint.text(Colour::Blue, &head));
        text.push('\n');
        for line in hunk {
            text.push_str(&painted(*line, paint));
            text.push('\n');
        }
    }
    text
}

fn painted(line: Line<'_>, paint: Paint) -> String {
    match line {
        Line::Same(line) => format!(" {line}"),
        Line::Gone(line) => paint.text(Colour::Red, &format!("-{line}")),
        Line::Come(line) => paint.text(Colour::Green, &format!("+{line}")),
    }
}

const fn is_old(line: &Line<'_>) -> bool {
    !matches!(line, Line::Come(_))
}

const fn is_new(line: &Line<'_>) -> bool {
    !matches!(line, Line::Gone(_))
}

/// First line and number of lines of a hunk in one of the texts.
fn range(before: &[Line<'_>], hunk: &[Line<'_>], is_there: fn(&Line<'_>) -> bool) -> String {
    let count = |lines: &[Line<'_>]| lines.iter().filter(|line| is_there(line)).count();
    let (skipped, count) = (count(before), count(hunk));
    // An empty range names the line before it.
    format!("{},{count}", if count == 0 { skipped } else { skipped.saturating_add(1) })
}

/// Where changes are, with the lines around them; those that touch are one.
fn hunks(lines: &[Line<'_>]) -> Vec<(usize, usize)> {
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if matches!(line, Line::Same(_)) {
            continue;
        }
        let begin = index.saturating_sub(AROUND);
        let end = index.saturating_add(AROUND).saturating_add(1).min(lines.len());
        match hunks.last_mut() {
            Some(last) if begin <= last.1 => last.1 = end,
            _ => hunks.push((begin, end)),
        }
    }
    hunks
}

/// The shortest way from one text to the other, by their longest common subsequence.
fn lines<'a>(from: &[&'a str], to: &[&'a str]) -> Vec<Line<'a>> {
    let table = common(from, to);
    let at = |i: usize, j: usize| table.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0);
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    loop {
        match (from.get(i), to.get(j)) {
            (Some(old), Some(new)) if old == new => {
                found.push(Line::Same(old));
                (i, j) = (i + 1, j + 1);
            }
            (Some(old), new) if new.is_none() || at(i + 1, j) >= at(i, j + 1) => {
                found.push(Line::Gone(old));
                i += 1;
            }
            (_, Some(new)) => {
                found.push(Line::Come(new));
                j += 1;
            }
            (_, None) => return found,
        }
    }
}

/// How many lines the rests of both texts have in common, for each pair of their beginnings.
fn common(from: &[&str], to: &[&str]) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; to.len() + 1]];
    for old in from.iter().rev() {
        let below = table.last().cloned().unwrap_or_default();
        let at = |j: usize| below.get(j).copied().unwrap_or(0);
        let mut row = vec![0];
        for (j, new) in to.iter().enumerate().rev() {
            let right = row.last().copied().unwrap_or(0);
            row.push(if old == new { at(j + 1) + 1 } else { at(j).max(right) });
        }
        row.reverse();
        table.push(row);
    }
    table.reverse();
    table
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(from: &str, to: &str) -> String {
        diff(("a", from), ("b", to), Paint::plain())
    }

    #[rstest]
    #[case::equal("x\ny\n", "x\ny\n", "")]
    #[case::changed(
        "1\n2\n3\n4\n5\n",
        "1\n2\n3\n4\nfive\n",
        "--- a\n+++ b\n@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+five\n"
    )]
    #[case::come("", "x\n", "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n")]
    #[case::gone("x\ny\n", "y\n", "--- a\n+++ b\n@@ -1,2 +1,1 @@\n-x\n y\n")]
    fn differences(#[case] from: &str, #[case] to: &str, #[case] want: &str) {
        assert_eq!(of(from, to), want);
    }

    #[test]
    fn changes_that_are_far_apart_have_hunks_of_their_own() {
        let from: Vec<String> = (1..=20).map(|number| number.to_string()).collect();
        let to = from.join("\n").replacen("1\n", "one\n", 1).replace("20", "twenty");
        let text = of(&from.join("\n"), &to);
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("@@")).collect();
        assert_eq!(heads, ["@@ -1,4 +1,4 @@", "@@ -17,4 +17,4 @@"]);
    }
}

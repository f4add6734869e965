//! Curves over time from blocks, for a terminal.

use std::fmt::Write;

use simulator::preview::report::{Report, Sample};

use super::words::time;
use crate::view::paint::{Colour, Paint};

/// How many columns a curve has.
const WIDTH: usize = 64;
/// From nothing to all.
const BLOCKS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// How many columns the names have.
const NAMES: usize = 9;

/// The curves of traffic and pods, and the axis under them; nothing for a play in which nothing happened.
pub(super) fn chart(report: &Report, paint: Paint) -> String {
    let end = report.outcome.ends_seconds;
    if end <= 0.0 || report.samples.is_empty() {
        return String::new();
    }
    let pods =
        report.samples.iter().map(|it| it.new.running.max(it.stable.running)).max().unwrap_or(1).max(1);
    let mut text = String::new();
    let mut curve = |name: &str, colour: Colour, most: (f64, &str), value: fn(&Sample) -> f64| {
        let curve: String = columns(report, value).into_iter().map(|it| block(it, most.0)).collect();
        let (curve, unit) = (paint.text(colour, &curve), paint.text(Colour::Grey, most.1));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<NAMES$}{curve}  {unit}");
    };
    let most = (f64::from(pods), format!("{pods} pods"));
    curve("traffic", Colour::Blue, (100.0, "100 %"), |it| it.traffic);
    curve("new", Colour::Green, (most.0, &most.1), |it| f64::from(it.new.running));
    curve("stable", Colour::Grey, (most.0, &most.1), |it| f64::from(it.stable.running));
    text.push_str(&paint.text(Colour::Grey, &axis(end)));
    text.push('\n');
    text
}

/// The largest value within each column's stretch of time.
fn columns(report: &Report, value: fn(&Sample) -> f64) -> Vec<f64> {
    let step = report.outcome.ends_seconds / float(WIDTH);
    (0..WIDTH)
        .map(|column| {
            let (from, to) = (step * float(column), step * float(column + 1));
            let before = report.samples.iter().rev().find(|it| it.at_seconds <= from);
            let within = report.samples.iter().filter(|it| it.at_seconds > from && it.at_seconds <= to);
            before.into_iter().chain(within).map(value).fold(0.0, f64::max)
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "columns of a terminal are few")]
fn float(number: usize) -> f64 {
    number as f64
}

/// Something is never shown as nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the share is clamped before")]
fn block(value: f64, most: f64) -> char {
    let level = (value / most).clamp(0.0, 1.0) * 8.0;
    let level = if level > 0.0 { level.round().max(1.0) } else { 0.0 };
    BLOCKS.get(level as usize).copied().unwrap_or('█')
}

fn axis(end: f64) -> String {
    let (middle, last) = (time(end / 2.0), time(end));
    let half = WIDTH / 2;
    format!("{:NAMES$}0s{middle:>half$}{last:>width$}", "", width = WIDTH - half - 2).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case::nothing(0.0, '·')]
    #[case::a_little(0.1, '▁')]
    #[case::half(50.0, '▄')]
    #[case::all(100.0, '█')]
    #[case::too_much(200.0, '█')]
    fn blocks(#[case] value: f64, #[case] want: char) {
        assert_eq!(super::block(value, 100.0), want);
    }
}

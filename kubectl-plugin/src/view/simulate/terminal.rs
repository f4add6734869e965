//! A simulation as text: what a person at the terminal reads first comes first.

use std::fmt::Write;

use simulator::preview::report::{Report, Stage};

use super::chart::chart;
use super::words::{self, consequence, count, extent, mark, pods, route, share, time, verdict};
use crate::view::paint::{Colour, Paint};

/// A screen about one Rollout; with `wide`, also everything that happened and the route objects as a whole.
pub(crate) fn report(report: &Report, wide: bool, paint: Paint) -> String {
    let mut text = head(report, paint);
    if !report.stages.is_empty() {
        text.push('\n');
        text.push_str(&stages(report, paint));
        text.push('\n');
        text.push_str(&chart(report, paint));
    }
    people(report, paint, &mut text);
    metrics(report, paint, &mut text);
    what_if(report, paint, &mut text);
    if wide {
        moments(report, paint, &mut text);
        routes(report, paint, &mut text);
    }
    assumptions(report, paint, &mut text);
    text
}

/// Name, verdict, and the numbers that matter.
fn head(report: &Report, paint: Paint) -> String {
    let mut text = String::new();
    let mut facts = vec![format!("Rollout {}/{}", report.namespace, report.name)];
    if !report.strategy.is_empty() {
        facts.push(report.strategy.clone());
        facts.push(count(usize::try_from(report.replicas).unwrap_or_default(), "replica", "replicas"));
    }
    if !report.origin.is_empty() {
        facts.push(report.origin.clone());
    }
    line(&mut text, &facts.join(" · "));
    for trouble in &report.trouble {
        line(&mut text, &paint.text(Colour::Yellow, &format!("⚠ made to go wrong: {trouble}")));
    }
    let (sign, colour) = mark(report.outcome.verdict);
    line(&mut text, &paint.text(colour, &format!("{sign} {}", verdict(&report.outcome))));
    if !report.outcome.message.is_empty() {
        line(&mut text, &format!("  {}", report.outcome.message));
    }
    if !report.stages.is_empty() {
        line(&mut text, &format!("  {}; {}", words::people(report), extent(report)));
    }
    for image in &report.images {
        line(&mut text, &format!("  {}: {} → {}", image.container, image.from, image.to));
    }
    text
}

/// The stages as a table.
fn stages(report: &Report, paint: Paint) -> String {
    let steps = report.stages.iter().filter_map(|stage| stage.step).max().unwrap_or_default();
    let mut objects: Vec<&str> =
        report.stages.iter().flat_map(|stage| &stage.routes).map(|it| it.object.as_str()).collect();
    objects.sort_unstable();
    objects.dedup();
    let with_object = objects.len() > 1;
    let mut rows = vec![
        ["STEP", "WHAT", "AT", "LASTS", "TRAFFIC", "NEW", "STABLE", "PODS", "ROUTES"].map(str::to_owned),
    ];
    rows.extend(report.stages.iter().map(|stage| row(stage, steps, with_object)));
    let mut text = table(
        &rows,
        |index| {
            let stage = index.checked_sub(1).and_then(|index| report.stages.get(index));
            match stage {
                None => Some(Colour::Grey),
                Some(stage) if stage.at_seconds.is_none() => Some(Colour::Grey),
                Some(stage) if stage.person => Some(Colour::Yellow),
                Some(_) => None,
            }
        },
        paint,
    );
    if let [object] = objects.as_slice() {
        text.push_str(&paint.text(Colour::Grey, &format!("ROUTES are fields of {object}; NEW, STABLE: available/wanted pods at the end of the step; PODS: the most at one time\n")));
    } else {
        text.push_str(&paint.text(
            Colour::Grey,
            "NEW, STABLE: available/wanted pods at the end of the step; PODS: the most at one time\n",
        ));
    }
    text
}

fn row(stage: &Stage, steps: usize, with_object: bool) -> [String; 9] {
    let step = stage.step.map(|step| format!("{step}/{steps}")).unwrap_or_default();
    let what = if stage.person { format!("{} ← a person", stage.what) } else { stage.what.clone() };
    let Some(at) = stage.at_seconds else {
        return [step, what, "never".to_owned()]
            .into_iter()
            .chain(std::iter::repeat(String::new()))
            .take(9)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_default();
    };
    let routes: Vec<String> = stage.routes.iter().map(|change| route(change, with_object)).collect();
    [
        step,
        what,
        time(at),
        stage.lasts_seconds.map_or_else(|| "for ever".to_owned(), time),
        share(stage.end.traffic),
        pods(stage.end.new),
        pods(stage.end.stable),
        stage.peak_pods.to_string(),
        routes.join("; "),
    ]
}

/// Rows in columns as wide as they need to be; the last column is free.
fn table<const N: usize>(
    rows: &[[String; N]],
    colour: impl Fn(usize) -> Option<Colour>,
    paint: Paint,
) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let row = cells.join("  ");
        let row = row.trim_end();
        line(&mut text, &colour(index).map_or_else(|| row.to_owned(), |colour| paint.text(colour, row)));
    }
    text
}

fn people(report: &Report, paint: Paint, text: &mut String) {
    title(text, "A person is needed", report.people.is_empty(), paint);
    for person in &report.people {
        let words = format!("{}  {} ({})", time(person.at_seconds), person.stage, person.reason);
        line(text, &format!("  {words}: `{}` goes on, `abort` goes back", person.command));
    }
}

fn metrics(report: &Report, paint: Paint, text: &mut String) {
    title(text, "Measured", report.metrics.is_empty(), paint);
    for metric in &report.metrics {
        let answers: Vec<String> = metric
            .answers
            .iter()
            .map(|answer| format!("{} × {} {}", answer.times, answer.value, answer.phase))
            .collect();
        line(text, &format!("  {}: {}", metric.name, answers.join(", then ")));
    }
}

fn what_if(report: &Report, paint: Paint, text: &mut String) {
    title(text, "What if", report.what_if.is_empty(), paint);
    for what_if in &report.what_if {
        let (sign, colour) = mark(what_if.outcome.verdict);
        let (sign, flags) = (paint.text(colour, sign), paint.text(Colour::Grey, &what_if.flags));
        line(text, &format!("  {sign} {}?  {flags}", what_if.trouble));
        line(text, &format!("    {}", consequence(what_if)));
    }
}

fn moments(report: &Report, paint: Paint, text: &mut String) {
    title(text, "What happens", report.moments.is_empty(), paint);
    for moment in &report.moments {
        let at = format!("{:>8}", time(moment.at_seconds));
        let words = if moment.alarm { paint.text(Colour::Red, &moment.text) } else { moment.text.clone() };
        line(text, &format!("{at}  {words}"));
    }
}

/// The route objects as they are after each step that touched them.
fn routes(report: &Report, paint: Paint, text: &mut String) {
    for stage in &report.stages {
        for change in &stage.routes {
            let after = stage.step.map_or_else(|| stage.what.clone(), |step| format!("step {step}"));
            title(
                text,
                &format!("{} in {after}, at {}", change.object, time(change.at_seconds)),
                false,
                paint,
            );
            let yaml = serde_saphyr::to_string(&change.manifest).unwrap_or_default();
            text.push_str(yaml.trim_end());
            text.push('\n');
        }
    }
}

fn assumptions(report: &Report, paint: Paint, text: &mut String) {
    title(text, "Assumed", report.assumptions.is_empty(), paint);
    for (index, assumption) in report.assumptions.iter().enumerate() {
        let sign = if assumption.is_gap { paint.text(Colour::Yellow, "!") } else { "·".to_owned() };
        line(text, &format!("  {sign} {}", assumption.text));
        let next = report.assumptions.get(index + 1);
        // What helps against several is said once, after the last of them.
        if !assumption.remedy.is_empty() && next.is_none_or(|next| next.remedy != assumption.remedy) {
            line(text, &paint.text(Colour::Grey, &format!("    {}", assumption.remedy)));
        }
    }
}

fn title(text: &mut String, title: &str, is_empty: bool, paint: Paint) {
    if !is_empty {
        text.push('\n');
        line(text, &paint.text(Colour::Blue, title));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::simulate::sample;

    #[test]
    fn a_canary_with_a_person() {
        insta::assert_snapshot!(report(&sample::canary(), false, Paint::plain()));
    }

    #[test]
    fn everything_about_it() {
        insta::assert_snapshot!(report(&sample::canary(), true, Paint::plain()));
    }

    #[test]
    fn a_spec_that_is_refused() {
        insta::assert_snapshot!(report(&sample::refused(), false, Paint::plain()));
    }
}

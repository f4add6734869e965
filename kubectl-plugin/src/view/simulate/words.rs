//! Times, shares, pods and verdicts in words.

use simulator::preview::report::{
    FieldChange, Outcome, Pods, Report, RouteChange, RouteVerb, Verdict, WhatIf, plain,
};

use crate::view::paint::Colour;

/// Routers keep their weights in annotations: the prefix says nothing.
const ANNOTATIONS: &str = "metadata.annotations.";

/// A time: tenths below ten seconds, then the two largest units.
pub(super) fn time(seconds: f64) -> String {
    let rounded = (seconds * 10.0).round() / 10.0;
    if seconds > 0.0 && rounded <= 0.0 {
        return "<0.1s".to_owned();
    }
    if rounded < 10.0 && rounded.fract() > 0.0 {
        return format!("{rounded:.1}s");
    }
    let seconds = whole(seconds).max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let pair = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..3_600 => pair(minutes, "m", seconds % 60, "s"),
        3_600..86_400 => pair(hours, "h", minutes % 60, "m"),
        _ => pair(days, "d", hours % 24, "h"),
    }
}

/// A number of seconds without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "a play ends long before 2^63 seconds")]
fn whole(seconds: f64) -> i64 {
    seconds.round() as i64
}

/// A percentage.
pub(super) fn share(percent: f64) -> String {
    let rounded = (percent * 10.0).round() / 10.0;
    format!("{rounded} %")
}

/// Pods: available ones of those wanted, or just one number where both agree.
pub(super) fn pods(pods: Pods) -> String {
    if pods.available == pods.wanted && pods.running == pods.wanted {
        return pods.wanted.to_string();
    }
    format!("{}/{}", pods.available, pods.wanted)
}

/// A number of things.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The mark and colour of a verdict.
pub(super) const fn mark(verdict: Verdict) -> (&'static str, Colour) {
    match verdict {
        Verdict::Finishes => ("✔", Colour::Green),
        Verdict::TakenBack => ("↩", Colour::Yellow),
        Verdict::NeverEnds | Verdict::Refused => ("✖", Colour::Red),
    }
}

/// How a play ended, as the beginning of a sentence.
pub(super) fn verdict(outcome: &Outcome) -> String {
    let decided = outcome.decided_seconds.map(time);
    match outcome.verdict {
        Verdict::Finishes => match decided {
            Some(decided) => {
                format!("Promoted after {decided}; all done after {}", time(outcome.ends_seconds))
            }
            None => format!("Promoted; all done after {}", time(outcome.ends_seconds)),
        },
        Verdict::TakenBack => match decided {
            Some(decided) => format!("Taken back: all traffic is on the stable version after {decided}"),
            None => "Taken back".to_owned(),
        },
        Verdict::NeverEnds => "Never ends".to_owned(),
        Verdict::Refused => "Refused: the operator will not act on this spec".to_owned(),
    }
}

/// What a play that went wrong came to, in one line.
pub(super) fn consequence(what_if: &WhatIf) -> String {
    let exposed = if what_if.most_traffic > 0.0 {
        format!(
            "the new version gets at most {} of the traffic, for {}",
            share(what_if.most_traffic),
            time(what_if.exposed_seconds)
        )
    } else {
        "the new version gets no traffic".to_owned()
    };
    let end = match what_if.outcome.verdict {
        Verdict::Finishes => "promoted all the same".to_owned(),
        Verdict::TakenBack => {
            format!(
                "taken back after {}",
                time(what_if.outcome.decided_seconds.unwrap_or(what_if.outcome.ends_seconds))
            )
        }
        Verdict::NeverEnds => "never ends".to_owned(),
        Verdict::Refused => "refused".to_owned(),
    };
    match what_if.outcome.verdict {
        Verdict::NeverEnds => format!("{end}; {exposed}; {}", what_if.outcome.message),
        _ => format!("{end}; {exposed}"),
    }
}

/// Whether people are needed, how often, and how much of the time is theirs.
pub(super) fn people(report: &Report) -> String {
    match report.people.len() {
        0 => "No person is needed".to_owned(),
        number => format!(
            "A person is needed at {} ({} of the time is theirs)",
            count(number, "point", "points"),
            time(report.outcome.people_seconds)
        ),
    }
}

/// How many pods there are at most and at least.
pub(super) fn extent(report: &Report) -> String {
    let surge = match report.surge_pods {
        0 => "none beyond replicas".to_owned(),
        surge => format!("{surge} beyond replicas"),
    };
    format!(
        "at most {} pods ({surge}), never fewer than {} available",
        report.peak_pods, report.least_available_pods
    )
}

/// A write to a route in as few words as tell it apart; the object is named where there are several.
pub(super) fn route(change: &RouteChange, with_object: bool) -> String {
    let fields: Vec<String> = change.fields.iter().map(field).collect();
    let verb = match change.verb {
        RouteVerb::Created => "created: ",
        RouteVerb::Deleted => "deleted",
        RouteVerb::Changed => "",
    };
    let object = if with_object { format!("{} ", change.object) } else { String::new() };
    format!("{object}{verb}{}", fields.join(", ")).trim_end_matches(": ").to_owned()
}

fn field(change: &FieldChange) -> String {
    let name = short(&change.path);
    match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("{name} {} → {}", plain(from), plain(to)),
        (None, Some(to)) => format!("{name} {}", plain(to)),
        (_, None) => format!("{name} removed"),
    }
}

/// The part of a path that tells it apart: an annotation without its prefix, or the last name in brackets and the field.
fn short(path: &str) -> String {
    if let Some(annotation) = path.strip_prefix(ANNOTATIONS) {
        return annotation.rsplit('/').next().unwrap_or(annotation).to_owned();
    }
    let (before, field) = path.rsplit_once('.').unwrap_or(("", path));
    let name = before.rsplit_once('[').map(|(_, name)| name.trim_end_matches(']'));
    match name {
        Some(name) if before.ends_with(']') && name.parse::<usize>().is_err() => format!("{name} {field}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, "0s")]
    #[case(0.04, "<0.1s")]
    #[case(5.02, "5s")]
    #[case(5.26, "5.3s")]
    #[case(44.3, "44s")]
    #[case(805.0, "13m25s")]
    #[case(3_600.0, "1h")]
    #[case(190_800.0, "2d5h")]
    fn times(#[case] seconds: f64, #[case] want: &str) {
        assert_eq!(time(seconds), want);
    }

    #[rstest]
    #[case::annotation("metadata.annotations.nginx.ingress.kubernetes.io/canary-weight", "canary-weight")]
    #[case::named("spec.http[primary].route[web-canary].weight", "web-canary weight")]
    #[case::unnamed("spec.http[0].route[1].weight", "spec.http[0].route[1].weight")]
    #[case::plain("spec.rules", "spec.rules")]
    #[case::alone("weight", "weight")]
    fn paths(#[case] path: &str, #[case] want: &str) {
        assert_eq!(short(path), want);
    }

    #[rstest]
    #[case::as_wanted(Pods { wanted: 4, running: 4, available: 4 }, "4")]
    #[case::starting(Pods { wanted: 4, running: 4, available: 1 }, "1/4")]
    #[case::leaving(Pods { wanted: 0, running: 4, available: 4 }, "4/0")]
    fn counts(#[case] it: Pods, #[case] want: &str) {
        assert_eq!(pods(it), want);
    }
}

//! The bounds of a range query: moments written as `now() - duration("5m")`.

use crds::analysis::provider::PrometheusRangeQuery;
use crds::duration;
use jiff::{SignedDuration, Timestamp};

use super::field;
use crate::provider::ProviderError;

/// The bounds as the API takes them, in seconds.
pub(super) struct Range {
    pub(super) start: String,
    pub(super) end: String,
    pub(super) step: String,
}

/// The moment in seconds since 1970, with milliseconds.
pub(super) fn seconds(moment: Timestamp) -> String {
    let milliseconds = moment.as_millisecond();
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}

pub(super) fn resolve(query: &PrometheusRangeQuery, now: Timestamp) -> Result<Range, ProviderError> {
    let bound =
        |name: &str, text: &str| moment(text, now).map_err(|why| field(&format!("rangeQuery.{name}"), why));
    let (start, end) = (bound("start", &query.start)?, bound("end", &query.end)?);
    if end < start {
        return Err(field("rangeQuery", format!("end {:?} lies before start {:?}", query.end, query.start)));
    }
    let step =
        duration::parse(query.step.trim()).map_err(|error| field("rangeQuery.step", error.to_string()))?;
    if step <= SignedDuration::ZERO {
        return Err(field("rangeQuery.step", format!("{:?} is not longer than zero", query.step)));
    }
    let step = format!("{}.{:03}", step.as_secs(), step.subsec_millis());
    Ok(Range { start: seconds(start), end: seconds(end), step })
}

/// The moment that `now()` or `date("…")` with any number of `± duration("…")` writes.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = |rest: &str| {
        let rest: String = rest.chars().take(40).collect();
        format!(
            "expected now(), date(\"…\") or a sum with duration(\"…\"), as in now() - duration(\"5m\"), found {rest:?}"
        )
    };
    let (mut at, mut rest) = if let Some(rest) = call_without_arguments(text.trim(), "now") {
        (now, rest)
    } else if let Some((argument, rest)) = call(text.trim(), "date") {
        let at = argument
            .parse()
            .map_err(|_| format!("{argument:?} is no moment such as 2026-01-31T12:00:00Z"))?;
        (at, rest)
    } else {
        return Err(wrong(text));
    };
    while !rest.is_empty() {
        let (sign, after) = match rest.strip_prefix('-') {
            Some(after) => (-1, after),
            None => (1, rest.strip_prefix('+').ok_or_else(|| wrong(rest))?),
        };
        let (argument, after) = call(after.trim_start(), "duration").ok_or_else(|| wrong(after))?;
        let length = duration::parse(argument).map_err(|error| error.to_string())?;
        let signed = length.checked_mul(sign).ok_or_else(|| wrong(rest))?;
        at = at.checked_add(signed).map_err(|_| format!("{text:?} lies outside of the calendar"))?;
        rest = after;
    }
    Ok(at)
}

/// What follows `name()`, without the blanks before it.
fn call_without_arguments<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(name)?.trim_start().strip_prefix('(')?;
    Some(inner.trim_start().strip_prefix(')')?.trim_start())
}

/// The argument of `name("…")` and what follows.
fn call<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let inner = text.strip_prefix(name)?.trim_start().strip_prefix('(')?.trim_start();
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (argument, rest) = inner.strip_prefix(quote)?.split_once(quote)?;
    Some((argument, rest.trim_start().strip_prefix(')')?.trim_start()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: &str = "2026-11-21T12:00:00.250Z";

    #[rstest]
    #[case::now("now()", "2026-11-21T12:00:00.25Z")]
    #[case::before("now() - duration(\"5m\")", "2026-11-21T11:55:00.25Z")]
    #[case::single_quotes_no_blanks("now()-duration('1h30m')", "2026-11-21T10:30:00.25Z")]
    #[case::sums("now() - duration(\"1h\") + duration(\"1m\")", "2026-11-21T11:01:00.25Z")]
    #[case::blanks("  now ( )  -  duration ( \"5m\" )  ", "2026-11-21T11:55:00.25Z")]
    #[case::date("date(\"2026-01-31T12:00:00Z\") + duration(\"1s\")", "2026-01-31T12:00:01Z")]
    fn moments(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(moment(text, NOW.parse().unwrap()).map(|at| at.to_string()), Ok(expected.to_owned()));
    }

    #[rstest]
    #[case::empty("", "expected now()")]
    #[case::bare_duration("duration(\"5m\")", "expected now()")]
    #[case::missing_operator("now() duration(\"5m\")", "found \"duration")]
    #[case::unit("now() - duration(\"5\")", "missing unit")]
    #[case::date("date(\"yesterday\")", "no moment")]
    #[case::far(
        "now() + duration(\"2000000h\") + duration(\"2000000h\") + duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")\
        + duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")+ duration(\"2500000h\")",
        "calendar"
    )]
    fn no_moments(#[case] text: &str, #[case] message: &str) {
        let error = moment(text, NOW.parse().unwrap()).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

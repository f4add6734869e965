//! Durations as users write them: `90s`, `1h30m`, `250ms`, or a number of seconds.

use jiff::SignedDuration;

use crate::IntOrString;

const NANOSECOND: u64 = 1;
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty or holds something else than numbers with units.
    #[error("invalid duration {text:?}: write numbers with units, such as 90s or 1h30m")]
    Malformed {
        /// The text that was found.
        text: String,
    },
    /// A number stands without its unit.
    #[error("missing unit in duration {text:?}: write one of ns, us, ms, s, m, h")]
    MissingUnit {
        /// The text that was found.
        text: String,
    },
    /// A unit is none of ns, us, ms, s, m, h.
    #[error("unknown unit {unit:?} in duration {text:?}: write one of ns, us, ms, s, m, h")]
    UnknownUnit {
        /// The text that was found.
        text: String,
        /// The unit that was found.
        unit: String,
    },
    /// The duration is longer than about 292 years.
    #[error("duration {text:?} is too long")]
    TooLong {
        /// The text that was found.
        text: String,
    },
}

/// Returns the duration that the text stands for, in Go's notation: a sign, then numbers with units (`-1.5h`, `1m30s`).
///
/// # Errors
/// [`DurationError`] names the text and what is wrong with it.
pub fn parse(text: &str) -> Result<SignedDuration, DurationError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if unsigned == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(DurationError::Malformed { text: text.to_owned() });
    }
    let mut total: u64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (nanoseconds, after) = next_part(text, rest)?;
        total =
            total.checked_add(nanoseconds).ok_or_else(|| DurationError::TooLong { text: text.to_owned() })?;
        rest = after;
    }
    let total = i64::try_from(total).map_err(|_| DurationError::TooLong { text: text.to_owned() })?;
    Ok(SignedDuration::from_nanos(if negative { -total } else { total }))
}

/// Returns the duration that a step or a delay stands for: a number or a text of digits is seconds, any other text is
/// read by [`parse`].
///
/// # Errors
/// [`DurationError`] if the text is neither.
pub fn seconds_or_text(value: &IntOrString) -> Result<SignedDuration, DurationError> {
    match value {
        IntOrString::Int(seconds) => Ok(SignedDuration::from_secs(*seconds)),
        IntOrString::String(text) => match text.parse() {
            Ok(seconds) => Ok(SignedDuration::from_secs(seconds)),
            Err(_) => parse(text),
        },
    }
}

/// Reads one number with its unit; returns it in nanoseconds, and what follows.
fn next_part<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str), DurationError> {
    let (whole, rest) = digits(rest);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Malformed { text: text.to_owned() });
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(end);
    let scale = match unit {
        "ns" => NANOSECOND,
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "" => return Err(DurationError::MissingUnit { text: text.to_owned() }),
        _ => return Err(DurationError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() }),
    };
    let too_long = || DurationError::TooLong { text: text.to_owned() };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
    let nanoseconds = whole
        .checked_mul(scale)
        .and_then(|sum| sum.checked_add(part_of(scale, fraction)))
        .ok_or_else(too_long)?;
    Ok((nanoseconds, after))
}

/// Returns the decimal fraction of a unit in nanoseconds, rounded down; digits beyond the eighteenth never count.
fn part_of(scale: u64, fraction: &str) -> u64 {
    let (numerator, denominator) = fraction
        .bytes()
        .take(18)
        .fold((0_u128, 1_u128), |(sum, power), byte| (sum * 10 + u128::from(byte - b'0'), power * 10));
    u64::try_from(u128::from(scale) * numerator / denominator).unwrap_or(scale)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seconds("90s", 90_000_000_000)]
    #[case::several_units("1h2m3s", 3_723_000_000_000)]
    #[case::fraction("1.5h", 5_400_000_000_000)]
    #[case::leading_point(".5s", 500_000_000)]
    #[case::trailing_point("1.s", 1_000_000_000)]
    #[case::micro_sign("2\u{b5}s", 2_000)]
    #[case::greek_mu("2\u{3bc}s", 2_000)]
    #[case::negative("-1m", -60_000_000_000)]
    #[case::plus("+1ns", 1)]
    #[case::zero("0", 0)]
    #[case::many_digits("0.3333333333333333333333h", 1_199_999_999_999)]
    #[case::longest("9223372036854775807ns", i64::MAX)]
    fn accepted(#[case] text: &str, #[case] nanoseconds: i64) {
        assert_eq!(parse(text), Ok(SignedDuration::from_nanos(nanoseconds)));
    }

    #[rstest]
    #[case::empty("", "invalid duration")]
    #[case::only_a_sign("-", "invalid duration")]
    #[case::two_signs("--1s", "invalid duration")]
    #[case::no_unit("10", "missing unit")]
    #[case::no_number("s", "invalid duration")]
    #[case::only_a_point(".s", "invalid duration")]
    #[case::days("1d", "unknown unit \"d\"")]
    #[case::space("1s 2s", "unknown unit \"s \"")]
    #[case::too_long("9223372036854775808ns", "too long")]
    #[case::absurd("99999999999999999999h", "too long")]
    fn refused(#[case] text: &str, #[case] want: &str) {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains(want), "{message}");
        assert!(message.contains(&format!("{text:?}")), "{message}");
    }

    #[rstest]
    #[case::number(IntOrString::Int(30), 30)]
    #[case::digits(IntOrString::from("30"), 30)]
    #[case::text(IntOrString::from("2m"), 120)]
    #[case::negative(IntOrString::from("-5"), -5)]
    fn pauses(#[case] value: IntOrString, #[case] seconds: i64) {
        assert_eq!(seconds_or_text(&value), Ok(SignedDuration::from_secs(seconds)));
    }
}

//! Durations as people write them in arguments: `20ms`, `1.5s`, `2m`, `1h`.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};

/// The duration that `text` names.
///
/// # Errors
///
/// When the text is not a non-negative number followed by `ms`, `s`, `m` or `h`.
pub(crate) fn parse(text: &str) -> Result<Duration> {
    let (number, seconds) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 60.0)
    } else if let Some(number) = text.strip_suffix('h') {
        (number, 3600.0)
    } else {
        return Err(anyhow!("{text:?} is not a duration: write it as 20ms, 1.5s, 2m or 1h"));
    };
    let value: f64 = number.parse().with_context(|| format!("{text:?} does not begin with a number"))?;
    let exact = Duration::try_from_secs_f64(value * seconds)
        .with_context(|| format!("{text:?} is not a duration that can be waited for"))?;
    Ok(Duration::from_micros(u64::try_from((exact.as_nanos() + 500) / 1000)?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::milliseconds("20ms", 20)]
    #[case::seconds("2s", 2_000)]
    #[case::fraction("1.5s", 1_500)]
    #[case::minutes("2m", 120_000)]
    #[case::hours("1h", 3_600_000)]
    #[case::nothing("0s", 0)]
    fn a_number_with_a_unit_is_a_duration(#[case] text: &str, #[case] milliseconds: u64) {
        assert_eq!(parse(text).unwrap(), Duration::from_millis(milliseconds));
    }

    #[rstest]
    #[case("5")]
    #[case("s")]
    #[case("-1s")]
    #[case("soon")]
    #[case("1e300s")]
    fn anything_else_is_refused_by_name(#[case] text: &str) {
        assert!(format!("{:#}", parse(text).unwrap_err()).contains(text));
    }
}

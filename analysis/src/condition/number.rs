//! Conversions between numbers, each with its limits in one place.

/// The nearest float.
#[expect(
    clippy::cast_precision_loss,
    reason = "numbers beyond 2^53 are compared as floats, as the language says"
)]
pub(super) fn float_of(value: i64) -> f64 {
    value as f64
}

/// The length as a number of the language.
pub(super) fn int_of(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The float without its fraction; nothing for NaN, infinities and what 64 bits cannot hold.
pub(super) fn truncated(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked, the fraction is meant to go")]
    let whole = value as i64;
    (-LIMIT..LIMIT).contains(&value).then_some(whole)
}

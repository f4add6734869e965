//! Amounts of resources: `1000m` is `1`, and `1Gi` is `1024Mi`.

use serde_json::Value;

const THOUSAND: i128 = 1_000;

/// Rewrites an amount, written as text or as a number, in the one form that all equal amounts have: a number, or
/// thousandths with an `m`. API servers round up to thousandths, so this does too. Anything else is left alone.
pub(super) fn canonicalize(value: &mut Value) {
    let amount = match value {
        Value::String(text) => milli(text),
        Value::Number(number) => milli(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if let Some(milli) = amount {
        let text = if milli % THOUSAND == 0 { (milli / THOUSAND).to_string() } else { format!("{milli}m") };
        *value = Value::String(text);
    }
}

/// Returns the amount in thousandths, rounded up; nothing if the text is not an amount, or is absurdly large.
fn milli(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let digits: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let digits = if negative { -digits } else { digits };
    let places = i32::try_from(fraction.len()).ok()?;
    let (binary, power) = scale(suffix)?;
    let scaled = digits.checked_mul(binary)?;
    shift(scaled, power.checked_sub(places)?.checked_add(3)?)
}

/// Returns what a suffix stands for, as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        _ => (1, suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    })
}

/// Returns `number` times ten to the power, rounded up.
fn shift(number: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs());
    if power >= 0 {
        return number.checked_mul(factor?);
    }
    // A divisor beyond all numbers leaves the smallest amount above zero, or nothing.
    let Some(divisor) = factor else { return Some(i128::from(number > 0)) };
    Some(number.div_euclid(divisor) + i128::from(number.rem_euclid(divisor) != 0))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::milli(json!("1000m"), json!("1"))]
    #[case::number(json!(1), json!("1"))]
    #[case::fraction(json!(0.5), json!("500m"))]
    #[case::text_fraction(json!("0.1"), json!("100m"))]
    #[case::leading_point(json!(".5"), json!("500m"))]
    #[case::trailing_point(json!("5."), json!("5"))]
    #[case::binary(json!("1Gi"), json!("1073741824"))]
    #[case::binary_in_smaller_unit(json!("1024Mi"), json!("1073741824"))]
    #[case::binary_fraction(json!("1.5Ki"), json!("1536"))]
    #[case::decimal(json!("1k"), json!("1000"))]
    #[case::exponent(json!("1e3"), json!("1000"))]
    #[case::signed_exponent(json!("12E-1"), json!("1200m"))]
    #[case::large_exa(json!("7E"), json!("7000000000000000000"))]
    #[case::rounded_up(json!("100u"), json!("1m"))]
    #[case::rounded_up_from_nano(json!("1000000001n"), json!("1001m"))]
    #[case::tiny(json!("1e-400"), json!("1m"))]
    #[case::zero(json!("0Mi"), json!("0"))]
    #[case::negative(json!("-1500m"), json!("-1500m"))]
    #[case::not_an_amount(json!("lots"), json!("lots"))]
    #[case::two_points(json!("1.2.3"), json!("1.2.3"))]
    #[case::unknown_suffix(json!("1Qi"), json!("1Qi"))]
    #[case::empty(json!(""), json!(""))]
    #[case::absurd(json!("1e999"), json!("1e999"))]
    #[case::list(json!(["1"]), json!(["1"]))]
    fn canonical(#[case] mut value: Value, #[case] want: Value) {
        canonicalize(&mut value);
        assert_eq!(value, want);
    }
}

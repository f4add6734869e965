//! Kubernetes quantities, as far as the downward API needs them.

/// `quantity / divisor`, rounded up; `None` when one of them is no quantity or the divisor is zero.
pub(crate) fn divide(quantity: &str, divisor: &str) -> Option<u128> {
    let divisor = milli(divisor).filter(|divisor| *divisor > 0)?;
    Some(milli(quantity)?.div_ceil(divisor))
}

/// A quantity in thousandths.
fn milli(text: &str) -> Option<u128> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor: u128 = match suffix {
        "m" => 1,
        "" => 1000,
        "k" => 1000 * 1000,
        "M" => 1000 * 1000u128.pow(2),
        "G" => 1000 * 1000u128.pow(3),
        "T" => 1000 * 1000u128.pow(4),
        "Ki" => 1000 * 1024,
        "Mi" => 1000 * 1024u128.pow(2),
        "Gi" => 1000 * 1024u128.pow(3),
        "Ti" => 1000 * 1024u128.pow(4),
        _ => return None,
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole: u128 = whole.parse().ok()?;
    let decimals = decimals.get(..decimals.len().min(9))?;
    let fraction: u128 = if decimals.is_empty() { 0 } else { decimals.parse().ok()? };
    let scale = 10u128.pow(u32::try_from(decimals.len()).ok()?);
    Some(whole * factor + (fraction * factor).div_ceil(scale))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1500m", "1", Some(2))]
    #[case("0.5", "1m", Some(500))]
    #[case("1.5Gi", "1Mi", Some(1536))]
    #[case("64M", "1", Some(64_000_000))]
    #[case("1", "0", None)]
    #[case("many", "1", None)]
    #[case("1Zi", "1", None)]
    fn a_quantity_is_divided(#[case] quantity: &str, #[case] divisor: &str, #[case] want: Option<u128>) {
        assert_eq!(divide(quantity, divisor), want);
    }
}

//! Which requests fail: an even, deterministic spread.

/// A share of requests in parts per million, so that no rounding hides in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Share(u32);

const MILLION: u32 = 1_000_000;
/// 2^64 divided by the golden ratio: multiples of it, modulo 2^64, fill the range as evenly as any sequence.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Share {
    /// Reads `0.05`, `1`, `.5` or `5%`; up to six decimals.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, one) = match text.strip_suffix('%') {
            Some(number) => (number, MILLION / 100),
            None => (text, MILLION),
        };
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && decimals.is_empty()) || decimals.len() > 6 {
            return None;
        }
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(decimals) {
            return None;
        }
        let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let millionths: u32 = format!("{decimals:0<6}").parse().ok()?;
        let value =
            u64::from(whole) * u64::from(one) + u64::from(millionths) * u64::from(one) / u64::from(MILLION);
        u32::try_from(value).ok().filter(|value| *value <= MILLION).map(Self)
    }

    /// The share in parts per million.
    pub(crate) fn millionths(self) -> u32 {
        self.0
    }

    /// A share of `millionths` parts per million, at most everything.
    pub(crate) fn from_millionths(millionths: u32) -> Self {
        Self(millionths.min(MILLION))
    }

    /// Whether the request with this number is one of the share.
    ///
    /// Over any n consecutive requests the count differs from `n * share` by a few at most.
    pub(crate) fn takes(self, number: u64) -> bool {
        let position = ((number.wrapping_mul(GOLDEN) >> 32) * u64::from(MILLION)) >> 32;
        position < u64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("1", 1_000_000)]
    #[case("0.05", 50_000)]
    #[case(".5", 500_000)]
    #[case("5%", 50_000)]
    #[case("0.5%", 5_000)]
    #[case("0.000001", 1)]
    fn a_share_is_exact(#[case] text: &str, #[case] millionths: u32) {
        assert_eq!(Share::parse(text).unwrap().millionths(), millionths);
    }

    #[rstest]
    #[case("")]
    #[case(".")]
    #[case("1.5")]
    #[case("101%")]
    #[case("-0.1")]
    #[case("NaN")]
    #[case("1e-3")]
    fn what_is_no_share_is_refused(#[case] text: &str) {
        assert_eq!(Share::parse(text), None);
    }

    #[rstest]
    #[case("0", 0, 0)]
    #[case("1", 10_000, 0)]
    #[case("0.05", 500, 4)]
    #[case("0.5", 5_000, 4)]
    fn errors_are_spread_evenly(#[case] share: &str, #[case] want: u64, #[case] slack: u64) {
        let share = Share::parse(share).unwrap();
        for start in [0u64, 12_345, u64::MAX - 5_000] {
            let failed: u64 = (0..10_000).map(|n| u64::from(share.takes(start.wrapping_add(n)))).sum();
            assert!(failed.abs_diff(want) <= slack, "{failed} of 10000 from {start}");
        }
    }
}

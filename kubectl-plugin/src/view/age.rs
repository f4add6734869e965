//! Ages in the words of kubectl.

use jiff::Timestamp;

/// The time since `then`, such as `45s`, `3m12s`, `5h`, `2d`; a dash without a beginning.
pub(crate) fn since(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| "-".to_owned(), |then| seconds(now.as_second() - then.as_second()))
}

/// A number of seconds in at most two units.
pub(crate) fn seconds(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let seconds = seconds.max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => pair(seconds, MINUTE, "m", 1, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => pair(seconds, HOUR, "h", MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => pair(seconds, DAY, "d", HOUR, "h"),
        _ => format!("{}d", seconds / DAY),
    }
}

fn pair(seconds: i64, large: i64, large_name: &str, small: i64, small_name: &str) -> String {
    match seconds % large / small {
        0 => format!("{}{large_name}", seconds / large),
        rest => format!("{}{large_name}{rest}{small_name}", seconds / large),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case(-1, "0s")]
    #[case(119, "119s")]
    #[case(120, "2m")]
    #[case(125, "2m5s")]
    #[case(660, "11m")]
    #[case(10_860, "3h1m")]
    #[case(86_400, "24h")]
    #[case(172_800, "2d")]
    #[case(2_592_000, "30d")]
    fn words(#[case] seconds: i64, #[case] want: &str) {
        assert_eq!(super::seconds(seconds), want);
    }
}

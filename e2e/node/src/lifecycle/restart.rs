//! Whether and when an ended container runs again.

use std::time::Duration;

/// The pod's `restartPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Whatever the exit code.
    Always,
    /// After a code other than 0.
    OnFailure,
    /// Never.
    Never,
}

impl Policy {
    /// Reads the field; absent or unknown means `Always`, as the API server defaults it.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("OnFailure") => Self::OnFailure,
            Some("Never") => Self::Never,
            _ => Self::Always,
        }
    }
}

/// Time before the next run, or `None` when there is none.
///
/// `exits` counts the ends since the container last ran well, this one included. The first restart is
/// immediate; then `base` doubles up to thirty times itself (10 s up to 5 min for a kubelet).
pub(crate) fn delay(policy: Policy, code: i32, exits: u32, base: Duration) -> Option<Duration> {
    match policy {
        Policy::Never => return None,
        Policy::OnFailure if code == 0 => return None,
        Policy::OnFailure | Policy::Always => {}
    }
    if exits <= 1 {
        return Some(Duration::ZERO);
    }
    Some(base.saturating_mul(1 << (exits - 2).min(5)).min(base * 30))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::first_restart_is_immediate(1, 0)]
    #[case::then_the_base(2, 10)]
    #[case::then_doubled(3, 20)]
    #[case::up_to_the_limit(7, 300)]
    #[case::and_never_beyond(90, 300)]
    fn crash_loops_slow_down(#[case] exits: u32, #[case] seconds: u64) {
        let want = Some(Duration::from_secs(seconds));
        assert_eq!(delay(Policy::Always, 1, exits, Duration::from_secs(10)), want);
    }

    #[rstest]
    #[case::always_after_success(Policy::Always, 0, true)]
    #[case::on_failure_after_failure(Policy::OnFailure, 3, true)]
    #[case::on_failure_after_success(Policy::OnFailure, 0, false)]
    #[case::never(Policy::Never, 1, false)]
    fn the_policy_decides(#[case] policy: Policy, #[case] code: i32, #[case] again: bool) {
        assert_eq!(delay(policy, code, 1, Duration::from_secs(10)).is_some(), again);
    }
}

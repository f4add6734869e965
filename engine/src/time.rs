//! Arithmetic on times that cannot fail.

use std::time::Duration;

use jiff::Timestamp;

/// The time that lies `delay` after `now`; the last representable one if there is none.
pub(crate) fn after(now: Timestamp, delay: Duration) -> Timestamp {
    now.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

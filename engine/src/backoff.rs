//! How long an object waits after failures.

use std::time::Duration;

use crds::object_ref::ObjectRef;

/// The first delay after a failure that may pass by itself.
const FIRST_DELAY: Duration = Duration::from_millis(5);
/// The longest delay.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// 5 ms doubled `times` times, at most 30 s, spread by a quarter so that many objects do not come back as one wave.
pub(crate) fn exponential(key: &ObjectRef, times: u32) -> Duration {
    let full =
        FIRST_DELAY.saturating_mul(1_u32.checked_shl(times.min(20)).unwrap_or(u32::MAX)).min(LONGEST_DELAY);
    full.mul_f64(1.0 - spread(key) / 4.0)
}

/// A number from 0 to 1 that depends on the name alone (FNV-1a).
fn spread(key: &ObjectRef) -> f64 {
    let hash = key
        .namespace
        .bytes()
        .chain([b'/'])
        .chain(key.name.bytes())
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    f64::from(hash) / f64::from(u32::MAX)
}

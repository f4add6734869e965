//! What stands between a decision and a write: open only while this process may write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A handle; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    gate: Gate,
    stopped: bool,
}

#[derive(Debug, Default)]
enum Gate {
    #[default]
    Closed,
    OpenUntil(Instant),
    Open,
}

impl Fence {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a poisoned lock guards a sound state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes are allowed until then, even if nobody says anything any more.
    pub(super) fn open_until(&self, until: Instant) {
        self.state().gate = Gate::OpenUntil(until);
    }

    /// Writes are allowed: there is no election.
    pub(super) fn open(&self) {
        self.state().gate = Gate::Open;
    }

    /// Writes are forbidden until it is opened again.
    pub(super) fn close(&self) {
        self.state().gate = Gate::Closed;
    }

    /// Writes are forbidden for good.
    pub(crate) fn stop(&self) {
        self.state().stopped = true;
    }

    /// Whether a write may leave at `now`.
    pub(crate) fn may_write(&self, now: Instant) -> bool {
        let state = self.state();
        let open = match state.gate {
            Gate::Closed => false,
            Gate::OpenUntil(until) => now < until,
            Gate::Open => true,
        };
        open && !state.stopped
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn closed_at_first_then_open_for_a_time() {
        let (fence, now) = (Fence::default(), Instant::now());
        assert!(!fence.may_write(now));
        fence.open_until(now + Duration::from_secs(10));
        assert!(fence.may_write(now + Duration::from_secs(9)));
        assert!(!fence.may_write(now + Duration::from_secs(10)), "nobody has to close it");
    }

    #[test]
    fn stopping_is_for_good() {
        let (fence, now) = (Fence::default(), Instant::now());
        fence.open();
        assert!(fence.may_write(now));
        fence.stop();
        fence.open();
        assert!(!fence.may_write(now));
    }

    #[test]
    fn clones_share_the_gate() {
        let (fence, now) = (Fence::default(), Instant::now());
        fence.clone().open();
        assert!(fence.may_write(now));
        fence.clone().close();
        assert!(!fence.may_write(now));
    }
}

//! Which bug is planted in this thread.

use crate::Bug;

/// Whether bugs can be planted in this build.
pub const ENABLED: bool = cfg!(feature = "enabled");

#[cfg(feature = "enabled")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is planted in this thread.
#[cfg(feature = "enabled")]
#[must_use]
#[inline]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this bug is planted: never in this build.
#[cfg(not(feature = "enabled"))]
#[must_use]
#[inline]
pub const fn planted(_bug: Bug) -> bool {
    false
}

/// Which bug is planted in this thread.
#[cfg(feature = "enabled")]
#[must_use]
pub fn current() -> Option<Bug> {
    PLANTED.get()
}

/// Which bug is planted: none in this build.
#[cfg(not(feature = "enabled"))]
#[must_use]
pub const fn current() -> Option<Bug> {
    None
}

/// Plants a bug in this thread, or removes the one that is there.
#[cfg(feature = "enabled")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Plants nothing in this build.
#[cfg(not(feature = "enabled"))]
pub const fn plant(_bug: Option<Bug>) {}

/// Runs `work` with a bug planted in this thread, and puts back what was planted before, also after a panic.
pub fn with<T>(bug: Bug, work: impl FnOnce() -> T) -> T {
    let _restore = Restore(current());
    plant(Some(bug));
    work()
}

/// Runs `work` with nothing planted in this thread, as a judge does, and puts back what was planted before.
pub fn without<T>(work: impl FnOnce() -> T) -> T {
    let _restore = Restore(current());
    plant(None);
    work()
}

struct Restore(Option<Bug>);

impl Drop for Restore {
    fn drop(&mut self) {
        plant(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Bug = Bug::TrafficBeforePods;
    const OTHER: Bug = Bug::StepSkipped;

    #[test]
    fn a_bug_is_there_only_inside_and_only_if_the_build_allows_it() {
        let inside = with(ONE, || {
            let nested = with(OTHER, || (planted(ONE), planted(OTHER)));
            (nested, without(current), planted(ONE), planted(OTHER))
        });
        assert_eq!(inside, ((false, ENABLED), None, ENABLED, false));
        assert!(!planted(ONE));
    }

    #[test]
    fn each_thread_has_its_own() {
        let elsewhere = with(ONE, || std::thread::spawn(|| planted(ONE)).join());
        assert!(!elsewhere.unwrap());
    }

    #[test]
    fn a_panic_leaves_nothing_planted() {
        let result = std::panic::catch_unwind(|| with(ONE, || panic!("found")));
        assert!(result.is_err());
        assert_eq!(current(), None);
    }
}

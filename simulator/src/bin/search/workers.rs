//! Threads that share one sequence of numbers.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many processors this machine has.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The time on the wall: only how long a search takes is measured with it, nothing that is played.
#[expect(clippy::disallowed_methods, reason = "the search alone measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Numbers from 0, each handed out once, until there are no more, time is up, or somebody stops it.
pub(crate) struct Numbers {
    next: AtomicU64,
    count: u64,
    until: Option<Instant>,
    stopped: AtomicBool,
}

impl Numbers {
    /// So many numbers from `first` on, handed out for so long.
    pub(crate) fn new(first: u64, count: u64, limit: Option<Duration>) -> Self {
        Self {
            next: AtomicU64::new(first),
            count: first.saturating_add(count),
            until: limit.map(|limit| now() + limit),
            stopped: AtomicBool::new(false),
        }
    }

    /// The next number.
    pub(crate) fn take(&self) -> Option<u64> {
        let is_over = self.until.is_some_and(|until| now() >= until);
        if is_over || self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < self.count)
    }

    /// Hands out no more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on so many threads at once; returns what each of them came to.
pub(crate) fn on<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(&work)).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

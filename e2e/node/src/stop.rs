//! How a running thing is told to stop.

use tokio::sync::watch;
use tokio::time::Instant;

/// What a running thing has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Go on.
    Run,
    /// SIGTERM now, SIGKILL at this time.
    By(Instant),
    /// SIGKILL now.
    Kill,
}

/// The receiving end.
#[derive(Debug, Clone)]
pub(crate) struct Stopper(watch::Receiver<Stop>);

/// A pair through which a thing is told to stop; dropping the sender means `Kill`.
pub(crate) fn channel() -> (watch::Sender<Stop>, Stopper) {
    let (sender, receiver) = watch::channel(Stop::Run);
    (sender, Stopper(receiver))
}

impl Stopper {
    /// Waits until it is told to stop, and says how.
    pub(crate) async fn requested(&mut self) -> Stop {
        self.0.wait_for(|stop| *stop != Stop::Run).await.map_or(Stop::Kill, |stop| *stop)
    }

    /// Waits until it is told to stop at once.
    pub(crate) async fn killed(&mut self) {
        // An error means that whoever could tell us is gone: that is a kill, too.
        let _ = self.0.wait_for(|stop| *stop == Stop::Kill).await;
    }

    /// Whether it has been told to stop.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow() != Stop::Run
    }
}

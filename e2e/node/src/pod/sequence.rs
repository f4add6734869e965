//! The order of a pod's containers: init containers one by one, then all others at once.

use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::pod::container::Runner;
use crate::stop::{Stop, Stopper, channel};

/// Time that sidecars have to end after the last other container.
const SIDECAR_GRACE: Duration = Duration::from_secs(1);

/// Runs the containers to their ends; returns when the last one has ended for good.
pub(crate) async fn run(runners: Vec<Runner>) {
    let mut sidecars = JoinSet::new();
    let mut others = JoinSet::new();
    let (sidecar_stop, sidecar_stopper) = channel();
    for mut runner in runners {
        if runner.plan.sidecar {
            start_sidecar(runner, &mut sidecars, &sidecar_stopper).await;
        } else if runner.plan.must_end() {
            let pod_stop = runner.stop.clone();
            runner.passed = None;
            if runner.run().await.code != 0 || pod_stop.is_requested() {
                break;
            }
        } else {
            others.spawn(runner.run());
        }
    }
    while others.join_next().await.is_some() {}
    end_sidecars(&mut sidecars, &sidecar_stop).await;
}

async fn start_sidecar(
    mut runner: Runner,
    sidecars: &mut JoinSet<crate::lifecycle::exit::Ending>,
    stopper: &Stopper,
) {
    let (passed, started) = oneshot::channel();
    let mut pod_stop = std::mem::replace(&mut runner.stop, stopper.clone());
    runner.passed = Some(passed);
    sidecars.spawn(runner.run());
    tokio::select! {
        // It has started, or it never will.
        _ = started => {}
        _ = pod_stop.requested() => {}
    }
}

async fn end_sidecars(sidecars: &mut JoinSet<crate::lifecycle::exit::Ending>, stop: &watch::Sender<Stop>) {
    stop.send_replace(Stop::By(Instant::now() + SIDECAR_GRACE));
    while sidecars.join_next().await.is_some() {}
}

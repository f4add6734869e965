//! Places for requests on their way.

use std::time::Duration;

use crds::object_ref::Kind;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Places that events have: few, so that news about a decision never delay one.
const EVENT_PLACES: u32 = 2;

/// Places by urgency: routes have their own, so that an abort never queues behind bulk work.
#[derive(Debug)]
pub(super) struct Lanes {
    routes: Lane,
    events: Lane,
    others: Lane,
}

#[derive(Debug)]
struct Lane {
    places: Semaphore,
    size: u32,
}

impl Lane {
    fn new(size: u32) -> Self {
        Self { places: Semaphore::new(usize::try_from(size).unwrap_or(Semaphore::MAX_PERMITS)), size }
    }

    /// Returns when nothing of this lane is on its way; nothing starts on it any more.
    async fn drain(&self) {
        // An error means that it was drained before.
        if let Ok(_all) = self.places.acquire_many(self.size).await {
            self.places.close();
        }
    }
}

impl Lanes {
    /// Lanes for routes and for all else with this many places each.
    pub(super) fn new(size: u32) -> Self {
        Self { routes: Lane::new(size), events: Lane::new(EVENT_PLACES), others: Lane::new(size) }
    }

    /// Waits for a place for a request about this kind. `None`: nothing may start any more.
    pub(super) async fn enter(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        let lane = match kind {
            Kind::Ingress | Kind::VirtualService => &self.routes,
            Kind::Event => &self.events,
            _ => &self.others,
        };
        lane.places.acquire().await.ok()
    }

    /// Waits until nothing is on its way, at most for `limit`; says whether that was reached.
    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let all = async {
            tokio::join!(self.routes.drain(), self.others.drain(), self.events.drain());
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn routes_pass_a_full_lane() {
        let lanes = Lanes::new(1);
        let _bulk = lanes.enter(Kind::ReplicaSet).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), lanes.enter(Kind::Rollout)).await.is_err());
        assert!(lanes.enter(Kind::Ingress).await.is_some());
        assert!(lanes.enter(Kind::Event).await.is_some());
    }

    #[tokio::test]
    async fn draining_waits_for_what_is_on_its_way() {
        let lanes = Lanes::new(2);
        let permit = lanes.enter(Kind::Rollout).await.unwrap();
        assert!(!lanes.drain(Duration::from_millis(20)).await, "a request is on its way");
        drop(permit);
        assert!(lanes.drain(Duration::from_secs(5)).await);
        assert!(lanes.enter(Kind::Rollout).await.is_none(), "nothing starts after draining");
    }
}

//! Places for requests on their way, and who lets whom pass.

use std::time::Duration;

use crds::object_ref::Kind;
use engine::effect::{Call, Request};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Places that events have: few, so that news about a decision never delay one.
const EVENT_PLACES: u32 = 2;
/// For how long at most others let pass what takes requests back to where they are safe.
const YIELDS: Duration = Duration::from_millis(100);

/// Places by urgency: routes, and what they wait for, have their own, so that an abort never queues behind bulk work.
#[derive(Debug)]
pub(super) struct Lanes {
    urgent: Lane,
    events: Lane,
    others: Lane,
    /// How many urgent requests wait or are on their way.
    pressing: watch::Sender<usize>,
}

#[derive(Debug)]
struct Lane {
    places: Semaphore,
    size: u32,
}

/// A place, until it is dropped.
pub(super) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    _pressing: Option<Pressing<'a>>,
}

/// Counts as urgent, until it is dropped.
struct Pressing<'a>(&'a watch::Sender<usize>);

impl<'a> Pressing<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Pressing<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
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
    /// Lanes for what is urgent and for all else with this many places each.
    pub(super) fn new(size: u32) -> Self {
        Self {
            urgent: Lane::new(size),
            events: Lane::new(EVENT_PLACES),
            others: Lane::new(size),
            pressing: watch::Sender::new(0),
        }
    }

    /// Waits for a place for a request. `None`: nothing may start any more.
    pub(super) async fn enter(&self, request: &Request) -> Option<Place<'_>> {
        if is_urgent(request) {
            let pressing = Pressing::new(&self.pressing);
            let permit = self.urgent.places.acquire().await.ok()?;
            return Some(Place { _permit: permit, _pressing: Some(pressing) });
        }
        // An error of either kind ends the wait as well.
        let _ = tokio::time::timeout(YIELDS, self.pressing.subscribe().wait_for(|count| *count == 0)).await;
        let lane = if request.object.kind == Kind::Event { &self.events } else { &self.others };
        let permit = lane.places.acquire().await.ok()?;
        Some(Place { _permit: permit, _pressing: None })
    }

    /// Waits until nothing is on its way, at most for `limit`; says whether that was reached.
    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let all = async {
            tokio::join!(self.urgent.drain(), self.others.drain(), self.events.drain());
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }
}

/// Routes, verdicts, and the reads that both rest on.
fn is_urgent(request: &Request) -> bool {
    let routes = matches!(request.object.kind, Kind::Ingress | Kind::VirtualService);
    routes || request.object.kind == Kind::AnalysisRun || matches!(request.call, Call::Get)
}

#[cfg(test)]
mod tests {
    use crds::object_ref::ObjectRef;
    use serde_json::json;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(5);

    fn write(kind: Kind) -> Request {
        Request { object: ObjectRef::new(kind, "shop", "web"), call: Call::MergePatch(json!({})) }
    }

    #[tokio::test]
    async fn routes_pass_a_full_lane() {
        let lanes = Lanes::new(1);
        let _bulk = lanes.enter(&write(Kind::ReplicaSet)).await.unwrap();
        assert!(tokio::time::timeout(SOON, lanes.enter(&write(Kind::Rollout))).await.is_err());
        assert!(lanes.enter(&write(Kind::Event)).await.is_some());
        assert!(lanes.enter(&write(Kind::Ingress)).await.is_some());
    }

    #[tokio::test]
    async fn others_let_an_abort_pass_but_not_for_ever() {
        let lanes = Lanes::new(4);
        let read = Request { object: write(Kind::ReplicaSet).object, call: Call::Get };
        let urgent = lanes.enter(&read).await.unwrap();
        assert!(tokio::time::timeout(SOON, lanes.enter(&write(Kind::Rollout))).await.is_err());
        assert!(
            tokio::time::timeout(LATE, lanes.enter(&write(Kind::Rollout))).await.is_ok(),
            "never starved"
        );
        drop(urgent);
        assert!(tokio::time::timeout(SOON, lanes.enter(&write(Kind::Rollout))).await.is_ok());
    }

    #[tokio::test]
    async fn draining_waits_for_what_is_on_its_way() {
        let lanes = Lanes::new(2);
        let place = lanes.enter(&write(Kind::Rollout)).await.unwrap();
        assert!(!lanes.drain(SOON).await, "a request is on its way");
        drop(place);
        assert!(lanes.drain(LATE).await);
        assert!(lanes.enter(&write(Kind::Rollout)).await.is_none(), "nothing starts after draining");
    }
}

//! Places for requests on their way, and who lets whom pass.

use std::time::Duration;

use engine::effect::Urgency;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Places that news have: few, so that what is said about a decision never delays one.
const NEWS_PLACES: u32 = 2;
/// For how long at most others let pass what takes requests back to where they are safe.
const YIELDS: Duration = Duration::from_millis(100);

/// Places by urgency: routes, and what they wait for, have their own, so that an abort never queues behind bulk work.
#[derive(Debug)]
pub(super) struct Lanes {
    urgent: Lane,
    news: Lane,
    others: Lane,
    /// How many urgent requests wait or are on their way.
    pressing: watch::Sender<usize>,
    /// How many requests that are no news wait or are on their way.
    working: watch::Sender<usize>,
}

#[derive(Debug)]
struct Lane {
    places: Semaphore,
    size: u32,
}

/// A place, until it is dropped.
pub(super) struct Place<'a> {
    _permit: SemaphorePermit<'a>,
    _working: Option<Counted<'a>>,
    _pressing: Option<Counted<'a>>,
}

/// Counts as urgent or as work, until it is dropped.
struct Counted<'a>(&'a watch::Sender<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
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
            news: Lane::new(NEWS_PLACES),
            others: Lane::new(size),
            pressing: watch::Sender::new(0),
            working: watch::Sender::new(0),
        }
    }

    /// Waits for a place for a request of that urgency. `None`: nothing may start any more.
    pub(super) async fn enter(&self, urgency: Urgency) -> Option<Place<'_>> {
        let working = (urgency != Urgency::News).then(|| Counted::new(&self.working));
        let pressing = (urgency == Urgency::Urgent).then(|| Counted::new(&self.pressing));
        let permit = match urgency {
            Urgency::Urgent => self.urgent.places.acquire().await,
            Urgency::Work => {
                none_left(&self.pressing).await;
                self.others.places.acquire().await
            }
            // News take their place first: so few of them wait at once that they stay few.
            Urgency::News => {
                let permit = self.news.places.acquire().await;
                none_left(&self.working).await;
                permit
            }
        };
        Some(Place { _permit: permit.ok()?, _working: working, _pressing: pressing })
    }

    /// Waits until nothing is on its way, at most for `limit`; says whether that was reached.
    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let all = async {
            tokio::join!(self.urgent.drain(), self.others.drain(), self.news.drain());
        };
        tokio::time::timeout(limit, all).await.is_ok()
    }
}

/// Lets others pass, but not for ever.
async fn none_left(others: &watch::Sender<usize>) {
    // An error of either kind ends the wait as well.
    let _ = tokio::time::timeout(YIELDS, others.subscribe().wait_for(|count| *count == 0)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn routes_pass_a_full_lane() {
        let lanes = Lanes::new(1);
        let _bulk = lanes.enter(Urgency::Work).await.unwrap();
        assert!(tokio::time::timeout(SOON, lanes.enter(Urgency::Work)).await.is_err());
        assert!(lanes.enter(Urgency::News).await.is_some());
        assert!(lanes.enter(Urgency::Urgent).await.is_some());
    }

    #[tokio::test]
    async fn others_let_an_abort_pass_but_not_for_ever() {
        let lanes = Lanes::new(4);
        let urgent = lanes.enter(Urgency::Urgent).await.unwrap();
        assert!(tokio::time::timeout(SOON, lanes.enter(Urgency::Work)).await.is_err());
        assert!(tokio::time::timeout(LATE, lanes.enter(Urgency::Work)).await.is_ok(), "never starved");
        drop(urgent);
        assert!(tokio::time::timeout(SOON, lanes.enter(Urgency::Work)).await.is_ok());
    }

    #[tokio::test]
    async fn news_let_work_pass_but_not_for_ever() {
        let lanes = Lanes::new(4);
        let work = lanes.enter(Urgency::Work).await.unwrap();
        assert!(tokio::time::timeout(SOON, lanes.enter(Urgency::News)).await.is_err());
        assert!(tokio::time::timeout(LATE, lanes.enter(Urgency::News)).await.is_ok(), "never starved");
        drop(work);
        assert!(tokio::time::timeout(SOON, lanes.enter(Urgency::News)).await.is_ok());
    }

    #[tokio::test]
    async fn draining_waits_for_what_is_on_its_way() {
        let lanes = Lanes::new(2);
        let place = lanes.enter(Urgency::Work).await.unwrap();
        assert!(!lanes.drain(SOON).await, "a request is on its way");
        drop(place);
        assert!(lanes.drain(LATE).await);
        assert!(lanes.enter(Urgency::Work).await.is_none(), "nothing starts after draining");
    }
}

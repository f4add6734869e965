//! Tells waiting tests that a rule has fired, and holds requests until they are released.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use crate::attributes::Attributes;
use crate::rule::When;

/// What a held request does once it is released.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Release {
    /// It goes on as if nothing had been.
    #[default]
    Continue,
    /// Its connection breaks.
    Cut,
}

/// A kill or a hold that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fired {
    /// Position, from 1; also what a release names.
    pub(crate) id: u64,
    /// Name of the rule.
    pub(crate) rule: String,
    /// The request.
    pub(crate) request: Attributes,
    /// Its index in the journal, if it is a write.
    pub(crate) index: Option<u64>,
    /// The moment.
    pub(crate) when: When,
    /// Whether it is held until it is released.
    pub(crate) held: bool,
    /// Why a kill failed.
    pub(crate) error: Option<String>,
}

/// The bell.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    fired: Mutex<Vec<Fired>>,
    holds: Mutex<BTreeMap<u64, oneshot::Sender<Release>>>,
    rung: watch::Sender<u64>,
}

impl Bell {
    /// Rings for something that happened; its id is filled in and returned.
    pub(crate) fn ring(&self, mut event: Fired) -> u64 {
        let mut fired = lock(&self.fired);
        event.id = fired.len() as u64 + 1;
        let id = event.id;
        fired.push(event);
        drop(fired);
        self.rung.send_modify(|rung| *rung += 1);
        id
    }

    /// Rings, and waits until the request is released.
    pub(crate) async fn hold(&self, event: Fired) -> Release {
        let released = self.enter(event);
        released.await.unwrap_or_default()
    }

    fn enter(&self, event: Fired) -> oneshot::Receiver<Release> {
        let (release, released) = oneshot::channel();
        // Under the lock of the holds, so that whoever hears the bell can release at once.
        let mut holds = lock(&self.holds);
        let id = self.ring(Fired { held: true, ..event });
        holds.insert(id, release);
        released
    }

    /// Releases one held request, or all; returns how many.
    pub(crate) fn release(&self, id: Option<u64>, then: Release) -> usize {
        let mut holds = lock(&self.holds);
        let released: Vec<_> = match id {
            Some(id) => holds.remove(&id).into_iter().collect(),
            None => std::mem::take(&mut *holds).into_values().collect(),
        };
        drop(holds);
        released.into_iter().filter_map(|release| release.send(then).ok()).count()
    }

    /// What fired behind `since`; waits for the first such event, at most `limit`.
    pub(crate) async fn since(&self, since: u64, limit: Duration) -> Vec<Fired> {
        let mut rung = self.rung.subscribe();
        let later = async {
            loop {
                rung.borrow_and_update();
                let found: Vec<Fired> =
                    lock(&self.fired).iter().filter(|fired| fired.id > since).cloned().collect();
                if !found.is_empty() || rung.changed().await.is_err() {
                    return found;
                }
            }
        };
        tokio::time::timeout(limit, later).await.unwrap_or_default()
    }

    /// Forgets what fired and lets every held request go on.
    pub(crate) fn clear(&self) {
        self.release(None, Release::Continue);
        lock(&self.fired).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn event(rule: &str) -> Fired {
        Fired {
            id: 0,
            rule: rule.to_owned(),
            request: Attributes::default(),
            index: None,
            when: When::Before,
            held: false,
            error: None,
        }
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_hold_and_releases_it() {
        let bell = Arc::new(Bell::default());
        let holder = Arc::clone(&bell);
        let held = tokio::spawn(async move { holder.hold(event("hold")).await });
        let fired = bell.since(0, Duration::from_secs(10)).await;
        assert_eq!((fired[0].id, fired[0].held, &*fired[0].rule), (1, true, "hold"));
        assert_eq!(bell.release(Some(1), Release::Cut), 1);
        assert_eq!(held.await.unwrap(), Release::Cut);
        assert_eq!(bell.release(None, Release::Continue), 0);
    }

    #[tokio::test]
    async fn only_later_events_are_told_and_waiting_has_a_limit() {
        let bell = Bell::default();
        bell.ring(event("one"));
        bell.ring(event("two"));
        let rules: Vec<String> =
            bell.since(1, Duration::ZERO).await.into_iter().map(|fired| fired.rule).collect();
        assert_eq!(rules, ["two"]);
        assert!(bell.since(2, Duration::from_millis(20)).await.is_empty());
    }
}

//! Places per host, so that no backend is flooded and a slow one holds up nobody else's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions to one host that are on their way at once.
const PLACES: usize = 32;

/// Hands out places by host.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<BTreeMap<String, Arc<Semaphore>>>);

impl Hosts {
    /// Waits for a place at a host.
    pub(super) async fn enter(&self, host: &str) -> Option<OwnedSemaphorePermit> {
        self.places(host).acquire_owned().await.ok()
    }

    fn places(&self, host: &str) -> Arc<Semaphore> {
        // The map is changed by single insertions, so a poisoned lock guards a sound one.
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A host that nobody asks or waits for is forgotten: the names come from users.
        hosts.retain(|_, places| Arc::strong_count(places) > 1);
        Arc::clone(hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(PLACES))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_full_host_holds_up_only_itself() {
        let hosts = Hosts::default();
        let mut taken = Vec::new();
        for _ in 0..PLACES {
            taken.push(hosts.enter("slow").await.unwrap());
        }
        assert!(tokio::time::timeout(Duration::from_millis(20), hosts.enter("slow")).await.is_err());
        assert!(hosts.enter("other").await.is_some());
        taken.pop();
        assert!(hosts.enter("slow").await.is_some());
    }

    #[tokio::test]
    async fn hosts_are_forgotten() {
        let hosts = Hosts::default();
        for name in 0..100 {
            drop(hosts.enter(&format!("host-{name}")).await);
        }
        let _held = hosts.enter("held").await;
        assert_eq!(hosts.0.lock().unwrap().len(), 1);
    }
}

//! Argo Rollouts beside us: while it holds its Lease, it manages the Rollouts and we do not.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

use super::lease::record;
use super::state::{Observed, Record};

/// Where Argo Rollouts is installed unless somebody chose otherwise.
const DEFAULT_NAMESPACE: &str = "argo-rollouts";

/// Returns the name of the Lease that an Argo Rollouts controller of this instance id holds.
fn lease_name(instance_id: Option<&str>) -> String {
    match instance_id {
        Some(id) => format!("argo-rollouts-controller-lock-{id}"),
        None => "argo-rollouts-controller-lock".to_owned(),
    }
}

/// Looks for Argo Rollouts' Lease in a few namespaces.
#[derive(Debug)]
pub(super) struct Argo {
    name: String,
    timeout: Duration,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    namespace: String,
    api: Api<Lease>,
    observed: Observed,
    /// Whether the log knows that this Lease cannot be read.
    refused: bool,
}

impl Argo {
    /// Looks in our namespace, in `argo-rollouts`, and in one more if it is named; each look waits at most `timeout`.
    pub(super) fn new(
        client: &Client,
        instance_id: Option<&str>,
        namespaces: [Option<&str>; 2],
        timeout: Duration,
    ) -> Self {
        let names: BTreeSet<&str> = namespaces.into_iter().flatten().chain([DEFAULT_NAMESPACE]).collect();
        let places = names
            .into_iter()
            .map(|namespace| Place {
                namespace: namespace.to_owned(),
                api: Api::namespaced(client.clone(), namespace),
                observed: Observed::default(),
                refused: false,
            })
            .collect();
        Self { name: lease_name(instance_id), timeout, places }
    }

    /// Reads the Leases, and says at `now` why Argo Rollouts is in charge, or `None` if it is not.
    ///
    /// A Lease that is seen for the first time counts as fresh: whether it is renewed can only be told by waiting.
    pub(super) async fn look(&mut self, now: Duration) -> Option<String> {
        let (name, timeout) = (self.name.as_str(), self.timeout);
        join_all(self.places.iter_mut().map(|place| place.look(name, timeout, now))).await;
        self.places.iter().find_map(|place| held(&place.observed, &place.namespace, name, now))
    }
}

/// Says who holds a Lease at `now`.
fn held(observed: &Observed, namespace: &str, name: &str, now: Duration) -> Option<String> {
    let (holder, _) = observed.holder(now)?;
    Some(format!(
        "Argo Rollouts ({holder}) holds the Lease {namespace}/{name}; scale it down, or start Linnet with --ignore-argo-lease"
    ))
}

impl Place {
    async fn look(&mut self, name: &str, timeout: Duration, now: Duration) {
        match tokio::time::timeout(timeout, self.api.get_opt(name)).await {
            Ok(Ok(lease)) => self.see(lease.as_ref().map(record), now),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => self.refuse(name),
            // What was seen before ages on: a holder is forgotten when its time is over, never earlier.
            Ok(Err(error)) => self.unread(name, &error.to_string()),
            Err(_) => self.unread(name, "no answer in time"),
        }
    }

    fn refuse(&mut self, lease: &str) {
        if !std::mem::replace(&mut self.refused, true) {
            let namespace = self.namespace.as_str();
            tracing::warn!(
                namespace,
                lease,
                "may not read the Lease of Argo Rollouts: it is not looked for there"
            );
        }
    }

    fn unread(&self, lease: &str, problem: &str) {
        tracing::debug!(namespace = self.namespace, lease, problem, "Lease was not read");
    }

    fn see(&mut self, record: Option<Record>, now: Duration) {
        self.refused = false;
        self.observed.see(record, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(holder: &str, version: &str) -> Record {
        Record { holder: holder.to_owned(), duration: Duration::from_secs(15), version: version.to_owned() }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_lease_has_the_references_name() {
        assert_eq!(lease_name(None), "argo-rollouts-controller-lock");
        assert_eq!(lease_name(Some("blue")), "argo-rollouts-controller-lock-blue");
    }

    #[test]
    fn a_lease_blocks_while_it_is_renewed_and_for_its_time_after() {
        let mut observed = Observed::default();
        let blocked = |observed: &Observed, now| held(observed, "argo-rollouts", "lock", at(now)).is_some();
        assert!(!blocked(&observed, 0));
        observed.see(Some(record("argo-1", "1")), at(0));
        assert!(blocked(&observed, 14) && !blocked(&observed, 15));
        observed.see(Some(record("argo-1", "2")), at(14));
        assert!(blocked(&observed, 28) && !blocked(&observed, 29));
    }

    #[test]
    fn a_lease_that_was_given_up_or_deleted_blocks_nothing() {
        let mut observed = Observed::default();
        observed.see(Some(record("argo-1", "1")), at(0));
        observed.see(Some(record("", "2")), at(1));
        assert_eq!(held(&observed, "ns", "lock", at(1)), None);
        observed.see(Some(record("argo-1", "3")), at(2));
        observed.see(None, at(3));
        assert_eq!(held(&observed, "ns", "lock", at(3)), None);
    }

    #[test]
    fn the_reason_names_holder_lease_and_remedy() {
        let mut observed = Observed::default();
        observed.see(Some(record("argo-1", "1")), at(0));
        let reason = held(&observed, "argo-rollouts", "lock", at(1)).unwrap();
        for part in ["argo-1", "argo-rollouts/lock", "--ignore-argo-lease"] {
            assert!(reason.contains(part), "{reason}");
        }
    }
}

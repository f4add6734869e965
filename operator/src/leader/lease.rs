//! The Lease object: read, written with a precondition, given up.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};

use super::state::Record;

/// Reads and writes one Lease under one identity.
#[derive(Clone, Debug)]
pub(super) struct LeaseClient {
    api: Api<Lease>,
    name: String,
    identity: String,
    duration: Duration,
}

impl LeaseClient {
    /// A client of the Lease of this name and namespace.
    pub(super) fn new(
        client: Client,
        (namespace, name): (&str, &str),
        identity: &str,
        duration: Duration,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            duration,
        }
    }

    /// The Lease as it is, if there is one.
    pub(super) async fn read(&self) -> Result<Option<Lease>, kube::Error> {
        self.api.get_opt(&self.name).await
    }

    /// Writes our name into it, on condition that it is still as `current` says.
    pub(super) async fn take(&self, current: Option<&Lease>) -> Result<Lease, kube::Error> {
        let desired = taken(current, &self.name, &self.identity, self.duration, Timestamp::now());
        match current {
            None => self.api.create(&PostParams::default(), &desired).await,
            Some(_) => self.api.replace(&self.name, &PostParams::default(), &desired).await,
        }
    }

    /// Takes our name out of it, on condition that it is still as `current` says.
    pub(super) async fn give_up(&self, current: &Lease) -> Result<(), kube::Error> {
        let desired = given_up(current, Timestamp::now());
        self.api.replace(&self.name, &PostParams::default(), &desired).await.map(drop)
    }
}

/// The Lease with our name in it. It carries `current`'s version, so the API server refuses it if that is old.
fn taken(current: Option<&Lease>, name: &str, identity: &str, duration: Duration, now: Timestamp) -> Lease {
    let mut lease = current.cloned().unwrap_or_else(|| Lease {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: None,
    });
    let before = lease.spec.take();
    let holder = before.as_ref().and_then(|spec| spec.holder_identity.as_deref());
    let transitions = before.as_ref().and_then(|spec| spec.lease_transitions);
    let again = holder == Some(identity);
    let acquired = before.as_ref().and_then(|spec| spec.acquire_time.clone()).filter(|_| again);
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(whole_seconds(duration)),
        acquire_time: Some(acquired.unwrap_or(MicroTime(now))),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(match (transitions, again) {
            (None, _) => 0,
            (Some(count), true) => count,
            (Some(count), false) => count.saturating_add(1),
        }),
        ..LeaseSpec::default()
    });
    lease
}

/// The Lease without a holder.
fn given_up(current: &Lease, now: Timestamp) -> Lease {
    let mut lease = current.clone();
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// Seconds, rounded up: others wait rather longer than shorter.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX).max(1)
}

/// What an election needs to know of a Lease.
pub(super) fn record(lease: &Lease) -> Record {
    let spec = lease.spec.as_ref();
    let seconds =
        spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    Record {
        holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
        duration: Duration::from_secs(seconds.unwrap_or(15)),
        version: lease.resource_version().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn held(by: &str) -> Lease {
        let mut lease = taken(None, "lock", by, Duration::from_secs(15), Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some("7".to_owned());
        lease
    }

    #[test]
    fn a_new_lease_is_the_first_term() {
        let spec = taken(None, "lock", "me", Duration::from_millis(1500), now()).spec.unwrap();
        assert_eq!(spec.holder_identity.as_deref(), Some("me"));
        assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(2), Some(0)));
        assert_eq!((spec.acquire_time, spec.renew_time), (Some(MicroTime(now())), Some(MicroTime(now()))));
    }

    #[test]
    fn a_renewal_keeps_the_term_and_the_version() {
        let lease = taken(Some(&held("me")), "lock", "me", Duration::from_secs(15), now());
        assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"));
        let spec = lease.spec.unwrap();
        assert_eq!(spec.lease_transitions, Some(0));
        assert_eq!(spec.acquire_time, Some(MicroTime(Timestamp::UNIX_EPOCH)));
        assert_eq!(spec.renew_time, Some(MicroTime(now())));
    }

    #[test]
    fn a_takeover_is_a_new_term() {
        let spec = taken(Some(&held("other")), "lock", "me", Duration::from_secs(15), now()).spec.unwrap();
        assert_eq!((spec.lease_transitions, spec.acquire_time), (Some(1), Some(MicroTime(now()))));
    }

    #[test]
    fn a_lease_that_was_given_up_has_no_holder() {
        let lease = given_up(&held("me"), now());
        assert_eq!(record(&lease).holder, "");
        assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"), "the write has a precondition");
    }

    #[test]
    fn a_record_is_read_from_any_lease() {
        let want =
            Record { holder: "me".to_owned(), duration: Duration::from_secs(15), version: "7".to_owned() };
        assert_eq!(record(&held("me")), want);
        assert_eq!(record(&Lease::default()).holder, "");
    }
}

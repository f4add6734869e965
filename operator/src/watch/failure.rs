//! What an interruption of a watch means, and how long to wait after it.

use std::time::Duration;

use crds::object_ref::Kind;
use kube::core::Status;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{DefaultBackoff, Error};

/// How often a kind that is not served is asked for again.
pub(super) const RETRY_MISSING: Duration = Duration::from_secs(10);

/// What an interruption means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The kind is not served, or this operator was never given it.
    Missing,
    /// The position in the history has been forgotten: the watcher lists again.
    Expired,
    /// This operator may not read a kind that it cannot do without.
    Refused,
    /// Anything else passes.
    Passing,
}

impl Failure {
    /// What a person reads in the log.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Missing => {
                "kind is not served, or not granted to this operator; looking again from time to time"
            }
            Self::Expired => "watch has fallen behind; listing again",
            Self::Refused => "kind cannot be watched: check the RBAC of this operator",
            Self::Passing => "watch was interrupted; going on",
        }
    }
}

/// Says what an interruption of a kind's watch means.
pub(super) fn classify(error: &Error, kind: Kind) -> Failure {
    match status(error).map(|status| status.code) {
        Some(404) => Failure::Missing,
        Some(410) => Failure::Expired,
        // An optional kind that a narrow Role leaves out is as good as not installed; one that was readable before
        // keeps its store until the next list.
        Some(403) if is_optional(kind) && matches!(error, Error::InitialListFailed(_)) => Failure::Missing,
        Some(401 | 403) => Failure::Refused,
        _ => Failure::Passing,
    }
}

/// Kinds that a Rollout can do without.
const fn is_optional(kind: Kind) -> bool {
    matches!(kind, Kind::Ingress | Kind::VirtualService | Kind::Experiment | Kind::ClusterAnalysisTemplate)
}

fn status(error: &Error) -> Option<&Status> {
    match error {
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status))
        | Error::WatchFailed(kube::Error::Api(status))
        | Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// The error in one line: what the API server said, or what the client found.
pub(super) fn words(error: &Error) -> String {
    match status(error) {
        Some(status) => format!("{} {}: {}", status.code, status.reason, status.message),
        None => error.to_string(),
    }
}

/// Pauses that grow from under a second to half a minute, with jitter, until something goes well.
#[derive(Default)]
pub(super) struct Backoff(DefaultBackoff);

impl Backoff {
    /// How long to wait now.
    pub(super) fn next_pause(&mut self) -> Duration {
        self.0.next().unwrap_or(RETRY_MISSING)
    }

    /// Something went well.
    pub(super) fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn api(code: u16) -> kube::Error {
        kube::Error::Api(Status::failure("no", "reason").with_code(code).boxed())
    }

    #[rstest]
    #[case::crd_is_not_installed(Error::InitialListFailed(api(404)), Kind::VirtualService, Failure::Missing)]
    #[case::crd_has_gone(Error::WatchStartFailed(api(404)), Kind::Rollout, Failure::Missing)]
    #[case::history_is_forgotten(Error::WatchError(Status::failure("old", "Expired").with_code(410).boxed()), Kind::Rollout, Failure::Expired)]
    #[case::optional_kind_is_not_granted(
        Error::InitialListFailed(api(403)),
        Kind::VirtualService,
        Failure::Missing
    )]
    #[case::optional_kind_was_revoked(
        Error::WatchStartFailed(api(403)),
        Kind::VirtualService,
        Failure::Refused
    )]
    #[case::needed_kind_is_not_granted(
        Error::InitialListFailed(api(403)),
        Kind::ReplicaSet,
        Failure::Refused
    )]
    #[case::server_is_busy(Error::WatchStartFailed(api(429)), Kind::Rollout, Failure::Passing)]
    #[case::list_without_a_version(Error::NoResourceVersion, Kind::Rollout, Failure::Passing)]
    fn meaning(#[case] error: Error, #[case] kind: Kind, #[case] want: Failure) {
        assert_eq!(classify(&error, kind), want);
    }

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(words(&Error::WatchStartFailed(api(503))), "503 reason: no");
        assert!(words(&Error::NoResourceVersion).contains("resourceVersion"));
    }

    #[test]
    fn pauses_grow_to_a_bound_and_start_again() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..12).map(|_| backoff.next_pause()).collect();
        assert!(pauses.first().unwrap() < pauses.last().unwrap(), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_mins(1)), "{pauses:?}");
        backoff.reset();
        assert!(backoff.next_pause() < Duration::from_secs(2));
    }
}

//! How a new version comes in, and what the two ways have in common.

use crds::IntOrString;
use crds::metadata::PodTemplateMetadata;
use crds::rollout::{AntiAffinity, BlueGreenStrategy, CanaryStrategy, RolloutSpec, RolloutStatus};

/// How a new version comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strategy<'a> {
    /// Step by step.
    Canary(&'a CanaryStrategy),
    /// Beside the active version, and then all at once.
    BlueGreen(&'a BlueGreenStrategy),
}

impl<'a> Strategy<'a> {
    /// The strategy of a spec; nothing unless it names exactly one.
    pub(crate) fn of(spec: &'a RolloutSpec) -> Option<Self> {
        match (&spec.strategy.canary, &spec.strategy.blue_green) {
            (Some(canary), None) => Some(Self::Canary(canary)),
            (None, Some(blue_green)) => Some(Self::BlueGreen(blue_green)),
            _ => None,
        }
    }

    /// The Services that it points at versions, those of the users first. One that is not named is empty. Which one is
    /// which of two that take turns, the status says.
    pub(crate) fn services(self, status: &RolloutStatus) -> [&'a str; 2] {
        match self {
            Self::Canary(canary) => canary.services(status.canary.stable_ping_pong),
            Self::BlueGreen(blue_green) => [&blue_green.active_service, &blue_green.preview_service],
        }
    }

    /// What pods carry while their version is the users' one, or else while it is the new one.
    pub(crate) fn metadata(self, of_users: bool) -> Option<&'a PodTemplateMetadata> {
        let [users, new] = match self {
            Self::Canary(canary) => [&canary.stable_metadata, &canary.canary_metadata],
            Self::BlueGreen(blue_green) => [&blue_green.active_metadata, &blue_green.preview_metadata],
        };
        if of_users { users.as_ref() } else { new.as_ref() }
    }

    /// How the pods of two versions are kept off the same node, where somebody said so.
    pub(crate) fn anti_affinity(self) -> Option<&'a AntiAffinity> {
        match self {
            Self::Canary(canary) => canary.anti_affinity.as_ref(),
            Self::BlueGreen(blue_green) => blue_green.anti_affinity.as_ref(),
        }
    }

    /// Whether pods are to carry anything because of their role.
    pub(crate) fn asks_for_metadata(self) -> bool {
        self.metadata(true).is_some() || self.metadata(false).is_some()
    }

    /// Whether pods serve because a route or a Service says so, and not only because they are there.
    pub(crate) fn is_steered(self) -> bool {
        match self {
            Self::Canary(canary) => canary.traffic_routing.is_some(),
            Self::BlueGreen(_) => true,
        }
    }

    /// How many pods may exist beyond the wanted ones, where somebody said so.
    pub(crate) fn max_surge(self) -> Option<&'a IntOrString> {
        match self {
            Self::Canary(canary) => canary.max_surge.as_ref(),
            Self::BlueGreen(_) => None,
        }
    }

    /// How many of the wanted pods may be missing, where somebody said so.
    pub(crate) fn max_unavailable(self) -> Option<&'a IntOrString> {
        match self {
            Self::Canary(canary) => canary.max_unavailable.as_ref(),
            Self::BlueGreen(blue_green) => blue_green.max_unavailable.as_ref(),
        }
    }

    /// How many seconds the version that was stable before is kept.
    pub(crate) fn scale_down_delay_seconds(self) -> i32 {
        match self {
            Self::Canary(canary) => canary.scale_down_delay_seconds,
            Self::BlueGreen(blue_green) => blue_green.scale_down_delay_seconds,
        }
        .unwrap_or(30)
    }

    /// How many versions that were stable before are kept at most; no limit if nobody said so.
    pub(crate) fn scale_down_delay_revision_limit(self) -> Option<usize> {
        match self {
            Self::Canary(canary) => canary.scale_down_delay_revision_limit,
            Self::BlueGreen(blue_green) => blue_green.scale_down_delay_revision_limit,
        }
        .and_then(|limit| usize::try_from(limit).ok())
    }

    /// How many seconds the new version is kept after an abort; 0 keeps it.
    pub(crate) fn abort_scale_down_delay_seconds(self) -> i32 {
        match self {
            Self::Canary(canary) => canary.abort_scale_down_delay_seconds,
            Self::BlueGreen(blue_green) => blue_green.abort_scale_down_delay_seconds,
        }
        .unwrap_or(30)
    }
}

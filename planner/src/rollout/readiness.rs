//! The conditions Ready, Reconciling and Stalled, by which tools that follow kstatus wait for a Rollout.
//!
//! They say what the phase says, and change when it does: so they cost no write of their own. Their reasons are the
//! phase's words and none of the reference's, which takes a Rollout for aborted by the reason of any condition.

use crds::condition::{self, ConditionStatus, ConditionType, Reason, message};
use crds::rollout::{RolloutPhase, RolloutStatus};
use jiff::Timestamp;

use super::conditions::{set, truth};

/// Brings them into line with the phase and its message.
pub(crate) fn tell(status: &mut RolloutStatus, now: Timestamp) {
    let Some(Stand { reason, text, holds }) = stand(status) else { return };
    let is_ready = truth(holds.is_none());
    set(status, (ConditionType::Ready, is_ready, reason), text.clone(), now);
    for type_ in [ConditionType::Reconciling, ConditionType::Stalled] {
        if holds == Some(type_) {
            set(status, (type_, ConditionStatus::True, reason), text.clone(), now);
        } else {
            condition::remove(&mut status.conditions, type_);
        }
    }
}

/// What the conditions have in common.
struct Stand {
    reason: Reason,
    text: String,
    /// Why the Rollout is not ready: it is on its way, or it does not go on without a change.
    holds: Option<ConditionType>,
}

fn stand(status: &RolloutStatus) -> Option<Stand> {
    let on_the_way = Some(ConditionType::Reconciling);
    let (reason, text, holds) = match status.phase {
        RolloutPhase::Healthy => (Reason::Healthy, message::HEALTHY, None),
        RolloutPhase::Progressing => (Reason::Progressing, message::MOVING, on_the_way),
        // Nothing has failed: who waits goes on waiting, and nobody rolls back what a person is looking at.
        RolloutPhase::Paused => (Reason::Paused, message::PAUSED, on_the_way),
        RolloutPhase::Degraded => (Reason::Degraded, status.message.as_str(), Some(ConditionType::Stalled)),
        RolloutPhase::Unknown => return None,
    };
    Some(Stand { reason, text: text.to_owned(), holds })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn told(status: &RolloutStatus) -> Vec<String> {
        let ours = [ConditionType::Ready, ConditionType::Reconciling, ConditionType::Stalled];
        let found = ours.into_iter().filter_map(|type_| condition::find(&status.conditions, type_));
        found.map(|it| format!("{}={} {}: {}", it.type_, it.status, it.reason, it.message)).collect()
    }

    #[rstest]
    #[case::healthy(RolloutPhase::Healthy, "", &["Ready=True Healthy: Rollout is healthy"])]
    #[case::moving(RolloutPhase::Progressing, "more replicas need to be updated",
        &["Ready=False Progressing: Rollout is progressing", "Reconciling=True Progressing: Rollout is progressing"])]
    #[case::paused(RolloutPhase::Paused, "CanaryPauseStep",
        &["Ready=False Paused: Rollout is paused", "Reconciling=True Paused: Rollout is paused"])]
    #[case::bad(RolloutPhase::Degraded, "RolloutAborted: no",
        &["Ready=False Degraded: RolloutAborted: no", "Stalled=True Degraded: RolloutAborted: no"])]
    #[case::not_looked_at(RolloutPhase::Unknown, "", &[])]
    fn from_every_phase(#[case] phase: RolloutPhase, #[case] message: &str, #[case] want: &[&str]) {
        // Whatever was said before.
        for before in [RolloutPhase::Unknown, RolloutPhase::Progressing, RolloutPhase::Degraded] {
            let mut status = RolloutStatus { phase: before, ..RolloutStatus::default() };
            if phase != RolloutPhase::Unknown {
                tell(&mut status, Timestamp::UNIX_EPOCH);
            }
            status.phase = phase;
            message.clone_into(&mut status.message);
            tell(&mut status, Timestamp::UNIX_EPOCH);
            assert_eq!(told(&status), want);
        }
    }

    #[test]
    fn they_do_not_change_as_pods_come() {
        let mut status = RolloutStatus { phase: RolloutPhase::Progressing, ..RolloutStatus::default() };
        tell(&mut status, Timestamp::UNIX_EPOCH);
        let before = status.conditions.clone();
        "updated replicas are still becoming available".clone_into(&mut status.message);
        tell(&mut status, Timestamp::MAX);
        assert_eq!(status.conditions, before);
    }
}

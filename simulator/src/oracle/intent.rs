//! S13: what a person asks for takes effect, once.

use crds::condition::{self, ConditionType};
use planner::facts::RolloutFacts;

use super::rollouts;
use crate::scenario::Deed;
use crate::store::Store;

/// What a person asked for last, and what must have come of it in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Intent {
    /// The update is taken back, and stays so.
    Aborted { uid: String, hash: String },
    /// Exactly one more attempt.
    Retried { uid: String, hash: String, attempt: i64 },
    /// The step is left behind.
    Promoted { uid: String, hash: String, step: i32 },
    /// The version is stable.
    PromotedFully { uid: String, hash: String },
    /// It stays paused.
    Paused { uid: String },
}

/// What a person asked for last.
#[derive(Clone, Debug, Default)]
pub(super) struct Intents {
    last: Option<Intent>,
}

impl Intents {
    /// A person is about to act on a Rollout.
    pub(super) fn act(&mut self, deed: &Deed, facts: &RolloutFacts) {
        let status = &facts.status;
        let (uid, hash) = (facts.meta.uid.clone(), status.current_pod_hash.clone());
        let is_seen = status.observed() == Some(facts.meta.generation);
        let under_way = !status.stable_rs.is_empty() && status.stable_rs != hash && is_seen;
        self.last = match deed {
            Deed::Abort if under_way => Some(Intent::Aborted { uid, hash }),
            Deed::Retry if status.abort && status.aborted_at.is_some() && under_way => {
                Some(Intent::Retried { uid, hash, attempt: attempt(facts) })
            }
            Deed::Promote if under_way && !status.pause_conditions.is_empty() && !status.abort => {
                status.current_step_index.map(|step| Intent::Promoted { uid, hash, step })
            }
            Deed::PromoteFull if under_way && !status.abort => Some(Intent::PromotedFully { uid, hash }),
            Deed::Pause => Some(Intent::Paused { uid }),
            _ => None,
        };
    }

    /// A Rollout has changed: what is wanted now may be another version.
    pub(super) fn changed(&mut self, facts: &RolloutFacts) {
        let other = match &self.last {
            Some(
                Intent::Aborted { uid, hash }
                | Intent::Retried { uid, hash, .. }
                | Intent::Promoted { uid, hash, .. }
                | Intent::PromotedFully { uid, hash },
            ) => *uid == facts.meta.uid && *hash != facts.status.current_pod_hash,
            Some(Intent::Paused { .. }) | None => false,
        };
        if other {
            self.last = None;
        }
    }

    /// Something else interferes: nothing is expected any more.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// What was asked for and did not come about.
    pub(super) fn unmet(&self, store: &Store) -> Vec<String> {
        let Some(last) = &self.last else { return Vec::new() };
        let uid = match last {
            Intent::Aborted { uid, .. }
            | Intent::Retried { uid, .. }
            | Intent::Promoted { uid, .. }
            | Intent::PromotedFully { uid, .. }
            | Intent::Paused { uid } => uid,
        };
        let Some(facts) = rollouts(store).find(|facts| facts.meta.uid == *uid) else { return Vec::new() };
        let status = &facts.status;
        // A spec that cannot be acted on takes an update no further, and its condition says so.
        let goes_on = !matches!(last, Intent::Aborted { .. } | Intent::Paused { .. });
        if goes_on && condition::find(&status.conditions, ConditionType::InvalidSpec).is_some() {
            return Vec::new();
        }
        let message = match last {
            Intent::Aborted { .. } => (!status.abort || status.phase.as_str() != "Degraded")
                .then(|| format!("an abort was asked for, but the phase is {}", status.phase)),
            Intent::Retried { attempt: before, .. } => {
                // A verdict may have ended the new attempt, but it was one.
                let now = attempt(facts);
                (now != before + 1)
                    .then(|| format!("one retry was asked for, but attempt {before} became {now}"))
            }
            Intent::Promoted { step, .. } => {
                let stuck = status.current_step_index == Some(*step) && !status.abort;
                stuck.then(|| format!("a promotion was asked for, but step {step} is still the current one"))
            }
            Intent::PromotedFully { hash, .. } => (status.stable_rs != *hash && !status.abort)
                .then(|| format!("a full promotion was asked for, but {} is stable", status.stable_rs)),
            Intent::Paused { .. } => {
                let runs_on = status.phase.as_str() == "Progressing";
                runs_on.then(|| "a pause was asked for, but the phase is Progressing".to_owned())
            }
        };
        message.map(|message| format!("{}: {message}", facts.meta.name)).into_iter().collect()
    }
}

fn attempt(facts: &RolloutFacts) -> i64 {
    facts.status.linnet.as_ref().and_then(|own| own.attempt).unwrap_or(1)
}

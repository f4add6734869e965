//! How a play ended.

use crds::condition::{ConditionStatus, ConditionType};
use crds::rollout::{RolloutPhase, RolloutStatus};

use super::history::Played;
use crate::preview::report::{Outcome, Verdict};
use engine::object::View;

/// How the Rollout ended, as far as its last state tells. Times are the caller's.
pub(super) fn outcome(played: &Played<'_>, new: &str, person: Option<&str>) -> Outcome {
    let Some(object) = played.store.get(played.rollout) else {
        return Outcome {
            verdict: Verdict::NeverEnds,
            message: "the Rollout has gone".to_owned(),
            ..Outcome::default()
        };
    };
    let View::Rollout(rollout) = &object.view else { return Outcome::default() };
    let status = &rollout.status;
    let phase = status.phase.as_str().to_owned();
    let refusal = rollout.spec.as_ref().err().cloned().or_else(|| invalid_spec(status));
    let (verdict, message) = match refusal {
        Some(message) => (Verdict::Refused, message),
        None if status.stable_rs == new && status.phase == RolloutPhase::Healthy => {
            (Verdict::Finishes, String::new())
        }
        None if status.abort => (Verdict::TakenBack, status.message.clone()),
        None => (Verdict::NeverEnds, stuck(status, person)),
    };
    Outcome { verdict, phase, message, ..Outcome::default() }
}

/// What is wrong with the spec, in the operator's own words.
pub(super) fn invalid_spec(status: &RolloutStatus) -> Option<String> {
    let condition = status
        .conditions
        .iter()
        .find(|it| it.is(ConditionType::InvalidSpec) && it.status == ConditionStatus::True)?;
    Some(condition.message.clone())
}

fn stuck(status: &RolloutStatus, person: Option<&str>) -> String {
    match (person, status.message.as_str()) {
        (Some(reason), _) => format!("it waits for a person ({reason})"),
        (None, "") => format!("it stays {}", status.phase.as_str()),
        (None, message) => format!("it stays {}: {message}", status.phase.as_str()),
    }
}

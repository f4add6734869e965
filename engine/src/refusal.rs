//! What people learn when the API server refuses what has to be done.

use crds::Time;
use crds::condition::{self, Condition, ConditionStatus, ConditionType, Reason};
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::event::Event;
use planner::waiting::Waiting;
use serde_json::json;

use crate::answer::Landed;
use crate::effect::{Call, Request};
use crate::engine::Engine;
use crate::flights::Purpose;
use crate::request;
use crate::store::key;

impl Engine {
    /// A write or a read for a Rollout was refused for a reason that time alone does not mend.
    pub(crate) fn refused(&mut self, rollout: &ObjectRef, landed: &Landed<'_>, now: Timestamp) {
        let object = &landed.flight.object;
        let complaint = format!("{object} was refused: {}", landed.message());
        let spec_error =
            self.stores.rollouts.get(&key(rollout)).and_then(|held| held.facts.spec.as_ref().err().cloned());
        let (reason, message) = match spec_error {
            Some(error) => ("InvalidSpec", format!("{error}; {complaint}")),
            None => (reason_word(&landed.flight.purpose), complaint),
        };
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.waiting.insert(0, Waiting::InvalidSpec { message: message.clone() });
        }
        if object.kind == Kind::ReplicaSet && reason == "ReplicaSetCreateError" {
            self.report_missing_set(rollout, &object.name, landed.message(), now);
        }
        self.publish(rollout, &[Event::warning(reason, message)], now);
    }

    /// Puts into the status that the ReplicaSet of the new version could not be created. The plan's own status is
    /// written only when no action is left, and this one stays.
    fn report_missing_set(&mut self, rollout: &ObjectRef, name: &str, complaint: &str, now: Timestamp) {
        let Some(held) = self.stores.rollouts.get(&key(rollout)) else { return };
        let mut conditions = held.facts.status.conditions.clone();
        let failed = Condition::new(
            ConditionType::Progressing,
            ConditionStatus::False,
            Reason::ReplicaSetCreateError,
            format!("Failed to create new replica set \"{name}\": {complaint}"),
            Time::from(now),
        );
        if condition::set(&mut conditions, failed, false) {
            let body = request::status_patch(&held.facts.meta, json!({ "conditions": conditions }));
            let request = Request { object: rollout.clone(), call: Call::MergePatchStatus(body) };
            self.send_and_wait(rollout, request, Purpose::Status { events: Vec::new(), is_refusal: false });
        }
    }
}

/// The reason word of the warning about a refused request.
fn reason_word(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Act { word: "create ReplicaSet", .. } => "ReplicaSetCreateError",
        Purpose::Act { word: "set weight", .. } => "TrafficRoutingError",
        _ => "ReconciliationError",
    }
}

//! Conditions of Rollouts and Experiments: their types, reasons and messages.

use crate::Time;

words! {
    /// What a condition of a Rollout or an Experiment is about.
    pub enum ConditionType {
        /// The spec cannot be acted on.
        InvalidSpec = "InvalidSpec",
        /// Enough pods are available.
        Available = "Available",
        /// The update moves on, or why it does not.
        Progressing = "Progressing",
        /// The Rollout waits for a person or a timer.
        Paused = "Paused",
        /// The Rollout is healthy.
        Healthy = "Healthy",
        /// The stable version is the current one; of an Experiment: it has ended.
        Completed = "Completed",
        /// A ReplicaSet cannot create its pods.
        ReplicaFailure = "ReplicaFailure",
        /// An Experiment has all its pods.
        Running = "Running",
        /// For tools that follow kstatus: what was asked for is in force.
        Ready = "Ready",
        /// For tools that follow kstatus: on the way to what was asked for. Absent unless it holds.
        Reconciling = "Reconciling",
        /// For tools that follow kstatus: it does not go on without a change. Absent unless it holds.
        Stalled = "Stalled",
    }
}

words! {
    /// Whether what the condition says holds.
    pub enum ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not hold.
        False = "False",
        /// It is not known yet, or it is held up.
        Unknown = "Unknown",
        _ => Unset
    }
}

words! {
    /// Why a condition has its status.
    pub enum Reason {
        /// The spec cannot be acted on.
        InvalidSpec = "InvalidSpec",
        /// Availability was computed.
        Available = "AvailableReason",
        /// A ReplicaSet was created for the new version.
        NewReplicaSetCreated = "NewReplicaSetCreated",
        /// A ReplicaSet of an earlier revision has the wanted template.
        FoundNewReplicaSet = "FoundNewReplicaSet",
        /// Pods came or went.
        ReplicaSetUpdated = "ReplicaSetUpdated",
        /// The new version has all its pods.
        NewReplicaSetAvailable = "NewReplicaSetAvailable",
        /// The new version lacks pods after it had all of them.
        ReplicaSetNotAvailable = "ReplicaSetNotAvailable",
        /// The Rollout is paused.
        RolloutPaused = "RolloutPaused",
        /// The Rollout goes on after a pause.
        RolloutResumed = "RolloutResumed",
        /// The Rollout starts over after an abort.
        RolloutRetry = "RolloutRetry",
        /// The update was taken back.
        RolloutAborted = "RolloutAborted",
        /// Nothing moved for `progressDeadlineSeconds`.
        ProgressDeadlineExceeded = "ProgressDeadlineExceeded",
        /// The API server refused a ReplicaSet.
        ReplicaSetCreateError = "ReplicaSetCreateError",
        /// The Rollout is healthy.
        RolloutHealthy = "RolloutHealthy",
        /// The stable version is the current one.
        RolloutCompleted = "RolloutCompleted",
        /// The Experiment has ended.
        ExperimentCompleted = "ExperimentCompleted",
        /// Of Ready and its kin: the phase Healthy.
        Healthy = "Healthy",
        /// Of Ready and its kin: the phase Progressing.
        Progressing = "Progressing",
        /// Of Ready and its kin: the phase Paused.
        Paused = "Paused",
        /// Of Ready and its kin: the phase Degraded.
        Degraded = "Degraded",
    }
}

api! {
    /// One thing that is known about a Rollout or an Experiment.
    pub struct Condition {
        /// What this condition is about.
        #[serde(rename = "type")]
        pub type_: String,
        /// Whether it holds: True, False or Unknown.
        pub status: ConditionStatus,
        /// When this condition was last written.
        pub last_update_time: Option<Time>,
        /// When the status last changed.
        pub last_transition_time: Option<Time>,
        /// Why it has this status, as one word.
        pub reason: String,
        /// Why it has this status, as a sentence.
        pub message: String,
    }
}

impl Condition {
    /// Returns a condition that begins now.
    #[must_use]
    pub fn new(
        type_: ConditionType,
        status: ConditionStatus,
        reason: Reason,
        message: String,
        now: Time,
    ) -> Self {
        Self {
            type_: type_.as_str().to_owned(),
            status,
            last_update_time: Some(now),
            last_transition_time: Some(now),
            reason: reason.as_str().to_owned(),
            message,
        }
    }

    /// Says whether this condition is about `type_`.
    #[must_use]
    pub fn is(&self, type_: ConditionType) -> bool {
        self.type_ == type_.as_str()
    }

    /// Says whether this condition has that reason.
    #[must_use]
    pub fn because(&self, reason: Reason) -> bool {
        self.reason == reason.as_str()
    }
}

/// Returns the condition of that type.
#[must_use]
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.is(type_))
}

/// Puts a condition in the place of the one of its type, or at the end; returns whether something changed.
///
/// The time of the last transition is kept if the status stays. If reason and message stay too, nothing changes, not
/// even the time of the last update, unless `refresh` asks for it.
pub fn set(conditions: &mut Vec<Condition>, mut next: Condition, refresh: bool) -> bool {
    let Some(current) = conditions.iter_mut().find(|current| current.type_ == next.type_) else {
        conditions.push(next);
        return true;
    };
    if current.status == next.status {
        let same = current.reason == next.reason && current.message == next.message;
        if same && !refresh {
            return false;
        }
        next.last_transition_time = current.last_transition_time;
    }
    *current = next;
    true
}

/// Takes away the condition of that type; returns whether there was one.
pub fn remove(conditions: &mut Vec<Condition>, type_: ConditionType) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| !condition.is(type_));
    conditions.len() != before
}

/// The sentences that clients of this API know.
pub mod message {
    use super::Reason;

    /// Of Available=True.
    pub const AVAILABLE: &str = "Rollout has minimum availability";
    /// Of Available=False.
    pub const NOT_AVAILABLE: &str = "Rollout does not have minimum availability";
    /// Of the reason RolloutPaused.
    pub const PAUSED: &str = "Rollout is paused";
    /// Of the reason RolloutResumed.
    pub const RESUMED: &str = "Rollout is resumed";
    /// Of the reason RolloutRetry.
    pub const RETRY: &str = "Retrying Rollout after abort";
    /// Of Healthy=True.
    pub const HEALTHY: &str = "Rollout is healthy";
    /// Of Healthy=False.
    pub const NOT_HEALTHY: &str = "Rollout is not healthy";
    /// Of Ready and Reconciling while the Rollout moves; it says no more, so that it does not change as pods come.
    pub const MOVING: &str = "Rollout is progressing";
    /// Of Completed=True.
    pub const COMPLETED: &str = "RolloutCompleted";

    /// Of the reason InvalidSpec: which object, and its first wrong field.
    #[must_use]
    pub fn invalid_spec(kind: &str, name: &str, field_error: &str) -> String {
        format!("The {kind} \"{name}\" is invalid: {field_error}")
    }

    /// Of the reasons that speak of a ReplicaSet; nothing for all others.
    #[must_use]
    pub fn replica_set(reason: Reason, name: &str) -> Option<String> {
        match reason {
            Reason::NewReplicaSetCreated => Some(format!("Created new replica set \"{name}\"")),
            Reason::FoundNewReplicaSet => Some(format!("Found new replica set \"{name}\"")),
            Reason::ReplicaSetUpdated => Some(format!("ReplicaSet \"{name}\" is progressing.")),
            Reason::NewReplicaSetAvailable => {
                Some(format!("ReplicaSet \"{name}\" has successfully progressed."))
            }
            Reason::ProgressDeadlineExceeded => {
                Some(format!("ReplicaSet \"{name}\" has timed out progressing."))
            }
            _ => None,
        }
    }

    /// Of the reason RolloutAborted: the revision, and why if that is known.
    #[must_use]
    pub fn aborted(revision: i64, why: Option<&str>) -> String {
        let what = format!("Rollout aborted update to revision {revision}");
        why.map_or_else(|| what.clone(), |why| format!("{what}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(second: i64) -> Time {
        jiff::Timestamp::from_second(second).unwrap().into()
    }

    fn progressing(status: ConditionStatus, reason: Reason, second: i64) -> Condition {
        Condition::new(ConditionType::Progressing, status, reason, String::new(), at(second))
    }

    /// Each case sets another condition at second 2; `want` is whether that changed something, and the seconds of the
    /// last update and of the last transition.
    #[rstest]
    #[case::nothing_new(ConditionStatus::True, Reason::ReplicaSetUpdated, false, (false, 1, 1))]
    #[case::refreshed(ConditionStatus::True, Reason::ReplicaSetUpdated, true, (true, 2, 1))]
    #[case::another_reason(ConditionStatus::True, Reason::NewReplicaSetAvailable, false, (true, 2, 1))]
    #[case::another_status(ConditionStatus::False, Reason::RolloutAborted, false, (true, 2, 2))]
    fn a_transition_is_a_change_of_status(
        #[case] status: ConditionStatus,
        #[case] reason: Reason,
        #[case] refresh: bool,
        #[case] want: (bool, i64, i64),
    ) {
        let mut conditions = vec![progressing(ConditionStatus::True, Reason::ReplicaSetUpdated, 1)];
        assert_eq!(set(&mut conditions, progressing(status, reason, 2), refresh), want.0);
        let found = find(&conditions, ConditionType::Progressing).unwrap();
        assert_eq!(conditions.len(), 1);
        assert_eq!(found.last_update_time, Some(at(want.1)));
        assert_eq!(found.last_transition_time, Some(at(want.2)));
    }

    #[test]
    fn the_order_of_other_conditions_stays() {
        let available = |message: &str| {
            let message = message.to_owned();
            Condition::new(ConditionType::Available, ConditionStatus::True, Reason::Available, message, at(1))
        };
        let mut conditions =
            vec![available("a"), progressing(ConditionStatus::True, Reason::ReplicaSetUpdated, 1)];
        assert!(set(&mut conditions, available("b"), false));
        let order: Vec<&str> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(order, ["Available", "Progressing"]);
        assert!(remove(&mut conditions, ConditionType::Available));
        assert!(!remove(&mut conditions, ConditionType::Available));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn a_condition_of_somebody_else_survives_a_round_trip() {
        let foreign = serde_json::json!({ "type": "Blessed", "status": "True", "reason": "Because" });
        let condition: Condition = serde_json::from_value(foreign.clone()).unwrap();
        assert_eq!(serde_json::to_value(condition).unwrap(), foreign);
    }

    #[test]
    fn what_is_not_known_is_said() {
        let paused = progressing(ConditionStatus::Unknown, Reason::RolloutPaused, 1);
        let written = serde_json::to_value(&paused).unwrap();
        assert_eq!(written["status"], "Unknown");
        assert_eq!(serde_json::from_value::<Condition>(written).unwrap(), paused);
    }

    #[test]
    fn messages() {
        assert_eq!(
            message::invalid_spec("Rollout", "web", "spec.replicas: -1"),
            "The Rollout \"web\" is invalid: spec.replicas: -1"
        );
        assert_eq!(message::aborted(3, None), "Rollout aborted update to revision 3");
        assert_eq!(message::aborted(3, Some("no")), "Rollout aborted update to revision 3: no");
        assert_eq!(
            message::replica_set(Reason::ProgressDeadlineExceeded, "web-1").as_deref(),
            Some("ReplicaSet \"web-1\" has timed out progressing.")
        );
        assert_eq!(message::replica_set(Reason::RolloutPaused, "web-1"), None);
    }
}

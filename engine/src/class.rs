//! What an answer means for what follows.

use std::time::Duration;

use serde_json::Value;

use crate::effect::Call;
use crate::input::{Answer, KIND_NOT_SERVED};

/// The reason of a refusal by a PodDisruptionBudget.
const DISRUPTION_BUDGET: &str = "DisruptionBudget";

/// The class of an answer that was not a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody else was faster: read live, plan again now.
    Conflict,
    /// The name is taken: read it, and adopt it if it is ours.
    AlreadyExists,
    /// The object has gone.
    NotFound,
    /// The request itself is wrong: a person must change something.
    Invalid,
    /// This process may not do that.
    Forbidden,
    /// A PodDisruptionBudget keeps the pod for now; the server itself has nothing against being asked.
    Protected,
    /// The server has no time, or is not there. Nothing was changed.
    Transient {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// A write may have happened or not.
    Unknown,
}

impl Class {
    /// The word for the metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Conflict | Self::AlreadyExists | Self::NotFound => "conflict",
            Self::Invalid => "invalid",
            Self::Protected => "protected",
            Self::Forbidden => "forbidden",
            Self::Transient { .. } => "transient",
            Self::Unknown => "unknown",
        }
    }
}

/// What matters about a request once it has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// It changes nothing.
    Read,
    /// It changes something.
    Write,
    /// It changes something if a `test` of a JSON patch holds.
    TestedWrite,
    /// It lets a pod go, in the pod's own time, unless a PodDisruptionBudget keeps it.
    Eviction,
}

impl Nature {
    /// The nature of `call`.
    pub(crate) fn of(call: &Call) -> Self {
        if tests(call) {
            Self::TestedWrite
        } else if matches!(call, Call::Evict { .. }) {
            Self::Eviction
        } else if call.is_write() {
            Self::Write
        } else {
            Self::Read
        }
    }
}

/// Classifies the answer to a request of that nature; `None` for a success.
pub(crate) fn classify(nature: Nature, answer: &Answer) -> Option<Class> {
    match answer {
        Answer::Object(_) | Answer::Objects(_) | Answer::Done => None,
        Answer::Unknown { .. } if nature == Nature::Read => Some(Class::Transient { retry_after: None }),
        Answer::Unknown { .. } => Some(Class::Unknown),
        Answer::Refused { status, reason, retry_after, .. } => {
            Some(refused(nature, *status, reason, *retry_after))
        }
    }
}

fn refused(nature: Nature, status: u16, reason: &str, retry_after: Option<Duration>) -> Class {
    match status {
        409 if reason == "AlreadyExists" => Class::AlreadyExists,
        409 | 412 => Class::Conflict,
        422 if nature == Nature::TestedWrite => Class::Conflict,
        404 if reason == KIND_NOT_SERVED => Class::Transient { retry_after },
        404 | 410 => Class::NotFound,
        403 => Class::Forbidden,
        429 if nature == Nature::Eviction && reason == DISRUPTION_BUDGET => Class::Protected,
        401 | 408 | 425 | 429 | 503 => Class::Transient { retry_after },
        // An overloaded store or a proxy may have lost only the answer.
        500.. if nature != Nature::Read => Class::Unknown,
        500.. => Class::Transient { retry_after },
        _ => Class::Invalid,
    }
}

/// Whether a JSON patch has a `test`: the server answers 422 when it does not hold.
fn tests(call: &Call) -> bool {
    let Call::JsonPatch(Value::Array(operations)) = call else { return false };
    operations.iter().any(|operation| operation.get("op").and_then(Value::as_str) == Some("test"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn refused(status: u16, reason: &str) -> Answer {
        Answer::Refused {
            status,
            reason: reason.to_owned(),
            message: String::new(),
            retry_after: Some(Duration::from_secs(2)),
        }
    }

    const WAIT: Class = Class::Transient { retry_after: Some(Duration::from_secs(2)) };

    fn evict() -> Call {
        Call::Evict { uid: "u".to_owned(), resource_version: "1".to_owned() }
    }

    #[rstest]
    #[case::conflict(Call::MergePatch(json!({})), 409, "Conflict", Class::Conflict)]
    #[case::name_taken(Call::Create(json!({})), 409, "AlreadyExists", Class::AlreadyExists)]
    #[case::failed_test(Call::JsonPatch(json!([{"op": "test"}])), 422, "Invalid", Class::Conflict)]
    #[case::invalid_patch(Call::JsonPatch(json!([{"op": "add"}])), 422, "Invalid", Class::Invalid)]
    #[case::invalid_object(Call::Create(json!({})), 422, "Invalid", Class::Invalid)]
    #[case::bad_request(Call::Create(json!({})), 400, "BadRequest", Class::Invalid)]
    #[case::too_large(Call::Create(json!({})), 413, "RequestEntityTooLarge", Class::Invalid)]
    #[case::forbidden(Call::Get, 403, "Forbidden", Class::Forbidden)]
    #[case::gone(Call::Get, 404, "NotFound", Class::NotFound)]
    #[case::kind_gone(Call::Get, 404, KIND_NOT_SERVED, Class::Transient { retry_after: Some(Duration::from_secs(2)) })]
    #[case::throttled_write(Call::MergePatch(json!({})), 429, "TooManyRequests", WAIT)]
    #[case::budget(evict(), 429, "DisruptionBudget", Class::Protected)]
    #[case::throttled_eviction(evict(), 429, "TooManyRequests", WAIT)]
    #[case::several_budgets(evict(), 500, "InternalError", Class::Unknown)]
    #[case::changed_pod(evict(), 409, "Conflict", Class::Conflict)]
    #[case::a_budget_is_none_of_a_patch(Call::MergePatch(json!({})), 429, "DisruptionBudget", WAIT)]
    #[case::unavailable(Call::MergePatch(json!({})), 503, "ServiceUnavailable", WAIT)]
    #[case::expired_token(Call::Get, 401, "Unauthorized", WAIT)]
    #[case::write_timed_out(Call::Create(json!({})), 504, "Timeout", Class::Unknown)]
    #[case::write_failed_inside(Call::MergePatch(json!({})), 500, "InternalError", Class::Unknown)]
    #[case::read_failed_inside(Call::Get, 500, "InternalError", WAIT)]
    fn class_of_a_refusal(
        #[case] call: Call,
        #[case] status: u16,
        #[case] reason: &str,
        #[case] want: Class,
    ) {
        assert_eq!(classify(Nature::of(&call), &refused(status, reason)), Some(want));
    }

    #[test]
    fn a_lost_answer_is_unknown_only_for_writes() {
        let lost = Answer::Unknown { message: String::new() };
        assert_eq!(classify(Nature::Write, &lost), Some(Class::Unknown));
        assert_eq!(classify(Nature::Read, &lost), Some(Class::Transient { retry_after: None }));
        assert_eq!(classify(Nature::Read, &Answer::Done), None);
    }
}

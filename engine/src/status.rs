//! What of a status has to be written.

use std::time::Duration;

use crds::Differences;
use serde::Serialize;
use serde_json::Value;

use crate::diff::merge_patch;

/// How far apart writes are that bring nothing urgent, such as changed counts.
pub(crate) const CALM_WRITES_APART: Duration = Duration::from_secs(1);

/// The merge patch that leads from `held` to `wanted`: changed keys alone, `null` for those that go.
pub(crate) fn change<S: Serialize + PartialEq + Differences>(held: &S, wanted: &S) -> Option<Value> {
    if held == wanted {
        return None;
    }
    let (held, wanted) = held.differences(wanted);
    let held = serde_json::to_value(held).unwrap_or_default();
    let wanted = serde_json::to_value(wanted).unwrap_or_default();
    merge_patch(&held, &wanted)
}

#[cfg(test)]
mod tests {
    use crds::rollout::RolloutStatus;
    use serde_json::json;

    use super::*;

    #[test]
    fn changed_keys_alone_and_null_for_those_that_go() {
        let held =
            RolloutStatus { abort: true, stable_rs: "a".to_owned(), replicas: 3, ..RolloutStatus::default() };
        let wanted = RolloutStatus { abort: false, replicas: 4, ..held.clone() };
        assert_eq!(change(&held, &wanted), Some(json!({ "abort": null, "replicas": 4 })));
        assert_eq!(change(&held, &held), None);
    }
}

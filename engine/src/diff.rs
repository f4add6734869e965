//! The merge patch that turns one JSON object into another.

use serde_json::{Map, Value};

/// Returns the JSON merge patch (RFC 7396) that turns `from` into `to`: only keys that differ, `null` for keys that
/// go, lists as a whole. `None` when nothing differs.
pub(crate) fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let patch = object_patch(from, to);
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (from != to).then(|| to.clone()),
    }
}

fn object_patch(from: &Map<String, Value>, to: &Map<String, Value>) -> Map<String, Value> {
    let changed = to.iter().filter_map(|(key, wanted)| {
        let patch = match from.get(key) {
            Some(held) => merge_patch(held, wanted)?,
            None => added(wanted)?,
        };
        Some((key.clone(), patch))
    });
    let removed = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    changed.chain(removed).collect()
}

/// A merge patch cannot set a null: where there is nothing, there stays nothing.
fn added(wanted: &Value) -> Option<Value> {
    match wanted {
        Value::Null => None,
        Value::Object(fields) => {
            Some(Value::Object(fields.iter().filter_map(|(k, v)| Some((k.clone(), added(v)?))).collect()))
        }
        other => Some(other.clone()),
    }
}

/// Applies a JSON merge patch.
#[cfg(test)]
pub(crate) fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, change) in patch {
        if change.is_null() {
            target.remove(key);
        } else {
            apply(target.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::equal_is_nothing(json!({"a": 1}), json!({"a": 1}), None)]
    #[case::changed_key_alone(json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}), Some(json!({"b": 3})))]
    #[case::removed_key_is_null(json!({"a": 1}), json!({}), Some(json!({"a": null})))]
    #[case::nested(json!({"c": {"x": 1, "y": 1}}), json!({"c": {"x": 1, "y": 2}}), Some(json!({"c": {"y": 2}})))]
    #[case::lists_are_whole(json!({"l": [1, 2]}), json!({"l": [2]}), Some(json!({"l": [2]})))]
    #[case::object_for_scalar(json!({"c": 1}), json!({"c": {"x": 1}}), Some(json!({"c": {"x": 1}})))]
    #[case::added_null_is_nothing(json!({}), json!({"a": null}), None)]
    fn patch(#[case] from: Value, #[case] to: Value, #[case] want: Option<Value>) {
        assert_eq!(merge_patch(&from, &to), want);
    }

    fn status() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,3}".prop_map(Value::from),
            prop::collection::vec(any::<i8>(), 0..3).prop_map(Value::from),
        ];
        let object = leaf.prop_recursive(3, 16, 4, |inner| {
            prop::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect()))
        });
        prop::collection::btree_map("[a-d]", object, 0..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn a_patch_leads_from_one_to_the_other(from in status(), to in status()) {
            let mut reached = from.clone();
            if let Some(patch) = merge_patch(&from, &to) {
                apply(&mut reached, &patch);
            }
            prop_assert_eq!(reached, to);
        }
    }
}

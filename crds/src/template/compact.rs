//! The shortest way to write an object: sorted keys, no nulls, no empty maps and lists.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Fields in which an empty object is not the same as none: it selects everything, where none selects nothing or
/// something else.
const MEANINGFUL_WHEN_EMPTY: [&str; 3] = ["labelSelector", "namespaceSelector", "selector"];

/// Returns the value with sorted keys and without null, empty maps and empty lists, at every depth.
///
/// Items of lists stay, because their position counts; so do empty selectors, because they select everything.
pub(super) fn compact(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(compact_map(map)),
        Value::Array(items) => Value::Array(items.iter().map(compact).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn compact_map(map: &Map<String, Value>) -> Map<String, Value> {
    // Sorted here, because whether the map itself sorts depends on a feature that any crate in the tree can set.
    let sorted: BTreeMap<&String, &Value> = map.iter().collect();
    sorted
        .into_iter()
        .map(|(key, value)| (key.clone(), compact(value)))
        .filter(|(key, value)| {
            !is_empty(value) || (value.is_object() && MEANINGFUL_WHEN_EMPTY.contains(&key.as_str()))
        })
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::null(json!({ "a": null }), json!({}))]
    #[case::nested(json!({ "a": { "b": { "c": [] } } }), json!({}))]
    #[case::items_stay(json!({ "a": [{}, null, []] }), json!({ "a": [{}, null, []] }))]
    #[case::inside_items(json!({ "a": [{ "b": {} }] }), json!({ "a": [{}] }))]
    #[case::zero_stays(json!({ "a": 0, "b": false, "c": "" }), json!({ "a": 0, "b": false, "c": "" }))]
    #[case::selects_all(json!({ "namespaceSelector": {} }), json!({ "namespaceSelector": {} }))]
    #[case::selects_all_after_compaction(
        json!({ "labelSelector": { "matchLabels": {} } }),
        json!({ "labelSelector": {} })
    )]
    #[case::selects_nothing(json!({ "namespaceSelector": null }), json!({}))]
    fn form(#[case] value: Value, #[case] want: Value) {
        assert_eq!(compact(&value), want);
    }
}

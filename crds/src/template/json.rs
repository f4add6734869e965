//! Reaching into untyped objects; whatever has another shape than expected is left alone.

use serde_json::{Map, Value};

/// Calls `edit` with the object under `key`, if there is one.
pub(super) fn with_child(
    map: &mut Map<String, Value>,
    key: &str,
    edit: impl FnOnce(&mut Map<String, Value>),
) {
    if let Some(Value::Object(child)) = map.get_mut(key) {
        edit(child);
    }
}

/// Calls `edit` with each object of the list under `key`.
pub(super) fn for_each(
    map: &mut Map<String, Value>,
    key: &str,
    mut edit: impl FnMut(&mut Map<String, Value>),
) {
    let items = map.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut).for_each(&mut edit);
}

/// Sets a field that is absent or null. An explicit zero stays: it means something.
pub(super) fn set_absent(map: &mut Map<String, Value>, key: &str, default: impl Into<Value>) {
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), default.into());
    }
}

/// Sets a field that is absent, null, 0 or the empty text: the API cannot tell these apart there.
pub(super) fn set_zero(map: &mut Map<String, Value>, key: &str, default: impl Into<Value>) {
    if map.get(key).is_none_or(is_zero) {
        map.insert(key.to_owned(), default.into());
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Says whether a field is there and not null.
pub(super) fn has(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).is_some_and(|value| !value.is_null())
}

/// Returns the text of a field; the empty text if it has none.
pub(super) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

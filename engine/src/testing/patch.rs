//! JSON patch (RFC 6902), as far as the engine uses it.

use serde_json::Value;

/// Applies a JSON patch; `Err` names the operation that failed.
pub(crate) fn apply(target: &mut Value, patch: &Value) -> Result<(), String> {
    for operation in patch.as_array().unwrap() {
        let pointer = operation["path"].as_str().unwrap();
        let done = match operation["op"].as_str().unwrap() {
            "test" => target.pointer(pointer) == Some(&operation["value"]),
            "add" => add(target, pointer, &operation["value"]),
            "replace" => replace(target, pointer, &operation["value"]),
            "remove" => remove(target, pointer),
            other => panic!("unknown operation {other}"),
        };
        if !done {
            return Err(operation.to_string());
        }
    }
    Ok(())
}

fn split(path: &str) -> (&str, String) {
    let (parent, last) = path.rsplit_once('/').unwrap();
    (parent, last.replace("~1", "/").replace("~0", "~"))
}

fn add(target: &mut Value, path: &str, value: &Value) -> bool {
    let (parent, key) = split(path);
    match target.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(key, value.clone());
            true
        }
        Some(Value::Array(items)) if key == "-" => {
            items.push(value.clone());
            true
        }
        Some(Value::Array(items)) => {
            items.insert(key.parse().unwrap(), value.clone());
            true
        }
        _ => false,
    }
}

fn replace(target: &mut Value, path: &str, value: &Value) -> bool {
    let Some(held) = target.pointer_mut(path) else { return false };
    *held = value.clone();
    true
}

fn remove(target: &mut Value, path: &str) -> bool {
    let (parent, key) = split(path);
    match target.pointer_mut(parent) {
        Some(Value::Object(fields)) => fields.remove(&key).is_some(),
        _ => false,
    }
}

//! Which fields of an object changed, by paths that people can read.

use serde_json::{Map, Value};

use crate::preview::report::FieldChange;

/// Fields that every write changes.
const NOISE: [&str; 6] =
    ["resourceVersion", "generation", "uid", "creationTimestamp", "managedFields", "selfLink"];
/// Fields that name an element of a list.
const NAMES: [&str; 3] = ["/name", "/destination/host", "/backendRef/name"];

/// The object without what only the server writes.
pub(super) fn quiet(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !NOISE.contains(&key.as_str()));
        // The uids of owners are made up here.
        let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
        for owner in owners.into_iter().flatten().filter_map(Value::as_object_mut) {
            owner.remove("uid");
        }
    }
    object
}

/// The fields in which two objects differ, in their order; lists element by element where their lengths agree.
pub(super) fn changes(from: &Value, to: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare("", Some(from), Some(to), &mut found);
    found
}

/// The fields of something that was not there before.
pub(super) fn fields(object: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare("", None, Some(object), &mut found);
    found
}

fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<FieldChange>) {
    match (from, to) {
        (from, to) if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => objects(path, from, to, found),
        (None, Some(Value::Object(to))) if !to.is_empty() => objects(path, &Map::new(), to, found),
        (Some(Value::Array(from)), Some(Value::Array(to))) if from.len() == to.len() => {
            for (index, (from, to)) in from.iter().zip(to).enumerate() {
                compare(&format!("{path}[{}]", label(to, index)), Some(from), Some(to), found);
            }
        }
        _ => found.push(FieldChange { path: path.to_owned(), from: from.cloned(), to: to.cloned() }),
    }
}

fn objects(path: &str, from: &Map<String, Value>, to: &Map<String, Value>, found: &mut Vec<FieldChange>) {
    let removed = from.keys().filter(|key| !to.contains_key(*key));
    for key in to.keys().chain(removed) {
        compare(&join(path, key), from.get(key), to.get(key), found);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn label(element: &Value, index: usize) -> String {
    let name = NAMES.iter().find_map(|pointer| element.pointer(pointer)?.as_str());
    name.map_or_else(|| index.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(from: &Value, to: &Value) -> Vec<String> {
        let word = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
        changes(from, to)
            .iter()
            .map(|it| format!("{} {} {}", it.path, word(&it.from), word(&it.to)))
            .collect()
    }

    #[test]
    fn elements_are_called_by_their_names() {
        let route = |weight: i32| {
            json!({ "http": [{ "name": "primary", "route": [
                { "destination": { "host": "stable" }, "weight": 100 - weight },
                { "destination": { "host": "canary" }, "weight": weight },
            ] }, { "match": [] }] })
        };
        assert_eq!(
            told(&route(0), &route(5)),
            ["http[primary].route[stable].weight 100 95", "http[primary].route[canary].weight 0 5"]
        );
    }

    #[test]
    fn fields_come_and_go() {
        let from = json!({ "a": 1, "b": { "c": 2 }, "l": [1] });
        let to = json!({ "b": { "d": 3 }, "l": [1, 2], "n": { "x": { "y": true } } });
        assert_eq!(told(&from, &to), ["b.d - 3", "b.c 2 -", "l [1] [1,2]", "n.x.y - true", "a 1 -"]);
    }

    #[test]
    fn what_only_the_server_writes_is_left_out() {
        let object = json!({ "metadata": { "name": "a", "uid": "u", "resourceVersion": "7",
            "ownerReferences": [{ "name": "web", "uid": "u" }] } });
        assert_eq!(
            quiet(&object),
            json!({ "metadata": { "name": "a", "ownerReferences": [{ "name": "web" }] } })
        );
    }
}

//! Scripts that are told in files, one for each rule.

use crds::object_ref::Kind;
use serde::Deserialize;
use serde_json::Value;

use super::random::{change, manifest};
use super::script::{Act, Script, Step};

const FILES: [&str; 5] = [
    include_str!("../../scripts/preconditions.yaml"),
    include_str!("../../scripts/generations.yaml"),
    include_str!("../../scripts/deletion.yaml"),
    include_str!("../../scripts/refusals.yaml"),
    include_str!("../../scripts/ownership.yaml"),
];

/// The name of the object where none is told.
const NAME: &str = "web";

/// A file: parts, each of which is told once and happens to several kinds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    name: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    kinds: Vec<Kind>,
    steps: Vec<Act>,
}

/// The scripts that are told, not drawn.
///
/// # Errors
/// In words, when a script cannot be read.
pub fn told() -> Result<Vec<Script>, String> {
    let read = |text: &&str| {
        serde_saphyr::from_str(text).map(|told| script(&told)).map_err(|error| error.to_string())
    };
    FILES.iter().map(read).collect()
}

fn script(told: &Told) -> Script {
    let of_kind = |kind: Kind, acts: &[Act]| -> Vec<Step> {
        acts.iter().map(|act| Step { kind, name: NAME.to_owned(), act: of_this_kind(kind, act) }).collect()
    };
    let steps =
        told.parts.iter().flat_map(|part| part.kinds.iter().flat_map(|kind| of_kind(*kind, &part.steps)));
    Script { name: told.name.clone(), steps: steps.collect() }
}

/// The act with what a kind has for `$manifest`, a whole object, and `$spec`, a change of its spec.
fn of_this_kind(kind: Kind, act: &Act) -> Act {
    let body = |value: &Value| filled(kind, value);
    match act {
        Act::Create(value) => Act::Create(body(value)),
        Act::Merge(value) => Act::Merge(body(value)),
        Act::MergeStatus(value) => Act::MergeStatus(body(value)),
        Act::Json(value) => Act::Json(body(value)),
        other @ (Act::Get(_) | Act::Delete(_) | Act::Vanish(_) | Act::List(_)) => other.clone(),
    }
}

fn filled(kind: Kind, value: &Value) -> Value {
    match value {
        Value::String(text) if text == "$manifest" => manifest(kind, NAME),
        Value::String(text) if text == "$spec" => change(kind, 2),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), filled(kind, value))).collect()
        }
        other => other.clone(),
    }
}

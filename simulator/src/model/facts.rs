//! What a run has seen, without what differs between any two clusters.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::Kind;
use serde::Serialize;
use serde_json::{Value, json};

/// What one step has shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// The HTTP status; 200 for every success.
    pub code: u16,
    /// The machine-readable reason of a refusal.
    pub reason: String,
    /// The object of the answer.
    pub object: Option<Facts>,
    /// The objects of a list.
    pub list: Vec<Facts>,
}

impl Seen {
    /// A success that shows an object.
    #[must_use]
    pub const fn object(facts: Option<Facts>) -> Self {
        Self { code: 200, reason: String::new(), object: facts, list: Vec::new() }
    }

    /// A list.
    #[must_use]
    pub const fn list(list: Vec<Facts>) -> Self {
        Self { code: 200, reason: String::new(), object: None, list }
    }

    /// A refusal.
    #[must_use]
    pub fn refused(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned(), object: None, list: Vec::new() }
    }
}

/// What is compared of an object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Facts {
    /// Its name in the script.
    pub name: String,
    /// Its version; in a transcript: which one in order of all that were seen.
    pub version: String,
    /// Its uid; in a transcript: which one in the order in which they were seen.
    pub uid: String,
    /// Its generation; 0 if it counts none.
    pub generation: i64,
    /// Whether its deletion has begun.
    pub deleting: bool,
    /// Its labels, annotations and finalizers, and how many owners it has.
    pub metadata: Value,
    /// What it is: the spec or the part of it that the server does not complete.
    pub spec: Value,
    /// Its status, where scripts write it.
    pub status: Value,
}

impl Facts {
    /// What is compared of an object, given as JSON, whose name in the script is `name`.
    #[must_use]
    pub fn of(kind: Kind, name: &str, object: &Value) -> Self {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let part = |pointer: &str| {
            object.pointer(pointer).map(trimmed).filter(|value| !says_nothing(value)).unwrap_or_default()
        };
        let owners =
            object.pointer("/metadata/ownerReferences").and_then(Value::as_array).map_or(0, Vec::len);
        let status = matches!(kind, Kind::Rollout | Kind::AnalysisRun).then(|| part("/status"));
        Self {
            name: name.to_owned(),
            version: text("/metadata/resourceVersion"),
            uid: text("/metadata/uid"),
            generation: object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default(),
            deleting: object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()),
            metadata: json!({
                "labels": part("/metadata/labels"), "annotations": part("/metadata/annotations"),
                "finalizers": part("/metadata/finalizers"), "owners": owners,
            }),
            spec: match kind {
                Kind::ReplicaSet => json!([part("/spec/replicas"), part("/spec/minReadySeconds")]),
                Kind::Service => part("/spec/selector"),
                _ => part("/spec"),
            },
            status: status.unwrap_or_default(),
        }
    }

    /// Whether only the version tells two of them apart.
    #[must_use]
    pub fn is_same_but_for_version(&self, other: &Self) -> bool {
        Self { version: String::new(), ..self.clone() } == Self { version: String::new(), ..other.clone() }
    }
}

/// A value without fields that say nothing: null, false, 0, empty texts, lists and objects.
fn trimmed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), trimmed(value)))
            .filter(|(_, value)| !says_nothing(value))
            .collect(),
        Value::Array(items) => items.iter().map(trimmed).collect(),
        other => other.clone(),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub verb: String,
    /// The object.
    pub object: Facts,
}

/// Everything that a run has seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// What each step has shown.
    pub steps: Vec<Seen>,
    /// The watches of each kind: from before the first step, and from after the middle one.
    pub watches: BTreeMap<String, Vec<Event>>,
}

impl Transcript {
    /// The same with versions that a controller made replaced by those of ours that they stand for.
    #[must_use]
    pub fn with_stand_ins(mut self, stand_ins: &BTreeMap<String, String>) -> Self {
        self.each(&mut |facts| {
            if let Some(ours) = stand_ins.get(&facts.version) {
                facts.version.clone_from(ours);
            }
        });
        self
    }

    /// The same with versions and uids replaced by their place in the order, so that two clusters can be compared.
    #[must_use]
    pub fn comparable(mut self) -> Self {
        let mut versions = BTreeSet::new();
        let mut uids: Vec<String> = Vec::new();
        self.each(&mut |facts| {
            versions.extend(facts.version.parse::<u64>());
            if !uids.contains(&facts.uid) {
                uids.push(facts.uid.clone());
            }
        });
        let places: BTreeMap<String, usize> =
            versions.into_iter().enumerate().map(|(place, version)| (version.to_string(), place)).collect();
        self.each(&mut |facts| {
            facts.version = places.get(&facts.version).map_or_else(|| "?".to_owned(), ToString::to_string);
            let place = uids.iter().position(|uid| *uid == facts.uid).unwrap_or_default();
            facts.uid = format!("uid {place}");
        });
        self
    }

    fn each(&mut self, visit: &mut impl FnMut(&mut Facts)) {
        for seen in &mut self.steps {
            seen.object.iter_mut().chain(&mut seen.list).for_each(&mut *visit);
        }
        for event in self.watches.values_mut().flatten() {
            visit(&mut event.object);
        }
    }
}

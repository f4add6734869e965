//! What a run leaves behind: hashes that tell whether two runs are the same, and a timeline for people.

use jiff::Timestamp;
use serde_json::Value;

use crate::clock::ms_between;
use crate::outcome::{Entry, Happened};

/// FNV-1a, 64 bits: the same on every machine and in every version of the standard library.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    /// The number so far.
    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// Mixes in bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    }

    /// Mixes in a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    /// Mixes in a body without what differs from run to run: versions, uids and times.
    pub(crate) fn body(&mut self, value: &Value) {
        match value {
            Value::Null => self.number(1),
            Value::Bool(flag) => self.number(2 + u64::from(*flag)),
            Value::Number(number) => self.bytes(number.to_string().as_bytes()),
            Value::String(text) if is_time(text) => self.number(4),
            Value::String(text) => self.bytes(text.as_bytes()),
            Value::Array(items) => {
                self.number(5);
                // The first operation of a JSON patch may be about the version alone.
                items.iter().filter(|item| !is_version(item)).for_each(|item| self.body(item));
            }
            Value::Object(fields) => {
                self.number(6);
                for (key, value) in fields {
                    if !matches!(key.as_str(), "resourceVersion" | "uid") {
                        self.bytes(key.as_bytes());
                        self.body(value);
                    }
                }
            }
        }
    }
}

/// Whether an operation of a JSON patch is about the version or the uid.
fn is_version(operation: &Value) -> bool {
    let path = operation.get("path").and_then(Value::as_str);
    path.is_some_and(|path| path == "/metadata/resourceVersion" || path == "/metadata/uid")
}

fn is_time(text: &str) -> bool {
    text.len() >= 20 && text.ends_with('Z') && text.parse::<Timestamp>().is_ok()
}

/// What a run leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// Of everything that happened.
    pub(crate) all: Hash,
    /// Of what the operators wrote.
    pub(crate) decisions: Hash,
    /// For people; only if it is wanted.
    pub(crate) timeline: Option<Vec<Entry>>,
}

impl Trace {
    /// Notes something for people, if they want to know.
    pub(crate) fn tell(&mut self, begun: Timestamp, now: Timestamp, what: impl FnOnce() -> Happened) {
        if let Some(timeline) = &mut self.timeline {
            timeline.push(Entry { at_ms: ms_between(begun, now), what: what() });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hash(value: &Value) -> u64 {
        let mut hash = Hash::default();
        hash.body(value);
        hash.get()
    }

    #[test]
    fn versions_and_times_do_not_count() {
        let body = |version: &str, time: &str, weight: i32| json!({ "metadata": { "resourceVersion": version }, "status": { "startTime": time, "weight": weight } });
        let first = hash(&body("1", "2026-11-21T03:00:00.001Z", 5));
        assert_eq!(first, hash(&body("2", "2026-11-21T04:00:00Z", 5)));
        assert_ne!(first, hash(&body("1", "2026-11-21T03:00:00.001Z", 6)));
        let patch = |version: &str| json!([{ "op": "replace", "path": "/metadata/resourceVersion", "value": version }]);
        assert_eq!(hash(&patch("1")), hash(&patch("2")));
    }
}

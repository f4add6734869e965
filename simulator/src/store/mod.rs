//! The API server's store: objects, versions, preconditions, and a log of what was written.
//!
//! Objects are the engine's own projections, shared and never copied for reading. Patches are JSON at the boundary
//! alone. A write that changes nothing makes no version and no change, as in a real cluster.

mod call;
mod draft;
mod entry;
mod garbage;
mod log;
mod metadata;
pub(crate) mod refusal;
mod rules;
#[cfg(test)]
mod tests;
mod validate;
mod view;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use engine::object::Object;
use serde_json::Value;

use self::entry::Entry;
use self::log::Log;
pub use self::log::{Change, Verb};
pub use self::rules::{KINDS, kind_of};

/// The API server's store. A clone shares all objects.
#[derive(Clone, Debug, Default)]
pub struct Store {
    entries: BTreeMap<Arc<ObjectRef>, Entry>,
    logs: BTreeMap<Kind, Log>,
    /// Event objects, in the order in which they were filed.
    events: BTreeMap<ObjectRef, (u64, Value)>,
    version: u64,
    compacted: u64,
    restores: u32,
    uids: u64,
    untidy: bool,
    permissive: bool,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, definitions of kinds refuse nothing, or fields of a wrong type again. An object that was written
    /// under a definition that refused nothing may be malformed.
    pub const fn set_permissive(&mut self, permissive: bool) {
        self.permissive = permissive;
    }

    /// The object as it is now.
    #[must_use]
    pub fn get(&self, object: &ObjectRef) -> Option<&Arc<Object>> {
        self.entries.get(object).map(|entry| &entry.object)
    }

    /// The object as JSON, as far as it is kept: metadata, spec and the rest, status.
    #[must_use]
    pub fn manifest(&self, object: &ObjectRef) -> Option<Value> {
        let entry = self.entries.get(object)?;
        Some(log::whole(&entry.object, &entry.rest))
    }

    /// The objects of a kind as they are now, by namespace and name.
    pub fn list(&self, kind: Kind) -> impl Iterator<Item = &Arc<Object>> {
        let first = ObjectRef { kind, namespace: String::new(), name: String::new() };
        self.entries
            .range::<ObjectRef, _>(first..)
            .take_while(move |(reference, _)| reference.kind == kind)
            .map(|(_, entry)| &entry.object)
    }

    /// The objects of a kind as they were at a version: what a server that is behind shows. Versions that were
    /// compacted away count as the oldest one that is known.
    #[must_use]
    pub fn list_at(&self, kind: Kind, version: u64) -> Vec<Arc<Object>> {
        let Some(log) = self.logs.get(&kind) else { return Vec::new() };
        log.objects_at(version.max(self.compacted))
            .into_values()
            .map(|(object, _)| Arc::clone(object))
            .collect()
    }

    /// The version of the last write.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The changes of a kind after a version, in order. A compaction takes none away: a stream that is open has them
    /// already, and a new one has to ask for [`Self::compacted`].
    #[must_use]
    pub fn changes(&self, kind: Kind, after: u64) -> impl DoubleEndedIterator<Item = &Change> {
        self.logs.get(&kind).map(|log| log.after(after)).unwrap_or_default().iter()
    }

    /// The Events that were filed, in order.
    #[must_use]
    pub fn events(&self) -> Vec<&Value> {
        let mut events: Vec<_> = self.events.values().collect();
        events.sort_by_key(|(version, _)| *version);
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// The version up to which the history is forgotten: a watch from before it is refused with 410.
    #[must_use]
    pub const fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets the history up to a version.
    pub fn compact(&mut self, before: u64) {
        self.compacted = self.compacted.max(before.min(self.version));
    }

    /// How many times the store was restored from a backup.
    #[must_use]
    pub const fn restores(&self) -> u32 {
        self.restores
    }

    /// Restores a backup: everything is as it was at `version`, and the next write makes the version after it, a
    /// second time. A version that was compacted away counts as the oldest one that is known.
    pub fn restore(&mut self, version: u64) {
        let version = version.clamp(self.compacted, self.version);
        self.entries.clear();
        for log in self.logs.values_mut() {
            log.truncate(version);
            self.entries.extend(log.entries_at(version));
        }
        self.events.retain(|_, (written, _)| *written <= version);
        self.version = version;
        self.restores += 1;
        self.untidy = true;
    }
}

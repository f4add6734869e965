//! What was written, in order, kind by kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::object_ref::ObjectRef;
use engine::object::Object;
use jiff::Timestamp;

use serde_json::Value;

use super::entry::{Entry, Rest};
use super::{metadata, view};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It was created.
    Added,
    /// It was changed.
    Modified,
    /// It has gone.
    Deleted,
}

/// One committed write.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version of the store that this write made: later writes have higher ones.
    pub version: u64,
    /// Which object.
    pub reference: Arc<ObjectRef>,
    /// What happened to it.
    pub verb: Verb,
    /// The object after the write; as it was at last if it has gone.
    pub object: Arc<Object>,
    /// When.
    pub at: Timestamp,
    pub(super) rest: Arc<Rest>,
}

impl Change {
    /// The object after the write as JSON, as far as it is kept.
    #[must_use]
    pub fn manifest(&self) -> Value {
        whole(&self.object, &self.rest)
    }
}

/// An object as JSON, as far as it is kept: metadata, spec and the rest, status.
pub(super) fn whole(object: &Object, rest: &Rest) -> Value {
    let mut fields = rest.manifest.as_object().cloned().unwrap_or_default();
    fields.insert("metadata".to_owned(), metadata::to_value(&object.meta, rest));
    let status = match view::status(&object.view) {
        Value::Null => (*rest.status).clone(),
        status => status,
    };
    if !status.is_null() {
        fields.insert("status".to_owned(), status);
    }
    Value::Object(fields)
}

/// The changes of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    changes: Vec<Change>,
}

impl Log {
    /// Appends a change.
    pub(super) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// The changes after a version.
    pub(super) fn after(&self, version: u64) -> &[Change] {
        let first = self.changes.partition_point(|change| change.version <= version);
        self.changes.get(first..).unwrap_or_default()
    }

    /// The objects as of a version.
    pub(super) fn objects_at(&self, version: u64) -> BTreeMap<&Arc<ObjectRef>, (&Arc<Object>, &Arc<Rest>)> {
        let mut objects = BTreeMap::new();
        for change in self.changes.iter().take_while(|change| change.version <= version) {
            match change.verb {
                Verb::Added | Verb::Modified => {
                    objects.insert(&change.reference, (&change.object, &change.rest));
                }
                Verb::Deleted => {
                    objects.remove(&change.reference);
                }
            }
        }
        objects
    }

    /// The entries as of a version.
    pub(super) fn entries_at(&self, version: u64) -> BTreeMap<Arc<ObjectRef>, Entry> {
        self.objects_at(version)
            .into_iter()
            .map(|(reference, (object, rest))| {
                (Arc::clone(reference), Entry { object: Arc::clone(object), rest: Arc::clone(rest) })
            })
            .collect()
    }

    /// Forgets the changes after a version.
    pub(super) fn truncate(&mut self, version: u64) {
        self.changes.retain(|change| change.version <= version);
    }
}

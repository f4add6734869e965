//! A write before it is accepted: the parts of the object that it touches, as they would be.

use crds::object_ref::{Kind, ObjectRef};
use engine::input::Answer;
use json_patch::{Patch, PatchOperation};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::entry::Entry;
use super::metadata::{self, Wanted};
use super::refusal::{bad_request, invalid, unprocessable};
use super::{rules, view};

/// The parts of an object that a write touches, as they would be. `None`: untouched.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) metadata: Option<Wanted>,
    pub(super) manifest: Option<Value>,
    pub(super) status: Option<Value>,
}

/// Which door a write comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The object itself.
    Object,
    /// The subresource `status`.
    Status,
}

/// The three parts of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Metadata,
    Manifest,
    Status,
}

impl Part {
    /// Where a field at the top of an object of this kind belongs.
    fn of(kind: Kind, field: &str) -> Self {
        match field {
            "metadata" => Self::Metadata,
            "status" if rules::status_stands_apart(kind) => Self::Status,
            _ => Self::Manifest,
        }
    }

    /// Whether a write through this door may change this part.
    fn is_open(self, kind: Kind, door: Door) -> bool {
        match (self, door) {
            (Self::Metadata | Self::Manifest, Door::Object) | (Self::Status, Door::Status) => true,
            (Self::Manifest, Door::Status) => false,
            (Self::Metadata, Door::Status) => rules::status_carries_metadata(kind),
            (Self::Status, Door::Object) => rules::status_is_written_with_the_object(kind),
        }
    }
}

/// A writer at a door, before one object.
#[derive(Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) reference: &'a ObjectRef,
    pub(super) entry: &'a Entry,
    pub(super) door: Door,
}

impl Writer<'_> {
    /// What a JSON merge patch makes of the object.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn merge(self, patch: &Value) -> Result<Draft, Answer> {
        let Value::Object(fields) = patch else {
            return Err(bad_request("a merge patch must be an object".to_owned()));
        };
        let mut draft = Draft::default();
        for (field, change) in fields {
            let part = Part::of(self.reference.kind, field);
            match part {
                Part::Metadata => draft.metadata = self.merge_metadata(change)?,
                _ if !part.is_open(self.reference.kind, self.door) => {}
                Part::Manifest => {
                    let manifest = draft.manifest.get_or_insert_with(|| (*self.entry.rest.manifest).clone());
                    merge_field(manifest, field, change);
                }
                Part::Status => {
                    let mut status = self.status();
                    json_patch::merge(&mut status, change);
                    draft.status = Some(status);
                }
            }
        }
        Ok(draft)
    }

    fn merge_metadata(self, change: &Value) -> Result<Option<Wanted>, Answer> {
        let only_version =
            change.as_object().is_some_and(|fields| fields.keys().all(|key| key == "resourceVersion"));
        if only_version {
            metadata::check_version(self.reference, &self.entry.object.meta, change)?;
            return Ok(None);
        }
        let mut metadata = metadata::to_value(&self.entry.object.meta, &self.entry.rest);
        json_patch::merge(&mut metadata, change);
        self.read_metadata(&metadata)
    }

    fn read_metadata(self, metadata: &Value) -> Result<Option<Wanted>, Answer> {
        let meta = &self.entry.object.meta;
        if !Part::Metadata.is_open(self.reference.kind, self.door) {
            metadata::check_version(self.reference, meta, metadata)?;
            return Ok(None);
        }
        let wanted = Wanted::read(metadata).map_err(|why| invalid(self.reference, &why))?;
        metadata::check(self.reference, meta, metadata)?;
        Ok(Some(wanted))
    }

    fn status(self) -> Value {
        if view::holds_status(self.reference.kind) {
            view::status(&self.entry.object.view)
        } else {
            (*self.entry.rest.status).clone()
        }
    }

    /// What a JSON patch makes of the object.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn json(self, patch: &Value) -> Result<Draft, Answer> {
        if !patch.is_array() {
            return Err(bad_request("the JSON patch is no list".to_owned()));
        }
        let patch = Patch::deserialize(patch).map_err(|error| unprocessable(&error.to_string()))?;
        let touched = self.touched(&patch);
        let mut document = self.document(&touched);
        for operation in &patch.0 {
            apply(&mut document, operation).map_err(|why| unprocessable(&why))?;
        }
        let Value::Object(mut fields) = document else {
            return Err(bad_request("the patched object is no object".to_owned()));
        };
        let metadata =
            touched.contains(&Part::Metadata).then(|| fields.remove("metadata").unwrap_or_default());
        let status = touched.contains(&Part::Status).then(|| fields.remove("status").unwrap_or_default());
        let mut draft = Draft::default();
        if let Some(metadata) = metadata {
            draft.metadata = self.read_metadata(&metadata)?;
        }
        if Part::Manifest.is_open(self.reference.kind, self.door) && touched.contains(&Part::Manifest) {
            draft.manifest = Some(Value::Object(fields));
        }
        draft.status = status.filter(|_| Part::Status.is_open(self.reference.kind, self.door));
        Ok(draft)
    }

    /// Which parts the operations of a JSON patch look at or change.
    fn touched(self, patch: &Patch) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut touch = |pointer: &json_patch::jsonptr::Pointer| {
            let first = pointer.first().map(|token| token.decoded().into_owned());
            let these = match first {
                Some(field) => vec![Part::of(self.reference.kind, &field)],
                None => vec![Part::Metadata, Part::Manifest, Part::Status],
            };
            parts.extend(these);
        };
        for operation in patch.iter() {
            touch(operation.path());
            match operation {
                PatchOperation::Move(step) => touch(&step.from),
                PatchOperation::Copy(step) => touch(&step.from),
                _ => {}
            }
        }
        parts
    }

    fn document(self, touched: &[Part]) -> Value {
        let mut fields = if touched.contains(&Part::Manifest) {
            self.entry.rest.manifest.as_object().cloned().unwrap_or_default()
        } else {
            Map::new()
        };
        if touched.contains(&Part::Metadata) {
            let metadata = metadata::to_value(&self.entry.object.meta, &self.entry.rest);
            fields.insert("metadata".to_owned(), metadata);
        }
        if touched.contains(&Part::Status) {
            let status = self.status();
            if !status.is_null() {
                fields.insert("status".to_owned(), status);
            }
        }
        Value::Object(fields)
    }
}

/// Applies one operation. To the API server, a field that is not there is null for a `test`.
fn apply(document: &mut Value, operation: &PatchOperation) -> Result<(), String> {
    if let PatchOperation::Test(test) = operation
        && test.value.is_null()
        && document.pointer(test.path.as_str()).is_none()
    {
        return Ok(());
    }
    json_patch::patch(document, std::slice::from_ref(operation)).map_err(|error| error.to_string())
}

fn merge_field(manifest: &mut Value, field: &str, change: &Value) {
    if let Value::Object(fields) = manifest {
        if change.is_null() {
            fields.remove(field);
        } else {
            json_patch::merge(fields.entry(field).or_insert(Value::Null), change);
        }
    }
}

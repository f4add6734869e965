//! Accepted writes: generations, deletion, versions and the log.

use std::sync::Arc;

use crds::object_ref::ObjectRef;
use engine::input::Answer;
use engine::object::{Object, View};
use jiff::Timestamp;
use planner::facts::Meta;
use serde_json::Value;

use super::draft::Draft;
use super::entry::{Entry, Rest, set_meta};
use super::log::{Change, Verb};
use super::metadata::{self, Wanted};
use super::refusal::{already_exists, bad_request, invalid};
use super::{Store, rules, validate, view};

impl Store {
    /// Creates an object.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn create(
        &mut self,
        reference: &ObjectRef,
        manifest: &Value,
        now: Timestamp,
    ) -> Result<Arc<Object>, Answer> {
        let Value::Object(mut fields) = manifest.clone() else {
            return Err(bad_request("the object is no JSON object".to_owned()));
        };
        let metadata = fields.remove("metadata").unwrap_or_default();
        let wanted = Wanted::read(&metadata).map_err(bad_request)?;
        let kind = reference.kind;
        // The name in the URL is the collection's: what counts is the body.
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
        let reference = &ObjectRef::new(kind, &reference.namespace, name);
        let status = rules::status_stands_apart(kind)
            .then(|| fields.remove("status"))
            .flatten()
            .filter(|_| rules::status_is_written_with_the_object(kind));
        let mut manifest = Value::Object(fields);
        validate::created(reference, &metadata, &mut manifest)?;
        validate::metadata(reference, &wanted)?;
        if self.entries.contains_key(reference) {
            return Err(already_exists(reference));
        }
        let mut object = Object {
            kind,
            meta: Meta::default(),
            view: view::project(kind, &manifest).map_err(bad_request)?,
        };
        if let Some(why) = view::complaint(&object.view).filter(|_| !self.permissive) {
            return Err(invalid(reference, why));
        }
        if let Some(status) = status {
            view::set_status(&mut object.view, &status).map_err(|why| invalid(reference, &why))?;
        }
        let meta = self.first_meta(reference, &wanted, now);
        view::note_role(&mut object.view, &Meta::default(), &meta, &manifest).map_err(bad_request)?;
        set_meta(&mut object, meta);
        self.untidy |= !wanted.owners.is_empty();
        let rest = Rest {
            manifest: Arc::new(manifest),
            finalizers: wanted.finalizers,
            owners: wanted.owners,
            ..Rest::default()
        };
        Ok(self.commit(Arc::new(reference.clone()), Verb::Added, (object, rest), now))
    }

    fn first_meta(&mut self, reference: &ObjectRef, wanted: &Wanted, now: Timestamp) -> Meta {
        self.uids += 1;
        Meta {
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
            uid: format!("uid-{}", self.uids),
            resource_version: String::new(),
            generation: i64::from(rules::counts_generations(reference.kind)),
            created: Some(whole_seconds(now)),
            deleting: false,
            labels: wanted.labels.clone(),
            annotations: wanted.annotations.clone(),
            controller: wanted.controller(),
            is_owned: !wanted.owners.is_empty(),
        }
    }

    /// Changes an object as a draft says. The object as it is now, also if nothing changed.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn amend(
        &mut self,
        reference: &ObjectRef,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Arc<Object>, Answer> {
        let Some((key, entry)) = self.entries.get_key_value(reference) else {
            return Err(super::refusal::not_found(reference));
        };
        let (key, entry) = (Arc::clone(key), entry.clone());
        let Some((object, rest)) = amended(reference, &entry, draft)? else { return Ok(entry.object) };
        // What was wrong before is borne with.
        if let Some(why) = view::complaint(&object.view).filter(|_| !self.permissive)
            && view::complaint(&entry.object.view).is_none()
        {
            return Err(invalid(reference, why));
        }
        self.untidy |= rest.owners != entry.rest.owners;
        if rest.deleted_at.is_some() && rest.finalizers.is_empty() {
            // What goes is the object as it was, not as it would have become.
            let last = ((*entry.object).clone(), (*entry.rest).clone());
            return Ok(self.commit(key, Verb::Deleted, last, now));
        }
        Ok(self.commit(key, Verb::Modified, (object, rest), now))
    }

    /// Takes an object away, or marks it if somebody must agree first. Says whether anything changed.
    pub(super) fn delete(&mut self, reference: &ObjectRef, now: Timestamp) -> bool {
        let Some((key, entry)) = self.entries.get_key_value(reference) else { return false };
        let (key, entry) = (Arc::clone(key), entry.clone());
        let mut object = (*entry.object).clone();
        let mut rest = (*entry.rest).clone();
        if rest.finalizers.is_empty() {
            self.commit(key, Verb::Deleted, (object, rest), now);
            return true;
        }
        if rest.deleted_at.is_some() {
            return false;
        }
        rest.deleted_at = Some(whole_seconds(now));
        let mut meta = object.meta.clone();
        meta.deleting = true;
        meta.generation += i64::from(meta.generation > 0);
        set_meta(&mut object, meta);
        self.commit(key, Verb::Modified, (object, rest), now);
        true
    }

    /// Writes: gives out a version, and appends to the log.
    pub(super) fn commit(
        &mut self,
        reference: Arc<ObjectRef>,
        verb: Verb,
        (mut object, rest): (Object, Rest),
        now: Timestamp,
    ) -> Arc<Object> {
        self.version += 1;
        let mut meta = std::mem::take(&mut object.meta);
        meta.resource_version = self.version.to_string();
        if let View::Route(value) = &mut object.view {
            *value = route(&meta, &rest).into();
        }
        set_meta(&mut object, meta);
        let (object, rest) = (Arc::new(object), Arc::new(rest));
        if verb == Verb::Deleted {
            self.entries.remove(&*reference);
            self.untidy = true;
        } else {
            let entry = Entry { object: Arc::clone(&object), rest: Arc::clone(&rest) };
            self.entries.insert(Arc::clone(&reference), entry);
        }
        let kind = reference.kind;
        let change =
            Change { version: self.version, reference, verb, object: Arc::clone(&object), at: now, rest };
        self.logs.entry(kind).or_default().push(change);
        object
    }
}

/// What a draft makes of an object; `None` if nothing.
fn amended(reference: &ObjectRef, entry: &Entry, draft: Draft) -> Result<Option<(Object, Rest)>, Answer> {
    let wanted = draft.metadata.filter(|wanted| !wanted.is_met_by(entry));
    let manifest = draft.manifest.filter(|manifest| *manifest != *entry.rest.manifest);
    let mut object = (*entry.object).clone();
    let mut rest = (*entry.rest).clone();
    let status_changed = match draft.status {
        Some(status) => put_status(reference, &status, &mut object, &mut rest)?,
        None => false,
    };
    if wanted.is_none() && manifest.is_none() && !status_changed {
        return Ok(None);
    }
    let counts = manifest.is_some() || status_changed && !rules::has_status_subresource(reference.kind);
    if let Some(manifest) = manifest {
        validate::changed(reference, &entry.rest.manifest, &manifest)?;
        object.view = view::reread(reference.kind, &object.view, &entry.rest.manifest, &manifest)
            .map_err(|why| invalid(reference, &why))?;
        rest.manifest = Arc::new(manifest);
    }
    let mut meta = object.meta.clone();
    meta.generation += i64::from(counts && meta.generation > 0);
    if let Some(wanted) = wanted {
        put_metadata(reference, wanted, &mut meta, &mut rest)?;
    }
    view::note_role(&mut object.view, &entry.object.meta, &meta, &rest.manifest)
        .map_err(|why| invalid(reference, &why))?;
    set_meta(&mut object, meta);
    Ok(Some((object, rest)))
}

fn put_status(
    reference: &ObjectRef,
    status: &Value,
    object: &mut Object,
    rest: &mut Rest,
) -> Result<bool, Answer> {
    if !view::holds_status(reference.kind) {
        let mut status = status.clone();
        if let Value::Object(fields) = &mut status {
            fields.retain(|field, _| rules::is_status_field(reference.kind, field));
        }
        let nothing = |status: &Value| status.as_object().is_none_or(serde_json::Map::is_empty);
        let changed = *rest.status != status && !(nothing(&rest.status) && nothing(&status));
        rest.status = Arc::new(status);
        return Ok(changed);
    }
    let before = object.view.clone();
    view::set_status(&mut object.view, status).map_err(|why| invalid(reference, &why))?;
    Ok(object.view != before)
}

fn put_metadata(
    reference: &ObjectRef,
    wanted: Wanted,
    meta: &mut Meta,
    rest: &mut Rest,
) -> Result<(), Answer> {
    let added = wanted.finalizers.iter().any(|finalizer| !rest.finalizers.contains(finalizer));
    if meta.deleting && added {
        let why =
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
        return Err(invalid(reference, why));
    }
    validate::metadata(reference, &wanted)?;
    meta.controller = wanted.controller();
    meta.is_owned = !wanted.owners.is_empty();
    meta.labels = wanted.labels;
    meta.annotations = wanted.annotations;
    rest.finalizers = wanted.finalizers;
    rest.owners = wanted.owners;
    Ok(())
}

/// A route as everybody sees it.
fn route(meta: &Meta, rest: &Rest) -> Value {
    let mut fields = rest.manifest.as_object().cloned().unwrap_or_default();
    fields.insert("metadata".to_owned(), metadata::to_value(meta, rest));
    Value::Object(fields)
}

/// The API server keeps times of objects in whole seconds.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

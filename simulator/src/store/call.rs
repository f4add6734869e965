//! Who writes: the engine by requests, people by manifests and patches, controllers by typed changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Request};
use engine::input::Answer;
use engine::object::Object;
use jiff::Timestamp;
use planner::facts::Meta;
use serde_json::Value;

use super::draft::{Door, Draft, Writer};
use super::entry::set_meta;
use super::log::Verb;
use super::refusal::{already_exists, bad_request, conflict, no_subresource, not_found};
use super::{Store, kind_of, rules, view};

impl Store {
    /// Carries out a request as the API server does, and answers it.
    pub fn call(&mut self, request: &Request, now: Timestamp) -> Answer {
        let object = &request.object;
        let done = match &request.call {
            Call::List { labels } => return Answer::Objects(self.labelled(object, labels)),
            Call::Get => self.get(object).cloned().ok_or_else(|| not_found(object)),
            Call::Create(manifest) if object.kind == Kind::Event => return self.file(object, manifest),
            Call::Create(manifest) => self.create(object, manifest, now),
            Call::MergePatch(patch) => self.write(object, Door::Object, |writer| writer.merge(patch), now),
            Call::MergePatchStatus(patch) => {
                self.write(object, Door::Status, |writer| writer.merge(patch), now)
            }
            Call::JsonPatch(patch) => self.write(object, Door::Object, |writer| writer.json(patch), now),
            // Pods belong to the nodes: the world asks them.
            Call::Evict { .. } => Err(super::refusal::not_found(object)),
            Call::Delete { uid, resource_version } => {
                return self.delete_if(object, uid, resource_version.as_deref(), now);
            }
        };
        answer(done)
    }

    /// The objects of a kind and a namespace that carry these labels.
    fn labelled(&self, collection: &ObjectRef, labels: &BTreeMap<String, String>) -> Vec<Arc<Object>> {
        let carries = |meta: &Meta| labels.iter().all(|(name, value)| meta.labels.get(name) == Some(value));
        let listed = self.list(collection.kind).filter(|it| it.meta.namespace == collection.namespace);
        listed.filter(|it| carries(&it.meta)).cloned().collect()
    }

    /// Creates an object, or makes it as a manifest says: what an earlier manifest had and this one lacks goes, what
    /// others have added stays, as `kubectl apply` does it.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn apply(&mut self, manifest: &Value, now: Timestamp) -> Result<ObjectRef, Answer> {
        let reference = reference(manifest)
            .ok_or_else(|| bad_request("the manifest has no kind that is served, or no name".to_owned()))?;
        if let Some(entry) = self.entries.get(&reference) {
            let patch = match &entry.rest.applied {
                Some(last) => view::three_way(last, manifest),
                None => manifest.clone(),
            };
            self.write(&reference, Door::Object, |writer| writer.merge(&patch), now)?;
        } else {
            self.create(&reference, manifest, now)?;
        }
        if let Some(entry) = self.entries.get_mut(&reference) {
            Arc::make_mut(&mut entry.rest).applied = Some(Arc::new(manifest.clone()));
        }
        Ok(reference)
    }

    /// Merges a patch into an object, or through the subresource `status`: what a person does.
    pub fn merge(&mut self, object: &ObjectRef, patch: &Value, of_status: bool, now: Timestamp) -> Answer {
        let door = if of_status { Door::Status } else { Door::Object };
        answer(self.write(object, door, |writer| writer.merge(patch), now))
    }

    /// Changes an object's status in its projection, as a controller does. Says whether anything changed.
    ///
    /// Labels and annotations may change too. What belongs to the spec must not: see [`Self::update_spec`].
    pub fn update(&mut self, object: &ObjectRef, now: Timestamp, change: impl FnOnce(&mut Object)) -> bool {
        self.change(object, now, !rules::has_status_subresource(object.kind), change)
    }

    /// Changes an object's spec in its projection: its generation rises. Says whether anything changed.
    pub fn update_spec(
        &mut self,
        object: &ObjectRef,
        now: Timestamp,
        change: impl FnOnce(&mut Object),
    ) -> bool {
        self.change(object, now, true, change)
    }

    /// Deletes an object whatever its version: what a person does. It is only marked while finalizers are left.
    /// Says whether anything changed. What it owns goes with [`Self::collect_garbage`].
    pub fn remove(&mut self, object: &ObjectRef, now: Timestamp) -> bool {
        self.delete(object, now)
    }

    fn change(
        &mut self,
        reference: &ObjectRef,
        now: Timestamp,
        counts: bool,
        change: impl FnOnce(&mut Object),
    ) -> bool {
        let Some((key, entry)) = self.entries.get_key_value(reference) else { return false };
        let (key, entry) = (Arc::clone(key), entry.clone());
        let mut object = (*entry.object).clone();
        change(&mut object);
        if object == *entry.object {
            return false;
        }
        let mut rest = (*entry.rest).clone();
        let mut meta = object.meta.clone();
        if counts {
            view::write_back(&entry.object.view, &object.view, Arc::make_mut(&mut rest.manifest));
            meta.generation += i64::from(meta.generation > 0);
        }
        set_meta(&mut object, meta);
        self.commit(key, Verb::Modified, (object, rest), now);
        true
    }

    fn write(
        &mut self,
        reference: &ObjectRef,
        door: Door,
        draft: impl FnOnce(Writer<'_>) -> Result<Draft, Answer>,
        now: Timestamp,
    ) -> Result<Arc<Object>, Answer> {
        if door == Door::Status && !rules::has_status_subresource(reference.kind) {
            return Err(no_subresource());
        }
        let entry = self.entries.get(reference).ok_or_else(|| not_found(reference))?;
        let draft = draft(Writer { reference, entry, door })?;
        self.amend(reference, draft, now)
    }

    fn delete_if(&mut self, object: &ObjectRef, uid: &str, version: Option<&str>, now: Timestamp) -> Answer {
        let Some(held) = self.get(object) else { return not_found(object) };
        if held.meta.uid != uid {
            return conflict(object, "Precondition failed: UID in precondition");
        }
        if version.is_some_and(|version| version != held.meta.resource_version) {
            return conflict(object, "Precondition failed: ResourceVersion in precondition");
        }
        self.delete(object, now);
        Answer::Done
    }

    fn file(&mut self, object: &ObjectRef, event: &Value) -> Answer {
        if self.events.contains_key(object) {
            return already_exists(object);
        }
        self.version += 1;
        self.events.insert(object.clone(), (self.version, event.clone()));
        Answer::Done
    }
}

fn answer(done: Result<Arc<Object>, Answer>) -> Answer {
    match done {
        Ok(object) => Answer::Object(object),
        Err(refusal) => refusal,
    }
}

/// The object that a manifest is about.
fn reference(manifest: &Value) -> Option<ObjectRef> {
    let kind = kind_of(manifest)?;
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name")?;
    let namespace =
        if rules::is_namespaced(kind) { text("/metadata/namespace").unwrap_or("default") } else { "" };
    Some(ObjectRef::new(kind, namespace, name))
}

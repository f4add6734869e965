//! A tiny API server: objects, versions, preconditions, watch events.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::patch;
use crate::diff;
use crate::effect::{Call, Request};
use crate::input::{Answer, WatchEvent};
use crate::object::{Object, decode};

/// The objects, and everything that was ever written.
#[derive(Debug, Default)]
pub(crate) struct Api {
    pub(crate) objects: BTreeMap<ObjectRef, Value>,
    /// Accepted writes of the engine, in order, without events.
    pub(crate) writes: Vec<String>,
    /// Events that were filed: reason and message.
    pub(crate) events: Vec<String>,
    /// What the watches have not delivered yet.
    pub(crate) undelivered: Vec<(Kind, WatchEvent)>,
    /// The last version that was given out.
    pub(crate) version: u64,
    uids: u64,
    /// How many pods a PodDisruptionBudget wants to be ready.
    pub(crate) least_ready: usize,
    /// Whether the engine may not evict pods at all.
    pub(crate) forbids_eviction: bool,
    /// Whether lists lack the Rollouts.
    pub(crate) hides_rollouts: bool,
}

impl Api {
    /// Somebody else writes an object.
    pub(crate) fn put(&mut self, kind: Kind, mut object: Value, now: Timestamp) -> ObjectRef {
        let name = object["metadata"]["name"].as_str().unwrap();
        let reference = ObjectRef::new(kind, object["metadata"]["namespace"].as_str().unwrap_or(""), name);
        if let Some(held) = self.objects.get(&reference) {
            object["metadata"]["uid"] = held["metadata"]["uid"].clone();
            object["metadata"]["creationTimestamp"] = held["metadata"]["creationTimestamp"].clone();
            object["metadata"]["generation"] = held["metadata"]["generation"].clone();
        } else {
            self.uids += 1;
            object["metadata"]["uid"] = json!(format!("uid-{}", self.uids));
            object["metadata"]["creationTimestamp"] = json!(crds::Time::from(now));
            object["metadata"]["generation"] = json!(1);
        }
        self.store(&reference, object);
        reference
    }

    /// Somebody else merges into an object.
    pub(crate) fn merge(&mut self, reference: &ObjectRef, patch: &Value) {
        let mut object = self.objects[reference].clone();
        diff::apply(&mut object, patch);
        self.store(reference, object);
    }

    /// Somebody else deletes an object.
    pub(crate) fn delete(&mut self, reference: &ObjectRef) {
        let mut object = self.objects.remove(reference).unwrap();
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.undelivered
            .push((reference.kind, WatchEvent::Delete(std::sync::Arc::new(shown(reference.kind, &object)))));
    }

    /// Every object of a kind, as a list shows it.
    pub(crate) fn list(&self, kind: Kind) -> Vec<Object> {
        self.objects
            .iter()
            .filter(|(object, _)| object.kind == kind)
            .map(|(_, value)| shown(kind, value))
            .collect()
    }

    fn store(&mut self, reference: &ObjectRef, mut object: Value) {
        let held = self.objects.get(reference).cloned().unwrap_or_default();
        object["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"].clone();
        if object == held {
            return;
        }
        let wants = |object: &Value| [object["spec"].clone(), object["template"].clone()];
        if !held.is_null() && wants(&held) != wants(&object) {
            object["metadata"]["generation"] = json!(held["metadata"]["generation"].as_i64().unwrap() + 1);
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.undelivered
            .push((reference.kind, WatchEvent::Apply(std::sync::Arc::new(shown(reference.kind, &object)))));
        self.objects.insert(reference.clone(), object);
    }

    /// Carries out a request of the engine.
    pub(crate) fn call(&mut self, request: &Request, now: Timestamp) -> Answer {
        let answer = self.answer(request, now);
        let accepted = matches!(answer, Answer::Object(_) | Answer::Done);
        if accepted && request.object.kind == Kind::Event {
            let Call::Create(event) = &request.call else { panic!("{request:?}") };
            self.events.push(format!(
                "{}: {}",
                event["reason"].as_str().unwrap(),
                event["message"].as_str().unwrap()
            ));
        } else if accepted && request.call.is_write() {
            self.writes.push(format!(
                "{} {} {}",
                request.call.word(),
                request.object.kind.name(),
                request.object.name
            ));
        }
        answer
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Answer {
        let reference = &request.object;
        if let Call::List { labels } = &request.call {
            return self.labelled(reference, labels);
        }
        let Some(held) = self.objects.get(reference).cloned() else {
            return match &request.call {
                Call::Create(object) => {
                    self.put(reference.kind, object.clone(), now);
                    self.show(reference)
                }
                _ => refused(404, "NotFound", "not found"),
            };
        };
        let mut next = held.clone();
        match &request.call {
            Call::Get | Call::List { .. } => return self.show(reference),
            Call::Create(_) => return refused(409, "AlreadyExists", "already exists"),
            Call::Delete { uid, resource_version } => {
                let same_version =
                    resource_version.as_ref().is_none_or(|v| held["metadata"]["resourceVersion"] == **v);
                if held["metadata"]["uid"] != **uid || !same_version {
                    return refused(409, "Conflict", "precondition");
                }
                self.delete(reference);
                return Answer::Done;
            }
            Call::Evict { uid, resource_version } => return self.evict(reference, uid, resource_version),
            Call::MergePatch(patch) | Call::MergePatchStatus(patch) => diff::apply(&mut next, patch),
            Call::JsonPatch(patch) => {
                if let Err(operation) = patch::apply(&mut next, patch) {
                    return refused(422, "Invalid", &operation);
                }
            }
        }
        if next["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"] {
            return refused(409, "Conflict", "the object has been modified");
        }
        if matches!(request.call, Call::MergePatchStatus(_)) {
            next = json!({ "status": next["status"].clone() });
            let mut only_status = held;
            diff::apply(&mut only_status, &json!({ "status": null }));
            only_status["status"] = next["status"].clone();
            next = only_status;
        } else if reference.kind == Kind::Rollout {
            next["status"] = held["status"].clone();
        }
        self.store(reference, next);
        self.show(reference)
    }

    /// A pod goes at once; a PodDisruptionBudget keeps it while too few others are ready.
    fn evict(&mut self, pod: &ObjectRef, uid: &str, version: &str) -> Answer {
        let metadata = &self.objects[pod]["metadata"];
        if metadata["uid"] != *uid || metadata["resourceVersion"] != *version {
            return refused(409, "Conflict", "precondition");
        }
        if self.forbids_eviction {
            return refused(
                403,
                "Forbidden",
                "pods \"web\" is forbidden: cannot create resource pods/eviction",
            );
        }
        let is_ready = |(object, pod): &(&ObjectRef, &Value)| {
            object.kind == Kind::Pod && pod["status"]["conditions"][0]["status"] == "True"
        };
        let ready = self.objects.iter().filter(is_ready).count();
        if ready <= self.least_ready {
            return refused(
                429,
                "DisruptionBudget",
                "Cannot evict pod as it would violate the pod's disruption budget.",
            );
        }
        self.delete(pod);
        Answer::Done
    }

    fn labelled(&self, collection: &ObjectRef, labels: &BTreeMap<String, String>) -> Answer {
        let is_there = |object: &&Object| object.meta.namespace == collection.namespace;
        let carries =
            |object: &&Object| labels.iter().all(|(name, value)| object.meta.labels.get(name) == Some(value));
        let listed = self.list(collection.kind);
        let listed = listed.iter().filter(is_there).filter(carries).cloned();
        Answer::Objects(listed.map(std::sync::Arc::new).collect())
    }

    fn show(&self, reference: &ObjectRef) -> Answer {
        Answer::Object(std::sync::Arc::new(shown(reference.kind, &self.objects[reference])))
    }
}

fn shown(kind: Kind, object: &Value) -> Object {
    decode(kind, &object.to_string()).unwrap()
}

/// A refusal as the API server words it.
pub(crate) fn refused(status: u16, reason: &str, message: &str) -> Answer {
    Answer::Refused { status, reason: reason.to_owned(), message: message.to_owned(), retry_after: None }
}

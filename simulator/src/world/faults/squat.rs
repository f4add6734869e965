//! Names of ours that somebody else has taken.

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Request};
use serde_json::{Value, json};

use crate::clock::after_ms;
use crate::fault::FaultKind;
use crate::world::World;
use crate::world::happening::Happening;

impl World {
    /// A request is about to be carried out: if it creates something whose name is to be taken, it finds it taken.
    pub(in crate::world) fn take_name(&mut self, request: &Request) {
        let (Call::Create(body), object) = (&request.call, &request.object) else { return };
        let wanted = self.meeting.squat.iter().position(|(kind, _)| *kind == object.kind);
        let Some(place) = wanted.filter(|_| self.store.get(object).is_none()) else { return };
        let (_, for_ms) = self.meeting.squat.remove(place);
        if self.store.apply(&foreign(object, body), self.now).is_ok() {
            self.mark(FaultKind::F12);
            self.notice();
            let at = after_ms(self.now, for_ms);
            self.plan(at, Happening::Leave(Box::new(object.clone())));
        }
    }

    /// Whoever took the name gives it back.
    pub(in crate::world) fn leave(&mut self, object: &ObjectRef) {
        let is_ours = |held: &engine::object::Object| {
            held.meta.controller.as_ref().is_some_and(|owner| owner.kind == Kind::Rollout.name())
        };
        let is_foreign = self.store.get(object).is_some_and(|held| !is_ours(held));
        if is_foreign {
            self.disturbed = self.now;
            self.store.remove(object, self.now);
        }
    }
}

/// Somebody else's object of that name: a ReplicaSet that looks like ours but has another controller and no pods (one
/// without a controller would rightly be taken over), an Ingress for another host.
fn foreign(object: &ObjectRef, ours: &Value) -> Value {
    let mut foreign = ours.clone();
    if let Some(metadata) = foreign.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("ownerReferences");
        if object.kind == Kind::Ingress {
            metadata.remove("annotations");
        }
    }
    match object.kind {
        Kind::ReplicaSet => {
            set(&mut foreign, "/spec", "replicas", json!(0));
            let owner = json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "other",
                "uid": "uid-of-somebody-else", "controller": true }]);
            set(&mut foreign, "/metadata", "ownerReferences", owner);
        }
        _ => set(&mut foreign, "/spec", "rules", json!([{ "host": "elsewhere.example" }])),
    }
    foreign
}

fn set(object: &mut Value, at: &str, key: &str, value: Value) {
    if let Some(fields) = object.pointer_mut(at).and_then(Value::as_object_mut) {
        fields.insert(key.to_owned(), value);
    }
}

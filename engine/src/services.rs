//! The loop for one Service that no Rollout names any more.

use crds::names::{MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::facts::ServiceFacts;
use planner::release::{self, Manager, Plan};
use serde_json::{Value, json};

use crate::answer::Landed;
use crate::class::Class;
use crate::effect::{Call, Level, Request};
use crate::engine::Engine;
use crate::flights::{Operation, Purpose};
use crate::input::Answer;
use crate::naming;
use crate::object::{Object, View};
use crate::store::key;

/// Where the engine stands with one such Service.
#[derive(Clone, Debug)]
pub(crate) struct ServiceWork {
    /// The requests that are waited for.
    pub(crate) operation: Operation,
    /// Since when no Rollout has named it, as far as this process knows.
    since: Timestamp,
    /// What was read about its manager.
    manager: Manager,
}

impl Engine {
    /// Queues a Service if a Rollout left its mark on it and none names it.
    pub(crate) fn touch_service(&mut self, service: ObjectRef, now: Timestamp) {
        let held = self.stores.services.get(&key(&service));
        let is_left = held.is_some_and(|facts| release::manager(facts).is_some());
        if is_left && !self.stores.references.is_named(&service) {
            self.touch(service, now);
        }
    }

    /// Queues the Services of a namespace that carry the mark of this Rollout and that none names.
    pub(crate) fn touch_services_of(&mut self, rollout: &ObjectRef, now: Timestamp) {
        let names = self.stores.services.keys().filter(|(namespace, _)| *namespace == rollout.namespace);
        let services: Vec<ObjectRef> =
            names.map(|(namespace, name)| ObjectRef::new(Kind::Service, namespace, name)).collect();
        for service in services {
            self.touch_service(service, now);
        }
    }

    /// Looks at one Service.
    pub(crate) fn plan_service(&mut self, service: &ObjectRef, now: Timestamp) {
        let is_known = self.stores.is_complete(Kind::Rollout) && !self.missing.contains(&Kind::Rollout);
        let Some(facts) = self.stores.services.get(&key(service)).filter(|_| is_known).cloned() else {
            self.services.remove(service);
            return;
        };
        let is_named = self.stores.references.is_named(service) || self.may_be_named(service);
        let work = self.services.entry(service.clone()).or_insert_with(|| ServiceWork {
            operation: Operation::default(),
            since: now,
            manager: Manager::Unread,
        });
        if !work.operation.pending.is_empty() || self.ledger.is_behind(service) {
            return;
        }
        match release::plan(&facts, is_named, work.manager, work.since, now) {
            Plan::Nothing => {
                self.services.remove(service);
                self.queue.succeeded(service);
            }
            Plan::Wait { until } => self.queue.wake(service, Some(until)),
            Plan::Read => {
                let manager = release::manager(&facts).unwrap_or_default();
                let manager = ObjectRef::new(Kind::Rollout, &service.namespace, manager);
                self.read_live(service, [manager, service.clone()]);
            }
            Plan::Release => {
                // What was read serves this one decision.
                work.manager = Manager::Unread;
                let request = Request { object: service.clone(), call: Call::MergePatch(patch(&facts)) };
                self.note(Level::Info, Some(service), "released: no Rollout names it any more".to_owned());
                let purpose = Purpose::Act { word: "release Service", events: Vec::new() };
                self.send_and_wait(service, request, purpose);
            }
        }
    }

    /// Whether a Rollout of the namespace cannot be read: it may name any Service, and says so once it can be.
    fn may_be_named(&self, service: &ObjectRef) -> bool {
        let mut rollouts = self.stores.rollouts.values().map(|held| &held.facts);
        rollouts.any(|facts| facts.meta.namespace == service.namespace && facts.spec.is_err())
    }

    /// A request for a Service was answered.
    pub(crate) fn service_answered(&mut self, landed: &Landed<'_>, now: Timestamp) {
        let service = landed.flight.key.clone();
        let about = self.about(landed, &service);
        let Some(work) = self.services.get_mut(&service) else { return };
        if !work.operation.pending.remove(&landed.id) {
            return;
        }
        if let Some(about) = about {
            work.manager = about;
        }
        match landed.class {
            Some(Class::Conflict | Class::NotFound) if landed.flight.purpose != Purpose::Read => {
                work.operation.reread.insert(service.clone());
            }
            None | Some(Class::NotFound) => {}
            Some(class) => {
                work.manager = Manager::Unread;
                work.operation.fail(class);
            }
        }
        self.conclude(&service, now);
    }

    /// What a live read says about the manager of a Service; nothing if it is not about that.
    fn about(&self, landed: &Landed<'_>, service: &ObjectRef) -> Option<Manager> {
        if landed.flight.object.kind != Kind::Rollout {
            return None;
        }
        match (landed.answer, landed.class) {
            (Answer::Object(object), _) if self.is_ours(object) => Some(holds(object, service)),
            (Answer::Object(_), _) => Some(Manager::Holds),
            (_, Some(Class::NotFound)) => Some(Manager::Gone),
            _ => None,
        }
    }
}

/// Whether a Rollout names a Service, as far as its spec can be read.
fn holds(rollout: &Object, service: &ObjectRef) -> Manager {
    let View::Rollout(facts) = &rollout.view else { return Manager::Holds };
    match &facts.spec {
        Ok(spec) if !naming::services(&service.namespace, spec).contains(service) => Manager::LetGo,
        Ok(_) | Err(_) => Manager::Holds,
    }
}

fn patch(service: &ServiceFacts) -> Value {
    json!({
        "metadata": {
            "uid": service.meta.uid, "resourceVersion": service.meta.resource_version,
            "annotations": { MANAGED_BY_ROLLOUTS: null },
        },
        "spec": { "selector": { POD_TEMPLATE_HASH: null } },
    })
}

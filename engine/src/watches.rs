//! From what a watch or an answer shows to the stores, and to the objects that this concerns.

use std::collections::BTreeSet;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;

use crate::engine::Engine;
use crate::input::WatchEvent;
use crate::mistaken;
use crate::naming;
use crate::object::{Object, View};
use crate::store::table::{Change, Origin};
use crate::store::version::Stamp;
use crate::store::{NAMED, controlling_rollout, key};

impl Engine {
    /// Takes in what a watch delivered.
    pub(crate) fn watch_delivered(&mut self, kind: Kind, event: WatchEvent, now: Timestamp) {
        match event {
            WatchEvent::Init => {
                self.missing.remove(&kind);
                self.stores.begin_list(kind);
            }
            WatchEvent::InitApply(object) => self.take(&object, Origin::List, now),
            WatchEvent::Apply(object) => self.take(&object, Origin::Watch, now),
            WatchEvent::Delete(object) => self.deleted(&object.reference(), &object.meta.uid, now),
            WatchEvent::InitDone => {
                let is_back = self.stores.unserved.remove(&kind);
                for object in self.listed(kind, now) {
                    self.doubt(object, now);
                }
                // Whoever was planned while the list came still took the kind for one that is not served.
                if is_back {
                    self.touch_all(now);
                }
            }
        }
    }

    /// The kind is not served: whatever was held of it is gone.
    pub(crate) fn kind_missing(&mut self, kind: Kind, now: Timestamp) {
        self.missing.insert(kind);
        self.stores.begin_list(kind);
        self.stores.unserved.insert(kind);
        for object in self.listed(kind, now) {
            self.forget(&object, now);
        }
    }

    /// Takes one object into its store and queues whom it concerns.
    pub(crate) fn take(&mut self, object: &Object, origin: Origin, now: Timestamp) {
        let reference = object.reference();
        if !self.is_ours(object) {
            self.forget(&reference, now);
            return;
        }
        let stamp = Stamp::of(&object.meta);
        let was_unreadable = self.is_unreadable(&reference);
        let concerned_before = self.stores.concerned(&reference);
        let change = self.stores.apply(object, origin);
        if change != Change::Overtaken || origin == Origin::Live {
            self.ledger.shown(&reference, &stamp, origin == Origin::Live);
        }
        if !matches!(change, Change::Taken | Change::WentBack) {
            return;
        }
        if reference.kind == Kind::Rollout {
            self.stores.note_restart(&reference, now);
            self.rename(&reference, now);
            if was_unreadable && !self.is_unreadable(&reference) {
                self.touch_services_of(&reference, now);
            }
        }
        if reference.kind == Kind::Service {
            self.touch_service(reference.clone(), now);
        }
        self.outdate_names(&reference);
        let concerned: BTreeSet<ObjectRef> =
            concerned_before.into_iter().chain(self.stores.concerned(&reference)).collect();
        if change == Change::WentBack {
            self.flights.outlive();
            let owner = concerned.first().unwrap_or(&reference).clone();
            self.ledger.doubt(reference, owner, now);
        }
        for key in concerned {
            self.touch(key, now);
        }
    }

    /// Whether the spec of a Rollout that is held cannot be read.
    fn is_unreadable(&self, rollout: &ObjectRef) -> bool {
        rollout.kind == Kind::Rollout
            && self.stores.rollouts.get(&key(rollout)).is_some_and(|held| held.facts.spec.is_err())
    }

    /// Whether an object is one that this process looks at.
    pub(crate) fn is_ours(&self, object: &Object) -> bool {
        let controlled = match &object.view {
            View::ReplicaSet(facts) => {
                let is_free = facts.meta.controller.is_none() || mistaken::looks_at_foreign_sets();
                !facts.hash.is_empty() && (is_free || controlling_rollout(&facts.meta).is_some())
            }
            _ => true,
        };
        controlled && self.settings.owns(object.kind, &object.meta.namespace, &object.meta.labels)
    }

    /// Works out anew which objects a Rollout names.
    pub(crate) fn rename(&mut self, rollout: &ObjectRef, now: Timestamp) {
        let Some(held) = self.stores.rollouts.get(&key(rollout)) else { return };
        let named = naming::named(&self.stores, &held.facts);
        let unnamed = self.stores.references.set(rollout, named);
        self.let_go(unnamed, now);
        self.open_named_watches();
        self.open_watch_of_pods(rollout);
    }

    /// Templates name templates: with one of them what Rollouts name may have changed.
    fn outdate_names(&mut self, object: &ObjectRef) {
        if matches!(object.kind, Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate) {
            self.stores.references.outdate(object);
        }
    }

    /// Opens the watch of pods where decisions about a Rollout rest on them.
    pub(crate) fn open_watch_of_pods(&mut self, rollout: &ObjectRef) {
        if self.stores.is_complete(Kind::Rollout) && self.stores.follows_pods(rollout) {
            self.open_watches([Kind::Pod]);
        }
    }

    /// No Rollout names these objects any more.
    fn let_go(&mut self, unnamed: Vec<ObjectRef>, now: Timestamp) {
        self.stores.forget_texts(&unnamed);
        for object in unnamed.into_iter().filter(|object| object.kind == Kind::Service) {
            self.touch_service(object, now);
        }
    }

    /// A list is complete; returns what is held and was not brought.
    fn listed(&mut self, kind: Kind, now: Timestamp) -> Vec<ObjectRef> {
        let first = !self.stores.is_complete(kind);
        let unseen = self.stores.end_list(kind);
        self.ledger.relisted(kind);
        self.begin_anew();
        if kind == Kind::Rollout {
            self.open_named_watches();
        }
        if first && (NAMED.contains(&kind) || kind == Kind::Pod) {
            self.touch_all(now);
        }
        unseen.into_iter().map(|(namespace, name)| ObjectRef::new(kind, namespace, name)).collect()
    }

    /// A list did not bring an object. It was deleted, or the server that listed is behind: where it matters, a live
    /// read decides.
    fn doubt(&mut self, object: ObjectRef, now: Timestamp) {
        match self.stores.concerned(&object).into_iter().next() {
            Some(owner) => self.ledger.doubt(object, owner, now),
            None => self.forget(&object, now),
        }
    }

    /// One incarnation of an object was deleted.
    fn deleted(&mut self, object: &ObjectRef, uid: &str, now: Timestamp) {
        let concerned = self.stores.concerned(object);
        if self.stores.bury(object, uid) {
            self.gone(object, concerned, now);
        }
    }

    /// An object is not there, or not ours.
    fn forget(&mut self, object: &ObjectRef, now: Timestamp) {
        let concerned = self.stores.concerned(object);
        let held = self.stores.stamp(object).is_some();
        self.ledger.gone(object);
        if held {
            self.stores.remove(object);
            self.gone(object, concerned, now);
        }
    }

    /// A live read or a deletion says that `object` is not there. It counts unless something newer came meanwhile.
    pub(crate) fn absent(&mut self, object: &ObjectRef, before: Option<&Stamp>, now: Timestamp) {
        self.ledger.gone(object);
        if self.stores.stamp(object).as_ref() == before {
            self.forget(object, now);
        }
    }

    fn gone(&mut self, object: &ObjectRef, concerned: Vec<ObjectRef>, now: Timestamp) {
        self.ledger.gone(object);
        self.outdate_names(object);
        if matches!(object.kind, Kind::Rollout | Kind::AnalysisRun) {
            self.drop_work(object);
            self.stores.note_restart(object, now);
            let unnamed = self.stores.references.set(object, BTreeSet::new());
            self.let_go(unnamed, now);
        }
        if object.kind == Kind::Service {
            self.services.remove(object);
        }
        if object.kind == Kind::Rollout {
            // While it could not be read it may have held any of them.
            self.touch_services_of(object, now);
        }
        for key in concerned.into_iter().filter(|key| key != object) {
            self.touch(key, now);
        }
    }
}

//! The ReplicaSets that nobody controls, and the Rollouts that may take them over.

use crds::object_ref::{Kind, ObjectRef};
use planner::facts::ReplicaSetFacts;
use planner::shared::Shared;

use super::table::Key;
use super::{Stores, key};

impl Stores {
    /// Notes whether a ReplicaSet is one that nobody controls.
    pub(super) fn note_orphan(&mut self, key: Key) {
        if self.replica_sets.get(&key).is_some_and(|set| set.meta.controller.is_none()) {
            self.orphans.insert(key);
        } else {
            self.orphans.remove(&key);
        }
    }

    pub(super) fn note_orphan_of(&mut self, object: &ObjectRef) {
        if object.kind == Kind::ReplicaSet {
            self.note_orphan(key(object));
        }
    }

    /// The ReplicaSets of a namespace that nobody controls.
    pub(crate) fn orphans<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Shared<ReplicaSetFacts>> {
        let from = (namespace.to_owned(), String::new());
        let keys = self.orphans.range(from..).take_while(move |(of, _)| of == namespace);
        keys.filter_map(|key| self.replica_sets.get(key))
    }

    /// The Rollouts that may take a ReplicaSet over that nobody controls.
    pub(super) fn heirs(&self, set: &ReplicaSetFacts) -> Vec<ObjectRef> {
        let namespace = &set.meta.namespace;
        let rollouts = self.rollouts.of_namespace(namespace).filter(|held| {
            let spec = held.facts.readable_spec();
            spec.is_some_and(|spec| planner::rollout::takes_over(spec, set))
        });
        rollouts.map(|held| ObjectRef::new(Kind::Rollout, namespace, &held.facts.meta.name)).collect()
    }
}

//! How many pods each version has.

use std::collections::BTreeMap;

use planner::facts::ReplicaSetFacts;

use crate::preview::report::Pods;

/// The ReplicaSets of a Rollout.
#[derive(Debug, Default)]
pub(super) struct Sets<'a>(BTreeMap<&'a str, &'a ReplicaSetFacts>);

impl<'a> Sets<'a> {
    /// Takes in a ReplicaSet as it is now.
    pub(super) fn insert(&mut self, set: &'a ReplicaSetFacts) {
        self.0.insert(&set.meta.name, set);
    }

    /// A ReplicaSet has gone.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The pods of the versions that a rule chooses by their hashes.
    pub(super) fn pods(&self, is_meant: impl Fn(&str) -> bool) -> Pods {
        self.0.values().filter(|set| is_meant(&set.hash)).fold(Pods::default(), |sum, set| Pods {
            wanted: sum.wanted + set.replicas,
            running: sum.running + set.current_replicas,
            available: sum.available + set.available_replicas,
        })
    }
}

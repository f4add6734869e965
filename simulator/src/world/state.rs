//! How the cluster looks.

use std::collections::BTreeMap;

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::Kind;
use engine::object::View;
use planner::facts::RolloutFacts;

use super::World;
use crate::outcome::{EndState, RolloutEnd};
use crate::roles;

impl World {
    /// How the cluster looks now, without what differs from run to run.
    #[must_use]
    pub fn end_state(&self) -> EndState {
        let mut end = EndState::default();
        for object in self.store.list(Kind::Rollout) {
            if let View::Rollout(facts) = &object.view {
                let name = format!("{}/{}", facts.meta.namespace, facts.meta.name);
                end.weights.insert(name.clone(), self.plane.effective_weights(facts));
                end.rollouts.insert(name, self.rollout_end(facts));
            }
        }
        for object in self.store.list(Kind::Service) {
            if let View::Service(facts) = &object.view {
                let name = format!("{}/{}", facts.meta.namespace, facts.meta.name);
                end.services.insert(name, facts.selector.get(POD_TEMPLATE_HASH).cloned());
            }
        }
        end
    }

    fn rollout_end(&self, facts: &RolloutFacts) -> RolloutEnd {
        let status = &facts.status;
        let mut replicas = BTreeMap::new();
        let mut available = BTreeMap::new();
        for set in roles::sets(&self.store, facts) {
            if set.replicas > 0 {
                replicas.insert(set.hash.clone(), set.replicas);
            }
            let counts = self.nodes.counts(&set.meta.uid, self.now);
            if counts.available > 0 {
                available.insert(set.hash.clone(), counts.available);
            }
        }
        RolloutEnd {
            phase: status.phase.as_str().to_owned(),
            message: status.message.clone(),
            stable: status.stable_rs.clone(),
            current: status.current_pod_hash.clone(),
            step: status.current_step_index,
            aborted: status.abort,
            replicas,
            available,
        }
    }

    /// How many pods of a version there are: existing ones (with those that are going), and available ones.
    #[must_use]
    pub fn pods(&self, rollout: &RolloutFacts, hash: &str) -> (i32, i32) {
        let sets = roles::sets(&self.store, rollout).filter(|set| set.hash == hash);
        sets.fold((0, 0), |(existing, available), set| {
            let counts = self.nodes.counts(&set.meta.uid, self.now);
            (existing + counts.existing + counts.stopping, available + counts.available)
        })
    }
}

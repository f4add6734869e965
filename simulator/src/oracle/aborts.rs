//! L2: an abort brings the routes back in time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use planner::facts::RolloutFacts;

use super::{Judge, rollouts, traffic};
use crate::controllers::Nodes;
use crate::store::Store;

/// The same after something went wrong: an operator waits for up to half a minute before it tries again.
const DISTURBED_ABORT_MS: u64 = 60_000;
/// How long an abort may take to bring the routes back where nothing goes wrong, in milliseconds.
const ABORT_MS: u64 = 2_000;

impl Judge {
    /// Aborts that have not brought the routes back in time although the stable version has its pods.
    pub(super) fn late_aborts(&mut self, store: &Store, nodes: &Nodes, now: Timestamp) -> Vec<String> {
        let mut complete = BTreeMap::new();
        let mut is_late = |facts: &&RolloutFacts| {
            let uid = &facts.meta.uid;
            let Some(aborted_at) = self.steps.aborted_at(uid) else { return false };
            if !traffic::is_complete(facts, store, nodes, now) {
                return false;
            }
            let could = self.complete.get(uid).copied().unwrap_or(now);
            complete.insert(uid.clone(), could);
            let could = could.max(aborted_at);
            let (since, bound) = match self.disturbed {
                Some(until) => (until.max(could), DISTURBED_ABORT_MS),
                None => (could, ABORT_MS),
            };
            facts.spec.is_ok() && now > since && crate::clock::ms_between(since, now) > bound
        };
        let late: Vec<&RolloutFacts> = rollouts(store).filter(|facts| is_late(facts)).collect();
        self.complete = complete;
        late.into_iter()
            .filter_map(|facts| {
                let weights = self.instant.effective_weights(facts);
                let left = weights.get(&facts.status.current_pod_hash).copied().filter(|left| *left > 0)?;
                Some(format!("{}: after an abort the routes still ask for {left} %", facts.meta.name))
            })
            .collect()
    }
}

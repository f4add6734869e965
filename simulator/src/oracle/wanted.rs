//! How many pods each Rollout has wanted, and since when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use planner::facts::RolloutFacts;

use super::ON_THE_WAY;

/// The numbers of pods that Rollouts wanted, by uid.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(BTreeMap<String, Vec<(Timestamp, i32)>>);

impl Wanted {
    /// A Rollout has changed, or is there from the beginning.
    pub(super) fn changed(&mut self, facts: &RolloutFacts, now: Timestamp) {
        let Some(spec) = facts.readable_spec() else { return };
        let replicas = spec.replicas.unwrap_or(1);
        let history = self.0.entry(facts.meta.uid.clone()).or_default();
        if history.last().is_none_or(|(_, last)| *last != replicas) {
            history.push((now, replicas));
        }
    }

    /// The smallest number that was wanted since then, or for which something was decided that was still on its way.
    pub(super) fn least(&self, uid: &str, since: Timestamp) -> i32 {
        self.since(uid, since).min().unwrap_or(0)
    }

    /// The largest number that was wanted since then, or for which something was decided that was still on its way.
    pub(super) fn most(&self, uid: &str, since: Timestamp) -> i32 {
        self.since(uid, since).max().unwrap_or(0)
    }

    fn since(&self, uid: &str, since: Timestamp) -> impl Iterator<Item = i32> {
        let since = since.saturating_sub(ON_THE_WAY).unwrap_or(since);
        let history = self.0.get(uid).map(Vec::as_slice).unwrap_or_default();
        let first = history.partition_point(|(at, _)| *at <= since).saturating_sub(1);
        history.iter().skip(first).map(|(_, replicas)| *replicas)
    }
}

#[cfg(test)]
mod tests {
    use engine::object::View;
    use serde_json::json;

    use super::*;
    use crate::clock::{START, after_ms};
    use crate::store::Store;

    fn rollout(replicas: i32) -> RolloutFacts {
        let mut store = Store::new();
        let manifest = json!({
            "kind": "Rollout", "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "replicas": replicas, "strategy": { "canary": {} },
                "selector": { "matchLabels": { "app": "web" } },
                "template": { "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "web", "image": "web:1" }] } } },
        });
        let object = store.apply(&manifest, START).unwrap();
        match &store.get(&object).unwrap().view {
            View::Rollout(facts) => (**facts).clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_number_counts_as_long_as_something_may_be_on_its_way_for_it() {
        let mut wanted = Wanted::default();
        wanted.changed(&rollout(10), START);
        wanted.changed(&rollout(2), after_ms(START, 60_000));
        let uid = rollout(1).meta.uid;
        let bounds = |at_ms| {
            let at = after_ms(START, at_ms);
            (wanted.least(&uid, at), wanted.most(&uid, at))
        };
        assert_eq!(bounds(30_000), (2, 10));
        assert_eq!(bounds(60_500), (2, 10));
        assert_eq!(bounds(90_000), (2, 2));
        assert_eq!(wanted.most("nobody", START), 0);
    }
}

//! A `HorizontalPodAutoscaler`: it looks every so often, and writes how many pods the load needs.

use engine::object::View;
use serde_json::json;

use super::World;
use super::happening::Happening;
use crate::clock::{after_ms, ms_between};
use crate::outcome::Happened;
use crate::scenario::Autoscaler;

impl World {
    /// At the beginning: every autoscaler looks for the first time.
    pub(super) fn arm_autoscaler(&mut self) {
        if let Some(autoscaler) = &self.prepared.scenario.autoscaler {
            let at = after_ms(self.now, autoscaler.every_ms);
            self.plan(at, Happening::Autoscale);
        }
    }

    /// The autoscaler of the first Rollout looks. Without a ready pod it knows nothing, and changes nothing.
    pub(super) fn autoscale(&mut self) {
        let prepared = std::sync::Arc::clone(&self.prepared);
        let Some(autoscaler) = &prepared.scenario.autoscaler else { return };
        let passed = ms_between(self.begun, self.now);
        if passed < autoscaler.until_ms() {
            let next = after_ms(self.now, autoscaler.every_ms.max(1));
            self.plan(next, Happening::Autoscale);
        }
        let Some(View::Rollout(facts)) = self.store.get(&prepared.rollout).map(|object| &object.view) else {
            return;
        };
        let has = facts.spec.as_ref().ok().map(|spec| spec.replicas.unwrap_or(1));
        let wanted = autoscaler.wanted(passed);
        if facts.status.ready_replicas <= 0 || has.is_none_or(|has| has == wanted) {
            return;
        }
        self.disturbed = self.now;
        self.store.merge(&prepared.rollout, &json!({ "spec": { "replicas": wanted } }), false, self.now);
        let text = format!("the autoscaler wants {wanted} pods");
        self.trace.tell(self.begun, self.now, || Happened::Act { text });
    }
}

impl Autoscaler {
    /// How many pods it wants so many milliseconds after the beginning: `ceil(load / perPod)`, within its bounds.
    fn wanted(&self, passed: u64) -> i32 {
        let load = self.load.iter().rev().find(|(at, _)| *at <= passed).map_or(0, |(_, load)| *load);
        let pods = load.div_ceil(self.per_pod.max(1));
        i32::try_from(pods).unwrap_or(i32::MAX).clamp(self.min, self.max.max(self.min))
    }

    /// When it looks for the last time: well after the load has changed for the last time.
    fn until_ms(&self) -> u64 {
        self.load.last().map_or(0, |(at, _)| *at).saturating_add(self.every_ms.saturating_mul(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::search::swarm::{Number, Setting, variant};
    use crate::world::play;

    fn autoscaler() -> Autoscaler {
        Autoscaler {
            min: 2,
            max: 9,
            per_pod: 100,
            load: vec![(0, 250), (40_000, 701), (90_000, 5000)],
            every_ms: 15_000,
        }
    }

    #[test]
    fn it_wants_what_the_load_needs_within_its_bounds() {
        let wanted = [0, 39_999, 40_000, 95_000].map(|passed| autoscaler().wanted(passed));
        assert_eq!(wanted, [3, 3, 8, 9]);
        assert_eq!(Autoscaler { load: Vec::new(), ..autoscaler() }.wanted(7), 2);
    }

    #[test]
    fn an_update_under_an_autoscaler_ends_with_the_pods_that_the_load_needs() {
        let number = Number { shape: 1, story: 0, copy: 0 };
        let scenario =
            Scenario { autoscaler: Some(autoscaler()), ..variant(number, Setting::DEFAULT).scenario };
        let outcome = play(&scenario).unwrap();
        assert_eq!(outcome.violations, []);
        let pods: i32 = outcome.end.rollouts.values().flat_map(|rollout| rollout.replicas.values()).sum();
        assert_eq!(pods, 9, "{:?}", outcome.end);
    }
}

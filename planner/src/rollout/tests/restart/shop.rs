//! A Rollout at rest whose pods are to be restarted: it lets pods go as planned, and counts who is missing.

use crds::Time;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::world::World;
use crate::facts::{Controller, PodFacts, ReplicaSetFacts};
use crate::fixture;
use crate::invariants;
use crate::rollout::{Action, Plan, Snapshot, plan};

/// How long a pod takes to become ready.
const STARTUP: SignedDuration = SignedDuration::from_secs(2);

/// A Rollout at rest with so many pods, all of which are older than the restart that is asked for now.
pub(super) struct Shop {
    pub(super) now: Timestamp,
    pub(super) snapshot: Snapshot,
    /// The pods that went, in order.
    pub(super) gone: Vec<String>,
    /// How many were missing at most.
    pub(super) missed: i32,
    made: usize,
}

impl Shop {
    pub(super) fn new(replicas: i32, strategy: &Value) -> Self {
        let mut world = World::with(strategy);
        world.scale_to(replicas);
        assert!(world.run(SignedDuration::from_mins(5)));
        let mut shop = Self::of(world);
        shop.now += SignedDuration::from_mins(1);
        shop
    }

    /// Where that world stands, with pods that were made now.
    pub(super) fn of(world: World) -> Self {
        let mut shop =
            Self { now: world.now, snapshot: world.snapshot, gone: Vec::new(), missed: 0, made: 0 };
        shop.snapshot.pods = Some(Vec::new());
        shop.bring_pods();
        shop
    }

    pub(super) fn ask(&mut self, at: Timestamp) {
        if let Ok(spec) = &mut self.snapshot.rollout.spec {
            spec.restart_at = Some(Time::from(at));
        }
    }

    pub(super) fn allow(&mut self, max_unavailable: &Value) {
        if let Ok(spec) = &mut self.snapshot.rollout.spec {
            let value = Some(serde_json::from_value(max_unavailable.clone()).unwrap());
            if let Some(canary) = &mut spec.strategy.canary {
                canary.max_unavailable = value;
            } else if let Some(blue_green) = &mut spec.strategy.blue_green {
                blue_green.max_unavailable = value;
            }
        }
    }

    fn of_set(pod: &PodFacts, set: &ReplicaSetFacts) -> bool {
        pod.meta.controller.as_ref().is_some_and(|owner| owner.uid == set.meta.uid)
    }

    /// ReplicaSets make the pods that they lack, and count those that are ready.
    pub(super) fn bring_pods(&mut self) {
        let pods = self.snapshot.pods.get_or_insert_default();
        for set in &mut self.snapshot.replica_sets {
            let there = pods.iter().filter(|pod| Self::of_set(pod, set)).count();
            for _ in there..usize::try_from(set.replicas).unwrap() {
                self.made += 1;
                let name = format!("{}-{}", set.meta.name, self.made);
                let mut meta = fixture::meta(&name, &format!("uid-{name}"));
                meta.created = Some(self.now);
                let (kind, name, uid) =
                    ("ReplicaSet".to_owned(), set.meta.name.clone(), set.meta.uid.clone());
                meta.controller = Some(Controller { kind, name, uid });
                pods.push(PodFacts { meta, ready_since: None }.into());
            }
            for pod in pods.iter_mut().filter(|pod| Self::of_set(pod, set) && pod.ready_since.is_none()) {
                let ready = pod.meta.created.unwrap() + STARTUP;
                let is_first = self.gone.is_empty();
                pod.ready_since = (ready <= self.now || is_first).then_some(ready.min(self.now));
            }
            let ready = pods.iter().filter(|pod| Self::of_set(pod, set) && pod.ready_since.is_some()).count();
            set.available_replicas = i32::try_from(ready).unwrap();
            set.ready_replicas = set.available_replicas;
            set.current_replicas = set.replicas;
            set.observed_generation = set.meta.generation;
        }
        let missing = |set: &ReplicaSetFacts| set.replicas - set.available_replicas;
        self.missed = self.missed.max(self.snapshot.sets().map(missing).sum());
    }

    pub(super) fn plan(&self) -> Plan {
        let plan = plan(&self.snapshot, self.now);
        assert_eq!(invariants::check(&self.snapshot, &plan), [], "{plan:#?}");
        plan
    }

    fn evict(&mut self, name: &str) {
        let pods = self.snapshot.pods.as_mut().unwrap();
        pods.retain(|pod| pod.meta.name != name);
        self.gone.push(name.to_owned());
        self.bring_pods();
    }

    /// Plans and carries out until nothing is written for five minutes.
    pub(super) fn run(&mut self) -> Plan {
        let end = self.now + SignedDuration::from_mins(5);
        while self.now < end {
            let plan = self.plan();
            match plan.actions.first() {
                Some(Action::EvictPod { name, .. }) => self.evict(name),
                Some(other) => panic!("{other:?}"),
                None => {
                    self.snapshot.rollout.status = plan.status;
                    self.now += SignedDuration::from_millis(250);
                    self.bring_pods();
                }
            }
        }
        self.plan()
    }

    pub(super) fn is_over(&self) -> bool {
        let asked = self.snapshot.rollout.spec.as_ref().unwrap().restart_at;
        asked.is_some() && self.snapshot.rollout.status.restarted_at == asked
    }
}

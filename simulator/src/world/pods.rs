//! Pods as objects, where somebody looks at them: what they carry, and that they come and go.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::{Kind, ObjectRef};
use engine::input::Answer;
use engine::object::View;
use planner::facts::{ReplicaSetFacts, RolloutFacts};
use serde_json::{Value, json};

use super::World;
use crate::controllers::pods::Shown;
use crate::oracle::restarts;
use crate::store::refusal::{conflict, not_found};

impl World {
    /// Brings the objects of a ReplicaSet's pods in line with the pods that there are. A pod gets the metadata of the
    /// template as it is when the pod is made.
    pub(super) fn show_pods(&mut self, uid: &str) {
        let Some(set) = self.set_of(uid).filter(|set| self.are_pods_looked_at(set)).cloned() else { return };
        let (namespace, prefix) = (set.meta.namespace.clone(), set.meta.name.clone());
        let name = |number: u64| ObjectRef::new(Kind::Pod, &namespace, format!("{prefix}-{number}"));
        let there: BTreeMap<ObjectRef, Shown> =
            self.nodes.pods(uid).map(|(number, pod)| (name(number), pod)).collect();
        let is_ours = |owner: Option<&planner::facts::Controller>| owner.is_some_and(|it| it.uid == uid);
        let shown: BTreeSet<ObjectRef> = self
            .store
            .list(Kind::Pod)
            .filter(|pod| is_ours(pod.meta.controller.as_ref()))
            .map(|pod| ObjectRef::new(Kind::Pod, &pod.meta.namespace, &pod.meta.name))
            .collect();
        for pod in shown.iter().filter(|pod| !there.contains_key(*pod)) {
            self.store.remove(pod, self.now);
        }
        for (pod, Shown { stopping, ready_since }) in there {
            if !shown.contains(&pod) {
                self.make_pod(&pod, &set);
            }
            self.store.update(&pod, self.now, |object| {
                object.meta.deleting |= stopping;
                let meta = object.meta.clone();
                if let View::Pod(facts) = &mut object.view {
                    (facts.meta, facts.ready_since) = (meta, ready_since);
                }
            });
        }
    }

    /// A pod is evicted, unless the budget of the shop keeps it.
    pub(super) fn evict(&mut self, pod: &ObjectRef, (uid, version): (&str, &str)) -> Answer {
        let Some(held) = self.store.get(pod).cloned() else { return not_found(pod) };
        if held.meta.uid != uid || held.meta.resource_version != version {
            return conflict(pod, "Precondition failed");
        }
        if held.meta.deleting {
            return Answer::Done;
        }
        let is_ready = matches!(&held.view, View::Pod(facts) if facts.ready_since.is_some());
        let budget = self.prepared.scenario.disruption_budget;
        if budget.is_some_and(|budget| is_ready && self.missing_pods() >= budget) {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.".to_owned();
            let (status, reason) = (429, "DisruptionBudget".to_owned());
            return Answer::Refused { status, reason, message, retry_after: None };
        }
        let owner = held.meta.controller.as_ref().map(|owner| owner.uid.clone()).unwrap_or_default();
        let number = pod.name.rsplit('-').next().and_then(|number| number.parse().ok());
        if !self.judge.is_excused(self.now) {
            let wanted = |facts: &RolloutFacts| self.judge.most_wanted(facts, self.now);
            let found = restarts::evicted(&held, &self.store, &self.nodes, (&wanted, self.now));
            for (rule, message) in found {
                self.complain(rule, message);
            }
        }
        if let Some(number) = number {
            self.with_pods(|nodes, moment| nodes.evict(&owner, number, moment));
        }
        self.show_pods(&owner);
        Answer::Done
    }

    /// How many pods of the shop are not ready.
    fn missing_pods(&self) -> i32 {
        let sets = self.store.list(Kind::ReplicaSet).filter_map(|object| match &object.view {
            View::ReplicaSet(facts) => Some(facts),
            _ => None,
        });
        sets.map(|set| (set.replicas - self.nodes.counts(&set.meta.uid, self.now).ready).max(0)).sum()
    }

    fn are_pods_looked_at(&self, set: &ReplicaSetFacts) -> bool {
        if self.prepared.shows_pods {
            return true;
        }
        let rollout = set.meta.controller.as_ref().map(|owner| owner.name.as_str()).unwrap_or_default();
        let rollout = ObjectRef::new(Kind::Rollout, &set.meta.namespace, rollout);
        self.store.get(&rollout).is_some_and(|object| match &object.view {
            View::Rollout(facts) => planner::rollout::follows_pods(facts, std::iter::once(set)),
            _ => false,
        })
    }

    fn make_pod(&mut self, pod: &ObjectRef, set: &ReplicaSetFacts) {
        let owner = ObjectRef::new(Kind::ReplicaSet, &set.meta.namespace, &set.meta.name);
        let Some(manifest) = self.store.manifest(&owner) else { return };
        let template = manifest.pointer("/spec/template/metadata").cloned().unwrap_or_default();
        let part = |field: &str| template.get(field).cloned().unwrap_or(Value::Null);
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod.name,
                "namespace": pod.namespace,
                "labels": part("labels"),
                "annotations": part("annotations"),
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "controller": true,
                    "name": set.meta.name, "uid": set.meta.uid,
                }],
            },
        });
        let request =
            engine::effect::Request { object: pod.clone(), call: engine::effect::Call::Create(manifest) };
        self.store.call(&request, self.now);
    }
}

//! Pods as objects, where somebody looks at them: what they carry, and that they come and go.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use engine::object::View;
use planner::facts::ReplicaSetFacts;
use serde_json::{Value, json};

use super::World;

impl World {
    /// Brings the objects of a ReplicaSet's pods in line with the pods that there are. A pod gets the metadata of the
    /// template as it is when the pod is made.
    pub(super) fn show_pods(&mut self, uid: &str) {
        let Some(set) = self.set_of(uid).filter(|set| self.are_pods_looked_at(set)).cloned() else { return };
        let (namespace, prefix) = (set.meta.namespace.clone(), set.meta.name.clone());
        let name = |number: u64| ObjectRef::new(Kind::Pod, &namespace, format!("{prefix}-{number}"));
        let there: BTreeMap<ObjectRef, bool> =
            self.nodes.pods(uid).map(|(number, stopping)| (name(number), stopping)).collect();
        let is_ours = |owner: Option<&planner::facts::Controller>| owner.is_some_and(|it| it.uid == uid);
        let shown: BTreeMap<ObjectRef, bool> = self
            .store
            .list(Kind::Pod)
            .filter(|pod| is_ours(pod.meta.controller.as_ref()))
            .map(|pod| (ObjectRef::new(Kind::Pod, &pod.meta.namespace, &pod.meta.name), pod.meta.deleting))
            .collect();
        for pod in shown.keys().filter(|pod| !there.contains_key(*pod)) {
            self.store.remove(pod, self.now);
        }
        for (pod, stopping) in there {
            if !shown.contains_key(&pod) {
                self.make_pod(&pod, &set);
            }
            if stopping && shown.get(&pod) != Some(&true) {
                self.store.update(&pod, self.now, |object| object.meta.deleting = true);
            }
        }
    }

    fn are_pods_looked_at(&self, set: &ReplicaSetFacts) -> bool {
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

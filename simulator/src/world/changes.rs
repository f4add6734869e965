//! Who learns of what was written: watches, controllers, proxies, people, and whoever checks.

use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use engine::object::{Object, View};
use jiff::Timestamp;
use planner::facts::{ReplicaSetFacts, RolloutFacts, WorkloadFacts};

use super::World;
use super::happening::{Happening, Learned};
use super::requests::image_of;
use crate::clock::after_ms;
use crate::controllers::PodEvent;
use crate::controllers::pods::{Moment, Seen};
use crate::data_plane::News;
use crate::fault::FaultKind;
use crate::outcome::Happened;
use crate::scenario::Behaviour;
use crate::store::{Change, KINDS, Verb};

impl World {
    /// Tells everybody what was written since the last time.
    pub(super) fn notice(&mut self) {
        if self.store.version() == self.noticed {
            return;
        }
        let after = std::mem::replace(&mut self.noticed, self.store.version());
        let mut changes: Vec<Change> = Vec::new();
        for kind in KINDS {
            let before = changes.len();
            changes.extend(self.store.changes(kind, after).cloned());
            if changes.len() > before {
                for process in 0..self.processes.len() {
                    self.expect(process, kind);
                }
            }
        }
        changes.sort_by_key(|change| change.version);
        for change in &changes {
            self.spread(change);
        }
        if self.store.is_untidy() {
            let at = self.chance.after(self.now, self.prepared.scenario.timings.controller_ms);
            self.plan(at, Happening::Collect);
        }
    }

    fn spread(&mut self, change: &Change) {
        self.judge.see(change, self.now);
        match (&change.object.view, change.reference.kind) {
            (View::ReplicaSet(facts), _) => self.replica_set_changed(facts, change.verb),
            (View::Workload(facts), Kind::Deployment) => self.deployment_changed(facts, change.verb),
            (View::Rollout(facts), _) => self.rollout_changed(facts),
            (View::AnalysisRun(facts), _) => {
                let at_ms = crate::clock::ms_between(self.begun, self.now);
                self.judge.run_changed(facts, change.verb, at_ms);
            }
            (_, Kind::Service | Kind::Ingress | Kind::VirtualService) => {
                let object = (change.verb != Verb::Deleted).then(|| Arc::clone(&change.object));
                self.teach(&change.reference, object.as_ref(), change.at);
            }
            _ => {}
        }
    }

    /// Every proxy learns of an object, each in its own time.
    fn teach(&mut self, reference: &Arc<ObjectRef>, object: Option<&Arc<Object>>, written_at: Timestamp) {
        self.order += 1;
        let order = self.order;
        for proxy in 0..self.plane.proxies() {
            let drawn = self.chance.after(self.now, self.prepared.scenario.timings.proxy_ms);
            let at = match self.slow_proxies.get(&proxy) {
                Some((until, lag_ms)) if *until > self.now => {
                    let slow = after_ms(self.now, *lag_ms);
                    self.mark(FaultKind::F15);
                    slow.max(drawn)
                }
                _ => drawn,
            };
            let at = self.longest_proxy.map_or(at, |longest| at.min(after_ms(self.now, longest)));
            let (reference, object) = (Arc::clone(reference), object.map(Arc::clone));
            let news = News { reference, object, order, written_at };
            self.plan(at, Happening::Apply(Box::new(Learned { proxy, news })));
        }
    }

    /// At the beginning, and after the store was restored, the proxies know everything, also what is no more.
    pub(super) fn learn_everything(&mut self) {
        let gone = self.plane.known().into_iter().filter(|object| self.store.get(object).is_none());
        let mut all: Vec<(ObjectRef, Option<Arc<Object>>)> = gone.map(|object| (object, None)).collect();
        for kind in [Kind::Service, Kind::Ingress, Kind::VirtualService] {
            all.extend(self.store.list(kind).map(|object| {
                let reference = ObjectRef::new(kind, &object.meta.namespace, &object.meta.name);
                (reference, Some(Arc::clone(object)))
            }));
        }
        for (reference, object) in all {
            self.order += 1;
            let (reference, order) = (Arc::new(reference), self.order);
            let news = News { reference, object, order, written_at: Timestamp::MIN };
            for proxy in 0..self.plane.proxies() {
                self.plane.apply(proxy, &news);
            }
        }
        for kind in KINDS {
            let objects: Vec<Arc<Object>> = self.store.list(kind).cloned().collect();
            self.judge.list(kind, &objects, self.now);
        }
    }

    /// A proxy applies what it has learned.
    pub(super) fn apply(&mut self, learned: &Learned) {
        let proxy = learned.proxy;
        let wanted = self.trace.timeline.is_some();
        let before = if wanted { self.all_weights(proxy) } else { Vec::new() };
        self.plane.apply(proxy, &learned.news);
        if wanted {
            let after = self.all_weights(proxy);
            for (rollout, weights) in after.into_iter().filter(|weights| !before.contains(weights)) {
                self.trace.tell(self.begun, self.now, || Happened::Weights { rollout, proxy, weights });
            }
        }
        self.check_traffic();
    }

    fn all_weights(&self, proxy: usize) -> Vec<(String, std::collections::BTreeMap<String, u32>)> {
        let rollouts = self.store.list(Kind::Rollout).filter_map(|object| match &object.view {
            View::Rollout(facts) => Some(facts),
            _ => None,
        });
        rollouts
            .map(|facts| {
                let mut weights = std::collections::BTreeMap::new();
                for share in self.plane.shares(proxy, facts) {
                    *weights.entry(share.hash.clone().unwrap_or_default()).or_insert(0) += share.percent();
                }
                (format!("{}/{}", facts.meta.namespace, facts.meta.name), weights)
            })
            .collect()
    }

    /// Checks that requests meet pods, on all proxies.
    pub(super) fn check_traffic(&mut self) {
        let at_ms = crate::clock::ms_between(self.begun, self.now);
        self.judge.traffic(&self.store, &self.plane, &self.nodes, (self.now, at_ms));
    }

    /// At the beginning the controller knows all ReplicaSets.
    pub(super) fn notice_pods(&mut self) {
        let lists = [Kind::ReplicaSet, Kind::Deployment].map(|kind| self.store.list(kind).cloned());
        let owners: Vec<Arc<Object>> = lists.into_iter().flatten().collect();
        for owner in owners {
            match &owner.view {
                View::ReplicaSet(facts) => self.replica_set_changed(facts, Verb::Modified),
                View::Workload(facts) => self.deployment_changed(facts, Verb::Modified),
                _ => {}
            }
        }
    }

    fn replica_set_changed(&mut self, facts: &ReplicaSetFacts, verb: Verb) {
        let uid = facts.meta.uid.as_str();
        if verb == Verb::Deleted {
            self.nodes.forget(uid);
            self.check_traffic();
            return;
        }
        if !self.nodes.knows(uid) {
            let behaviour = self.behaviour(facts);
            self.nodes.adopt(uid, behaviour);
        }
        self.with_pods(|nodes, moment| nodes.touch(uid, moment));
    }

    /// A Deployment's controller and its ReplicaSets in one: its pods come and go with its size. Other templates replace
    /// none of them here; what it runs matters to nobody who is judged.
    fn deployment_changed(&mut self, facts: &WorkloadFacts, verb: Verb) {
        let uid = facts.meta.uid.as_str();
        if verb == Verb::Deleted {
            self.nodes.forget(uid);
            return;
        }
        self.nodes.adopt(uid, Behaviour::Starts(self.prepared.scenario.timings.pod_start_ms));
        self.with_pods(|nodes, moment| nodes.touch(uid, moment));
    }

    fn behaviour(&self, facts: &ReplicaSetFacts) -> Behaviour {
        let image = self.images.get(&facts.meta.uid).cloned().or_else(|| {
            let reference = ObjectRef::new(Kind::ReplicaSet, &facts.meta.namespace, &facts.meta.name);
            self.store.manifest(&reference).map(|manifest| image_of(&manifest))
        });
        let image = image.unwrap_or_default();
        let scenario = &self.prepared.scenario;
        let rule = scenario.pods.iter().find(|rule| image.contains(&rule.image));
        rule.map_or(Behaviour::Starts(scenario.timings.pod_start_ms), |rule| rule.behaviour)
    }

    pub(super) fn with_pods<T>(
        &mut self,
        act: impl FnOnce(&mut crate::controllers::Nodes, &mut Moment<'_>) -> T,
    ) -> T {
        let mut later = Vec::new();
        let mut moment = Moment {
            now: self.now,
            chance: &mut self.chance,
            timings: &self.prepared.scenario.timings,
            later: &mut later,
        };
        let done = act(&mut self.nodes, &mut moment);
        for (at, event) in later {
            self.plan(at, Happening::Pod(event));
        }
        done
    }

    /// Something about pods.
    pub(super) fn pod(&mut self, event: &PodEvent) {
        match event {
            PodEvent::Sync(uid) => {
                if let Some(seen) = self.seen(uid) {
                    self.with_pods(|nodes, moment| nodes.sync(uid, seen, moment));
                }
            }
            PodEvent::Report(uid) => self.report(uid),
            PodEvent::Up(..) | PodEvent::Down(..) | PodEvent::Gone(..) | PodEvent::Aged(_) => {
                self.with_pods(|nodes, moment| nodes.happen(event, moment));
            }
        }
        if !matches!(event, PodEvent::Report(_)) {
            self.show_pods(event.set());
            self.check_traffic();
        }
    }

    /// What a controller knows of the ReplicaSet or the Deployment with that uid.
    fn seen(&self, uid: &str) -> Option<Seen> {
        if let Some(facts) = self.set_of(uid) {
            return Some(Seen {
                wanted: facts.replicas,
                generation: facts.meta.generation,
                min_ready_seconds: facts.min_ready_seconds,
            });
        }
        self.store.list(Kind::Deployment).find_map(|object| match &object.view {
            View::Workload(facts) if facts.meta.uid == uid => {
                Some(Seen { wanted: facts.replicas, generation: facts.meta.generation, min_ready_seconds: 0 })
            }
            _ => None,
        })
    }

    /// The ReplicaSet with that uid.
    pub(super) fn set_of(&self, uid: &str) -> Option<&ReplicaSetFacts> {
        self.store.list(Kind::ReplicaSet).find_map(|object| match &object.view {
            View::ReplicaSet(facts) if facts.meta.uid == uid => Some(&**facts),
            _ => None,
        })
    }

    /// The controller writes a status.
    fn report(&mut self, uid: &str) {
        let Some((counts, generation)) = self.nodes.status(uid, self.now) else { return };
        let Some(facts) = self.set_of(uid) else { return };
        let reference = ObjectRef::new(Kind::ReplicaSet, &facts.meta.namespace, &facts.meta.name);
        let (hash, wanted) = (facts.hash.clone(), facts.replicas);
        let rollout = facts.meta.controller.as_ref().map(|owner| owner.name.clone()).unwrap_or_default();
        let rollout = format!("{}/{rollout}", facts.meta.namespace);
        let changed = self.store.update(&reference, self.now, |object| {
            if let View::ReplicaSet(facts) = &mut object.view {
                facts.current_replicas = counts.existing;
                facts.ready_replicas = counts.ready;
                facts.available_replicas = counts.available;
                facts.observed_generation = generation;
            }
        });
        if changed {
            self.trace.tell(self.begun, self.now, || Happened::Pods {
                rollout,
                hash,
                wanted,
                existing: counts.existing + counts.stopping,
                available: counts.available,
            });
        }
    }

    fn rollout_changed(&mut self, facts: &RolloutFacts) {
        self.judge.rollout_changed(facts, self.now);
        let status = &facts.status;
        let told = self.script.told(facts);
        if told {
            self.trace.tell(self.begun, self.now, || Happened::Status {
                rollout: format!("{}/{}", facts.meta.namespace, facts.meta.name),
                phase: status.phase.as_str().to_owned(),
                message: status.message.clone(),
                step: status.current_step_index,
                stable: status.stable_rs.clone(),
                current: status.current_pod_hash.clone(),
            });
        }
        let is_first = facts.meta.namespace == self.prepared.rollout.namespace
            && facts.meta.name == self.prepared.rollout.name;
        if is_first {
            self.trigger(facts);
        }
        self.check_traffic();
    }
}

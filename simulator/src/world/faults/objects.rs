//! What befalls objects: they are deleted, edited, put back, broken.

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::actor;
use crate::clock::after_ms;
use crate::fault::{Edit, FaultKind, Target, Version};
use crate::world::World;
use crate::world::happening::Happening;

/// How long it takes until somebody mends what a backup brought back.
const MENDED_AFTER_MS: u64 = 5_000;

impl World {
    /// The object that plays a role.
    pub(in crate::world) fn target(&self, target: Target) -> Option<ObjectRef> {
        crate::roles::find(&self.store, &self.prepared.rollout, target)
    }

    pub(super) fn delete(&mut self, target: Target, recreate: bool) {
        let Some(object) = self.target(target) else { return };
        let manifest = self.store.manifest(&object);
        if !self.store.remove(&object, self.now) {
            return;
        }
        self.judge.excuse_all(self.now);
        self.mark(FaultKind::F12);
        self.notice();
        if let Some(mut manifest) = manifest.filter(|_| recreate) {
            if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
                for key in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
                    metadata.remove(key);
                }
            }
            // What cannot be created again stays away.
            let _ = self.store.apply(&manifest, self.now);
        }
    }

    pub(super) fn edit(&mut self, edit: &Edit) {
        let rollout = self.prepared.rollout.clone();
        let before = self.store.version();
        match edit {
            Edit::ScaleReplicaSet { version, replicas } => {
                let target = match version {
                    Version::Stable => Target::StableReplicaSet,
                    Version::Canary => Target::CanaryReplicaSet,
                };
                let Some(object) = self.target(target) else { return };
                self.judge.excuse_all(self.now);
                self.store.merge(&object, &json!({ "spec": { "replicas": replicas } }), false, self.now);
            }
            Edit::ScaleRollout { replicas } => {
                self.store.merge(&rollout, &json!({ "spec": { "replicas": replicas } }), false, self.now);
            }
            Edit::ScaleDeployment { replicas } => {
                let object = crate::roles::keeper(&self.store, &rollout);
                if object.kind == Kind::Deployment {
                    self.judge.excuse_all(self.now);
                    self.store.merge(&object, &json!({ "spec": { "replicas": replicas } }), false, self.now);
                }
            }
            Edit::SetImage { image } => {
                actor::set_image(&mut self.store, &rollout, image, self.now);
                self.remember_template();
            }
            Edit::Touch { target } => {
                let Some(object) = self.target(*target) else { return };
                let label = json!({ "metadata": { "labels": { "touched": before.to_string() } } });
                self.store.merge(&object, &label, false, self.now);
            }
        }
        if self.store.version() != before {
            self.mark(FaultKind::F13);
        }
    }

    /// A `GitOps` tool puts everything back but what people change, and looks again.
    pub(in crate::world) fn revert(&mut self, fault: usize, period_ms: u64, until: Timestamp) {
        let before = self.store.version();
        let prepared = std::sync::Arc::clone(&self.prepared);
        let foreign = prepared.scenario.manifests.iter().filter(|manifest| {
            let kind = crate::store::kind_of(manifest);
            kind.is_some_and(|kind| !matches!(kind, Kind::Rollout | Kind::Deployment))
        });
        for manifest in foreign {
            // A manifest that was accepted once is accepted again.
            let _ = self.store.apply(manifest, self.now);
        }
        if self.store.version() != before {
            self.disturbed = self.now;
            self.judge.excuse_all(self.now);
            self.mark(FaultKind::F14);
        }
        let next = after_ms(self.now, period_ms.max(1));
        if next <= until {
            self.plan(next, Happening::Revert { fault, period_ms, until });
        }
    }

    /// A route counts as in force after the drain time: a proxy that takes longer breaks that promise, so none does.
    pub(super) fn slow_proxies(&mut self, only: Option<usize>, lag_ms: u64, for_ms: u64) {
        let drain_ms = u64::from(self.prepared.scenario.operators.route_drain_seconds.max(1)) * 1000;
        let lag_ms = lag_ms.min(drain_ms.saturating_sub(50));
        let until = after_ms(self.now, for_ms);
        for proxy in (0..self.plane.proxies()).filter(|proxy| only.is_none_or(|only| only == *proxy)) {
            self.slow_proxies.insert(proxy, (until, lag_ms));
        }
    }

    /// An older CRD drops what it does not know.
    pub(super) fn prune(&mut self) {
        let rollout = self.prepared.rollout.clone();
        let before = self.store.version();
        self.store.merge(&rollout, &json!({ "status": { "linnet": null } }), true, self.now);
        if self.store.version() != before {
            self.judge.forget_attempts();
            self.mark(FaultKind::F17);
        }
    }

    pub(super) fn break_pods(&mut self, version: Version, percent: u32, for_ms: u64) {
        let target = match version {
            Version::Stable => Target::StableReplicaSet,
            Version::Canary => Target::CanaryReplicaSet,
        };
        let uid = self.target(target).and_then(|object| Some(self.store.get(&object)?.meta.uid.clone()));
        let Some(uid) = uid else { return };
        let until = after_ms(self.now, for_ms);
        if self.with_pods(|nodes, moment| nodes.harm(&uid, percent, until, moment)) {
            self.mark(FaultKind::F18);
        }
    }

    /// An object can no longer be read; after a while it is as it was.
    pub(super) fn malform(&mut self, target: Target, for_ms: u64) {
        let Some(object) = self.target(target) else { return };
        let Some((path, nonsense)) = nonsense(object.kind) else { return };
        let Some(held) = self.store.manifest(&object).and_then(|it| it.pointer(&pointer(path)).cloned())
        else {
            return;
        };
        let before = self.store.version();
        self.store.set_permissive(true);
        self.store.merge(&object, &nested(path, nonsense), false, self.now);
        self.store.set_permissive(false);
        if self.store.version() != before {
            self.mark(FaultKind::F20);
            self.judge.made_unreadable(self.now);
            let at = after_ms(self.now, for_ms);
            let repair = nested(path, held);
            self.malformed.push((object.clone(), repair.clone()));
            self.plan(at, Happening::Restore(Box::new(object), Box::new(repair)));
        }
    }

    /// Whatever is unreadable in a backup is mended again after a while.
    pub(super) fn mend_what_came_back(&mut self) {
        for (object, repair) in self.malformed.clone() {
            let Some((path, nonsense)) = nonsense(object.kind) else { continue };
            let held = self.store.manifest(&object);
            if held.is_some_and(|held| held.pointer(&pointer(path)) == Some(&nonsense)) {
                let at = after_ms(self.now, MENDED_AFTER_MS);
                self.plan(at, Happening::Restore(Box::new(object), Box::new(repair)));
            }
        }
    }
}

/// Where an object of a kind can be made unreadable, and what the API server takes there although it is of no use: any
/// words under a definition without a schema, and in an Ingress a rule without paths.
fn nonsense(kind: Kind) -> Option<(&'static [&'static str], Value)> {
    let words = json!("not what belongs here");
    match kind {
        Kind::Rollout => Some((&["spec", "strategy"], words)),
        Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => Some((&["spec", "metrics"], words)),
        Kind::Ingress => Some((&["spec", "rules"], json!([{ "host": "nobody.example" }]))),
        Kind::VirtualService => Some((&["spec", "http"], words)),
        _ => None,
    }
}

fn pointer(path: &[&str]) -> String {
    path.iter().fold(String::new(), |pointer, key| pointer + "/" + key)
}

fn nested(path: &[&str], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, key| json!({ *key: inner }))
}

//! What faults do.

use crds::object_ref::{Kind, ObjectRef};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::World;
use super::happening::Happening;
use crate::actor;
use crate::clock::after_ms;
use crate::fault::{CrashMoment, Edit, FaultKind, Harm, Target, Version};
use crate::outcome::Happened;

/// How long a process that has a crowd to look after takes for each input.
const BUSY_MS: u64 = 2;

impl World {
    /// A fault strikes while a write is about to be carried out.
    pub(super) fn strike_at_write(&mut self, place: usize) {
        if let Some(Harm::Crash { moment, down_ms }) = self.faults.get(place).map(|fault| &fault.harm) {
            self.meeting.crash = Some((*moment, *down_ms));
            self.announce(place);
        } else {
            self.strike(place);
        }
    }

    /// A fault strikes.
    pub(super) fn strike(&mut self, place: usize) {
        let Some(harm) = self.faults.get(place).map(|fault| fault.harm.clone()) else { return };
        self.announce(place);
        self.disturb(harm.lasts_ms());
        match &harm {
            Harm::Crash { .. }
            | Harm::RestartStale { .. }
            | Harm::Standstill { .. }
            | Harm::Clock { .. }
            | Harm::TakeOver { .. }
            | Harm::Crowd { .. } => self.strike_process(&harm),
            Harm::RelistStale { .. }
            | Harm::MissEvents { .. }
            | Harm::SlowWatch { .. }
            | Harm::BreakWatch { .. }
            | Harm::KindMissing { .. } => self.strike_watches(&harm),
            Harm::Conflicts { .. }
            | Harm::Refuse { .. }
            | Harm::LoseRequests { .. }
            | Harm::LoseAnswers { .. }
            | Harm::StoreDown { .. }
            | Harm::Deny { .. } => self.strike_requests(&harm),
            Harm::StoreRestored { back } => self.restore_store(*back),
            Harm::Metrics { answer, count } => self.backend.replace(answer.clone(), *count),
            Harm::HangMetrics { delay_ms, count } => self.backend.hang(*delay_ms, *count),
            Harm::Delete { target, recreate } => self.delete(*target, *recreate),
            Harm::Edit { edit } => self.edit(edit),
            Harm::Revert { period_ms, for_ms } => {
                let until = after_ms(self.now, *for_ms);
                self.revert(place, *period_ms, until);
            }
            Harm::SlowProxy { proxy, lag_ms, for_ms } => self.slow_proxies(*proxy, *lag_ms, *for_ms),
            Harm::PruneStatus => self.prune(),
            Harm::BreakPods { version, percent, for_ms } => self.break_pods(*version, *percent, *for_ms),
            Harm::Malform { target, for_ms } => self.malform(*target, *for_ms),
        }
    }

    fn announce(&mut self, place: usize) {
        let Some(fault) = self.faults.get(place) else { return };
        let (kind, text) = (fault.harm.kind(), format!("{:?}", fault.harm));
        self.trace.tell(self.begun, self.now, || Happened::Fault { kind, text });
    }

    fn strike_process(&mut self, harm: &Harm) {
        let Some(leader) = self.leader() else { return };
        match harm {
            Harm::Crash { moment, down_ms } => {
                if *moment == CrashMoment::BeforeCommit {
                    self.drop_requests(leader);
                }
                self.mark(FaultKind::F1);
                self.crash(leader, *down_ms);
            }
            Harm::RestartStale { back, kind, down_ms } => {
                self.crash(leader, *down_ms);
                let version = self.store.version().saturating_sub(*back);
                if let Some(process) = self.processes.get_mut(leader) {
                    process.lists_from = Some((version, *kind));
                }
            }
            Harm::Standstill { for_ms } => self.stand_still(leader, *for_ms),
            Harm::Clock { jump_ms, rate_percent } => self.tamper(leader, *jump_ms, *rate_percent),
            Harm::TakeOver { down_ms } => {
                self.prune();
                self.mark(FaultKind::F22);
                self.crash(leader, *down_ms);
            }
            Harm::Crowd { rollouts } => self.crowd(leader, *rollouts),
            _ => {}
        }
    }

    /// Something goes wrong for so long.
    fn disturb(&mut self, for_ms: u64) {
        self.disturbed = self.now;
        self.judge.disturb(after_ms(self.now, for_ms));
    }

    /// A process dies and starts again; what it had sent is on its way all the same.
    pub(super) fn crash(&mut self, process: usize, down_ms: u64) {
        self.disturb(down_ms);
        let successor = super::engine(&super::settings(&self.prepared.scenario));
        if let Some(process) = self.processes.get_mut(process) {
            let held = process.election.held;
            process.die(successor);
            process.election.held = held;
        }
        let at = after_ms(self.now, down_ms);
        self.plan(at, Happening::Start(process));
    }

    /// Requests of a process that have not arrived never will.
    fn drop_requests(&mut self, process: usize) {
        let life = self.address(process).life;
        self.queue.put_off(0, |what| {
            if let Happening::Arrive(arrival) = what
                && arrival.from.process == process
                && arrival.from.life == life
            {
                // It is looked at when it would arrive, and its sender is dead by then.
                arrival.left = false;
            }
            false
        });
    }

    /// A process stands still. What it has decided but not yet sent leaves when it goes on.
    fn stand_still(&mut self, process: usize, for_ms: u64) {
        let until = after_ms(self.now, for_ms);
        if let Some(process) = self.processes.get_mut(process) {
            process.frozen_until = process.frozen_until.max(until);
        }
        let chance = &mut self.chance;
        self.queue.put_off(for_ms, |what| match what {
            Happening::Arrive(arrival) if arrival.from.process == process && chance.coin() => {
                arrival.left = false;
                true
            }
            _ => false,
        });
        self.mark(FaultKind::F9);
    }

    fn tamper(&mut self, process: usize, jump_ms: i64, rate_percent: u32) {
        let (now, address) = (self.now, self.address(process));
        let Some(process) = self.processes.get_mut(process) else { return };
        process.clock.tamper(now, jump_ms, rate_percent);
        process.tick_planned = None;
        // The operator looks at the clock every five seconds at least, so it notices a jump.
        let at = process.wake.map(|wake| process.clock.real(wake, now).min(after_ms(now, 5_000)));
        self.judge.clock_runs_at(rate_percent);
        self.mark(FaultKind::F10);
        if let Some(at) = at {
            self.plan(at, Happening::Tick(address));
        }
    }

    /// Many other Rollouts appear, and the process has to look after them all.
    fn crowd(&mut self, process: usize, rollouts: u32) {
        for number in 0..rollouts {
            let name = format!("crowd-{number}");
            let manifest = json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
                "metadata": { "name": name, "namespace": self.prepared.rollout.namespace },
                "spec": {
                    "replicas": 1, "selector": { "matchLabels": { "app": name } },
                    "template": { "metadata": { "labels": { "app": name } },
                        "spec": { "containers": [{ "name": "one", "image": "crowd:1" }] } },
                    "strategy": { "canary": {} },
                },
            });
            // A name that is taken already changes nothing.
            let _ = self.store.apply(&manifest, self.now);
        }
        if let Some(process) = self.processes.get_mut(process) {
            process.busy = Some((after_ms(self.now, 60_000), BUSY_MS));
        }
        self.mark(FaultKind::F19);
    }

    fn strike_watches(&mut self, harm: &Harm) {
        match harm {
            Harm::RelistStale { back, kind } => {
                let version = self.store.version().saturating_sub(*back);
                let at = self.chance.after(self.now, self.prepared.scenario.timings.request_ms);
                self.each_watch(*kind, |watching| watching.cursor.relist(at, Some(version)));
            }
            Harm::MissEvents { kind, for_ms } => {
                let until = after_ms(self.now, *for_ms);
                self.hold_watches(*kind, until);
            }
            Harm::SlowWatch { kind, lag_ms, for_ms } => {
                let slow = (after_ms(self.now, *for_ms), *lag_ms);
                self.each_watch(*kind, |watching| watching.slow = Some(slow));
            }
            Harm::BreakWatch { kind, how } => self.break_watches(*kind, *how),
            Harm::KindMissing { kind, for_ms } => {
                let until = after_ms(self.now, *for_ms);
                self.meeting.missing.push((*kind, until));
                self.judge.excuse_all(self.now);
                self.mark(FaultKind::F17);
                self.miss_kind(*kind, until);
            }
            _ => {}
        }
    }

    fn strike_requests(&mut self, harm: &Harm) {
        match harm {
            Harm::Conflicts { count } => self.meeting.conflicts += count,
            Harm::Refuse { status, retry_after_seconds, count } => {
                self.meeting.refuse = Some((*status, *retry_after_seconds, *count));
            }
            Harm::LoseRequests { count } => self.meeting.lose_requests += count,
            Harm::LoseAnswers { count } => self.meeting.lose_answers += count,
            Harm::StoreDown { for_ms } => self.meeting.down_until = Some(after_ms(self.now, *for_ms)),
            Harm::Deny { kind, status, for_ms } => {
                self.meeting.deny.push((*kind, *status, after_ms(self.now, *for_ms)));
            }
            _ => {}
        }
    }

    /// The store goes back; everybody who looks at it directly sees what was then.
    fn restore_store(&mut self, back: u64) {
        let version = self.store.version().saturating_sub(back);
        if version == self.store.version() {
            return;
        }
        self.store.restore(version);
        self.noticed = self.store.version();
        self.judge.restored(self.now);
        self.learn_everything();
        self.notice_pods();
        for process in 0..self.processes.len() {
            let kinds: Vec<Kind> = self
                .processes
                .get(process)
                .map(|process| process.watches.keys().copied().collect())
                .unwrap_or_default();
            for kind in kinds {
                self.expect(process, kind);
            }
        }
        self.mark(FaultKind::F8);
    }

    /// The object that plays a role.
    pub(super) fn target(&self, target: Target) -> Option<ObjectRef> {
        crate::roles::find(&self.store, &self.prepared.rollout, target)
    }

    fn delete(&mut self, target: Target, recreate: bool) {
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

    fn edit(&mut self, edit: &Edit) {
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

    /// A `GitOps` tool puts everything but the Rollouts back, and looks again.
    pub(super) fn revert(&mut self, fault: usize, period_ms: u64, until: Timestamp) {
        let before = self.store.version();
        let prepared = std::sync::Arc::clone(&self.prepared);
        let foreign = prepared
            .scenario
            .manifests
            .iter()
            .filter(|manifest| crate::store::kind_of(manifest).is_some_and(|kind| kind != Kind::Rollout));
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
    fn slow_proxies(&mut self, only: Option<usize>, lag_ms: u64, for_ms: u64) {
        let drain_ms = u64::from(self.prepared.scenario.operators.route_drain_seconds.max(1)) * 1000;
        let lag_ms = lag_ms.min(drain_ms.saturating_sub(50));
        let until = after_ms(self.now, for_ms);
        for proxy in (0..self.plane.proxies()).filter(|proxy| only.is_none_or(|only| only == *proxy)) {
            self.slow_proxies.insert(proxy, (until, lag_ms));
        }
    }

    /// An older CRD drops what it does not know.
    fn prune(&mut self) {
        let rollout = self.prepared.rollout.clone();
        let before = self.store.version();
        self.store.merge(&rollout, &json!({ "status": { "linnet": null } }), true, self.now);
        if self.store.version() != before {
            self.judge.forget_attempts();
            self.mark(FaultKind::F17);
        }
    }

    fn break_pods(&mut self, version: Version, percent: u32, for_ms: u64) {
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
    fn malform(&mut self, target: Target, for_ms: u64) {
        let Some(object) = self.target(target) else { return };
        let Some(path) = malformed_path(object.kind) else { return };
        let Some(held) = self.store.manifest(&object).and_then(|it| it.pointer(&pointer(path)).cloned())
        else {
            return;
        };
        let before = self.store.version();
        self.store.set_permissive(true);
        self.store.merge(&object, &nested(path, json!("not what belongs here")), false, self.now);
        self.store.set_permissive(false);
        if self.store.version() != before {
            self.mark(FaultKind::F20);
            let at = self.now.saturating_add(SignedDuration::from_millis(i64::try_from(for_ms).unwrap_or(0)));
            let repair = Box::new(nested(path, held));
            self.plan(at.unwrap_or(self.now), Happening::Restore(Box::new(object), repair));
        }
    }
}

/// Where an object of a kind can be made unreadable although the API server takes it.
const fn malformed_path(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Rollout => Some(&["spec", "strategy", "canary", "steps"]),
        Kind::AnalysisTemplate | Kind::ClusterAnalysisTemplate => Some(&["spec", "metrics"]),
        Kind::Ingress => Some(&["spec", "rules"]),
        Kind::VirtualService => Some(&["spec", "http"]),
        _ => None,
    }
}

fn pointer(path: &[&str]) -> String {
    path.iter().fold(String::new(), |pointer, key| pointer + "/" + key)
}

fn nested(path: &[&str], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, key| json!({ *key: inner }))
}

//! What befalls processes: crashes, standstills, clocks, crowds.

use engine::object::View;
use serde_json::json;

use crate::clock::after_ms;
use crate::fault::{CrashMoment, FaultKind, Harm};
use crate::world::World;
use crate::world::happening::Happening;

/// How long a process that has a crowd to look after takes for each input.
const BUSY_MS: u64 = 2;

impl World {
    pub(super) fn strike_process(&mut self, harm: &Harm) {
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
                self.hash_steps_in_another_way();
                self.mark(FaultKind::F22);
                self.crash(leader, *down_ms);
            }
            Harm::Crowd { rollouts } => self.crowd(leader, *rollouts),
            _ => {}
        }
    }

    /// Another implementation has other hashes for the same steps.
    fn hash_steps_in_another_way(&mut self) {
        let rollout = self.prepared.rollout.clone();
        let has_steps = self.store.get(&rollout).is_some_and(|object| match &object.view {
            View::Rollout(facts) => !facts.status.current_step_hash.is_empty(),
            _ => false,
        });
        if has_steps {
            let status = json!({ "status": { "currentStepHash": "6f8c9dd5b7" } });
            self.store.merge(&rollout, &status, true, self.now);
        }
    }

    /// A process dies and starts again; what it had sent is on its way all the same.
    pub(in crate::world) fn crash(&mut self, process: usize, down_ms: u64) {
        self.disturb(down_ms);
        let successor = crate::world::engine(&crate::world::settings(&self.prepared.scenario));
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
        self.judge.stands_still(self.now, until);
        self.mark(FaultKind::F9);
    }

    fn tamper(&mut self, process: usize, jump_ms: i64, rate_percent: u32) {
        let (now, address) = (self.now, self.address(process));
        let Some(process) = self.processes.get_mut(process) else { return };
        process.clock.tamper(now, jump_ms, rate_percent);
        process.tick_planned = None;
        let at = process.wake.map(|wake| process.clock.real(wake, now));
        self.judge.clock_runs_at(rate_percent);
        self.hurry_proxies(rate_percent);
        self.mark(FaultKind::F10);
        if let Some(at) = at {
            self.plan(at, Happening::Tick(address));
        }
    }

    /// The drain time is a promise about proxies in real time; a fast clock waits for less of it, so they keep to that.
    /// A tenth is what the operator's clock may gain by itself.
    fn hurry_proxies(&mut self, rate_percent: u32) {
        let drain_ms = u64::from(self.prepared.scenario.operators.route_drain_seconds.max(1)) * 1000;
        let longest = (drain_ms * 1000 / (u64::from(rate_percent.max(100)) * 11)).saturating_sub(50);
        self.longest_proxy = Some(self.longest_proxy.map_or(longest, |before| before.min(longest)));
        if rate_percent > 100 {
            // What is on its way already may take longer.
            self.judge.hurry(self.now);
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
}

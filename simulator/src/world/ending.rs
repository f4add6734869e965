//! The end of a story: everybody is at rest, stays so when asked again, and everything wanted has come about.

use crds::object_ref::{Kind, ObjectRef};
use engine::object::View;

use super::happening::Happening;
use super::{Stage, World};
use crate::clock::{after_ms, ms_between};
use crate::fault::Harm;
use crate::outcome::{Outcome, Rule};

/// How many violations end a run.
const ENOUGH: usize = 5;
/// How many events a run may have at most; a run that needs more is one that never comes to rest.
const MOST_EVENTS: u64 = 400_000;

impl World {
    /// Whether the run goes on for longer than anything may take.
    pub(super) fn is_endless(&mut self) -> bool {
        // By a slow clock everything takes longer.
        let slowest = self.processes.iter().map(|process| process.clock.percent()).fold(100, u32::min);
        let settle = self.prepared.scenario.end.settle_ms * 100 / u64::from(slowest);
        let late = self.live > 0 && ms_between(self.disturbed, self.now) > settle;
        if !late && self.events < MOST_EVENTS {
            return self.judge.violations().len() >= ENOUGH;
        }
        let message = self.unrest();
        self.complain(Rule::L1, message);
        true
    }

    /// What the run came to.
    #[must_use]
    pub fn into_outcome(mut self) -> Outcome {
        let end = self.end_state();
        Outcome {
            violations: self.judge.take_violations(),
            trace_hash: self.trace.all.get(),
            decision_hash: self.trace.decisions.get(),
            events: self.events,
            commits: self.commits,
            writes: self.writes,
            effective_faults: self.effective,
            end,
            ended_ms: ms_between(self.begun, self.now),
            timeline: self.trace.timeline.unwrap_or_default(),
        }
    }

    /// Nothing is planned any more but what goes on for ever. Says whether the run goes on.
    pub(super) fn rest(&mut self) -> bool {
        if self.processes.len() > 1 && !self.processes.iter().any(|it| it.running && it.election.told) {
            // Somebody will lead when the Lease has run out.
            return true;
        }
        match self.stage {
            Stage::Story => {
                self.stage = Stage::Trial { commits: self.commits };
                self.try_quiet();
                true
            }
            Stage::Trial { commits } => {
                if self.commits > commits {
                    let last: Vec<String> =
                        self.writes.iter().rev().take(3).map(|write| write.object.to_string()).collect();
                    let message = format!(
                        "{} writes after everything was at rest, the last ones of {}",
                        self.commits - commits,
                        last.join(", ")
                    );
                    self.complain(Rule::S10, message);
                }
                self.judge_end();
                self.over()
            }
            Stage::Over => false,
        }
    }

    /// Everybody lists everything anew and looks at the clock: nothing may follow.
    fn try_quiet(&mut self) {
        self.now = after_ms(self.now, self.prepared.scenario.end.quiet_ms);
        self.disturbed = self.now;
        self.relist_everything();
        for process in 0..self.processes.len() {
            let (now, address) = (self.now, self.address(process));
            if let Some(process) = self.processes.get_mut(process) {
                process.wake = Some(process.clock.read(now));
            }
            self.plan(now, Happening::Tick(address));
        }
    }

    fn judge_end(&mut self) {
        let at_ms = crate::clock::ms_between(self.begun, self.now);
        self.judge.at_rest(&self.store, &self.plane, at_ms);
        let stuck: Vec<String> = self.stuck();
        for message in stuck {
            self.complain(Rule::L3, message);
        }
        let left = self.script.left();
        let harmless = self.faults.iter().all(|fault| fault.harm.leaves_the_end_alone());
        let unharmed = self.faults.iter().all(|fault| !matches!(fault.harm, Harm::Malform { .. }));
        if left > 0 && harmless && unharmed {
            self.complain(Rule::L1, format!("{left} acts never got their moment: {}", self.unrest()));
        }
    }

    /// Rollouts that wait although nobody was told that a person is needed.
    pub(crate) fn stuck(&self) -> Vec<String> {
        let rollouts = self.store.list(Kind::Rollout).filter_map(|object| match &object.view {
            View::Rollout(facts) => Some(facts),
            _ => None,
        });
        rollouts
            .filter(|facts| {
                let phase = facts.status.phase.as_str();
                !matches!(phase, "Healthy" | "Degraded" | "Paused")
            })
            .map(|facts| {
                let name = &facts.meta.name;
                let rollout = ObjectRef::new(Kind::Rollout, &facts.meta.namespace, name);
                let (phase, message) = (facts.status.phase.as_str(), &facts.status.message);
                format!("{rollout} is at rest but {phase} ({message}): {:?}", self.waiting(&rollout))
            })
            .collect()
    }

    /// Why it does not come to rest, in words.
    pub(super) fn unrest(&self) -> String {
        let end = self.end_state();
        let rollouts: Vec<String> = end
            .rollouts
            .iter()
            .map(|(name, it)| format!("{name}: {} at step {:?} ({})", it.phase, it.step, it.message))
            .collect();
        let planned: Vec<String> = self
            .queue
            .iter()
            .filter(|what| !what.is_idle())
            .take(3)
            .map(|what| format!("{what:?}"))
            .collect();
        let planned: Vec<String> = planned.into_iter().map(|text| text.chars().take(160).collect()).collect();
        let waiting = self.waiting(&self.prepared.rollout);
        format!(
            "after {} events and {} writes: {}; waiting: {waiting:?}; planned: {}",
            self.events,
            self.commits,
            rollouts.join("; "),
            planned.join(" | ")
        )
    }
}

#[cfg(test)]
impl World {
    /// Whether it is being tried if everybody stays quiet.
    pub(crate) fn is_on_trial(&self) -> bool {
        matches!(self.stage, Stage::Trial { .. })
    }

    /// The first process dies and stays dead for a long time.
    pub(crate) fn kill(&mut self) {
        self.crash(0, 60_000);
    }

    /// The first process stands still, and nobody knows that something is wrong.
    pub(crate) fn stand_still_for(&mut self, milliseconds: u64) {
        let until = after_ms(self.now, milliseconds);
        if let Some(process) = self.processes.first_mut() {
            process.frozen_until = until;
        }
        // Somebody has to look, or nothing happens that could be checked.
        let stable = crate::fault::Target::StableReplicaSet;
        if let Some(uid) = self.target(stable).and_then(|set| Some(self.store.get(&set)?.meta.uid.clone())) {
            let late = after_ms(self.now, milliseconds / 2);
            self.plan(late, Happening::Pod(crate::controllers::PodEvent::Aged(uid)));
        }
    }

    /// The store is restored, and nothing was written since the backup.
    pub(crate) fn restore(&mut self) {
        self.judge.restored(self.now);
        self.learn_everything();
    }

    /// Nothing happens for a while.
    pub(crate) fn let_pass(&mut self, milliseconds: u64) {
        self.now = after_ms(self.now, milliseconds);
    }

    /// Somebody changes the spec of the first Rollout.
    pub(crate) fn forge_spec(&mut self, spec: &serde_json::Value) {
        let rollout = self.prepared.rollout.clone();
        self.store.merge(&rollout, &serde_json::json!({ "spec": spec }), false, self.now);
    }

    /// Somebody changes an object that is not the operator's.
    pub(crate) fn give(&mut self, object: &crds::object_ref::ObjectRef, patch: &serde_json::Value) {
        self.store.merge(object, patch, false, self.now);
        self.notice();
    }

    /// Somebody writes nonsense into the status of the first Rollout.
    pub(crate) fn forge_status(&mut self, status: &serde_json::Value) {
        let rollout = self.prepared.rollout.clone();
        self.store.merge(&rollout, &serde_json::json!({ "status": status }), true, self.now);
    }
}

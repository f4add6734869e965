//! Who acts when: the moments of acts and faults.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::ObjectRef;
use engine::object::View;
use planner::facts::RolloutFacts;
use serde_json::Value;

use super::World;
use super::happening::Happening;
use crate::actor;
use crate::clock::after_ms;
use crate::outcome::Happened;
use crate::scenario::When;

/// After how long somebody tries again what cannot be done to a Rollout that cannot be read.
const TRIED_AGAIN_AFTER_MS: u64 = 1_000;

/// Phase, message, step, stable and wanted version of a Rollout.
type Told = (String, String, Option<i32>, String, String);

/// What of the acts and faults is still to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// The next act; its moment is waited for.
    next: usize,
    acts: usize,
    /// Whether it has its moment already.
    planned: bool,
    /// Faults that wait for a trigger.
    waiting: BTreeSet<usize>,
    told: BTreeMap<String, Told>,
    /// Pod templates, the one before the current one last but one.
    templates: Vec<Value>,
}

impl Script {
    /// So many acts and faults.
    pub(super) fn new(acts: usize, faults: usize) -> Self {
        Self { acts, waiting: (0..faults).collect(), ..Self::default() }
    }

    /// So many faults wait for a trigger from now on.
    pub(super) fn wait_for(&mut self, faults: usize) {
        self.waiting = (0..faults).collect();
    }

    /// How many acts never got their moment.
    pub(super) const fn left(&self) -> usize {
        self.acts.saturating_sub(self.next)
    }

    /// How many acts are over.
    pub(super) const fn over(&self) -> usize {
        self.next
    }

    /// Whether people would see a difference.
    pub(super) fn told(&mut self, facts: &RolloutFacts) -> bool {
        let status = &facts.status;
        let told = (
            status.phase.as_str().to_owned(),
            status.message.clone(),
            status.current_step_index,
            status.stable_rs.clone(),
            status.current_pod_hash.clone(),
        );
        let name = format!("{}/{}", facts.meta.namespace, facts.meta.name);
        self.told.insert(name, told.clone()) != Some(told)
    }
}

impl World {
    /// At the beginning: what has a time gets it.
    pub(super) fn arm(&mut self) {
        for place in 0..self.faults.len() {
            if let Some(When::At(at)) = self.faults.get(place).map(|fault| &fault.when) {
                let at = after_ms(self.begun, *at);
                self.script.waiting.remove(&place);
                self.plan(at, Happening::Strike(place));
            }
        }
        self.remember_template();
        self.arm_act();
        if let Some(facts) = self.first_rollout() {
            self.trigger(&facts);
        }
    }

    fn first_rollout(&self) -> Option<RolloutFacts> {
        match &self.store.get(&self.prepared.rollout)?.view {
            View::Rollout(facts) => Some((**facts).clone()),
            _ => None,
        }
    }

    fn arm_act(&mut self) {
        if let Some(When::At(at)) = self.prepared.scenario.acts.get(self.script.next).map(|act| &act.when) {
            let (at, next) = (after_ms(self.begun, *at), self.script.next);
            self.script.planned = true;
            self.plan(at, Happening::Act(next));
        }
    }

    /// The first Rollout has changed: what waits for that gets its moment. One that has gone meets nothing any more.
    pub(super) fn trigger(&mut self, facts: &RolloutFacts) {
        let there = self.store.get(&self.prepared.rollout);
        if there.is_none_or(|object| object.meta.uid != facts.meta.uid) {
            return;
        }
        let act = self.prepared.scenario.acts.get(self.script.next).filter(|_| !self.script.planned);
        let is_seen = self.is_seen(facts);
        if let Some(plus_ms) = act.and_then(|act| is_met(&act.when, facts).filter(|_| is_seen)) {
            let (at, next) = (after_ms(self.now, plus_ms), self.script.next);
            self.script.planned = true;
            self.plan(at, Happening::Act(next));
        }
        let due: Vec<(usize, u64)> = self
            .script
            .waiting
            .iter()
            .filter(|_| is_seen)
            .filter_map(|place| Some((*place, is_met(&self.faults.get(*place)?.when, facts)?)))
            .collect();
        for (place, plus_ms) in due {
            self.script.waiting.remove(&place);
            let at = after_ms(self.now, plus_ms);
            self.plan(at, Happening::Strike(place));
        }
    }

    /// Whether the status of a Rollout is about the workload that it refers to as it is.
    fn is_seen(&self, facts: &RolloutFacts) -> bool {
        let keeper = crate::roles::keeper(&self.store, &self.prepared.rollout);
        if keeper == self.prepared.rollout {
            return true;
        }
        let generation = self.store.get(&keeper).map(|object| object.meta.generation.to_string());
        generation.is_none_or(|generation| generation == facts.status.workload_observed_generation)
    }

    /// The n-th write reaches the server: what waits for that happens before it is carried out.
    pub(super) fn trigger_write(&mut self, number: u64) {
        let is_it = |when: &When| matches!(when, When::Write(wanted) if *wanted == number);
        let acts = &self.prepared.scenario.acts;
        if !self.script.planned && acts.get(self.script.next).is_some_and(|act| is_it(&act.when)) {
            self.script.planned = true;
            let next = self.script.next;
            self.act(next);
            self.notice();
        }
        let due: Vec<usize> = self
            .script
            .waiting
            .iter()
            .copied()
            .filter(|place| self.faults.get(*place).is_some_and(|fault| is_it(&fault.when)))
            .collect();
        for place in due {
            self.script.waiting.remove(&place);
            self.strike_at_write(place);
            self.notice();
        }
    }

    /// A person acts, or tries again later.
    pub(super) fn act(&mut self, place: usize) {
        let Some(act) = self.prepared.scenario.acts.get(place).cloned() else { return };
        let is_unreadable = self.first_rollout().is_some_and(|facts| facts.spec.is_err());
        if is_unreadable && act.deed.needs_a_spec() {
            self.plan(after_ms(self.now, TRIED_AGAIN_AFTER_MS), Happening::Act(place));
            return;
        }
        let rollout = self.prepared.rollout.clone();
        self.disturbed = self.now;
        let former = self.script.templates.iter().rev().nth(1).cloned();
        self.judge.act(&act.deed, &self.store, (&rollout, self.now));
        actor::act(&mut self.store, &act.deed, &rollout, former.as_ref(), self.now);
        self.remember_template();
        let text = format!("{:?}", act.deed);
        self.trace.tell(self.begun, self.now, || Happened::Act { text });
        self.script.next = place + 1;
        self.script.planned = false;
        self.arm_act();
        self.notice();
        if let Some(facts) = self.first_rollout() {
            self.trigger(&facts);
        }
    }

    /// Remembers the pod template, so that a person can go back to it.
    pub(super) fn remember_template(&mut self) {
        let keeper: ObjectRef = crate::roles::keeper(&self.store, &self.prepared.rollout);
        let template = self.store.manifest(&keeper).and_then(|it| it.pointer("/spec/template").cloned());
        if let Some(template) = template.filter(|template| self.script.templates.last() != Some(template)) {
            self.script.templates.push(template);
        }
    }
}

/// How much later something is due whose trigger a Rollout meets; `None` if it does not. The status of one that cannot be
/// read is about what was wanted before.
fn is_met(when: &When, facts: &RolloutFacts) -> Option<u64> {
    let status = &facts.status;
    let is_current = facts.spec.is_ok() && status.observed() == Some(facts.meta.generation);
    match when {
        When::Step { index, plus_ms } => {
            let under_way = status.current_pod_hash != status.stable_rs;
            (is_current && under_way && status.current_step_index == Some(*index)).then_some(*plus_ms)
        }
        When::Phase { phase, plus_ms } => (is_current && status.phase.as_str() == phase).then_some(*plus_ms),
        When::At(_) | When::Write(_) => None,
    }
}

//! What must hold, checked after every event, on purpose without the planner's own helpers.
//!
//! Rules about requests and pods are checked where requests really go ([`traffic`]); rules about what is written, when
//! it is written ([`steps`], [`ownership`], [`truth`], [`verdicts`]); rules about the end, at rest ([`ending`]).

mod aborts;
mod asked;
mod carried;
mod ending;
mod excuses;
mod intent;
mod ownership;
mod pods;
pub(crate) mod restarts;
mod sender;
mod steps;
mod traffic;
mod truth;
mod verdicts;
mod wanted;
mod window;
mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::Request;
use engine::object::{Object, View};
use engine::scrutiny::Knowledge;
use engine::settings::Settings;
use jiff::Timestamp;
use planner::facts::{AnalysisRunFacts, RolloutFacts};

pub(crate) use self::ending::differences;

use self::intent::Intents;
use self::steps::Steps;
use self::traffic::Traffic;
use self::truth::Truth;
use self::verdicts::Verdicts;
use crate::clock::after_ms;
use crate::controllers::Nodes;
use crate::data_plane::{DataPlane, News};
use crate::outcome::{Rule, Violation};
use crate::store::{Change, Store, Verb};

/// The time, as it is and as a process sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// The virtual time.
    pub(crate) real: Timestamp,
    /// What the clock of the process shows.
    pub(crate) local: Timestamp,
}

/// A write of an operator that reaches the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    /// The request.
    pub(crate) request: &'a Request,
    /// When it was decided.
    pub(crate) at: Timestamp,
    /// What it was decided on; nothing if nobody knows.
    pub(crate) known: Option<&'a Knowledge>,
}

/// A write of an operator that was carried out.
#[derive(Debug)]
pub(crate) struct Commit<'a> {
    /// The request.
    pub(crate) request: &'a Request,
    /// The object before it.
    pub(crate) before: Option<&'a Object>,
    /// When, for messages.
    pub(crate) at_ms: u64,
    /// When.
    pub(crate) now: Timestamp,
    /// Since when the sender leads, if its clock can be trusted.
    pub(crate) leads_since: Option<Timestamp>,
}

/// Checks everything.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    violations: Vec<Violation>,
    truth: Truth,
    traffic: Traffic,
    steps: Steps,
    verdicts: Verdicts,
    intents: Intents,
    /// The route and Service objects as they are, without any delay.
    instant: DataPlane,
    order: u64,
    /// What the write that is being carried out lacks to be justified.
    unjustified: Option<String>,
    /// What that write would undo.
    overwritten: Option<String>,
    /// When the write that is being carried out was decided.
    sent_at: Timestamp,
    /// Whether somebody has taken our own block out of a status.
    pruned: bool,
    /// When the store last went back in time.
    restored_at: Option<Timestamp>,
    /// Whether the write at hand was sent before the store last went back in time.
    is_restored: bool,
    /// Until when something goes wrong, if anything does.
    disturbed: Option<Timestamp>,
    /// When somebody else last took something away.
    excused: Option<Timestamp>,
    /// Since when the stable version of an aborted update has all its pods, by uid of the Rollout.
    complete: BTreeMap<String, Timestamp>,
}

/// How long the answer to a live read may be on its way, and what it shows so old, when the write that rests on it leaves.
const READ_MS: u64 = 100;
/// How long a request may be on its way while the world changes.
const ON_THE_WAY: Duration = Duration::from_secs(1);

impl Judge {
    /// One that has seen nothing yet.
    pub(crate) fn new(settings: &Settings, now: Timestamp) -> Self {
        Self {
            violations: Vec::new(),
            truth: Truth::new(settings),
            traffic: Traffic::default(),
            steps: Steps::default(),
            verdicts: Verdicts::default(),
            intents: Intents::default(),
            instant: DataPlane::new(1),
            order: 0,
            unjustified: None,
            overwritten: None,
            sent_at: now,
            pruned: false,
            restored_at: None,
            is_restored: false,
            disturbed: None,
            complete: BTreeMap::new(),
            excused: None,
        }
    }

    /// What was broken so far.
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What was broken, taken away.
    pub(crate) fn take_violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// A rule was broken. The same complaint is noted once.
    pub(crate) fn complain(&mut self, at_ms: u64, rule: Rule, message: String) {
        if !self.violations.iter().any(|known| known.rule == rule && known.message == message) {
            self.violations.push(Violation { at_ms, rule, message });
        }
    }

    fn complain_all(&mut self, at_ms: u64, rule: Rule, messages: Vec<String>) {
        for message in messages {
            self.complain(at_ms, rule, message);
        }
    }

    /// Everything of a kind, as it is: at the beginning, and after a restore.
    pub(crate) fn list(&mut self, kind: Kind, objects: &[Arc<Object>], now: Timestamp) {
        self.truth.list(kind, objects, now);
        for object in objects {
            let reference = ObjectRef::new(kind, &object.meta.namespace, &object.meta.name);
            self.route_changed(&reference, Some(Arc::clone(object)), Timestamp::MIN);
            match &object.view {
                View::Rollout(facts) => self.traffic.wanted.changed(facts, now),
                View::AnalysisRun(facts) => self.verdicts.known(facts),
                _ => {}
            }
        }
    }

    /// Something was written, by whomever.
    pub(crate) fn see(&mut self, change: &Change, now: Timestamp) {
        let object = (change.verb != Verb::Deleted).then(|| Arc::clone(&change.object));
        self.route_changed(&change.reference, object, now);
        self.truth.see(change);
    }

    fn route_changed(&mut self, reference: &ObjectRef, object: Option<Arc<Object>>, now: Timestamp) {
        if matches!(reference.kind, Kind::Service | Kind::Ingress | Kind::VirtualService) {
            self.order += 1;
            let (order, reference) = (self.order, Arc::new(reference.clone()));
            self.instant.apply(0, &News { reference, object, order, written_at: now });
        }
    }

    /// A write of an operator is about to be carried out.
    pub(crate) fn before(&mut self, sent: &Sent<'_>, store: &Store, clocks: Clocks) {
        self.sent_at = sent.at;
        // In a store that went back in time versions come again.
        self.is_restored = self.restored_at.is_some_and(|restored| sent.at <= restored);
        self.overwritten = sender::overwritten(sent.request, sent.at, store).filter(|_| !self.is_restored);
        self.unjustified = self.truth.objection(sent, store, clocks);
    }

    /// A write of an operator was carried out; nobody else has noticed it yet.
    pub(crate) fn committed(
        &mut self,
        commit: &Commit<'_>,
        store: &Store,
        (plane, nodes): (&DataPlane, &Nodes),
    ) {
        let at_ms = commit.at_ms;
        for why in [self.unjustified.take(), self.overwritten.take()].into_iter().flatten() {
            self.complain(at_ms, Rule::S9, why);
        }
        if !self.is_excused(commit.now) {
            self.complain_all(at_ms, Rule::S8, ownership::trespasses(commit, store));
        }
        self.complain_all(at_ms, Rule::S13, restarts::ended_early(commit, store));
        if !self.is_excused(commit.now) {
            self.complain_all(at_ms, Rule::S6, ownership::dangling(commit, store));
        }
        // Whoever sent it could not know that what let the pods go would be taken back before it arrives.
        let shortages = self.traffic.shortages(commit, store, plane);
        self.complain_all(at_ms, Rule::S2, if self.is_restored { Vec::new() } else { shortages });
        // That a return goes all the way at once, our own block says.
        let delayed = window::delayed(commit, store).filter(|_| !self.pruned);
        self.complain_all(at_ms, Rule::S4, delayed.into_iter().collect());
        for (rule, message) in self.raised(commit, store, nodes) {
            self.complain(at_ms, rule, message);
        }
        for (rule, message) in self.steps.committed(commit, store) {
            self.complain(at_ms, rule, message);
        }
    }

    /// What is wrong with a route write that gives a new version more requests, if anything is.
    fn raised(&mut self, commit: &Commit<'_>, store: &Store, nodes: &Nodes) -> Vec<(Rule, String)> {
        let object = &commit.request.object;
        if !matches!(object.kind, Kind::Service | Kind::Ingress | Kind::VirtualService) {
            return Vec::new();
        }
        let updating: Vec<&RolloutFacts> =
            rollouts(store).filter(|facts| facts.status.stable_rs != facts.status.current_pod_hash).collect();
        let weights = |plane: &DataPlane| -> Vec<u32> {
            let of = |facts: &&RolloutFacts| {
                plane.effective_weights(facts).get(&facts.status.current_pod_hash).copied().unwrap_or(0)
            };
            updating.iter().map(of).collect()
        };
        let before = weights(&self.instant);
        self.route_changed(object, store.get(object).cloned(), commit.now);
        let after = weights(&self.instant);
        for facts in rollouts(store) {
            let weights = self.instant.effective_weights(facts);
            let pods = pods::earned(store, facts, nodes, commit.now);
            self.traffic.asked.written(&facts.meta.uid, &weights, &pods, commit.now);
        }
        let raised =
            updating.iter().zip(before.iter().zip(&after)).filter(|(_, (before, after))| after > before);
        raised
            .flat_map(|(facts, (before, after))| self.objections(commit, store, facts, (*before, *after)))
            .collect()
    }

    /// Why the new version of a Rollout must not get more requests by this write.
    fn objections(
        &self,
        commit: &Commit<'_>,
        store: &Store,
        facts: &RolloutFacts,
        (before, after): (u32, u32),
    ) -> Vec<(Rule, String)> {
        let (object, mut found) = (&commit.request.object, Vec::new());
        let aborted_at = self.steps.aborted_at(&facts.meta.uid);
        let is_aborted = aborted_at.is_some_and(|at| after_ms(at, READ_MS) < self.sent_at);
        if is_aborted && facts.status.abort {
            let message = format!("{object}: an aborted version gets {after} % instead of {before} %");
            found.push((Rule::S3, message));
        }
        // What was measured in a term may have been lost with what was written since a backup: it was measured all the
        // same.
        let is_whole = |since: &Timestamp| self.restored_at.is_none_or(|at| at < *since);
        let since = commit.leads_since.filter(|since| object.kind != Kind::Service && is_whole(since));
        if let Some(run) = since.and_then(|since| sender::unmeasured(facts, since, store)) {
            let message = format!(
                "{object}: the new version gets {after} % instead of {before} % although {run} has not measured since a takeover"
            );
            found.push((Rule::S11, message));
        }
        found
    }

    /// A Rollout has changed.
    pub(crate) fn rollout_changed(&mut self, facts: &RolloutFacts, now: Timestamp) {
        self.traffic.wanted.changed(facts, now);
        self.steps.changed(facts, now);
        self.intents.changed(facts);
    }

    /// The largest number of pods for which something may be on its way.
    pub(crate) fn most_wanted(&self, rollout: &RolloutFacts, now: Timestamp) -> i32 {
        self.traffic.wanted.most(&rollout.meta.uid, now)
    }

    /// An AnalysisRun has changed.
    pub(crate) fn run_changed(&mut self, facts: &AnalysisRunFacts, verb: Verb, at_ms: u64) {
        let messages = self.verdicts.changed(facts, verb);
        self.complain_all(at_ms, Rule::S11, messages);
    }

    /// A metric backend answered, with a value or with something else.
    pub(crate) fn answered(&mut self, is_value: bool) {
        self.verdicts.answered(is_value);
    }

    /// Something about pods or proxies has changed.
    pub(crate) fn traffic(
        &mut self,
        store: &Store,
        plane: &DataPlane,
        nodes: &Nodes,
        (now, at_ms): (Timestamp, u64),
    ) {
        let messages = self.traffic.check(store, plane, nodes, now);
        self.complain_all(at_ms, Rule::S1, messages);
        let messages = self.late_aborts(store, nodes, now);
        self.complain_all(at_ms, Rule::L2, messages);
    }

    /// Everything is at rest.
    pub(crate) fn at_rest(&mut self, store: &Store, plane: &DataPlane, at_ms: u64) {
        self.complain_all(at_ms, Rule::S7, ending::leaks(store));
        self.complain_all(at_ms, Rule::S7, carried::wrongly(store));
        self.complain_all(at_ms, Rule::L1, restarts::unfinished(store));
        self.complain_all(at_ms, Rule::S7, workload::left(store));
        self.complain_all(at_ms, Rule::L2, ending::unfinished_aborts(store, plane));
        let messages = self.intents.unmet(store);
        self.complain_all(at_ms, Rule::S13, messages);
    }
}

/// The Rollouts of a store.
fn rollouts(store: &Store) -> impl Iterator<Item = &RolloutFacts> {
    store.list(Kind::Rollout).filter_map(|object| match &object.view {
        View::Rollout(facts) => Some(&**facts),
        _ => None,
    })
}

#[cfg(test)]
mod tests;

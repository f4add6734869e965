//! What the engine can tell about itself: why something waits, and how much there is of everything.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::rollout::Snapshot;
use planner::waiting::Waiting;

use crate::engine::Engine;
use crate::naming;
use crate::store::{CORE, NAMED, key};

/// How much there is of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Whether the stores of all kinds without which nothing is decided are complete.
    pub synced: bool,
    /// Whether this process acts.
    pub leading: bool,
    /// Rollouts by phase; an empty phase is one that was never written.
    pub rollouts: BTreeMap<&'static str, usize>,
    /// AnalysisRuns by phase.
    pub analysis_runs: BTreeMap<&'static str, usize>,
    /// Objects held, by kind.
    pub objects: BTreeMap<&'static str, usize>,
    /// Objects that are ready to be looked at.
    pub queued: usize,
    /// Requests to the API server that are on their way.
    pub requests: usize,
    /// Questions to metric backends that are on their way.
    pub questions: usize,
    /// Own writes that the stores have not shown.
    pub unseen_writes: usize,
}

/// One Rollout, as the metrics endpoint shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutSummary<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `canary`, `blueGreen` or `none`.
    pub strategy: &'static str,
    /// The names of its traffic routers, such as `Nginx`; empty without one.
    pub traffic_routers: Vec<&'static str>,
    /// Its phase; empty if it was never written.
    pub phase: &'static str,
    /// Pods wanted.
    pub desired: i32,
    /// Pods available.
    pub available: i32,
    /// Pods of the new version.
    pub updated: i32,
}

impl Engine {
    /// Why a Rollout or an AnalysisRun does not go on, most important reason first; as of its last plan.
    #[must_use]
    pub fn waiting(&self, object: &ObjectRef) -> Vec<Waiting> {
        let rollout = self.rollouts.get(object).map(|work| &work.waiting);
        rollout.or_else(|| self.runs.get(object).map(|work| &work.waiting)).cloned().unwrap_or_default()
    }

    /// What the next decision about a Rollout would look at; `None` if no such Rollout is held.
    pub fn snapshot(&mut self, rollout: &ObjectRef, now: Timestamp) -> Option<Snapshot> {
        self.stores.rollouts.get(&key(rollout))?;
        self.rollouts.entry(rollout.clone()).or_default();
        self.gather_rollout(rollout, now).map(|gathered| gathered.snapshot)
    }

    /// The objects that a Rollout names: Services, routes and what they are made from, templates.
    pub fn named(&self, rollout: &ObjectRef) -> impl Iterator<Item = &ObjectRef> {
        self.stores.references.by(rollout)
    }

    /// How much there is of everything.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let rollouts = self.stores.rollouts.values().map(|held| held.facts.status.phase.as_str());
        let runs = self.stores.analysis_runs.values().map(|run| run.status.phase.as_str());
        Stats {
            synced: self.is_synced(),
            leading: self.tenure.is_some(),
            rollouts: tally(rollouts),
            analysis_runs: tally(runs),
            objects: self.sizes(),
            queued: self.queue.len(),
            requests: self.flights.len(),
            questions: self.questions.len(),
            unseen_writes: self.ledger.len(),
        }
    }

    /// How many objects are held, by the name of their kind.
    fn sizes(&self) -> BTreeMap<&'static str, usize> {
        let mut sizes = BTreeMap::new();
        for kind in CORE.into_iter().chain(NAMED).chain([Kind::Pod]) {
            *sizes.entry(kind.name()).or_insert(0) += self.stores.size(kind);
        }
        sizes
    }

    /// All Rollouts, for the metrics endpoint.
    pub fn rollout_summaries(&self) -> impl Iterator<Item = RolloutSummary<'_>> {
        self.stores.rollouts.values().map(|held| {
            let facts = &held.facts;
            let spec = facts.readable_spec();
            RolloutSummary {
                namespace: &facts.meta.namespace,
                name: &facts.meta.name,
                strategy: match spec.map(|spec| &spec.strategy) {
                    Some(strategy) if strategy.canary.is_some() => "canary",
                    Some(strategy) if strategy.blue_green.is_some() => "blueGreen",
                    _ => "none",
                },
                traffic_routers: naming::routing(facts).routers.iter().map(|router| router.name()).collect(),
                phase: facts.status.phase.as_str(),
                desired: spec.and_then(|spec| spec.replicas).unwrap_or(1),
                available: facts.status.available_replicas,
                updated: facts.status.updated_replicas,
            }
        })
    }

    /// All AnalysisRuns: namespace, name and phase, for the metrics endpoint.
    pub fn analysis_run_summaries(&self) -> impl Iterator<Item = (ObjectRef, &'static str)> {
        self.stores.analysis_runs.values().map(|run| {
            let reference = ObjectRef::new(Kind::AnalysisRun, &run.meta.namespace, &run.meta.name);
            (reference, run.status.phase.as_str())
        })
    }
}

fn tally(phases: impl Iterator<Item = &'static str>) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for phase in phases {
        *counts.entry(phase).or_insert(0) += 1;
    }
    counts
}

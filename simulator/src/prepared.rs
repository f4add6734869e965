//! A scenario made ready: its manifests are read once, and what comes before the story is played once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;

use crate::clock::START;
use crate::controllers::Nodes;
use crate::data_plane::DataPlane;
use crate::fault::Fault;
use crate::oracle::differences;
use crate::outcome::{EndState, Outcome, Rule, Violation};
use crate::scenario::{Scenario, Start};
use crate::store::Store;
use crate::world::World;

/// A scenario that cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PrepareError {
    /// The API server would refuse a manifest.
    #[error("manifest {index} ({name}) is refused: {message}")]
    Refused {
        /// Its place, from 0.
        index: usize,
        /// Kind and name as it gives them.
        name: String,
        /// Why.
        message: String,
    },
    /// There is no Rollout to play.
    #[error("there is no Rollout among the manifests: add one")]
    NoRollout,
    /// What comes before the story does not end well.
    #[error("the story is to begin with Healthy Rollouts, but {rollout} is {phase}: {message}")]
    NotHealthy {
        /// The Rollout.
        rollout: String,
        /// Its phase.
        phase: String,
        /// The message of the phase.
        message: String,
    },
}

/// A scenario made ready. Playing a seed costs no parsing.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) scenario: Scenario,
    /// The first Rollout, which verbs and roles are about.
    pub(crate) rollout: ObjectRef,
    /// Whether pods are objects, because somebody restarts them.
    pub(crate) shows_pods: bool,
    pub(crate) base: Base,
}

/// The cluster as the story finds it.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) store: Store,
    pub(crate) nodes: Nodes,
    pub(crate) plane: DataPlane,
    /// How many changes its proxies have learned of: a later one counts higher.
    pub(crate) order: u64,
    pub(crate) now: Timestamp,
    /// The image of each ReplicaSet's first container, by uid.
    pub(crate) images: BTreeMap<String, String>,
}

impl Prepared {
    /// Makes a scenario ready.
    ///
    /// # Errors
    /// If a manifest would be refused, there is no Rollout, or the Rollouts do not become Healthy before the story.
    pub fn new(scenario: &Scenario) -> Result<Arc<Self>, PrepareError> {
        let mut store = Store::new();
        let mut rollout = None;
        for (index, manifest) in scenario.manifests.iter().enumerate() {
            let object = store.apply(manifest, START).map_err(|answer| PrepareError::Refused {
                index,
                name: name_of(manifest),
                message: crate::world::words(&answer),
            })?;
            if object.kind == Kind::Rollout {
                rollout.get_or_insert(object);
            }
        }
        let rollout = rollout.ok_or(PrepareError::NoRollout)?;
        let plane = DataPlane::new(scenario.timings.proxies);
        let base =
            Base { store, nodes: Nodes::default(), plane, order: 0, now: START, images: BTreeMap::new() };
        let applied = Self { scenario: scenario.clone(), rollout, shows_pods: scenario.restarts(), base };
        match scenario.start {
            Start::Applied => Ok(Arc::new(applied)),
            Start::Healthy => applied.healthy(),
        }
    }

    /// Plays what comes before the story.
    fn healthy(self) -> Result<Arc<Self>, PrepareError> {
        let scenario = Scenario {
            acts: Vec::new(),
            faults: Vec::new(),
            pods: Vec::new(),
            metrics: Vec::new(),
            ..self.scenario.clone()
        };
        let (rollout, shows_pods) = (self.rollout.clone(), self.shows_pods);
        let before = Arc::new(Self { scenario, rollout, shows_pods, base: self.base });
        let mut world = World::with(&before, 0, &[]);
        while world.step() {}
        let end = world.end_state();
        if let Some((name, bad)) = end.rollouts.iter().find(|(_, rollout)| rollout.phase != "Healthy") {
            let (phase, message) = (bad.phase.clone(), bad.message.clone());
            return Err(PrepareError::NotHealthy { rollout: name.clone(), phase, message });
        }
        Ok(Arc::new(Self {
            scenario: self.scenario,
            rollout: self.rollout,
            shows_pods: self.shows_pods,
            base: world.into_base(),
        }))
    }

    /// The scenario.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Plays it with another seed and other faults than the scenario names.
    #[must_use]
    pub fn play(self: &Arc<Self>, seed: u64, faults: &[Fault]) -> Outcome {
        let mut world = World::with(self, seed, faults);
        while world.step() {}
        world.into_outcome()
    }

    /// Plays it, and compares the end with that of a run without faults, where such faults must not leave a trace.
    #[must_use]
    pub fn play_against(self: &Arc<Self>, reference: &EndState, seed: u64, faults: &[Fault]) -> Outcome {
        against(reference, faults, self.play(seed, faults))
    }
}

/// Compares the end of a run with that of one without faults, where such faults must not leave a trace.
pub(crate) fn against(reference: &EndState, faults: &[Fault], mut outcome: Outcome) -> Outcome {
    let alone = faults.iter().all(|fault| fault.harm.leaves_the_end_alone());
    if alone && outcome.violations.is_empty() {
        let messages = differences(reference, &outcome.end);
        let at_ms = outcome.ended_ms;
        outcome.violations =
            messages.into_iter().map(|message| Violation { at_ms, rule: Rule::End, message }).collect();
    }
    outcome
}

fn name_of(manifest: &serde_json::Value) -> String {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or("?");
    format!("{} {}", text("/kind"), text("/metadata/name"))
}

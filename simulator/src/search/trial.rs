//! One story with its faults, played and judged.

use std::sync::Arc;

use planted_bugs::without;

use super::shape::Shape;
use crate::fault::Fault;
use crate::outcome::{EndState, Outcome, Rule, Violation, Write};
use crate::prepared::{PrepareError, Prepared, against};
use crate::scenario::Scenario;
use crate::world::World;

/// How many writes beyond four times those of the calm story are a storm.
const STORM: u64 = 400;

/// A story that is ready to be played, and how it ends without faults.
#[derive(Debug)]
pub struct Ready {
    prepared: Arc<Prepared>,
    /// How the cluster looks at its end.
    pub end: EndState,
    /// The writes of the operators that reached the server.
    pub writes: Vec<Write>,
    /// How long it takes, in virtual milliseconds.
    pub ended_ms: u64,
    /// What is wrong with it even without faults.
    pub violations: Vec<Violation>,
}

impl Ready {
    /// Makes a scenario ready, and plays it without faults and without a planted bug.
    ///
    /// # Errors
    /// If it cannot be played.
    pub fn new(scenario: &Scenario) -> Result<Self, PrepareError> {
        without(|| {
            let prepared = Prepared::new(scenario)?;
            let outcome = prepared.play(scenario.seed, &[]);
            Ok(Self {
                prepared,
                end: outcome.end,
                writes: outcome.writes,
                ended_ms: outcome.ended_ms,
                violations: outcome.violations,
            })
        })
    }

    /// Plays it with another seed and with faults. Its end has to be that without faults, unless one of the faults may
    /// change it, and it must not take many more writes.
    #[must_use]
    pub fn play(&self, seed: u64, faults: &[Fault]) -> Outcome {
        self.judge(faults, self.prepared.play(seed, faults))
    }

    /// Judges a run with faults by its end and the number of its writes.
    fn judge(&self, faults: &[Fault], outcome: Outcome) -> Outcome {
        let mut outcome = against(&self.end, faults, outcome);
        let calm = u64::try_from(self.writes.len()).unwrap_or(u64::MAX);
        if outcome.violations.is_empty() && outcome.commits > calm.saturating_mul(4).saturating_add(STORM) {
            let message = format!("{} writes instead of {calm}", outcome.commits);
            outcome.violations.push(Violation { at_ms: outcome.ended_ms, rule: Rule::S10, message });
        }
        outcome
    }

    /// The same, with a timeline for people.
    #[must_use]
    pub fn play_recorded(&self, seed: u64, faults: &[Fault]) -> Outcome {
        let mut world = World::with(&self.prepared, seed, faults).recording();
        while world.step() {}
        let timeline = world.into_outcome().timeline;
        Outcome { timeline, ..self.play(seed, faults) }
    }

    /// The story at its beginning, to be played without faults for now.
    pub(super) fn begin(&self, seed: u64) -> World {
        World::with(&self.prepared, seed, &[])
    }

    /// Plays a story to its end that was begun before and meets faults from now on.
    pub(super) fn play_on(&self, mut world: World, faults: &[Fault]) -> Outcome {
        world.will_meet(faults);
        while world.step() {}
        self.judge(faults, world.into_outcome())
    }

    /// The story without its faults.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        self.prepared.scenario()
    }
}

/// A story with a seed and faults.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its strategy and router.
    pub shape: &'static Shape,
    /// The story.
    pub ready: Arc<Ready>,
    /// All chance comes from here.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Trial {
    /// Plays it and judges it.
    #[must_use]
    pub fn run(&self) -> Outcome {
        self.ready.play(self.seed, &self.faults)
    }

    /// All of it as one scenario.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        let story = self.ready.scenario().clone();
        let name = format!("{} seed {}", story.name, self.seed);
        Scenario { name, seed: self.seed, faults: self.faults.clone(), ..story }
    }
}

/// Plays a scenario that stands alone.
///
/// # Errors
/// If it cannot be played.
pub fn alone(scenario: &Scenario) -> Result<Outcome, PrepareError> {
    Ok(Ready::new(scenario)?.play(scenario.seed, &scenario.faults))
}

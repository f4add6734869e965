//! The cluster in memory: what happens next, who learns of it, and what follows.

mod autoscaler;
mod changes;
mod effects;
mod ending;
mod faults;
mod happening;
mod meet;
mod pods;
mod requests;
mod script;
mod state;
mod watching;

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::object_ref::ObjectRef;
use engine::input::Input;
use engine::settings::Settings;
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use self::requests::{scaled_to, words};

use self::happening::Happening;
use self::meet::Meeting;
use self::script::Script;
use crate::backend::Backend;
use crate::clock::{Chance, Queue, after_ms, ms_between};
use crate::controllers::Nodes;
use crate::data_plane::DataPlane;
use crate::fault::{Fault, FaultKind};
use crate::oracle::Judge;
use crate::outcome::{Outcome, Violation, Write};
use crate::prepared::{Base, PrepareError, Prepared};
use crate::process::{Address, Lease, Process};
use crate::scenario::Scenario;
use crate::store::Store;
use crate::trace::Trace;

/// A cluster in memory.
#[derive(Clone, Debug)]
pub struct World {
    prepared: Arc<Prepared>,
    faults: Vec<Fault>,
    queue: Queue<Happening>,
    /// How many of the planned things are not idle.
    live: usize,
    begun: Timestamp,
    now: Timestamp,
    chance: Chance,
    store: Store,
    /// Up to which version everybody was told of changes.
    noticed: u64,
    order: u64,
    processes: Vec<Process>,
    lease: Lease,
    nodes: Nodes,
    images: BTreeMap<String, String>,
    plane: DataPlane,
    /// Each proxy takes so long until then, because of a fault.
    slow_proxies: BTreeMap<usize, (Timestamp, u64)>,
    /// How long proxies may take at most, if an operator's clock runs fast.
    longest_proxy: Option<u64>,
    backend: Backend,
    script: Script,
    meeting: Meeting,
    marked: Vec<FaultKind>,
    judge: Judge,
    trace: Trace,
    stage: Stage,
    /// When a person or a fault last changed anything.
    disturbed: Timestamp,
    events: u64,
    commits: u64,
    writes: Vec<Write>,
    effective: std::collections::BTreeSet<FaultKind>,
    /// What was made unreadable, and the patch that mends it.
    malformed: Vec<(ObjectRef, Value)>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The story.
    Story,
    /// At rest: it is tried whether everybody stays quiet.
    Trial {
        /// How many writes there were before.
        commits: u64,
    },
    /// Over.
    Over,
}

impl World {
    /// A cluster as a scenario finds it.
    ///
    /// # Errors
    /// If the scenario cannot be played.
    pub fn new(scenario: &Scenario) -> Result<Self, PrepareError> {
        let prepared = Prepared::new(scenario)?;
        Ok(Self::with(&prepared, scenario.seed, &scenario.faults))
    }

    /// The same, prepared before, with a seed and faults of its own.
    #[must_use]
    pub fn with(prepared: &Arc<Prepared>, seed: u64, faults: &[Fault]) -> Self {
        let base = prepared.base.clone();
        let scenario = &prepared.scenario;
        let settings = settings(scenario);
        let process = || Process::new(engine(&settings));
        let mut world = Self {
            faults: faults.to_vec(),
            queue: Queue::default(),
            live: 0,
            begun: base.now,
            now: base.now,
            chance: Chance::new(seed),
            noticed: base.store.version(),
            order: base.order,
            store: base.store,
            processes: (0..scenario.operators.count.max(1)).map(|_| process()).collect(),
            lease: Lease::default(),
            nodes: base.nodes,
            images: base.images,
            plane: base.plane,
            slow_proxies: BTreeMap::new(),
            longest_proxy: None,
            backend: Backend::default(),
            script: Script::new(scenario.acts.len(), faults.len()),
            meeting: Meeting::default(),
            marked: Vec::new(),
            malformed: Vec::new(),
            judge: Judge::new(&settings, base.now),
            trace: Trace::default(),
            stage: Stage::Story,
            disturbed: base.now,
            events: 0,
            commits: 0,
            writes: Vec::new(),
            effective: std::collections::BTreeSet::new(),
            prepared: Arc::clone(prepared),
        };
        world.begin();
        world
    }

    /// From now on these faults strike, each at a write.
    pub(crate) fn will_meet(&mut self, faults: &[Fault]) {
        self.faults = faults.to_vec();
        self.script.wait_for(faults.len());
    }

    /// Plays until the write of that number is what happens next, or to the end.
    pub(crate) fn play_until_write(&mut self, number: usize) {
        let is_write = |what: &Happening| matches!(what, Happening::Arrive(it) if it.request.call.is_write());
        while !(self.writes.len() == number && self.queue.peek().is_some_and(is_write)) && self.step() {}
    }

    /// From now on a timeline is kept.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.trace.timeline.get_or_insert_default();
        self
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// When the story began.
    #[must_use]
    pub const fn begun(&self) -> Timestamp {
        self.begun
    }

    /// The API server's store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The proxies.
    #[must_use]
    pub const fn data_plane(&self) -> &DataPlane {
        &self.plane
    }

    /// The first Rollout of the scenario.
    #[must_use]
    pub fn rollout(&self) -> &ObjectRef {
        &self.prepared.rollout
    }

    /// What was broken so far.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.judge.violations()
    }

    /// Why a Rollout does not go on, as the leading process sees it, most important reason first.
    #[must_use]
    pub fn waiting(&self, rollout: &ObjectRef) -> Vec<planner::waiting::Waiting> {
        self.leader()
            .and_then(|leader| self.processes.get(leader))
            .map_or_else(Vec::new, |process| process.engine.waiting(rollout))
    }

    /// Plays one event. `false`: the story is over.
    pub fn step(&mut self) -> bool {
        if self.stage == Stage::Over {
            return false;
        }
        if self.live == 0 && !self.rest() {
            return false;
        }
        let Some((at, what)) = self.queue.pop() else { return self.over() };
        self.live -= usize::from(!what.is_idle());
        self.now = self.now.max(at);
        if self.is_endless() {
            return self.over();
        }
        let Some(what) = self.put_off_for_frozen(what) else { return true };
        self.events += 1;
        self.trace.all.number(what.mark());
        self.trace.all.number(u64::try_from(self.now.as_microsecond()).unwrap_or(0));
        self.play(what);
        self.notice();
        self.stage != Stage::Over
    }

    fn begin(&mut self) {
        self.learn_everything();
        self.notice_pods();
        let held = self.processes.len() > 1;
        for process in 0..self.processes.len() {
            if let Some(process) = self.processes.get_mut(process) {
                process.election.held = held;
            }
            let at = self.now;
            self.plan(at, Happening::Start(process));
        }
        self.arm();
        self.arm_autoscaler();
    }

    /// Plans something.
    fn plan(&mut self, at: Timestamp, what: Happening) {
        self.live += usize::from(!what.is_idle());
        self.queue.push(at.max(self.now), what);
    }

    /// What is meant for a process that stands still or is busy comes when it has time.
    fn put_off_for_frozen(&mut self, what: Happening) -> Option<Happening> {
        let Some(address) = what.address() else { return Some(what) };
        let process = self.processes.get_mut(address.process)?;
        if process.life != address.life || !process.running {
            return None;
        }
        if process.frozen_until > self.now {
            let until = process.frozen_until;
            self.plan(until, what);
            return None;
        }
        if let Some((until, each_ms)) = process.busy {
            if until <= self.now {
                process.busy = None;
            } else if !matches!(what, Happening::Tick(_)) {
                process.frozen_until = after_ms(self.now, each_ms);
            }
        }
        Some(what)
    }

    fn play(&mut self, what: Happening) {
        match what {
            Happening::Start(process) => self.start(process),
            Happening::Arrive(arrival) => self.arrive(&arrival),
            Happening::Answer { to, id, answer } => {
                self.feed(to, Input::Answer { id, answer: *answer });
            }
            Happening::Deliver { to, kind } => self.deliver(to, kind),
            Happening::Collapse { to, kind } => self.collapse(to, kind),
            Happening::Served(kind) => self.served_again(kind),
            Happening::Tick(to) => self.tick(to),
            Happening::Measured { to, id, outcome } => {
                self.feed(to, Input::Measured { id, outcome: *outcome });
            }
            Happening::Lease(to) => self.look_at_lease(to),
            Happening::Pod(event) => self.pod(&event),
            Happening::Collect => {
                self.store.collect_garbage(self.now);
            }
            Happening::Apply(learned) => self.apply(&learned),
            Happening::Act(place) => self.act(place),
            Happening::Autoscale => self.autoscale(),
            Happening::Strike(place) => self.strike(place),
            Happening::Restore(object, patch) => {
                self.disturbed = self.now;
                self.judge.mended(&object, self.now);
                self.store.merge(&object, &patch, false, self.now);
            }
            Happening::Leave(object) => self.leave(&object),
            Happening::Revert { fault, period_ms, until } => self.revert(fault, period_ms, until),
        }
    }

    /// The process that leads, or the first one that runs.
    fn leader(&self) -> Option<usize> {
        let leads = |process: &Process| process.running && process.election.told;
        let first = self.processes.iter().position(leads);
        first.or_else(|| self.processes.iter().position(|process| process.running))
    }

    fn address(&self, process: usize) -> Address {
        let life = self.processes.get(process).map_or(0, |process| process.life);
        Address { process, life }
    }

    fn complain(&mut self, rule: crate::outcome::Rule, message: String) {
        self.judge.complain(ms_between(self.begun, self.now), rule, message);
    }

    fn over(&mut self) -> bool {
        self.stage = Stage::Over;
        false
    }

    pub(crate) fn into_base(self) -> Base {
        Base {
            store: self.store,
            nodes: self.nodes,
            plane: self.plane,
            order: self.order,
            now: self.now,
            images: self.images,
        }
    }
}

/// Plays a scenario to its end.
///
/// # Errors
/// If the scenario cannot be played.
pub fn play(scenario: &Scenario) -> Result<Outcome, PrepareError> {
    let mut world = World::new(scenario)?;
    while world.step() {}
    Ok(world.into_outcome())
}

fn settings(scenario: &Scenario) -> Settings {
    let operators = &scenario.operators;
    Settings {
        route_drain_seconds: operators.route_drain_seconds,
        prometheus_address: operators.prometheus_address.clone(),
        ..Settings::default()
    }
}

fn engine(settings: &Settings) -> engine::Engine {
    let mut engine = engine::Engine::new(settings.clone());
    engine.scrutinize();
    engine
}

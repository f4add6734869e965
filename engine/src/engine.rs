//! The loop: what happened goes in, what is to be carried out comes out.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::event::Event;
use planner::rollout::Tenure;
use planted_bugs::{Bug, planted};

use crate::analysis_runs::{Questions, RunWork};
use crate::class::Nature;
use crate::effect::{Call, Count, Effect, Level, Note, Request, RequestId, Urgency};
use crate::events::Publisher;
use crate::flights::{Flight, Flights, Operation, Purpose};
use crate::input::{Input, Leadership};
use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::rollouts::RolloutWork;
use crate::scrutiny::Scrutiny;
use crate::services::ServiceWork;
use crate::settings::Settings;
use crate::store::{CORE, NAMED, Stores, key};

/// How many objects are planned for in one call, so that a verdict never waits behind thousands of others.
const TURNS: usize = 64;

/// Everything between a decision and the API server.
///
/// Deterministic: equal inputs at equal times give equal effects.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) settings: Settings,
    pub(crate) stores: Stores,
    pub(crate) ledger: Ledger,
    pub(crate) queue: Queue,
    pub(crate) flights: Flights,
    pub(crate) rollouts: BTreeMap<ObjectRef, RolloutWork>,
    pub(crate) runs: BTreeMap<ObjectRef, RunWork>,
    pub(crate) services: BTreeMap<ObjectRef, ServiceWork>,
    /// The kinds that are not served.
    pub(crate) missing: BTreeSet<Kind>,
    pub(crate) questions: Questions,
    /// Bad verdicts on their way, and the Rollouts that wait for them.
    pub(crate) verdicts: BTreeMap<RequestId, ObjectRef>,
    /// Since when this process leads, if it does.
    pub(crate) tenure: Option<Tenure>,
    /// When the last thing happened.
    pub(crate) now: Timestamp,
    /// How many terms have begun and lists were completed: what was read live before says nothing about the stores since.
    pub(crate) beginnings: u64,
    pub(crate) scrutiny: Option<Scrutiny>,
    publisher: Publisher,
    watched: BTreeSet<Kind>,
    was_synced: bool,
    pub(crate) wake_asked: Option<Timestamp>,
    out: Vec<Effect>,
    late: Vec<Effect>,
}

impl Engine {
    /// An engine that knows nothing yet and follows. Its first call of [`Self::handle`] asks for the watches.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            publisher: Publisher::new(&settings),
            settings,
            stores: Stores::default(),
            ledger: Ledger::default(),
            queue: Queue::default(),
            flights: Flights::default(),
            rollouts: BTreeMap::new(),
            runs: BTreeMap::new(),
            services: BTreeMap::new(),
            missing: BTreeSet::new(),
            questions: Questions::default(),
            verdicts: BTreeMap::new(),
            tenure: None,
            now: Timestamp::MIN,
            beginnings: 0,
            scrutiny: None,
            watched: BTreeSet::new(),
            was_synced: false,
            wake_asked: None,
            out: Vec::new(),
            late: Vec::new(),
        }
    }

    /// The watches that are needed before anything can be decided. The first [`Self::handle`] asks for them, too.
    pub fn start(&mut self) -> Vec<Effect> {
        self.open_watches(CORE);
        std::mem::take(&mut self.out)
    }

    /// Takes in what happened at `now`; returns what is to be carried out.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        self.notice_absence(now);
        self.now = now;
        self.open_watches(CORE);
        match input {
            Input::Watch { kind, event } => self.watch_delivered(kind, event, now),
            Input::KindMissing(kind) => self.kind_missing(kind, now),
            Input::Answer { id, answer } => self.answered(id, &answer, now),
            Input::Measured { id, outcome } => self.measured(id, outcome, now),
            Input::Tick => self.wake_asked = None,
            Input::Leadership(leadership) => self.leadership_changed(&leadership, now),
        }
        self.first_sync(now);
        self.run(now);
        self.ask_to_be_woken(now);
        let mut effects = std::mem::take(&mut self.out);
        effects.append(&mut self.late);
        effects
    }

    /// Whether the stores of all kinds without which nothing is decided are complete.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        CORE.iter().all(|kind| self.stores.is_complete(*kind))
    }

    /// Whether decisions may be made: this process leads and has seen everything.
    pub(crate) fn may_act(&self) -> bool {
        self.tenure.is_some() && self.was_synced
    }

    fn first_sync(&mut self, now: Timestamp) {
        if !self.was_synced && self.is_synced() {
            self.was_synced = true;
            self.touch_all(now);
        }
    }

    fn leadership_changed(&mut self, leadership: &Leadership, now: Timestamp) {
        match leadership {
            Leadership::Leading if self.tenure.is_none() => {
                self.tenure = Some(Tenure::begun(now));
                self.begin_anew();
                self.note(Level::Info, None, "leading: this process acts from now on".to_owned());
                self.touch_all(now);
            }
            Leadership::Following { .. } if planted(Bug::LostLeaseIgnored) => {}
            Leadership::Following { reason } if self.tenure.is_some() => {
                self.tenure = None;
                self.note(Level::Info, None, format!("following, nothing is written: {reason}"));
                self.queue.clear();
                self.forget_decisions();
            }
            Leadership::Leading | Leadership::Following { .. } => {}
        }
    }

    /// A term has begun or a list was completed: the stores may be long behind what was read live before.
    pub(crate) fn begin_anew(&mut self) {
        self.beginnings += 1;
        for work in self.rollouts.values_mut() {
            work.live.forget();
        }
    }

    /// What was read or measured for a decision does not serve the decisions of a later term.
    fn forget_decisions(&mut self) {
        for work in self.rollouts.values_mut() {
            work.live.forget();
        }
        for work in self.runs.values_mut() {
            work.forget_answers();
        }
        self.questions.clear();
        self.services.clear();
    }

    fn run(&mut self, now: Timestamp) {
        if !self.may_act() {
            return;
        }
        self.wake_the_patient(now);
        self.queue.ring(now);
        self.settle_doubts(now);
        for _ in 0..TURNS {
            let Some(key) = self.queue.pop() else { break };
            match key.kind {
                Kind::Rollout => self.plan_rollout(&key, now),
                Kind::AnalysisRun => self.plan_run(&key, now),
                Kind::Service => self.plan_service(&key, now),
                _ => {}
            }
        }
    }

    /// Whoever waited for a store to show an own write goes on.
    fn wake_the_patient(&mut self, now: Timestamp) {
        for object in self.ledger.take_ended() {
            let concerned = self.stores.concerned(&object);
            let is_planned = |key: &ObjectRef| matches!(key.kind, Kind::Rollout | Kind::AnalysisRun);
            if object.kind == Kind::Service {
                self.touch_service(object.clone(), now);
            }
            let planned = [object].into_iter().filter(is_planned);
            for key in concerned.into_iter().chain(planned) {
                self.touch(key, now);
            }
        }
    }

    fn settle_doubts(&mut self, now: Timestamp) {
        for object in self.ledger.take_due(now) {
            let owner = self.ledger.owner(&object).cloned().unwrap_or_else(|| object.clone());
            self.send(&owner, Request { object, call: Call::Get }, Purpose::Settle);
        }
    }

    fn ask_to_be_woken(&mut self, now: Timestamp) {
        if !self.may_act() {
            return;
        }
        let Some(at) = self.queue.next(now).into_iter().chain(self.ledger.next()).min() else { return };
        let at = at.max(now);
        if self.wake_asked.is_none_or(|asked| at < asked) {
            self.wake_asked = Some(at);
            self.out.push(Effect::Wake { at });
        }
    }

    pub(crate) fn open_watches(&mut self, kinds: impl IntoIterator<Item = Kind>) {
        for kind in kinds {
            if self.watched.insert(kind) {
                self.out.push(Effect::Watch(kind));
            }
        }
    }

    /// Opens the watches of the kinds of routes and workloads that Rollouts name, once all Rollouts are known: so the
    /// first list of them already finds which of their texts are wanted.
    pub(crate) fn open_named_watches(&mut self) {
        if self.stores.is_complete(Kind::Rollout) {
            let named: Vec<Kind> =
                NAMED.into_iter().filter(|kind| self.stores.references.names_kind(*kind)).collect();
            self.open_watches(named);
        }
    }

    /// Something about `key` has changed.
    pub(crate) fn touch(&mut self, key: ObjectRef, now: Timestamp) {
        if self.tenure.is_some() {
            self.queue.push(key, now);
        }
    }

    /// Something about `key` has changed that goes before everything else.
    pub(crate) fn touch_urgent(&mut self, key: ObjectRef, now: Timestamp) {
        if self.tenure.is_some() {
            self.queue.push_urgent(key, now);
        }
    }

    pub(crate) fn touch_all(&mut self, now: Timestamp) {
        for kind in [Kind::AnalysisRun, Kind::Rollout] {
            for (namespace, name) in self.stores.names(kind) {
                self.touch(ObjectRef::new(kind, namespace, name), now);
            }
        }
        for (namespace, name) in self.stores.names(Kind::Service) {
            self.touch_service(ObjectRef::new(Kind::Service, namespace, name), now);
        }
    }

    /// Sends a request on behalf of `key`.
    pub(crate) fn send(&mut self, key: &ObjectRef, request: Request, purpose: Purpose) -> RequestId {
        let before = self.stores.stamp(&request.object);
        let flight = Flight {
            key: key.clone(),
            object: request.object.clone(),
            nature: Nature::of(&request.call),
            purpose,
            before,
            sent_at: self.now,
            is_outlived: false,
        };
        let takes_back = self.operation(key).is_some_and(|operation| operation.takes_back);
        let urgency = flight.purpose.urgency(takes_back);
        let id = self.flights.start(flight);
        // News go out after everything else.
        let effects = if urgency == Urgency::News { &mut self.late } else { &mut self.out };
        effects.push(Effect::Request { id, request, urgency });
        id
    }

    /// Sends a request that `key` waits for.
    pub(crate) fn send_and_wait(&mut self, key: &ObjectRef, request: Request, purpose: Purpose) -> RequestId {
        let id = self.send(key, request, purpose);
        if let Some(operation) = self.operation(key) {
            operation.pending.insert(id);
        }
        id
    }

    /// Reads objects live, all at once; `key` waits for them.
    pub(crate) fn read_live(&mut self, key: &ObjectRef, objects: impl IntoIterator<Item = ObjectRef>) {
        for object in objects {
            let call = if object.name.is_empty() { self.list(key) } else { Call::Get };
            self.send_and_wait(key, Request { object, call }, Purpose::Read);
        }
    }

    /// A list of what belongs to a Rollout, as its selector says.
    fn list(&self, rollout: &ObjectRef) -> Call {
        let spec = self.stores.rollouts.get(&key(rollout)).and_then(|held| held.facts.readable_spec());
        let labels = spec.and_then(|spec| spec.selector.as_ref()?.match_labels.clone());
        Call::List { labels: labels.unwrap_or_default() }
    }

    /// The requests that `key` waits for.
    pub(crate) fn operation(&mut self, key: &ObjectRef) -> Option<&mut Operation> {
        match key.kind {
            Kind::Rollout => self.rollouts.get_mut(key).map(|work| &mut work.operation),
            Kind::AnalysisRun => self.runs.get_mut(key).map(|work| &mut work.operation),
            Kind::Service => self.services.get_mut(key).map(|work| &mut work.operation),
            _ => None,
        }
    }

    /// Files events about `key`.
    pub(crate) fn publish(&mut self, key: &ObjectRef, events: &[Event], now: Timestamp) {
        if self.tenure.is_none() {
            return;
        }
        let Some(uid) = self.stores.stamp(key).map(|stamp| stamp.uid) else { return };
        for event in events {
            if let Some(request) = self.publisher.publish(key, &uid, event, now) {
                self.send(key, request, Purpose::Event);
            }
        }
    }

    /// Forgets everything about a Rollout or AnalysisRun that has gone.
    pub(crate) fn drop_work(&mut self, key: &ObjectRef) {
        self.rollouts.remove(key);
        self.runs.remove(key);
        self.questions.remove(key);
        self.queue.remove(key);
        self.publisher.remove(key);
    }

    pub(crate) fn note(&mut self, level: Level, object: Option<&ObjectRef>, message: String) {
        self.out.push(Effect::Log(Note { level, object: object.cloned(), message }));
    }

    pub(crate) fn count(&mut self, count: Count) {
        self.out.push(Effect::Count(count));
    }

    pub(crate) fn ask(&mut self, id: crate::effect::QuestionId, ask: analysis::provider::Ask) {
        self.out.push(Effect::Measure { id, ask });
    }
}

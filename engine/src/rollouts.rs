//! The loop for one Rollout: gather, plan, read live what the next action rests on, act, plan again; when no action
//! is left, write the status.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds::condition::{self, ConditionType};
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::event::Event;
use planner::rollout::{Action, Kept, Plan, Snapshot, is_urgent};
use planner::waiting::Waiting;
use planted_bugs::{Bug, planted};

use crate::answer::Landed;
use crate::class::{Class, Nature};
use crate::effect::{Call, Count, Level, Request};
use crate::engine::Engine;
use crate::eviction::is_kept;
use crate::flights::{Operation, Purpose};
use crate::gather::{self, Gathered};
use crate::live_reads::Reads;
use crate::request::{self, Built};
use crate::store::{controlling_rollout, key};
use crate::time::after;
use crate::{amnesia, guard, isolation, mistaken, status, takeover};

/// How many writes one Rollout may ask for within [`BRAKE_WINDOW`].
const BRAKE_WRITES: u32 = 200;
/// The time over which the writes of one Rollout are counted.
const BRAKE_WINDOW: Duration = Duration::from_secs(10);

/// Where the engine stands with one Rollout.
#[derive(Clone, Debug, Default)]
pub(crate) struct RolloutWork {
    /// The requests that are waited for.
    pub(crate) operation: Operation,
    /// What was read live.
    pub(crate) live: Reads,
    /// Why it does not go on.
    pub(crate) waiting: Vec<Waiting>,
    /// Names that belong to somebody else.
    pub(crate) taken: BTreeSet<ObjectRef>,
    /// Pods, by uid, whose eviction was refused.
    pub(crate) kept: BTreeMap<String, Kept>,
    /// Names of which it has to be found out whose they are.
    checking: BTreeSet<ObjectRef>,
    /// Whether the last plan broke an invariant.
    pub(crate) doubted: bool,
    /// At which of the engine's beginnings everything that steers it was read live last.
    pub(crate) vetted: Option<u64>,
    status_written: Option<Timestamp>,
    window: Option<(Timestamp, u32)>,
}

impl RolloutWork {
    /// Counts a write; whether there were too many of late.
    fn brakes(&mut self, now: Timestamp) -> bool {
        let (since, writes) =
            self.window.filter(|(since, _)| after(*since, BRAKE_WINDOW) > now).unwrap_or((now, 0));
        self.window = Some((since, writes.saturating_add(1)));
        writes >= BRAKE_WRITES
    }
}

impl Engine {
    /// Looks at one Rollout.
    pub(crate) fn plan_rollout(&mut self, rollout: &ObjectRef, now: Timestamp) {
        let work = self.rollouts.entry(rollout.clone()).or_default();
        if !work.operation.pending.is_empty() {
            return;
        }
        work.operation.takes_back = false;
        if let Some(route) = self.unknown_route(rollout) {
            let message =
                format!("the list of all objects of kind {} is not complete yet", route.kind.name());
            self.set_waiting(rollout, vec![Waiting::RouteProblem { route, message }]);
            return;
        }
        let Some(gathered) = self.gather_rollout(rollout, now) else {
            self.drop_work(rollout);
            return;
        };
        if gathered.snapshot.rollout.meta.deleting {
            return;
        }
        if !gathered.unread.is_empty() {
            self.read_live(rollout, gathered.unread);
            return;
        }
        if planted(Bug::BadRolloutStopsOthers) && gathered.snapshot.rollout.spec.is_err() {
            self.queue.clear();
        }
        self.count(Count::Reconciled { kind: Kind::Rollout });
        let plan = match isolation::decide(|| planner::rollout::plan(&gathered.snapshot, now)) {
            Ok(plan) => plan,
            Err(panic) => return self.set_aside(rollout, &panic, now),
        };
        self.queue.wake_after(rollout, plan.wake_at, now);
        if !gathered.snapshot.stale.is_empty() && !is_aborting(&gathered.snapshot) {
            self.wait_for_stores(rollout, &gathered.snapshot);
            return;
        }
        let problems = self.new_route_problems(rollout, &plan.waiting);
        self.set_waiting(rollout, plan.waiting.clone());
        if guard::leading(&plan.actions).is_empty() {
            self.finish(rollout, &gathered, &plan, now);
        } else {
            self.proceed(rollout, &gathered, &plan, now);
        }
        self.publish(rollout, &problems, now);
    }

    pub(crate) fn gather_rollout(&mut self, rollout: &ObjectRef, now: Timestamp) -> Option<Gathered> {
        self.stores.note_restart(rollout, now);
        self.open_watch_of_pods(rollout);
        if self.stores.references.is_outdated(rollout) {
            self.rename(rollout, now);
        }
        let settings = self.settings.of_rollouts();
        let work = self.rollouts.get(rollout)?;
        let mut gathered = gather::rollout(&self.stores, &self.ledger, rollout, &work.taken, settings)?;
        gathered.snapshot.kept.clone_from(&work.kept);
        gathered.snapshot.tenure = self.tenure;
        amnesia::strike(&mut gathered.snapshot, work.status_written.is_some(), self.leading_since());
        mistaken::strike(&mut gathered.snapshot, &self.stores);
        Some(gathered)
    }

    /// An object that the Rollout names and of whose kind not everything is known yet.
    fn unknown_route(&self, rollout: &ObjectRef) -> Option<ObjectRef> {
        self.stores.references.by(rollout).find(|object| !self.stores.is_complete(object.kind)).cloned()
    }

    fn set_waiting(&mut self, rollout: &ObjectRef, waiting: Vec<Waiting>) {
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.waiting = waiting;
        }
    }

    /// Warnings about routers that cannot do their work, and could a moment ago.
    fn new_route_problems(&self, rollout: &ObjectRef, waiting: &[Waiting]) -> Vec<Event> {
        let known = self.rollouts.get(rollout).map(|work| work.waiting.as_slice()).unwrap_or_default();
        let new = waiting.iter().filter(|reason| !known.contains(reason));
        let problem = |reason: &Waiting| match reason {
            Waiting::RouteProblem { message, .. } => {
                Some(Event::warning("TrafficRoutingError", message.clone()))
            }
            _ => None,
        };
        new.filter_map(problem).collect()
    }

    fn wait_for_stores(&mut self, rollout: &ObjectRef, snapshot: &Snapshot) {
        self.count(Count::StaleSkip { kind: Kind::Rollout });
        let objects = snapshot.stale.iter().cloned().collect();
        self.set_waiting(rollout, vec![Waiting::StoreBehindOwnWrites { objects }]);
    }

    /// Carries out the next actions, or first reads live what they rest on.
    fn proceed(&mut self, rollout: &ObjectRef, gathered: &Gathered, plan: &Plan, now: Timestamp) {
        let run = guard::leading(&plan.actions);
        let are_runs_served = !self.stores.unserved.contains(&Kind::AnalysisRun);
        let held = takeover::holds(&gathered.snapshot, self.leading_since(), are_runs_served);
        let (run, waiting) = takeover::release(run, &gathered.snapshot, held);
        if let Some(waiting) = waiting {
            self.set_waiting(rollout, vec![waiting]);
        }
        if run.is_empty() {
            return;
        }
        let reads = guard::reads(&run, &gathered.snapshot, &gathered.routers);
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.operation.takes_back = guard::takes_back(&run, &gathered.snapshot);
            if guard::counts_anew(&run) {
                work.live.forget_spent_counts();
            }
        }
        if self.has_read(rollout, gathered, reads, now) && self.may_carry_out(rollout, gathered, plan, now) {
            self.act(rollout, gathered, &run, now);
        }
    }

    fn act(&mut self, rollout: &ObjectRef, gathered: &Gathered, run: &[Action], now: Timestamp) {
        if self.is_braked(rollout, now) {
            return;
        }
        let mut sent = false;
        for action in run {
            match request::build(action, gathered) {
                Built::Send(request) => {
                    sent = true;
                    let word = request::word(action);
                    self.note(Level::Debug, Some(rollout), format!("{word} {}", request.object));
                    let events = request::events(action).to_vec();
                    self.send_and_wait(rollout, request, Purpose::Act { word, events });
                }
                Built::Nothing => {
                    let message = format!("{}: nothing to write", request::word(action));
                    self.note(Level::Warn, Some(rollout), message);
                }
                Built::Impossible(message) => {
                    self.note(Level::Warn, Some(rollout), message.clone());
                    self.publish(rollout, &[Event::warning("TrafficRoutingError", message)], now);
                }
            }
        }
        self.spend_reads(rollout, now);
        if !sent {
            // Plan and router disagree, or nothing can be done: a change or time may help.
            self.queue.refused(rollout, now);
        }
    }

    fn is_braked(&mut self, rollout: &ObjectRef, now: Timestamp) -> bool {
        let braked = self.rollouts.get_mut(rollout).is_some_and(|work| work.brakes(now));
        if braked {
            self.note(Level::Warn, Some(rollout), "too many writes in a row: pausing".to_owned());
            self.queue.failed(rollout, now, Some(BRAKE_WINDOW));
        }
        braked
    }

    /// No action is left: the status is written if it differs.
    fn finish(&mut self, rollout: &ObjectRef, gathered: &Gathered, plan: &Plan, now: Timestamp) {
        let held = &gathered.snapshot.rollout;
        let is_calm = plan.events.is_empty() && !is_urgent(&held.status, &plan.status);
        let later = self.calm_until(rollout, now).filter(|_| is_calm && held.status != plan.status);
        if let Some(later) = later {
            self.forget_reads(rollout);
            self.queue.wake(rollout, Some(plan.wake_at.map_or(later, |wake| wake.min(later))));
            return;
        }
        if held.status == plan.status {
            self.rest(rollout, gathered, plan);
            return;
        }
        if !is_calm {
            let reads = guard::reads_of_status(&held.status, &plan.status, gathered);
            if !self.has_read(rollout, gathered, reads, now) {
                return;
            }
        }
        let Some(patch) = status::change(&held.status, &plan.status) else {
            self.rest(rollout, gathered, plan);
            return;
        };
        self.spend_reads(rollout, now);
        if !self.may_carry_out(rollout, gathered, plan, now) || self.is_braked(rollout, now) {
            return;
        }
        let body = if planted(Bug::AbortOverwritten) {
            request::overwriting_status_patch(patch, plan.status.abort)
        } else {
            request::status_patch(&held.meta, patch)
        };
        let request = Request { object: rollout.clone(), call: Call::MergePatchStatus(body) };
        let is_refusal = condition::find(&plan.status.conditions, ConditionType::InvalidSpec).is_some();
        self.send_and_wait(rollout, request, Purpose::Status { events: plan.events.clone(), is_refusal });
    }

    /// Nothing is left to do for now.
    fn rest(&mut self, rollout: &ObjectRef, gathered: &Gathered, plan: &Plan) {
        self.check_rest(rollout, &gathered.snapshot, plan);
        self.forget_reads(rollout);
        self.queue.succeeded(rollout);
    }

    /// Until when a status that brings nothing urgent waits, because the one before has just been written.
    fn calm_until(&self, rollout: &ObjectRef, now: Timestamp) -> Option<Timestamp> {
        let written = self.rollouts.get(rollout)?.status_written?;
        Some(after(written, status::CALM_WRITES_APART)).filter(|next| *next > now)
    }

    /// A request of a Rollout was answered.
    pub(crate) fn rollout_answered(&mut self, landed: &Landed<'_>, now: Timestamp) {
        let rollout = landed.flight.key.clone();
        let Some(work) = self.rollouts.get_mut(&rollout) else { return };
        if !work.operation.pending.remove(&landed.id) {
            return;
        }
        match &landed.flight.purpose {
            Purpose::Read => self.read_answered(&rollout, landed, now),
            Purpose::Act { events, .. } | Purpose::Status { events, .. } => {
                self.write_answered(&rollout, landed, events, now);
            }
            _ => {}
        }
        self.conclude(&rollout, now);
    }

    fn read_answered(&mut self, rollout: &ObjectRef, landed: &Landed<'_>, now: Timestamp) {
        let object = &landed.flight.object;
        match landed.class {
            None | Some(Class::NotFound) => {
                self.note_whose(rollout, object);
                if let Some(work) = self.rollouts.get_mut(rollout) {
                    for shown in landed.shown() {
                        work.live.insert(shown, landed.flight.sent_at);
                    }
                }
            }
            Some(class) => {
                if matches!(class, Class::Invalid | Class::Forbidden) {
                    self.refused(rollout, landed, now);
                }
                self.fail(rollout, class);
            }
        }
    }

    /// A name was taken: ours, because an earlier try did succeed, or somebody else's.
    fn note_whose(&mut self, rollout: &ObjectRef, object: &ObjectRef) {
        let uid = self.stores.rollouts.get(&key(rollout)).map(|held| held.facts.meta.uid.clone());
        let stores = &self.stores;
        let owner = match object.kind {
            Kind::ReplicaSet => stores.replica_sets.get(&key(object)).map(|set| &set.meta),
            Kind::AnalysisRun => stores.analysis_runs.get(&key(object)).map(|run| &run.meta),
            // Whose a route is, its router says.
            _ => return,
        };
        let ours = owner.is_some_and(|meta| {
            controlling_rollout(meta).is_some()
                && meta.controller.as_ref().map(|owner| &owner.uid) == uid.as_ref()
        });
        let Some(work) = self.rollouts.get_mut(rollout) else { return };
        if work.checking.remove(object) && !mistaken::is_ours(ours) {
            work.taken.insert(object.clone());
        }
    }

    fn write_answered(&mut self, rollout: &ObjectRef, landed: &Landed<'_>, events: &[Event], now: Timestamp) {
        let object = landed.flight.object.clone();
        match landed.class {
            None => self.accepted(rollout, landed, events, now),
            Some(class @ (Class::Conflict | Class::NotFound | Class::AlreadyExists)) => {
                let Some(work) = self.rollouts.get_mut(rollout) else { return };
                if class == Class::AlreadyExists
                    && matches!(object.kind, Kind::ReplicaSet | Kind::AnalysisRun)
                {
                    work.checking.insert(object.clone());
                }
                work.operation.reread.insert(object);
                // Somebody else is at work here.
                work.live.forget();
            }
            Some(class) if landed.flight.nature == Nature::Eviction && is_kept(class) => {
                self.keep_pod(rollout, landed, class, now);
            }
            Some(class) => {
                if matches!(class, Class::Invalid | Class::Forbidden) {
                    self.refused(rollout, landed, now);
                }
                self.fail(rollout, class);
            }
        }
    }

    fn accepted(&mut self, rollout: &ObjectRef, landed: &Landed<'_>, events: &[Event], now: Timestamp) {
        self.queue.succeeded(rollout);
        if let Some(work) = self.rollouts.get_mut(rollout) {
            if landed.shows_object() {
                work.live.insert(landed.flight.object.clone(), landed.flight.sent_at);
            }
            if matches!(landed.flight.purpose, Purpose::Status { .. }) {
                work.status_written = Some(now);
            }
        }
        self.publish(rollout, events, now);
    }

    /// What was read live serves no other decision.
    pub(crate) fn forget_reads(&mut self, rollout: &ObjectRef) {
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.live.forget();
        }
    }

    fn spend_reads(&mut self, rollout: &ObjectRef, now: Timestamp) {
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.live.spend(now);
        }
    }

    fn fail(&mut self, rollout: &ObjectRef, class: Class) {
        if let Some(work) = self.rollouts.get_mut(rollout) {
            work.operation.fail(class);
            work.live.forget();
        }
    }
}

/// Whether the update is to be taken back: by a person, or by a verdict that is already persisted.
pub(crate) fn is_aborting(snapshot: &Snapshot) -> bool {
    snapshot.rollout.status.abort || snapshot.analysis_runs.iter().any(|run| run.status.phase.is_bad())
}

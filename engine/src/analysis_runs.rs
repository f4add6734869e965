//! The loop for one AnalysisRun: plan, write the status, and only then ask; a verdict is persisted before it counts.

use std::collections::{BTreeMap, BTreeSet};

use analysis::provider::{Answer as MetricAnswer, TransportError};
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::analysis_run::{Measured, Plan, Question, SecretKey, Settings as PlanSettings, Snapshot};
use planner::event::Event;
use planner::waiting::Waiting;

use crate::answer::Landed;
use crate::class::Class;
use crate::effect::{Call, Count, QuestionId, Request};
use crate::engine::Engine;
use crate::flights::{Operation, Purpose};
use crate::input::Answer;
use crate::object::View;
use crate::store::{controlling_rollout, key};
use crate::{isolation, request, status};

/// Where the engine stands with one AnalysisRun.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunWork {
    /// The requests that are waited for.
    pub(crate) operation: Operation,
    /// Why nothing is asked.
    pub(crate) waiting: Vec<Waiting>,
    asked: BTreeMap<String, Timestamp>,
    answers: BTreeMap<String, Measured>,
    /// Kept from their reading until the measurement that they serve is written down.
    secrets: BTreeMap<SecretKey, Result<String, String>>,
    secrets_wanted: BTreeSet<SecretKey>,
}

impl RunWork {
    /// Forgets what was asked, answered and read: another process goes on.
    pub(crate) fn forget_answers(&mut self) {
        self.asked.clear();
        self.answers.clear();
        self.secrets.clear();
        self.secrets_wanted.clear();
    }
}

/// The questions that are on their way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Questions {
    next: u64,
    open: BTreeMap<QuestionId, (ObjectRef, String)>,
}

impl Questions {
    fn start(&mut self, run: &ObjectRef, metric: &str) -> QuestionId {
        self.next += 1;
        let id = QuestionId(self.next);
        self.open.insert(id, (run.clone(), metric.to_owned()));
        id
    }

    /// Forgets all questions: their answers do not count any more.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    /// Forgets the questions of one run.
    pub(crate) fn remove(&mut self, run: &ObjectRef) {
        self.open.retain(|_, (asker, _)| asker != run);
    }

    /// How many questions are on their way.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

impl Engine {
    /// Looks at one AnalysisRun.
    pub(crate) fn plan_run(&mut self, run: &ObjectRef, now: Timestamp) {
        if self.runs.get(run).is_some_and(|work| !work.operation.pending.is_empty()) {
            return;
        }
        let Some(snapshot) = self.gather_run(run) else {
            self.drop_work(run);
            return;
        };
        if snapshot.run.meta.deleting {
            return;
        }
        self.count(Count::Reconciled { kind: Kind::AnalysisRun });
        let plan = match isolation::decide(|| planner::analysis_run::plan(&snapshot, now)) {
            Ok(plan) => plan,
            Err(panic) => return self.set_aside(run, &panic, now),
        };
        self.queue.wake_after(run, plan.wake_at, now);
        if snapshot.stale {
            self.count(Count::StaleSkip { kind: Kind::AnalysisRun });
            let waiting = vec![Waiting::StoreBehindOwnWrites { objects: vec![run.clone()] }];
            self.run_work(run).waiting = waiting;
            return;
        }
        self.run_work(run).waiting.clone_from(&plan.waiting);
        if plan.delete {
            let call = Call::Delete { uid: snapshot.run.meta.uid.clone(), resource_version: None };
            self.send_and_wait(run, Request { object: run.clone(), call }, Purpose::RunDelete);
        } else if let Some(patch) = status::change(&snapshot.run.status, &plan.status) {
            let body = request::status_patch(&snapshot.run.meta, patch);
            let consumed = snapshot.answers.keys().cloned().collect();
            let request = Request { object: run.clone(), call: Call::MergePatch(body) };
            let purpose = Purpose::RunStatus { events: plan.events, consumed };
            self.run_work(run).operation.takes_back = plan.status.phase.is_bad();
            let write = self.send_and_wait(run, request, purpose);
            self.expect_verdict(run, &plan.status, write, now);
        } else {
            self.queue.succeeded(run);
            self.ask_all(run, plan, now);
        }
    }

    fn gather_run(&mut self, run: &ObjectRef) -> Option<Snapshot> {
        let facts = self.stores.analysis_runs.get(&key(run))?.clone();
        let work = self.runs.entry(run.clone()).or_default();
        Some(Snapshot {
            run: facts,
            stale: self.ledger.is_behind(run),
            asked: work.asked.keys().cloned().collect(),
            answers: work.answers.clone(),
            secrets: work.secrets.clone(),
            settings: PlanSettings { prometheus_address: self.settings.prometheus_address.clone() },
        })
    }

    fn run_work(&mut self, run: &ObjectRef) -> &mut RunWork {
        self.runs.entry(run.clone()).or_default()
    }

    /// Nothing is left to write: asks what is due, or first reads the Secrets that the questions need.
    fn ask_all(&mut self, run: &ObjectRef, plan: Plan, now: Timestamp) {
        let work = self.run_work(run);
        let wanted: BTreeSet<SecretKey> =
            plan.secrets_wanted.into_iter().filter(|key| !work.secrets.contains_key(key)).collect();
        if wanted.is_empty() {
            // The status is as the answers want it: those that are left did not count.
            work.answers.clear();
        }
        for Question { metric, ask } in plan.questions {
            if self.run_work(run).asked.insert(metric.clone(), now).is_none() {
                let id = self.questions.start(run, &metric);
                self.ask(id, ask);
            }
        }
        let work = self.run_work(run);
        if work.asked.is_empty() && wanted.is_empty() {
            work.secrets.clear();
        }
        if !wanted.is_empty() {
            let names: BTreeSet<String> = wanted.iter().map(|key| key.secret.clone()).collect();
            self.run_work(run).secrets_wanted = wanted;
            for name in names {
                let object = ObjectRef::new(Kind::Secret, &run.namespace, name);
                self.send_and_wait(run, Request { object, call: Call::Get }, Purpose::Secret);
            }
        }
    }

    /// A metric backend answered, or did not.
    pub(crate) fn measured(
        &mut self,
        id: QuestionId,
        outcome: Result<MetricAnswer, TransportError>,
        now: Timestamp,
    ) {
        let Some((run, metric)) = self.questions.open.remove(&id) else { return };
        let Some(work) = self.runs.get_mut(&run) else { return };
        let started_at = work.asked.remove(&metric).unwrap_or(now);
        work.answers.insert(metric, Measured { started_at, finished_at: now, outcome });
        self.touch_urgent(run, now);
    }

    /// A request of an AnalysisRun was answered.
    pub(crate) fn run_answered(&mut self, landed: &Landed<'_>, now: Timestamp) {
        let run = landed.flight.key.clone();
        let Some(work) = self.runs.get_mut(&run) else { return };
        if !work.operation.pending.remove(&landed.id) {
            return;
        }
        match (&landed.flight.purpose, landed.class) {
            (Purpose::Secret, _) => self.secret_answered(&run, landed),
            (Purpose::RunStatus { events, consumed }, None) => {
                work.answers.retain(|metric, _| !consumed.contains(metric));
                self.run_written(&run, events, now);
            }
            (_, None) | (Purpose::Read, Some(Class::NotFound)) => {}
            (Purpose::Read, Some(class)) => work.operation.fail(class),
            (_, Some(Class::Conflict | Class::NotFound | Class::AlreadyExists)) => {
                work.operation.reread.insert(run.clone());
            }
            (_, Some(class)) => {
                work.operation.fail(class);
                if matches!(class, Class::Invalid | Class::Forbidden) {
                    let message = format!("{} was refused: {}", landed.flight.object, landed.message());
                    self.publish(&run, &[Event::warning("ReconciliationError", message)], now);
                }
            }
        }
        self.conclude(&run, now);
    }

    /// The verdict is persisted: the Rollout acts on it before anything else happens.
    fn run_written(&mut self, run: &ObjectRef, events: &[Event], now: Timestamp) {
        self.queue.succeeded(run);
        let facts = self.stores.analysis_runs.get(&key(run));
        let owner = facts
            .filter(|facts| facts.status.phase.is_completed())
            .and_then(|facts| controlling_rollout(&facts.meta));
        if let Some(owner) = owner {
            self.touch_urgent(owner, now);
        }
        self.publish(run, events, now);
    }

    fn secret_answered(&mut self, run: &ObjectRef, landed: &Landed<'_>) {
        let work = self.run_work(run);
        let name = &landed.flight.object.name;
        let failure = match landed.class {
            None => None,
            Some(Class::NotFound) => Some(format!("not found in namespace {}", run.namespace)),
            Some(Class::Forbidden) => Some(format!(
                "{}; the chart's value analysis.secrets.namespaces={{{}}} allows it",
                landed.message(),
                run.namespace
            )),
            Some(Class::Invalid) => Some(landed.message().to_owned()),
            Some(class) => {
                work.operation.fail(class);
                return;
            }
        };
        let keys: Vec<SecretKey> =
            work.secrets_wanted.iter().filter(|key| key.secret == *name).cloned().collect();
        for key in keys {
            let value = match &failure {
                Some(why) => Err(format!("Secret {name}, key {}: {why}", key.key)),
                None => secret_value(landed, &key),
            };
            work.secrets_wanted.remove(&key);
            work.secrets.insert(key, value);
        }
    }
}

fn secret_value(landed: &Landed<'_>, key: &SecretKey) -> Result<String, String> {
    let data = match landed.answer {
        Answer::Object(object) => match &object.view {
            View::Secret(data) => Some(&data.0),
            _ => None,
        },
        _ => None,
    };
    data.and_then(|data| data.get(&key.key).cloned())
        .ok_or_else(|| format!("Secret {} has no key {} with a text as its value", key.secret, key.key))
}

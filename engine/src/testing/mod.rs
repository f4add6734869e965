//! A cluster in memory: the engine, a tiny API server, a virtual clock, and faults at the k-th write.

pub(crate) mod api;
pub(crate) mod fixtures;
mod patch;
mod scenarios;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::api::{Api, refused};
use crate::Settings;
use crate::effect::{Call, Effect, Level, QuestionId, Request};
use crate::engine::Engine;
use crate::input::{Answer, Input, Leadership, WatchEvent};
use crate::time::after;

/// What happens to one write of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is carried out, but its answer is lost.
    AnswerLost,
    /// It never arrives, and nobody knows.
    RequestLost,
    /// Somebody else writes the object just before it.
    Overtaken,
    /// The server has no time.
    Unavailable,
    /// It is denied, by the status that also says that an object is not there.
    Denied,
    /// The process dies before it is sent; another one starts with empty stores.
    CrashBefore,
    /// It is carried out, and the process dies; another one starts with empty stores.
    CrashAfter,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::AnswerLost,
        Self::RequestLost,
        Self::Overtaken,
        Self::Unavailable,
        Self::Denied,
        Self::CrashBefore,
        Self::CrashAfter,
    ];
}

/// The cluster.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) api: Api,
    pub(crate) now: Timestamp,
    /// Effects that were carried out, as words: requests, questions.
    pub(crate) trace: Vec<String>,
    /// What the engine wrote into its log, but for single decisions.
    pub(crate) log: Vec<String>,
    /// What writes meet, by their number from 0.
    pub(crate) faults: BTreeMap<usize, Fault>,
    /// What people do just before the write of that number.
    pub(crate) deeds: BTreeMap<usize, fn(&mut Self)>,
    /// How many writes were refused because somebody else was faster.
    pub(crate) conflicts: usize,
    /// Whether watch events come only after everything else, and a fifth of a second late.
    pub(crate) slow_watch: bool,
    /// A kind that the server does not serve.
    pub(crate) unserved: Option<Kind>,
    /// Whether the server refuses ReplicaSets as invalid.
    pub(crate) refuse_replica_sets: bool,
    /// Whether new pods become available.
    pub(crate) pods_start: bool,
    /// How many pods were made as objects; nothing if they are only numbers in the status of their ReplicaSets.
    pub(crate) pod_objects: Option<u32>,
    /// How a metric backend answers; `None`: it stays silent.
    pub(crate) metric: Option<fn(usize) -> &'static str>,
    pub(crate) asked: usize,
    writes_seen: usize,
    watched: BTreeSet<Kind>,
    inputs: VecDeque<Input>,
    wake: Option<Timestamp>,
    pods_seen: (u64, bool),
}

/// When every story begins.
pub(crate) const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            engine: Engine::new(Settings::default()),
            api: Api::default(),
            now: START,
            trace: Vec::new(),
            log: Vec::new(),
            faults: BTreeMap::new(),
            deeds: BTreeMap::new(),
            conflicts: 0,
            slow_watch: false,
            unserved: None,
            refuse_replica_sets: false,
            pods_start: true,
            pod_objects: None,
            metric: None,
            asked: 0,
            writes_seen: 0,
            watched: BTreeSet::new(),
            inputs: VecDeque::new(),
            wake: None,
            pods_seen: (0, false),
        };
        world.lead();
        world
    }

    /// This process becomes the leader.
    pub(crate) fn lead(&mut self) {
        self.inputs.push_back(Input::Leadership(Leadership::Leading));
    }

    /// The process dies and another one starts.
    pub(crate) fn restart(&mut self) {
        self.engine = Engine::new(Settings::default());
        self.inputs.clear();
        self.watched.clear();
        self.wake = None;
        self.api.undelivered.clear();
        self.lead();
    }

    /// Feeds one input and carries out what follows.
    pub(crate) fn feed(&mut self, input: Input) {
        if matches!(input, Input::Tick) {
            self.wake = None;
        }
        let effects = self.engine.handle(input, self.now);
        for effect in effects {
            if self.carry_out(effect) {
                // What the dead process still wanted is never carried out.
                return;
            }
        }
    }

    /// Carries out one effect; whether the process died over it.
    pub(crate) fn carry_out(&mut self, effect: Effect) -> bool {
        match effect {
            Effect::Request { id, request, .. } => {
                let fault = self.fault_for(&request);
                self.trace.push(format!("{request:?}"));
                let answer = self.answer(&request, fault);
                self.conflicts += usize::from(matches!(answer, Answer::Refused { status: 409, .. }));
                if matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter)) {
                    self.restart();
                    return true;
                }
                self.inputs.push_back(Input::Answer { id, answer });
            }
            Effect::Measure { id, ask } => {
                self.trace.push(format!("{ask:?}"));
                self.measure(id);
            }
            Effect::Watch(kind) => self.open(kind),
            Effect::Wake { at } => self.wake = Some(self.wake.map_or(at, |wake| wake.min(at))),
            Effect::Log(note) if note.level == Level::Warn => self.log.push(note.message),
            Effect::Log(_) | Effect::Count(_) => {}
        }
        false
    }

    fn fault_for(&mut self, request: &Request) -> Option<Fault> {
        if !request.call.is_write() || request.object.kind == Kind::Event {
            return None;
        }
        let index = self.writes_seen;
        self.writes_seen += 1;
        if let Some(deed) = self.deeds.remove(&index) {
            deed(self);
        }
        self.faults.get(&index).copied()
    }

    fn answer(&mut self, request: &Request, fault: Option<Fault>) -> Answer {
        if self.refuse_replica_sets && request.object.kind == Kind::ReplicaSet && request.call.is_write() {
            return refused(422, "Invalid", "spec.template.spec.containers[0].image: Required value");
        }
        let lost = || Answer::Unknown { message: "connection reset".to_owned() };
        match fault {
            Some(Fault::RequestLost | Fault::CrashBefore) => lost(),
            Some(Fault::Unavailable) => refused(503, "ServiceUnavailable", "no time"),
            Some(Fault::Denied) => refused(404, "NotFound", "a webhook denied the request"),
            Some(Fault::AnswerLost) => {
                self.api.call(request, self.now);
                lost()
            }
            Some(Fault::Overtaken) => {
                self.touch(&request.object);
                self.api.call(request, self.now)
            }
            Some(Fault::CrashAfter) | None => self.api.call(request, self.now),
        }
    }

    /// Somebody else changes an object in a way that nobody minds.
    fn touch(&mut self, object: &ObjectRef) {
        if self.api.objects.contains_key(object) {
            self.api.merge(object, &json!({ "metadata": { "labels": { "touched": "yes" } } }));
        }
    }

    fn measure(&mut self, id: QuestionId) {
        let index = self.asked;
        self.asked += 1;
        if let Some(metric) = self.metric {
            let body = metric(index).as_bytes().to_vec();
            let answer = analysis::provider::Answer {
                status: 200,
                content_type: Some("application/json".to_owned()),
                body,
                truncated: false,
            };
            self.inputs.push_back(Input::Measured { id, outcome: Ok(answer) });
        }
    }

    fn open(&mut self, kind: Kind) {
        assert!(self.watched.insert(kind), "{kind:?} is watched already");
        self.api.undelivered.retain(|(other, _)| *other != kind);
        if self.unserved == Some(kind) {
            self.inputs.push_back(Input::KindMissing(kind));
            return;
        }
        self.inputs.push_back(Input::Watch { kind, event: WatchEvent::Init });
        let is_hidden = self.api.hides_rollouts && kind == Kind::Rollout;
        for object in self.api.list(kind).into_iter().filter(|_| !is_hidden) {
            self.inputs
                .push_back(Input::Watch { kind, event: WatchEvent::InitApply(std::sync::Arc::new(object)) });
        }
        self.inputs.push_back(Input::Watch { kind, event: WatchEvent::InitDone });
    }

    /// Runs until nothing happens any more before `limit` has passed.
    pub(crate) fn run(&mut self, limit: Duration) {
        let end = after(self.now, limit);
        for _ in 0..20_000 {
            self.run_pods();
            if !self.slow_watch {
                self.deliver();
            }
            if let Some(input) = self.inputs.pop_front() {
                self.feed(input);
            } else if self.slow_watch && !self.api.undelivered.is_empty() {
                self.now = after(self.now, Duration::from_millis(200));
                self.deliver();
            } else if let Some(wake) = self.wake.filter(|wake| *wake <= end) {
                self.now = self.now.max(wake);
                self.feed(Input::Tick);
            } else {
                self.now = end;
                return;
            }
        }
        panic!(
            "it never comes to rest; the last requests: {:#?}",
            self.trace.iter().rev().take(20).collect::<Vec<_>>()
        );
    }

    fn deliver(&mut self) {
        for (kind, event) in std::mem::take(&mut self.api.undelivered) {
            if self.watched.contains(&kind) {
                self.inputs.push_back(Input::Watch { kind, event });
            }
        }
    }

    /// The ReplicaSet controller and the kubelets, without delay.
    fn run_pods(&mut self) {
        if self.pods_seen == (self.api.version, self.pods_start) {
            return;
        }
        let sets: Vec<(ObjectRef, Value)> = self
            .api
            .objects
            .iter()
            .filter(|(object, _)| object.kind == Kind::ReplicaSet)
            .map(|(object, value)| (object.clone(), value.clone()))
            .collect();
        for (object, set) in sets {
            let replicas = set["spec"]["replicas"].as_i64().unwrap();
            if self.pod_objects.is_some() {
                self.run_pod_objects(&object, &set);
            }
            let before = set["status"]["availableReplicas"].as_i64().unwrap_or(0);
            let up = if self.pods_start { replicas } else { before.min(replicas) };
            let generation = set["metadata"]["generation"].clone();
            self.api.merge(
                &object,
                &json!({ "status": { "replicas": replicas, "readyReplicas": up, "availableReplicas": up,
                    "observedGeneration": generation } }),
            );
        }
        self.pods_seen = (self.api.version, self.pods_start);
    }

    /// Pods are made from the template as it is, and never changed by it afterwards.
    fn run_pod_objects(&mut self, object: &ObjectRef, set: &Value) {
        let uid = set["metadata"]["uid"].clone();
        let pods: Vec<ObjectRef> = self.pods_of(&object.name).into_iter().map(|(pod, _)| pod).collect();
        let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap()).unwrap();
        for pod in pods.iter().skip(wanted) {
            self.api.delete(pod);
        }
        for _ in pods.len()..wanted {
            let number = self.pod_objects.get_or_insert(0);
            *number += 1;
            let name = format!("{}-{number}", object.name);
            let mut metadata = set["spec"]["template"]["metadata"].clone();
            metadata["name"] = json!(name);
            metadata["namespace"] = json!(object.namespace);
            metadata["ownerReferences"] = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "name": object.name, "uid": uid, "controller": true }]);
            let ready = if self.pods_start { "True" } else { "False" };
            let ready = json!([{ "type": "Ready", "status": ready, "lastTransitionTime": crds::Time::from(self.now) }]);
            let pod = json!({ "metadata": metadata, "spec": {}, "status": { "conditions": ready } });
            self.api.put(Kind::Pod, pod, self.now);
        }
    }

    /// The pods of a ReplicaSet.
    pub(crate) fn pods_of(&self, set: &str) -> Vec<(ObjectRef, Value)> {
        let is_pod = |(object, value): &(&ObjectRef, &Value)| {
            object.kind == Kind::Pod && value["metadata"]["ownerReferences"][0]["name"] == *set
        };
        let pods = self.api.objects.iter().filter(is_pod);
        pods.map(|(object, value)| (object.clone(), value.clone())).collect()
    }

    /// Whether the engine has asked for a watch of this kind.
    pub(crate) fn watches(&self, kind: Kind) -> bool {
        self.watched.contains(&kind)
    }

    /// How many writes the engine has asked for.
    pub(crate) fn writes_seen(&self) -> usize {
        self.writes_seen
    }
}

/// The objects that effects read.
pub(crate) fn gets(effects: &[Effect]) -> Vec<ObjectRef> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request { request: Request { object, call: Call::Get }, .. } => Some(object.clone()),
            _ => None,
        })
        .collect()
}

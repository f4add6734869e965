//! Requests at the server: what they meet, what they change, and how the sender learns of it.

use std::sync::Arc;

use crds::object_ref::Kind;
use engine::effect::{Call, Request};
use engine::input::Answer;
use engine::object::{Object, View};
use serde_json::{Value, json};

use super::World;
use super::effects::{not_leading, outdated};
use super::happening::{Arrival, Happening};
use super::meet::Fate;
use crate::clock::{after_ms, ms_between};
use crate::fault::{CrashMoment, FaultKind};
use crate::oracle::{Clocks, Commit, Sent};
use crate::outcome::{Happened, Write};

/// How long the operator waits for an answer that does not come.
const ANSWER_TIMEOUT_MS: u64 = 10_000;
/// After how long at most the operator tries again what was refused.
const LONGEST_RETRY_MS: u64 = 30_000;
/// The same after a conflict.
const LONGEST_CONFLICT_MS: u64 = 5_000;
/// How old a decision may be when its write leaves the operator.
const DECISION_HOLDS_MS: u64 = 1_000;

impl World {
    /// A request reaches the server.
    pub(super) fn arrive(&mut self, arrival: &Arrival) {
        if !arrival.left && arrival.request.call.is_write() {
            if self.life_is_over(arrival) {
                return;
            }
            if !self.may_write(arrival.from) {
                self.reply(arrival, not_leading());
                return;
            }
            if ms_between(arrival.sent_at, self.now) > DECISION_HOLDS_MS {
                self.reply(arrival, outdated());
                return;
            }
        }
        let is_write = arrival.request.call.is_write();
        if is_write {
            let number = u64::try_from(self.writes.len()).unwrap_or(u64::MAX);
            self.writes.push(self.record(&arrival.request));
            self.trigger_write(number);
        }
        if let Some((moment, down_ms)) = self.meeting.crash.take() {
            if moment == CrashMoment::AfterCommit {
                self.serve(arrival);
            }
            self.mark(FaultKind::F1);
            self.crash(arrival.from.process, down_ms);
            return;
        }
        let kind = arrival.request.object.kind;
        let fate = self.meeting.fate(kind, is_write, self.now);
        self.meet(arrival, fate);
    }

    fn life_is_over(&self, arrival: &Arrival) -> bool {
        self.processes.get(arrival.from.process).is_none_or(|process| process.life != arrival.from.life)
    }

    fn meet(&mut self, arrival: &Arrival, fate: Fate) {
        let lost = || Answer::Unknown { message: "connection reset".to_owned() };
        match fate {
            Fate::Served => {
                let answer = self.serve(arrival);
                self.reply(arrival, answer);
            }
            Fate::Refused(answer, kind) => {
                self.mark(kind);
                self.judge.answers_late(after_ms(self.now, LONGEST_RETRY_MS));
                self.reply(arrival, answer);
            }
            Fate::Lost => {
                self.mark(FaultKind::F6);
                self.reply_late(arrival, lost());
            }
            Fate::AnswerLost => {
                self.mark(FaultKind::F6);
                self.serve(arrival);
                self.reply_late(arrival, lost());
            }
            Fate::Overtaken => {
                self.judge.answers_late(after_ms(self.now, LONGEST_CONFLICT_MS));
                let object = arrival.request.object.clone();
                let touched = json!({ "metadata": { "labels": { "touched": self.order.to_string() } } });
                self.order += 1;
                if matches!(self.store.merge(&object, &touched, false, self.now), Answer::Object(_)) {
                    self.mark(FaultKind::F5);
                    self.notice();
                }
                let answer = self.serve(arrival);
                self.reply(arrival, answer);
            }
        }
    }

    /// Carries a request out, and lets everybody know who looks at writes.
    fn serve(&mut self, arrival: &Arrival) -> Answer {
        let request = &arrival.request;
        if !request.call.is_write() {
            return self.store.call(request, self.now);
        }
        self.take_name(request);
        let before = self.store.get(&request.object).cloned();
        let local = self.processes.get(arrival.from.process).map(|process| process.clock.peek(self.now));
        let clocks = Clocks { real: self.now, local: local.unwrap_or(self.now) };
        let known = arrival.known.as_deref();
        self.judge.before(&Sent { request, at: arrival.sent_at, known }, &self.store, clocks);
        let version = self.store.version();
        let answer = match &request.call {
            Call::Evict { uid, resource_version } => self.evict(&request.object, (uid, resource_version)),
            _ => self.store.call(request, self.now),
        };
        self.take_image(request, &answer);
        let committed = matches!(answer, Answer::Object(_) | Answer::Done);
        if self.store.version() != version {
            self.committed(arrival, before.as_ref());
        } else if committed {
            // The write changed nothing.
            self.commits += 1;
        }
        if committed && let Some(write) = self.writes.last_mut() {
            write.committed = true;
        }
        let object = request.object.clone();
        self.trace.tell(self.begun, self.now, || Happened::Wrote {
            object,
            verb: request.call.word().to_owned(),
            committed,
        });
        answer
    }

    fn committed(&mut self, arrival: &Arrival, before: Option<&Arc<Object>>) {
        let request = &arrival.request;
        self.commits += 1;
        let hash = &mut self.trace.decisions;
        hash.number(u64::from(request.object.kind as u8));
        hash.bytes(request.object.name.as_bytes());
        match &request.call {
            Call::Create(body)
            | Call::MergePatch(body)
            | Call::MergePatchStatus(body)
            | Call::JsonPatch(body) => {
                hash.body(body);
            }
            Call::Get | Call::List { .. } | Call::Delete { .. } | Call::Evict { .. } => {}
        }
        self.trace.all.number(self.store.version());
        let commit = Commit {
            request,
            before: before.map(|object| &**object),
            at_ms: ms_between(self.begun, self.now),
            now: self.now,
            leads_since: self.leads_since(arrival.from),
        };
        self.judge.committed(&commit, &self.store, (&self.plane, &self.nodes));
        self.notice();
    }

    fn reply(&mut self, arrival: &Arrival, answer: Answer) {
        let at = self.chance.after(self.now, self.prepared.scenario.timings.answer_ms);
        let (to, id) = (arrival.from, arrival.id);
        self.plan(at, Happening::Answer { to, id, answer: Box::new(answer) });
    }

    /// The sender hears of it at once that the connection is gone, or only when it has waited long enough.
    fn reply_late(&mut self, arrival: &Arrival, answer: Answer) {
        if self.chance.coin() {
            self.reply(arrival, answer);
        } else {
            let at = after_ms(arrival.sent_at, ANSWER_TIMEOUT_MS);
            self.judge.answers_late(at);
            let (to, id) = (arrival.from, arrival.id);
            self.plan(at, Happening::Answer { to, id, answer: Box::new(answer) });
        }
    }

    fn record(&self, request: &Request) -> Write {
        Write {
            at_ms: ms_between(self.begun, self.now),
            object: request.object.clone(),
            verb: request.call.word(),
            destructive: self.is_destructive(request),
            committed: false,
            version: self.store.version(),
        }
    }

    /// Whether a write takes pods away or moves traffic.
    fn is_destructive(&self, request: &Request) -> bool {
        match (&request.call, request.object.kind) {
            (Call::Delete { .. }, kind) => kind == Kind::ReplicaSet,
            (Call::JsonPatch(patch), Kind::ReplicaSet) => {
                let Some(View::ReplicaSet(held)) = self.store.get(&request.object).map(|held| &held.view)
                else {
                    return false;
                };
                scaled_to(patch).is_some_and(|to| to < i64::from(held.replicas))
            }
            (Call::Evict { .. }, _)
            | (_, Kind::Ingress | Kind::VirtualService | Kind::Deployment)
            | (Call::MergePatch(_), Kind::Service) => true,
            _ => false,
        }
    }

    fn take_image(&mut self, request: &Request, answer: &Answer) {
        let (Call::Create(body), Answer::Object(object)) = (&request.call, answer) else { return };
        if object.kind == Kind::ReplicaSet {
            self.images.insert(object.meta.uid.clone(), image_of(body));
        }
    }
}

/// The image of the first container of a ReplicaSet's template.
pub(super) fn image_of(manifest: &Value) -> String {
    let image = manifest.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    image.unwrap_or_default().to_owned()
}

/// The size that a JSON patch gives.
pub(crate) fn scaled_to(patch: &Value) -> Option<i64> {
    let operations = patch.as_array()?;
    let replaces = |operation: &&Value| {
        operation.get("path").and_then(Value::as_str) == Some("/spec/replicas")
            && operation.get("op").and_then(Value::as_str) == Some("replace")
    };
    operations.iter().find(replaces)?.get("value")?.as_i64()
}

/// What the server said, in words.
pub(crate) fn words(answer: &Answer) -> String {
    match answer {
        Answer::Object(_) | Answer::Objects(_) | Answer::Done => "done".to_owned(),
        Answer::Refused { status, reason, message, .. } => format!("{status} {reason}: {message}"),
        Answer::Unknown { message } => message.clone(),
    }
}

#[cfg(test)]
impl World {
    /// Carries out a request that no operator should send, as if the first process had sent it.
    pub(crate) fn forge(&mut self, object: crds::object_ref::ObjectRef, call: Call) {
        self.forge_late(object, call, self.now);
    }

    /// The same, of a request that was decided earlier.
    pub(crate) fn forge_late(
        &mut self,
        object: crds::object_ref::ObjectRef,
        call: Call,
        sent_at: jiff::Timestamp,
    ) {
        let known = self.processes.first().map(|process| Box::new(process.engine.knowledge()));
        let arrival = Arrival {
            from: self.address(0),
            id: engine::effect::RequestId(u64::MAX),
            request: Request { object, call },
            sent_at,
            known,
            left: true,
        };
        self.arrive(&arrival);
        self.notice();
    }
}

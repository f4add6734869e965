//! From an input to a process to what it wants carried out.

use crds::object_ref::Kind;
use engine::effect::{Call, Count, Effect, QuestionId, Request, RequestId};
use engine::input::{Answer, Input, Leadership};
use serde_json::Value;

use super::World;
use super::happening::{Arrival, Happening};
use crate::clock::after_ms;
use crate::fault::FaultKind;
use crate::outcome::{Happened, Rule};
use crate::process::{Address, RETRY_PERIOD_MS};

impl World {
    /// A process starts: it opens its watches, and takes part in the election.
    pub(super) fn start(&mut self, process: usize) {
        let address = self.address(process);
        let now = self.now;
        let Some(it) = self.processes.get_mut(process) else { return };
        it.running = true;
        let elects = it.election.held;
        let effects = it.engine.start();
        self.carry_out_all(address, effects);
        if elects {
            self.plan(now, Happening::Lease(address));
        } else {
            if let Some(it) = self.processes.get_mut(process) {
                it.election.told = true;
                it.election.told_at = Some(now);
            }
            self.feed(address, Input::Leadership(Leadership::Leading));
        }
        self.note_another_clock();
    }

    /// Another process, or another life, measures what was begun by a clock that somebody has turned.
    fn note_another_clock(&mut self) {
        if self.processes.iter().any(|process| process.clock.is_turned()) {
            self.judge.clock_changes();
        }
    }

    /// Tells a process something, and carries out what follows.
    pub(super) fn feed(&mut self, to: Address, input: Input) {
        let Some(process) = self.processes.get_mut(to.process).filter(|it| it.running && it.life == to.life)
        else {
            return;
        };
        let local = process.clock.read(self.now);
        let effects = process.engine.handle(input, local);
        let broken = process.engine.take_broken_invariants();
        for (rollout, violation) in broken {
            self.complain(Rule::Plan, format!("{rollout}: {violation}"));
        }
        self.carry_out_all(to, effects);
    }

    fn carry_out_all(&mut self, from: Address, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out(from, effect);
        }
    }

    fn carry_out(&mut self, from: Address, effect: Effect) {
        match effect {
            Effect::Request { id, request, .. } if request.object.kind == Kind::Event => {
                self.publish(from, id, &request);
            }
            Effect::Request { id, request, .. } => self.send(from, id, request),
            Effect::Measure { id, ask } => self.measure(from, id, &ask),
            Effect::Watch(kind) => self.open(from, kind),
            Effect::Wake { at } => self.wake(from, at),
            Effect::Count(Count::Reconciled { .. }) => self.confirm(),
            Effect::Count(_) | Effect::Log(_) => {}
        }
    }

    /// Faults whose consequences a decision could have seen by now count as effective.
    fn confirm(&mut self) {
        self.effective.extend(self.marked.drain(..));
    }

    /// A fault has changed something that the next decision may rest on.
    pub(super) fn mark(&mut self, kind: FaultKind) {
        if !self.marked.contains(&kind) && !self.effective.contains(&kind) {
            self.marked.push(kind);
        }
    }

    /// Nobody waits for an Event, and nothing rests on it: it is told, and answered at once.
    fn publish(&mut self, from: Address, id: RequestId, request: &Request) {
        if let Call::Create(event) = &request.call {
            let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let about = event.get("involvedObject").or_else(|| event.get("regarding"));
            let about = about.and_then(about_object).unwrap_or_else(|| self.prepared.rollout.clone());
            self.trace.tell(self.begun, self.now, || Happened::Told {
                object: about,
                warning: text("type") == "Warning",
                reason: text("reason"),
                message: text("message"),
            });
        }
        let at = self.now;
        self.plan(at, Happening::Answer { to: from, id, answer: Box::new(Answer::Done) });
    }

    fn send(&mut self, from: Address, id: RequestId, request: Request) {
        self.watch_followers(from, &request);
        let at = self.chance.after(self.now, self.prepared.scenario.timings.request_ms);
        let sender = self.processes.get(from.process).filter(|_| request.call.is_write());
        let known = sender.map(|sender| Box::new(sender.engine.knowledge()));
        let arrival = Arrival { from, id, request, sent_at: self.now, known, left: false };
        if arrival.request.call.is_write() && !self.may_write(from) {
            let answer = Box::new(not_leading());
            self.plan(at, Happening::Answer { to: from, id, answer });
            return;
        }
        self.plan(at, Happening::Arrive(Box::new(Arrival { left: true, ..arrival })));
    }

    /// S9: a process that was told that it does not lead decides nothing.
    fn watch_followers(&mut self, from: Address, request: &Request) {
        let leads = self.processes.get(from.process).is_none_or(|process| process.election.told);
        if request.call.is_write() && !leads {
            let object = &request.object;
            self.complain(Rule::S9, format!("a process that does not lead wants to write {object}"));
        }
    }

    /// Since when a process leads, as far as its clock can be trusted.
    pub(super) fn leads_since(&self, from: Address) -> Option<jiff::Timestamp> {
        let process = self.processes.get(from.process).filter(|process| !process.clock.is_turned())?;
        process.election.told_at
    }

    /// Whether a process holds the Lease, as far as it knows.
    pub(super) fn may_write(&self, from: Address) -> bool {
        self.processes.get(from.process).is_some_and(|process| process.election.may_write(self.now))
    }

    fn measure(&mut self, from: Address, id: QuestionId, ask: &analysis::provider::Ask) {
        let scenario = &self.prepared.scenario;
        let when = (self.now, scenario.timings.metric_ms);
        let asked = self.backend.ask(ask, (&scenario.metrics, self.script.over()), when, &mut self.chance);
        if asked.harmed.answer {
            self.mark(FaultKind::F11);
        }
        if asked.harmed.delay {
            self.mark(FaultKind::F21);
        }
        self.judge.answered(asked.is_value);
        let outcome = Box::new(asked.outcome);
        self.plan(asked.at, Happening::Measured { to: from, id, outcome });
    }

    fn wake(&mut self, from: Address, at: jiff::Timestamp) {
        let Some(process) = self.processes.get_mut(from.process) else { return };
        let wake = process.wake.map_or(at, |earlier| earlier.min(at));
        process.wake = Some(wake);
        let real = process.clock.real(wake, self.now);
        if process.tick_planned.is_none_or(|planned| real < planned) {
            process.tick_planned = Some(real);
            self.plan(real, Happening::Tick(from));
        }
    }

    /// A timer runs out, unless an earlier tick has made it pointless or the clock was set back.
    pub(super) fn tick(&mut self, to: Address) {
        let Some(process) = self.processes.get_mut(to.process) else { return };
        if process.tick_planned.is_some_and(|planned| planned <= self.now) {
            process.tick_planned = None;
        }
        let Some(wake) = process.wake else { return };
        if wake > process.clock.read(self.now) {
            process.wake = None;
            self.wake(to, wake);
            return;
        }
        process.wake = None;
        self.feed(to, Input::Tick);
    }

    /// A process looks at the Lease, and the engine learns whether it leads.
    pub(super) fn look_at_lease(&mut self, to: Address) {
        let (now, down) = (self.now, self.meeting.is_down(self.now));
        let Some(process) = self.processes.get_mut(to.process) else { return };
        let was = process.election.told;
        if !down {
            process.election.look(to.process, &mut self.lease, now);
        }
        let leads = process.election.may_write(now);
        process.election.told = leads;
        if leads && !was {
            process.election.told_at = Some(now);
        }
        let deadline = process.election.until();
        let period = if leads { RETRY_PERIOD_MS } else { RETRY_PERIOD_MS / 2 };
        let next = after_ms(now, period);
        let next = deadline.filter(|deadline| *deadline > now).map_or(next, |deadline| next.min(deadline));
        if was != leads {
            let leadership = if leads {
                Leadership::Leading
            } else {
                Leadership::Following { reason: "the Lease is lost".to_owned() }
            };
            self.feed(to, Input::Leadership(leadership));
            self.note_another_clock();
        }
        self.plan(next, Happening::Lease(to));
    }
}

/// The answer to a write that never left.
pub(super) fn not_leading() -> Answer {
    Answer::Refused {
        status: 503,
        reason: "NotLeading".to_owned(),
        message: "this process may not write: it does not hold the Lease".to_owned(),
        retry_after: None,
    }
}

/// The answer to a write that was decided too long ago.
pub(super) fn outdated() -> Answer {
    Answer::Refused {
        status: 409,
        reason: "Outdated".to_owned(),
        message: "the decision is older than a second: it is made anew".to_owned(),
        retry_after: None,
    }
}

fn about_object(reference: &Value) -> Option<crds::object_ref::ObjectRef> {
    let text = |key: &str| reference.get(key).and_then(Value::as_str);
    let kind = crate::store::KINDS.into_iter().find(|kind| text("kind") == Some(kind.name()))?;
    Some(crds::object_ref::ObjectRef::new(kind, text("namespace").unwrap_or_default(), text("name")?))
}

#[cfg(test)]
impl World {
    /// Lets a process send a request that its engine did not ask for.
    pub(crate) fn send_as(&mut self, process: usize, request: Request) {
        let from = self.address(process);
        self.send(from, RequestId(u64::MAX), request);
    }

    /// From now on the first process counts as one that has just begun to lead.
    pub(crate) fn lead_anew(&mut self) {
        let now = self.now;
        if let Some(process) = self.processes.first_mut() {
            process.election.told_at = Some(now);
        }
    }
}

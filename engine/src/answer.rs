//! From an answer to what follows: the stores learn of it first, then whoever waits for it goes on.

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;

use crate::class::{Class, Nature, classify};
use crate::effect::{Count, Level, RequestId};
use crate::engine::Engine;
use crate::flights::{Flight, Purpose};
use crate::input::Answer;
use crate::object::View;
use crate::store::table::Origin;
use crate::store::version::{Order, Stamp, is_ordered, order};

/// An answer, classified.
#[derive(Debug)]
pub(crate) struct Landed<'a> {
    /// Which request.
    pub(crate) id: RequestId,
    /// What it was for.
    pub(crate) flight: Flight,
    /// The class of its failure; `None` for a success.
    pub(crate) class: Option<Class>,
    /// The answer itself.
    pub(crate) answer: &'a Answer,
}

impl Landed<'_> {
    /// Everything that the server has shown: the object that was asked for, also if it does not exist, or a list and
    /// what is on it.
    pub(crate) fn shown(&self) -> Vec<ObjectRef> {
        let listed = match self.answer {
            Answer::Objects(objects) => objects.as_slice(),
            _ => &[],
        };
        let asked = [self.flight.object.clone()];
        asked.into_iter().chain(listed.iter().map(|object| object.reference())).collect()
    }

    /// Whether the server showed the whole object.
    pub(crate) fn shows_object(&self) -> bool {
        matches!(self.answer, Answer::Object(_))
    }

    /// What the server said about a failure.
    pub(crate) fn message(&self) -> &str {
        match self.answer {
            Answer::Refused { message, .. } | Answer::Unknown { message } => message,
            Answer::Object(_) | Answer::Objects(_) | Answer::Done => "",
        }
    }
}

impl Engine {
    /// Takes in the answer to a request.
    pub(crate) fn answered(&mut self, id: RequestId, answer: &Answer, now: Timestamp) {
        let Some(flight) = self.flights.land(id) else { return };
        let class = classify(flight.nature, answer);
        let landed = Landed { id, flight, class, answer };
        self.feed(&landed, now);
        self.report(&landed);
        match &landed.flight.purpose {
            Purpose::Event => {}
            Purpose::Settle => self.settled(&landed, now),
            _ => match landed.flight.key.kind {
                Kind::Rollout => self.rollout_answered(&landed, now),
                Kind::AnalysisRun => self.run_answered(&landed, now),
                Kind::Service => self.service_answered(&landed, now),
                _ => {}
            },
        }
        self.verdict_answered(id, class, now);
    }

    /// What the answer shows goes into the stores at once, without the way through the watch.
    fn feed(&mut self, landed: &Landed<'_>, now: Timestamp) {
        let flight = &landed.flight;
        if flight.purpose == Purpose::Event {
            return;
        }
        match (landed.answer, landed.class) {
            (Answer::Object(_) | Answer::Done, _) | (_, Some(Class::NotFound)) if flight.is_outlived => {
                self.ledger.doubt(flight.object.clone(), flight.key.clone(), now);
            }
            (Answer::Object(object), _) => {
                if matches!(object.view, View::Secret(_)) {
                    return;
                }
                let written = Stamp::of(&object.meta);
                self.note_restored(flight, &written);
                self.take(object, Origin::Live, now);
                if flight.nature != Nature::Read && !is_ordered(&written) {
                    // An older watch event may still overwrite what the answer showed.
                    self.ledger.wrote(flight.object.clone(), flight.key.clone(), written, now);
                }
            }
            (Answer::Objects(objects), _) => {
                for object in objects {
                    self.take(object, Origin::Live, now);
                }
            }
            // A write may also be denied by this status, so only a read says that an object is not there.
            (_, Some(Class::NotFound)) if flight.nature != Nature::Read => {}
            // The pod goes in its own time: what has become of it, a live read tells.
            (Answer::Done, _) if flight.nature == Nature::Eviction => {
                self.ledger.doubt(flight.object.clone(), flight.key.clone(), now);
            }
            (Answer::Done, _) | (_, Some(Class::NotFound)) => {
                self.absent(&flight.object, flight.before.as_ref(), now);
            }
            (_, Some(Class::Unknown)) => self.ledger.doubt(flight.object.clone(), flight.key.clone(), now),
            _ => {}
        }
    }

    /// A read showed an earlier version than was held when it was asked for: the store of the server was restored from
    /// a backup. What was held is no more.
    fn note_restored(&mut self, flight: &Flight, shown: &Stamp) {
        let is_back = flight.before.as_ref().is_some_and(|before| order(before, shown) == Order::Earlier);
        if flight.nature != Nature::Read || !is_back {
            return;
        }
        self.stores.remove(&flight.object);
        self.ledger.gone(&flight.object);
        let message = format!("the server shows an earlier version of {} than it did before", flight.object);
        self.note(Level::Warn, Some(&flight.key), message);
    }

    fn report(&mut self, landed: &Landed<'_>) {
        let Some(class) = landed.class else { return };
        let flight = &landed.flight;
        if flight.nature == Nature::Read && class == Class::NotFound {
            return;
        }
        self.count(Count::RequestFailed { kind: flight.object.kind, class: class.word() });
        let level =
            if class == Class::Invalid || class == Class::Forbidden { Level::Warn } else { Level::Debug };
        let message = format!("{}: {}: {}", flight.object, class.word(), landed.message());
        self.note(level, Some(&flight.key), message);
    }

    /// A live read for the ledger has come back.
    fn settled(&mut self, landed: &Landed<'_>, now: Timestamp) {
        let flight = &landed.flight;
        match landed.class {
            // It is read once more.
            None | Some(Class::NotFound) if flight.is_outlived => {}
            None | Some(Class::NotFound) => self.ledger.gone(&flight.object),
            Some(Class::Transient { retry_after }) => {
                self.ledger.read_failed(&flight.object, now, retry_after);
            }
            Some(_) => self.ledger.read_failed(&flight.object, now, None),
        }
    }

    /// All requests that `key` waited for are answered: on with it, now or later.
    pub(crate) fn conclude(&mut self, key: &ObjectRef, now: Timestamp) {
        let Some(operation) = self.operation(key) else { return };
        if !operation.pending.is_empty() {
            return;
        }
        if let Some(class) = operation.failure.take() {
            operation.conflicted = false;
            operation.reread.clear();
            self.pause(key, class, now);
            return;
        }
        let reread = std::mem::take(&mut operation.reread);
        if !reread.is_empty() {
            operation.conflicted = true;
            self.read_live(key, reread);
        } else if std::mem::take(&mut operation.conflicted) {
            self.queue.conflicted(key, now);
        } else {
            self.touch_urgent(key.clone(), now);
        }
    }

    fn pause(&mut self, key: &ObjectRef, class: Class, now: Timestamp) {
        match class {
            Class::Transient { retry_after } => self.queue.failed(key, now, retry_after),
            Class::Unknown => self.queue.failed(key, now, None),
            Class::Invalid => self.queue.refused(key, now),
            Class::Forbidden => self.queue.denied(key, now),
            Class::Conflict | Class::AlreadyExists | Class::NotFound | Class::Protected => {
                self.queue.conflicted(key, now);
            }
        }
    }
}

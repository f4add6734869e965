//! A script on the simulator's own store.

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Request};
use engine::input::Answer;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::book::Book;
use super::facts::{Event, Facts, Seen, Transcript};
use super::script::{Act, Script, Step};
use crate::store::{Store, Verb};

/// When runs begin.
const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// The namespace of runs.
const NAMESPACE: &str = "model";

/// Runs a script on an empty store; what it has seen is comparable.
#[must_use]
pub fn run(script: &Script) -> Transcript {
    let script = script.with_ends();
    let mut run = Run { store: Store::new(), book: Book::new(NAMESPACE), now: START };
    let mut transcript = Transcript::default();
    let middle = middle(&script);
    let mut marks = vec![(0, "start")];
    for (index, step) in script.steps.iter().enumerate() {
        let seen = run.perform(step);
        run.book.learn(step, &seen);
        transcript.steps.push(seen);
        run.now += SignedDuration::from_secs(1);
        if index == middle {
            marks.push((run.store.version(), "middle"));
        }
    }
    for (version, mark) in marks {
        for kind in script.kinds() {
            transcript.watches.insert(format!("{} from the {mark}", kind.name()), run.watch(kind, version));
        }
    }
    transcript.comparable()
}

/// The step after which the second watch begins.
#[must_use]
pub const fn middle(script: &Script) -> usize {
    script.steps.len() / 2
}

struct Run {
    store: Store,
    book: Book,
    now: Timestamp,
}

impl Run {
    fn perform(&mut self, step: &Step) -> Seen {
        let reference = self.book.reference(step.kind, &step.name);
        let call = match self.book.resolve(step) {
            Act::Create(manifest) => Call::Create(manifest),
            Act::Get(_) => Call::Get,
            Act::Merge(patch) => Call::MergePatch(patch),
            Act::MergeStatus(patch) => Call::MergePatchStatus(patch),
            Act::Json(patch) => Call::JsonPatch(patch),
            Act::Delete(precondition) => match precondition.uid {
                Some(uid) => Call::Delete { uid, resource_version: precondition.version },
                None => return self.remove(&reference),
            },
            Act::Vanish(_) => {
                self.store.collect_garbage(self.now);
                Call::Get
            }
            Act::List(_) => return self.list(step.kind),
        };
        let answer = self.store.call(&Request { object: reference.clone(), call }, self.now);
        match answer {
            Answer::Object(_) | Answer::Objects(_) | Answer::Done => Seen::object(self.facts(&reference)),
            Answer::Refused { status, reason, .. } => Seen::refused(status, &reason),
            Answer::Unknown { message } => Seen::refused(0, &message),
        }
    }

    fn remove(&mut self, reference: &ObjectRef) -> Seen {
        if self.store.get(reference).is_none() {
            return Seen::refused(404, "NotFound");
        }
        self.store.remove(reference, self.now);
        Seen::object(self.facts(reference))
    }

    fn list(&self, kind: Kind) -> Seen {
        let references = self
            .store
            .list(kind)
            .map(|object| ObjectRef::new(kind, &object.meta.namespace, &object.meta.name));
        Seen::list(references.filter_map(|reference| self.facts(&reference)).collect())
    }

    fn facts(&self, reference: &ObjectRef) -> Option<Facts> {
        let object = self.store.manifest(reference)?;
        Some(self.facts_of(reference, &object))
    }

    fn facts_of(&self, reference: &ObjectRef, object: &Value) -> Facts {
        let name = self.book.script_name(reference.kind, &reference.name).unwrap_or(&reference.name);
        Facts::of(reference.kind, name, object)
    }

    fn watch(&self, kind: Kind, version: u64) -> Vec<Event> {
        self.store
            .changes(kind, version)
            .map(|change| Event {
                verb: match change.verb {
                    Verb::Added => "ADDED",
                    Verb::Modified => "MODIFIED",
                    Verb::Deleted => "DELETED",
                }
                .to_owned(),
                object: self.facts_of(&change.reference, &change.manifest()),
            })
            .collect()
    }
}

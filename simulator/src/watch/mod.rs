//! Watches: how a client learns, late and sometimes wrongly, what the store holds.

mod selector;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use engine::input::WatchEvent;
use engine::object::Object;
use jiff::{SignedDuration, Timestamp};

pub use self::selector::Selector;
use crate::store::{Change, Store, Verb};

/// One watch of one kind by one client: a list, and then the changes in order, each as late as the lag says.
///
/// It begins with a list, as every client does. Faults are told to it beforehand, and [`Self::poll`] delivers what has
/// become due, one event at a time.
#[derive(Clone, Debug)]
pub struct Cursor {
    kind: Kind,
    selector: Selector,
    lag: SignedDuration,
    /// The version up to which everything was taken from the store.
    position: u64,
    restores: u32,
    /// Nothing is delivered before this time: events never overtake each other.
    not_before: Timestamp,
    /// Taken from the store, not delivered yet.
    taken: VecDeque<Delivery>,
    /// What the client believes to be there.
    shown: BTreeSet<Arc<ObjectRef>>,
    last: Option<Delivery>,
    stream: Stream,
}

/// In which state the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// Changes arrive.
    Open,
    /// Nothing arrives, and nobody notices until then; then the client asks for what came after its last event.
    Silent { until: Timestamp },
    /// What happens is lost; at that time the client lists again, at an older version if one is named.
    Listing { at: Timestamp, version: Option<u64> },
}

/// One event on its way to the client.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What the client sees.
    pub event: Seen,
    /// Why it comes.
    pub cause: Cause,
    /// The version of the change, or of the list.
    pub version: u64,
    /// Since when it can be delivered.
    pub due: Timestamp,
}

/// What a client sees, sharing the store's objects.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A list begins.
    Init,
    /// An object of the list.
    InitApply(Arc<Object>),
    /// The list is complete.
    InitDone,
    /// An object was created or changed.
    Apply(Arc<Object>),
    /// An object has gone, or is no longer one of those that were asked for.
    Delete(Arc<Object>),
}

impl Seen {
    /// The event as the engine takes it.
    #[must_use]
    pub fn to_event(&self) -> WatchEvent {
        match self {
            Self::Init => WatchEvent::Init,
            Self::InitApply(object) => WatchEvent::InitApply(Arc::clone(object)),
            Self::InitDone => WatchEvent::InitDone,
            Self::Apply(object) => WatchEvent::Apply(Arc::clone(object)),
            Self::Delete(object) => WatchEvent::Delete(Arc::clone(object)),
        }
    }
}

/// Why an event is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is the next change.
    Change,
    /// The client lists.
    List,
    /// The client lists, and a server that is behind answers.
    OldList,
    /// It was delivered before.
    Duplicate,
    /// It stands for several changes, of which only the last one arrives.
    Collapsed,
}

impl Cursor {
    /// A watch that begins with a list at `at`.
    #[must_use]
    pub fn open(kind: Kind, selector: Selector, lag: SignedDuration, at: Timestamp) -> Self {
        Self {
            kind,
            selector,
            lag,
            position: 0,
            restores: 0,
            not_before: at,
            taken: VecDeque::new(),
            shown: BTreeSet::new(),
            last: None,
            stream: Stream::Listing { at, version: None },
        }
    }

    /// The kind that is watched.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The version up to which the client has been told everything, or will be by what is on its way.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// From now on, each change takes this long.
    pub const fn set_lag(&mut self, lag: SignedDuration) {
        self.lag = lag;
    }

    /// Nothing is delivered before `until`; then everything is, in order.
    pub fn hold(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(until);
    }

    /// The connection dies without a word. At `until` the client notices and asks for what came after its last event;
    /// if that was compacted away meanwhile it is refused with 410, and lists. A stream that the server closes is
    /// this with the time at which the client is back.
    pub fn silence(&mut self, until: Timestamp) {
        self.stream = match self.stream {
            Stream::Open => Stream::Silent { until },
            Stream::Silent { until: before } => Stream::Silent { until: before.max(until) },
            listing @ Stream::Listing { .. } => listing,
        };
    }

    /// What happens until `at` is lost, as is what is on its way; then the client lists: at `version`, if one is
    /// named, because a server answers that is behind.
    pub fn relist(&mut self, at: Timestamp, version: Option<u64>) {
        self.taken.clear();
        self.stream = Stream::Listing { at, version };
    }

    /// The last event is delivered a second time. Says whether there is one.
    pub fn duplicate(&mut self) -> bool {
        let Some(last) = self.last.clone().filter(|last| matches!(last.event, Seen::Apply(_))) else {
            return false;
        };
        if self.stream != Stream::Open || self.taken.iter().any(|next| next.cause == Cause::List) {
            return false;
        }
        self.taken.push_front(Delivery { cause: Cause::Duplicate, ..last });
        true
    }

    /// Of all changes that are on their way, only the last one of each object will arrive; an object that was created
    /// and deleted meanwhile is never heard of. Returns how many events that saves.
    pub fn collapse(&mut self, store: &Store) -> usize {
        if self.stream != Stream::Open || !self.taken.is_empty() || self.restores != store.restores() {
            return 0;
        }
        let changes: Vec<&Change> = store.changes(self.kind, self.position).collect();
        let last: BTreeMap<&ObjectRef, u64> =
            changes.iter().map(|change| (&*change.reference, change.version)).collect();
        let before = self.shown.clone();
        let mut kept = 0;
        for change in &changes {
            let Some(event) = self.seen(change) else { continue };
            self.position = change.version;
            if last.get(&*change.reference) != Some(&change.version) {
                continue;
            }
            if matches!(event, Seen::Delete(_)) && !before.contains(&change.reference) {
                continue;
            }
            kept += 1;
            self.taken.push_back(self.late(change, event, Cause::Collapsed));
        }
        changes.len() - kept
    }

    /// The server says how far the client is, though nothing of this kind has changed. It spares the client a 410.
    pub fn bookmark(&mut self, store: &Store) {
        let behind = store.changes(self.kind, self.position).next().is_some();
        if self.stream == Stream::Open && self.restores == store.restores() && !behind {
            self.position = self.position.max(store.version());
        }
    }

    /// When the next event can be delivered, as things stand. Something that must not be delivered may be due: then
    /// [`Self::poll`] passes it over.
    #[must_use]
    pub fn next_due(&self, store: &Store) -> Option<Timestamp> {
        let asked = match self.stream {
            Stream::Listing { at, .. } => return Some(at.max(self.not_before)),
            Stream::Silent { until } => until,
            Stream::Open => self.not_before,
        };
        let next = match self.taken.front() {
            Some(next) => Some(next.due),
            None if self.must_list(store) => Some(asked),
            None => store.changes(self.kind, self.position).next().map(|change| self.due(change)),
        };
        next.map(|due| due.max(asked).max(self.not_before))
    }

    /// Whether what comes after the client's last event is no longer known.
    fn must_list(&self, store: &Store) -> bool {
        let refused = matches!(self.stream, Stream::Silent { .. }) && self.position < store.compacted();
        refused || self.restores != store.restores()
    }

    /// The next event that is due.
    pub fn poll(&mut self, store: &Store, now: Timestamp) -> Option<Delivery> {
        self.connect(store, now);
        if now < self.not_before || self.stream != Stream::Open {
            return None;
        }
        if self.taken.is_empty() {
            self.take_next(store, now);
        }
        let next = self.taken.pop_front_if(|next| next.due <= now)?;
        self.not_before = self.not_before.max(next.due);
        self.last = Some(next.clone());
        Some(next)
    }

    /// Lists or asks again if the time has come.
    fn connect(&mut self, store: &Store, now: Timestamp) {
        match self.stream {
            Stream::Listing { at, version } if at <= now => self.list(store, at, version),
            Stream::Silent { until } if until <= now && self.must_list(store) => {
                self.list(store, until, None);
            }
            Stream::Silent { until } if until <= now => self.stream = Stream::Open,
            // After a restore all servers start anew, and no version of before means anything.
            Stream::Open if self.must_list(store) => self.list(store, now, None),
            _ => {}
        }
    }

    fn list(&mut self, store: &Store, at: Timestamp, version: Option<u64>) {
        let version = version.unwrap_or(u64::MAX).clamp(store.compacted(), store.version());
        let objects = store.list_at(self.kind, version);
        let objects = objects.into_iter().filter(|object| self.selector.matches(object));
        let cause = if version < store.version() { Cause::OldList } else { Cause::List };
        let delivery = |event| Delivery { event, cause, version, due: at };
        self.taken = std::iter::once(delivery(Seen::Init))
            .chain(objects.map(|object| delivery(Seen::InitApply(object))))
            .chain([delivery(Seen::InitDone)])
            .collect();
        self.shown = self.taken.iter().filter_map(|delivery| reference(&delivery.event)).collect();
        self.position = version;
        self.restores = store.restores();
        self.stream = Stream::Open;
    }

    fn take_next(&mut self, store: &Store, now: Timestamp) {
        for change in store.changes(self.kind, self.position) {
            if self.due(change) > now {
                return;
            }
            self.position = change.version;
            if let Some(event) = self.seen(change) {
                self.taken.push_back(self.late(change, event, Cause::Change));
                return;
            }
        }
    }

    fn due(&self, change: &Change) -> Timestamp {
        change.at.saturating_add(self.lag).unwrap_or(change.at).max(self.not_before)
    }

    fn late(&self, change: &Change, event: Seen, cause: Cause) -> Delivery {
        Delivery { event, cause, version: change.version, due: self.due(change) }
    }

    /// What the client sees of a change; nothing if the object is none of those that it asks for.
    fn seen(&mut self, change: &Change) -> Option<Seen> {
        let object = Arc::clone(&change.object);
        if change.verb != Verb::Deleted && self.selector.matches(&object) {
            self.shown.insert(Arc::clone(&change.reference));
            return Some(Seen::Apply(object));
        }
        self.shown.remove(&change.reference).then_some(Seen::Delete(object))
    }
}

/// The reference of an object of a list.
fn reference(event: &Seen) -> Option<Arc<ObjectRef>> {
    let Seen::InitApply(object) = event else { return None };
    Some(Arc::new(ObjectRef::new(object.kind, &object.meta.namespace, &object.meta.name)))
}

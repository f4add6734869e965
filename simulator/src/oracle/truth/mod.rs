//! S9: every write that was carried out would be decided again on the true state at that moment.
//!
//! A second engine is fed without any delay, and asked what it would do at the time that the sender's clock shows. What
//! only the environment changed while the request was on its way is no violation: if the write is not decided now, it
//! must have been decided on what was there within the last second.

mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutStatus;
use engine::effect::Request;
use engine::engine::Engine;
use engine::input::{Input, WatchEvent};
use engine::object::Object;
use engine::scrutiny::Decision;
use engine::settings::Settings;
use jiff::Timestamp;
use planted_bugs::without;

use self::write::{concerned, describe, is_decided, is_guarded, is_release, is_weighty, statuses, word};
use super::{Clocks, ON_THE_WAY};
use crate::store::{Change, KINDS, Store, Verb};

/// Which kinds a store may be behind with: all of them, or one.
const BEHIND: [Option<Kind>; 5] =
    [None, Some(Kind::Rollout), Some(Kind::ReplicaSet), Some(Kind::AnalysisRun), Some(Kind::Service)];

/// An engine that knows everything at once.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    settings: Settings,
    engine: Engine,
    /// What it has not heard of yet.
    unheard: BTreeMap<Arc<ObjectRef>, WatchEvent>,
    /// Until when requests may arrive that were decided on what is no more, because the store went back in time.
    outdated_until: Option<Timestamp>,
    /// What the operators wrote of late, oldest first.
    own: Vec<Own>,
    /// When processes stood still of late, from and until.
    still: Vec<(Timestamp, Timestamp)>,
    /// The kinds that are, or were, not served, each until when.
    unserved: BTreeMap<Kind, Timestamp>,
    /// What the sender's clock showed when it decided the write at hand.
    decided_at: Timestamp,
}

/// An object as a write of an operator left it.
#[derive(Clone, Debug)]
struct Own {
    at: Timestamp,
    version: u64,
    object: Option<Arc<Object>>,
    reference: ObjectRef,
}

impl Truth {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut engine = Engine::new(settings.clone());
        engine.start();
        let (settings, unheard) = (settings.clone(), BTreeMap::new());
        Self {
            settings,
            engine,
            unheard,
            outdated_until: None,
            own: Vec::new(),
            still: Vec::new(),
            unserved: BTreeMap::new(),
            decided_at: Timestamp::MIN,
        }
    }

    /// A kind is not served until then: whoever decides, decides without it.
    pub(super) fn unserved(&mut self, kind: Kind, until: Timestamp) {
        self.unserved.insert(kind, until);
    }

    /// Forgets everything: the store went back in time.
    pub(super) fn restart(&mut self, now: Timestamp) {
        let outdated_until = now.saturating_add(ON_THE_WAY).ok();
        *self = Self { outdated_until, ..Self::new(&self.settings) };
    }

    /// A process stands still.
    pub(super) fn stands_still(&mut self, from: Timestamp, until: Timestamp) {
        self.still.push((from, until));
    }

    /// Since when a write may have been decided that is carried out now. Who stood still decides for a moment on what
    /// was before, but for what takes pods away or moves requests: that is always read live.
    fn decided_since(&self, request: &Request, store: &Store, now: Timestamp) -> Timestamp {
        let before = |moment: Timestamp| moment.saturating_sub(ON_THE_WAY).unwrap_or(Timestamp::MIN);
        if is_guarded(request, store) {
            return before(now);
        }
        let stood =
            self.still.iter().filter(|(_, until)| before(now) <= *until).map(|(from, _)| before(*from));
        stood.min().unwrap_or(Timestamp::MAX).min(before(now))
    }

    /// An operator wrote an object.
    pub(super) fn wrote(&mut self, reference: &ObjectRef, store: &Store, now: Timestamp) {
        let since = now.saturating_sub(ON_THE_WAY).unwrap_or(Timestamp::MIN);
        self.own.retain(|own| own.at >= since);
        let (version, object) = (store.version(), store.get(reference).cloned());
        self.own.push(Own { at: now, version, object, reference: reference.clone() });
    }

    /// Everything of a kind.
    pub(super) fn list(&mut self, kind: Kind, objects: &[Arc<Object>], now: Timestamp) {
        without(|| list(&mut self.engine, kind, objects, now));
    }

    /// Something was written. The engine hears of it when it is asked: of several writes of an object only the last
    /// one counts.
    pub(super) fn see(&mut self, change: &Change) {
        let object = Arc::clone(&change.object);
        let event = match change.verb {
            Verb::Added | Verb::Modified => WatchEvent::Apply(object),
            Verb::Deleted => WatchEvent::Delete(object),
        };
        self.unheard.insert(Arc::clone(&change.reference), event);
    }

    /// Why a write that is about to be carried out would not be decided; `None` if it would, or need not be.
    pub(super) fn objection(
        &mut self,
        request: &Request,
        sent_at: Timestamp,
        store: &Store,
        clocks: Clocks,
    ) -> Option<String> {
        if self.outdated_until.is_some_and(|until| clocks.real <= until) {
            return None;
        }
        self.decided_at = decided_at(sent_at, clocks);
        without(|| self.object(request, store, clocks))
    }

    fn object(&mut self, request: &Request, store: &Store, clocks: Clocks) -> Option<String> {
        let rollouts = concerned(request, store);
        let is_judged = matches!(
            request.object.kind,
            Kind::Rollout
                | Kind::ReplicaSet
                | Kind::Service
                | Kind::Ingress
                | Kind::VirtualService
                | Kind::Deployment
        );
        // What no Rollout names is none of their decisions.
        if !is_judged || rollouts.is_empty() || is_release(request) {
            return None;
        }
        let (before, after) = statuses(request, store);
        if !is_weighty(request, before, after.as_ref()) {
            return None;
        }
        for (object, event) in std::mem::take(&mut self.unheard) {
            self.engine.handle(Input::Watch { kind: object.kind, event }, clocks.real);
        }
        let mut verdicts = Vec::new();
        for rollout in &rollouts {
            match decide(&mut self.engine, rollout, store, clocks.local) {
                Some(decision) if is_decided(request, &decision, after.as_ref()) => return None,
                decision => verdicts.push(describe(rollout, decision.as_ref())),
            }
        }
        let earlier = self.earlier((request, after.as_ref()), &rollouts, store, clocks);
        (!earlier).then(|| {
            let (word, object, why) = (word(&request.call), &request.object, verdicts.join("; "));
            format!("{word} {object} would not be decided: {why}")
        })
    }

    /// Whether the write would have been decided on what an operator may have known: all that operators wrote, and
    /// all else as it was at some moment of the last second, for all kinds or for one that is behind the others.
    fn earlier(
        &self,
        (request, after): (&Request, Option<&RolloutStatus>),
        rollouts: &[ObjectRef],
        store: &Store,
        clocks: Clocks,
    ) -> bool {
        let since = self.decided_since(request, store, clocks.real);
        let mut versions: Vec<u64> = KINDS
            .into_iter()
            .flat_map(|kind| store.changes(kind, store.compacted()))
            .filter(|change| change.at >= since)
            .map(|change| change.version.saturating_sub(1))
            .collect();
        versions.sort_unstable();
        let unserved = self.unserved_since(clocks.real);
        // Nothing need have changed but the time: a pause has ended while the request was on its way.
        versions.push(store.version());
        // The clock may have been set since.
        let times = BTreeSet::from([clocks.local, clocks.real, self.decided_at]);
        let is_decided_by = |mut engine: Engine| {
            times.iter().any(|now| {
                let now = *now;
                let decide = |rollout| decide(&mut engine, rollout, store, now);
                rollouts.iter().filter_map(decide).any(|decision| is_decided(request, &decision, after))
            })
        };
        let mut seen = BTreeSet::new();
        versions.into_iter().rev().any(|version| {
            BEHIND.into_iter().any(|behind| {
                if !seen.insert(missed(store, version, behind)) {
                    return false;
                }
                let engine = || self.engine_at(store, version, behind, clocks.local);
                is_decided_by(engine())
                    || (!unserved.is_empty()
                        && is_decided_by(without_kinds(engine(), &unserved, clocks.local)))
            })
        })
    }

    /// The kinds that were not served at some time of the last second.
    fn unserved_since(&self, now: Timestamp) -> Vec<Kind> {
        let since = now.saturating_sub(ON_THE_WAY).unwrap_or(Timestamp::MIN);
        self.unserved.iter().filter(|(_, until)| **until >= since).map(|(kind, _)| *kind).collect()
    }

    /// An engine that knows what is behind as it was at a version, but for what operators wrote since.
    fn engine_at(&self, store: &Store, version: u64, behind: Option<Kind>, now: Timestamp) -> Engine {
        let mut engine = Engine::new(self.settings.clone());
        engine.start();
        for kind in KINDS {
            let is_behind = behind.is_none_or(|behind| behind == kind);
            let version = if is_behind { version } else { store.version() };
            let mut objects: BTreeMap<(String, String), Arc<Object>> = store
                .list_at(kind, version)
                .into_iter()
                .map(|object| ((object.meta.namespace.clone(), object.meta.name.clone()), object))
                .collect();
            for own in self.own.iter().filter(|own| own.reference.kind == kind && own.version > version) {
                let key = (own.reference.namespace.clone(), own.reference.name.clone());
                // What is decided about a Rollout does not wait for the answer to a measurement that is noted.
                if kind == Kind::AnalysisRun && objects.contains_key(&key) {
                    continue;
                }
                match &own.object {
                    Some(object) => objects.insert(key, Arc::clone(object)),
                    None => objects.remove(&key),
                };
            }
            let objects: Vec<Arc<Object>> = objects.into_values().collect();
            list(&mut engine, kind, &objects, now);
        }
        engine
    }
}

/// How many changes of each kind are not known to somebody who is behind with it: who misses the same knows the same.
fn missed(store: &Store, version: u64, behind: Option<Kind>) -> Vec<usize> {
    let of = |kind: Kind| match behind {
        Some(behind) if behind != kind => 0,
        _ => store.changes(kind, version).count(),
    };
    KINDS.into_iter().map(of).collect()
}

/// What the sender's clock showed when it decided, at most as long ago as a request may be on its way.
fn decided_at(sent_at: Timestamp, clocks: Clocks) -> Timestamp {
    let passed = Duration::try_from(clocks.real.duration_since(sent_at)).unwrap_or_default();
    clocks.local.saturating_sub(passed.min(ON_THE_WAY)).unwrap_or(clocks.local)
}

/// An engine that was told that kinds are not served.
fn without_kinds(mut engine: Engine, kinds: &[Kind], now: Timestamp) -> Engine {
    for kind in kinds {
        engine.handle(Input::KindMissing(*kind), now);
    }
    engine
}

fn list(engine: &mut Engine, kind: Kind, objects: &[Arc<Object>], now: Timestamp) {
    engine.handle(Input::Watch { kind, event: WatchEvent::Init }, now);
    for object in objects {
        let event = WatchEvent::InitApply(Arc::clone(object));
        engine.handle(Input::Watch { kind, event }, now);
    }
    engine.handle(Input::Watch { kind, event: WatchEvent::InitDone }, now);
}

/// What would be decided; routes whose text the engine does not hold yet are shown to it again.
fn decide(engine: &mut Engine, rollout: &ObjectRef, store: &Store, now: Timestamp) -> Option<Decision> {
    for _ in 0..2 {
        match engine.decide(rollout, now)? {
            Ok(decision) => return Some(decision),
            Err(unread) => {
                for object in unread {
                    let event = WatchEvent::Apply(Arc::clone(store.get(&object)?));
                    engine.handle(Input::Watch { kind: object.kind, event }, now);
                }
            }
        }
    }
    None
}

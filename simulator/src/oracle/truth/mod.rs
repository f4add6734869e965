//! S9: every write that was carried out would be decided again on the true state at that moment.
//!
//! A second engine is fed without any delay, and asked what it would do at the time that the sender's clock shows. What
//! changed while the request was on its way is no violation: if the write is not decided now, it must have been decided
//! on what the sender knew, with whatever of that was true at no time within the last second put right.

mod known;
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
use engine::scrutiny::{Decision, Knowledge};
use engine::settings::Settings;
use jiff::Timestamp;
use planner::rollout::{Tenure, is_to_be_aborted};
use planted_bugs::without;

use self::known::Instead;
use self::write::{adds_pods, concerned, describe, is_decided, is_guarded, is_release, is_weighty, statuses};
use super::{Clocks, ON_THE_WAY, Sent};
use crate::store::{Change, KINDS, Store, Verb};

/// An engine that knows everything at once.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    settings: Settings,
    engine: Engine,
    /// What it has not heard of yet.
    unheard: BTreeMap<Arc<ObjectRef>, WatchEvent>,
    /// Until when requests may arrive that were decided on what is no more, because the store went back in time.
    outdated_until: Option<Timestamp>,
    /// When processes stood still of late, from and until.
    still: Vec<(Timestamp, Timestamp)>,
    /// The kinds that are, or were, not served, each until when.
    unserved: BTreeMap<Kind, Timestamp>,
    /// What the sender's clock showed when it decided the write at hand.
    decided_at: Timestamp,
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
            still: Vec::new(),
            unserved: BTreeMap::new(),
            decided_at: Timestamp::MIN,
        }
    }

    /// A kind is not served until then: whoever decides, decides without it.
    pub(super) fn unserved(&mut self, kind: Kind, until: Timestamp) {
        self.unserved.insert(kind, until);
    }

    /// Forgets everything but which kinds are served: the store went back in time.
    pub(super) fn restart(&mut self, now: Timestamp) {
        let outdated_until = now.saturating_add(ON_THE_WAY).ok();
        let unserved = std::mem::take(&mut self.unserved);
        *self = Self { outdated_until, unserved, ..Self::new(&self.settings) };
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
    pub(super) fn objection(&mut self, sent: &Sent<'_>, store: &Store, clocks: Clocks) -> Option<String> {
        if self.outdated_until.is_some_and(|until| clocks.real <= until) {
            return None;
        }
        self.decided_at = decided_at(sent.at, clocks);
        without(|| self.object(sent, store, clocks))
    }

    fn object(&mut self, sent: &Sent<'_>, store: &Store, clocks: Clocks) -> Option<String> {
        let request = sent.request;
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
        let tenure = sent.known.and_then(|known| known.tenure);
        let mut verdicts = Vec::new();
        // An abort that is not noted yet adds pods at once, whatever else is to be done first.
        let adds_pods = adds_pods(request, store);
        for rollout in &rollouts {
            match decide(&mut self.engine, rollout, store, (tenure, clocks.local)) {
                Some(decision) if is_decided(request, &decision, after.as_ref()) => return None,
                Some(decision) if adds_pods && is_to_be_aborted(&decision.snapshot) => return None,
                decision => verdicts.push(describe(rollout, decision.as_ref())),
            }
        }
        let earlier = self.earlier((sent, after.as_ref()), &rollouts, store, clocks);
        (!earlier).then(|| {
            let (word, object, why) = (request.call.word(), &request.object, verdicts.join("; "));
            format!("{word} {object} would not be decided: {why}")
        })
    }

    /// Whether the write was decided on what its sender may have known: what it held and was true at some time of the
    /// last second, and all else as it is, or as it was at the beginning of that second.
    fn earlier(
        &self,
        (sent, after): (&Sent<'_>, Option<&RolloutStatus>),
        rollouts: &[ObjectRef],
        store: &Store,
        clocks: Clocks,
    ) -> bool {
        let Some(known) = sent.known else { return false };
        let request = sent.request;
        let since = self.decided_since(request, store, clocks.real);
        let unserved: Vec<Kind> = self
            .unserved_since(clocks.real)
            .into_iter()
            .filter(|kind| known.unserved.contains(kind))
            .collect();
        // The clock may have been set since.
        let times = BTreeSet::from([clocks.local, clocks.real, self.decided_at]);
        [Instead::AsItIs, Instead::AsItWas].into_iter().any(|instead| {
            let mut engine = self.engine_of(known, since, instead, (store, clocks.local));
            for kind in &unserved {
                engine.handle(Input::KindMissing(*kind), clocks.local);
            }
            times.iter().any(|now| {
                let decide = |rollout| decide(&mut engine, rollout, store, (known.tenure, *now));
                rollouts.iter().filter_map(decide).any(|decision| is_decided(request, &decision, after))
            })
        })
    }

    /// The kinds that were not served at some time of the last second.
    fn unserved_since(&self, now: Timestamp) -> Vec<Kind> {
        let since = now.saturating_sub(ON_THE_WAY).unwrap_or(Timestamp::MIN);
        self.unserved.iter().filter(|(_, until)| **until >= since).map(|(kind, _)| *kind).collect()
    }

    /// An engine that knows what a sender knew, as far as that was true since then.
    fn engine_of(
        &self,
        known: &Knowledge,
        since: Timestamp,
        instead: Instead,
        (store, now): (&Store, Timestamp),
    ) -> Engine {
        let mut engine = Engine::new(self.settings.clone());
        engine.start();
        for kind in KINDS {
            list(&mut engine, kind, &known::objects((store, kind), known, since, instead), now);
        }
        engine
    }
}

/// What the sender's clock showed when it decided, at most as long ago as a request may be on its way.
fn decided_at(sent_at: Timestamp, clocks: Clocks) -> Timestamp {
    let passed = Duration::try_from(clocks.real.duration_since(sent_at)).unwrap_or_default();
    clocks.local.saturating_sub(passed.min(ON_THE_WAY)).unwrap_or(clocks.local)
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
fn decide(
    engine: &mut Engine,
    rollout: &ObjectRef,
    store: &Store,
    (tenure, now): (Option<Tenure>, Timestamp),
) -> Option<Decision> {
    for _ in 0..2 {
        match engine.decide(rollout, tenure, now)? {
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

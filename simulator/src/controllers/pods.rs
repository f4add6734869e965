//! The ReplicaSet controller and a node: pods that are made, start, become ready, fail, and go.
//!
//! It works on what it has seen a moment ago, as the real one does, and writes the status of a ReplicaSet late.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::clock::{Chance, after_ms, ms_between};
use crate::scenario::{Behaviour, Range, Timings};

/// Something that happens to pods later on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PodEvent {
    /// The controller looks at a ReplicaSet, by uid.
    Sync(String),
    /// The controller writes its status.
    Report(String),
    /// A pod of it becomes ready, or is so again.
    Up(String, u64),
    /// A pod of it stops being ready.
    Down(String, u64),
    /// A pod of it has gone.
    Gone(String, u64),
    /// A pod of it has been ready for long enough.
    Aged(String),
}

/// How many pods of a ReplicaSet there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Pods that are not being deleted.
    pub(crate) existing: i32,
    /// Pods that are being deleted.
    pub(crate) stopping: i32,
    /// Those of the existing ones that are ready.
    pub(crate) ready: i32,
    /// Those that have been ready for `minReadySeconds`.
    pub(crate) available: i32,
    /// Pods that could serve if nothing but the operator touched them: those that have been available once and are
    /// not being deleted, ready or not.
    pub(crate) earned: i32,
    /// Pods that had been available once and were not ready when they were deleted, or when that was decided, so far:
    /// they protected nobody. And those that were evicted for a restart: how many may be missing because of it is
    /// judged when each goes.
    pub(crate) lost: i32,
}

/// What everybody can see of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Whether it is being deleted.
    pub(crate) stopping: bool,
    /// Since when it has been ready.
    pub(crate) ready_since: Option<Timestamp>,
}

/// A ReplicaSet as its controller knows it.
#[derive(Clone, Debug)]
struct Set {
    behaviour: Behaviour,
    min_ready_ms: u64,
    wanted: i32,
    generation: i64,
    pods: BTreeMap<u64, Pod>,
    lost: i32,
    /// How many pods its status called available last.
    reported: i32,
    /// How many pods were not available, as far as its status told, when its spec was changed last.
    absent_when_changed: usize,
    sync_planned: bool,
    report_planned: bool,
    /// Until when a fault keeps a share of the pods down, and how large it is in percent.
    broken: Option<(Timestamp, u32)>,
}

#[derive(Clone, Debug)]
struct Pod {
    ready_since: Option<Timestamp>,
    was_available: bool,
    stopping: bool,
}

impl PodEvent {
    /// The uid of the ReplicaSet that it is about.
    pub(crate) fn set(&self) -> &str {
        match self {
            Self::Sync(uid)
            | Self::Report(uid)
            | Self::Up(uid, _)
            | Self::Down(uid, _)
            | Self::Gone(uid, _)
            | Self::Aged(uid) => uid,
        }
    }
}

/// What the controller knows when it looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// `spec.replicas`.
    pub(crate) wanted: i32,
    /// `metadata.generation`.
    pub(crate) generation: i64,
    /// `spec.minReadySeconds`.
    pub(crate) min_ready_seconds: i32,
}

/// Time, chance, and where later events go.
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    pub(crate) chance: &'a mut Chance,
    pub(crate) timings: &'a Timings,
    pub(crate) later: &'a mut Vec<(Timestamp, PodEvent)>,
}

/// All pods, by the uid of their ReplicaSet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nodes {
    sets: BTreeMap<String, Set>,
    names: u64,
}

impl Nodes {
    /// A ReplicaSet was created.
    pub(crate) fn adopt(&mut self, uid: &str, behaviour: Behaviour) {
        self.sets.entry(uid.to_owned()).or_insert_with(|| Set {
            behaviour,
            min_ready_ms: 0,
            wanted: 0,
            generation: 0,
            pods: BTreeMap::new(),
            lost: 0,
            reported: 0,
            absent_when_changed: 0,
            sync_planned: false,
            report_planned: false,
            broken: None,
        });
    }

    /// Whether a ReplicaSet is known.
    pub(crate) fn knows(&self, uid: &str) -> bool {
        self.sets.contains_key(uid)
    }

    /// A ReplicaSet has gone, and its pods with it.
    pub(crate) fn forget(&mut self, uid: &str) {
        self.sets.remove(uid);
    }

    /// Something about a ReplicaSet has changed: its controller looks at it in a while.
    pub(crate) fn touch(&mut self, uid: &str, moment: &mut Moment<'_>) {
        let Some(set) = self.sets.get_mut(uid) else { return };
        let counts = set.counts(moment.now);
        let absent = counts.existing.saturating_sub(counts.available.min(set.reported));
        let absent = usize::try_from(absent).unwrap_or(0);
        let before = if set.sync_planned { set.absent_when_changed } else { 0 };
        set.absent_when_changed = absent.max(before);
        if !std::mem::replace(&mut set.sync_planned, true) {
            moment.plan(moment.timings.controller_ms, PodEvent::Sync(uid.to_owned()));
        }
    }

    /// The controller looks: pods are made or deleted until there are as many as wanted.
    pub(crate) fn sync(&mut self, uid: &str, seen: Seen, moment: &mut Moment<'_>) {
        let Some(set) = self.sets.get_mut(uid) else { return };
        set.sync_planned = false;
        set.wanted = seen.wanted;
        set.generation = seen.generation;
        set.min_ready_ms = u64::try_from(seen.min_ready_seconds).unwrap_or(0) * 1000;
        let existing = set.pods.values().filter(|pod| !pod.stopping).count();
        let wanted = usize::try_from(seen.wanted).unwrap_or(0);
        for _ in existing..wanted {
            self.names += 1;
            set.pods.insert(self.names, Pod { ready_since: None, was_available: false, stopping: false });
            set.start(uid, self.names, moment);
        }
        // Those that have come up while the change was on its way were no more counted on than those that have not.
        let mut absent = set.absent_when_changed;
        for name in set.surplus(existing.saturating_sub(wanted)) {
            if let Some(pod) = set.pods.get_mut(&name) {
                set.lost += i32::from(pod.was_available && (pod.ready_since.is_none() || absent > 0));
                absent = absent.saturating_sub(1);
                pod.stopping = true;
            }
            moment.plan(moment.timings.pod_stop_ms, PodEvent::Gone(uid.to_owned(), name));
        }
        set.report(uid, moment);
    }

    /// A pod is evicted: it goes, and the controller makes another one. Says whether there was such a pod.
    pub(crate) fn evict(&mut self, uid: &str, name: u64, moment: &mut Moment<'_>) -> bool {
        let Some(set) = self.sets.get_mut(uid) else { return false };
        let Some(pod) = set.pods.get_mut(&name).filter(|pod| !pod.stopping) else { return false };
        pod.stopping = true;
        // Whoever asked for a restart knows that it is missing for a while.
        set.lost += i32::from(pod.was_available);
        moment.plan(moment.timings.pod_stop_ms, PodEvent::Gone(uid.to_owned(), name));
        set.report(uid, moment);
        self.touch(uid, moment);
        true
    }

    /// Something happens to a pod.
    pub(crate) fn happen(&mut self, event: &PodEvent, moment: &mut Moment<'_>) {
        match event {
            PodEvent::Up(uid, name) => self.up(uid, *name, moment),
            PodEvent::Down(uid, name) => self.down(uid, *name, moment),
            PodEvent::Gone(uid, name) => {
                let Some(set) = self.sets.get_mut(uid) else { return };
                set.pods.remove(name);
                set.report(uid, moment);
            }
            PodEvent::Aged(uid) => {
                let Some(set) = self.sets.get_mut(uid) else { return };
                set.note_available(moment.now);
                set.report(uid, moment);
            }
            PodEvent::Sync(_) | PodEvent::Report(_) => {}
        }
    }

    fn up(&mut self, uid: &str, name: u64, moment: &mut Moment<'_>) {
        let Some(set) = self.sets.get_mut(uid) else { return };
        if let Some(until) = set.broken_until(name, moment.now) {
            moment.later.push((until, PodEvent::Up(uid.to_owned(), name)));
            return;
        }
        let Some(pod) = set.pods.get_mut(&name).filter(|pod| !pod.stopping && pod.ready_since.is_none())
        else {
            return;
        };
        pod.ready_since = Some(moment.now);
        if set.min_ready_ms > 0 {
            moment.later.push((after_ms(moment.now, set.min_ready_ms), PodEvent::Aged(uid.to_owned())));
        }
        if let Behaviour::Flaps { up_ms, .. } = set.behaviour {
            moment.later.push((after_ms(moment.now, up_ms), PodEvent::Down(uid.to_owned(), name)));
        }
        set.note_available(moment.now);
        set.report(uid, moment);
    }

    fn down(&mut self, uid: &str, name: u64, moment: &mut Moment<'_>) {
        let Some(set) = self.sets.get_mut(uid) else { return };
        let Some(pod) = set.pods.get_mut(&name) else { return };
        pod.ready_since = None;
        if let Behaviour::Flaps { down_ms, .. } = set.behaviour {
            moment.later.push((after_ms(moment.now, down_ms), PodEvent::Up(uid.to_owned(), name)));
        }
        set.report(uid, moment);
    }

    /// A share of the pods is down until then, and new ones come up no sooner. Says whether any pod was ready.
    pub(crate) fn harm(
        &mut self,
        uid: &str,
        percent: u32,
        until: Timestamp,
        moment: &mut Moment<'_>,
    ) -> bool {
        let Some(set) = self.sets.get_mut(uid) else { return false };
        set.broken = Some((until, percent));
        let hit: Vec<u64> =
            set.pods.keys().copied().filter(|name| set.broken_until(*name, moment.now).is_some()).collect();
        let mut any = false;
        for name in hit {
            if let Some(pod) = set.pods.get_mut(&name).filter(|pod| pod.ready_since.is_some()) {
                pod.ready_since = None;
                any = true;
                moment.later.push((until, PodEvent::Up(uid.to_owned(), name)));
            }
        }
        set.report(uid, moment);
        any
    }

    /// The status to be written now: counts and the generation that they are about.
    pub(crate) fn status(&mut self, uid: &str, now: Timestamp) -> Option<(Counts, i64)> {
        let set = self.sets.get_mut(uid)?;
        set.report_planned = false;
        let counts = set.counts(now);
        set.reported = counts.available;
        Some((counts, set.generation))
    }

    /// The pods of a ReplicaSet by their numbers.
    pub(crate) fn pods(&self, uid: &str) -> impl Iterator<Item = (u64, Shown)> {
        let pods = self.sets.get(uid).into_iter().flat_map(|set| &set.pods);
        pods.map(|(name, pod)| (*name, Shown { stopping: pod.stopping, ready_since: pod.ready_since }))
    }

    /// How many pods a ReplicaSet has.
    pub(crate) fn counts(&self, uid: &str, now: Timestamp) -> Counts {
        self.sets.get(uid).map(|set| set.counts(now)).unwrap_or_default()
    }
}

impl Moment<'_> {
    fn plan(&mut self, range: Range, event: PodEvent) {
        let at = self.chance.after(self.now, range);
        self.later.push((at, event));
    }
}

impl Set {
    fn start(&self, uid: &str, name: u64, moment: &mut Moment<'_>) {
        let range = match self.behaviour {
            Behaviour::Starts(range) => range,
            Behaviour::Flaps { .. } => moment.timings.pod_start_ms,
            Behaviour::NeverReady => return,
        };
        moment.plan(range, PodEvent::Up(uid.to_owned(), name));
    }

    /// The pods that go first: those that are not ready, then the youngest.
    fn surplus(&self, count: usize) -> Vec<u64> {
        let mut pods: Vec<_> = self
            .pods
            .iter()
            .filter(|(_, pod)| !pod.stopping)
            .map(|(name, pod)| (pod.ready_since.is_some(), std::cmp::Reverse(*name)))
            .collect();
        pods.sort_unstable();
        pods.into_iter().take(count).map(|(_, name)| name.0).collect()
    }

    fn report(&mut self, uid: &str, moment: &mut Moment<'_>) {
        if !std::mem::replace(&mut self.report_planned, true) {
            moment.plan(moment.timings.controller_ms, PodEvent::Report(uid.to_owned()));
        }
    }

    fn broken_until(&self, name: u64, now: Timestamp) -> Option<Timestamp> {
        let (until, percent) = self.broken.filter(|(until, _)| *until > now)?;
        // Spread over the pods by their names, the same ones as long as it lasts.
        (name.wrapping_mul(61) % 100 < u64::from(percent)).then_some(until)
    }

    fn is_available(&self, pod: &Pod, now: Timestamp) -> bool {
        !pod.stopping && pod.ready_since.is_some_and(|since| ms_between(since, now) >= self.min_ready_ms)
    }

    fn note_available(&mut self, now: Timestamp) {
        let aged: Vec<u64> =
            self.pods.iter().filter(|(_, pod)| self.is_available(pod, now)).map(|(name, _)| *name).collect();
        for name in aged {
            if let Some(pod) = self.pods.get_mut(&name) {
                pod.was_available = true;
            }
        }
    }

    fn counts(&self, now: Timestamp) -> Counts {
        let count = |fits: &dyn Fn(&Pod) -> bool| {
            i32::try_from(self.pods.values().filter(|pod| fits(pod)).count()).unwrap_or(i32::MAX)
        };
        Counts {
            existing: count(&|pod| !pod.stopping),
            stopping: count(&|pod| pod.stopping),
            ready: count(&|pod| !pod.stopping && pod.ready_since.is_some()),
            available: count(&|pod| self.is_available(pod, now)),
            earned: count(&|pod| !pod.stopping && pod.was_available),
            lost: self.lost,
        }
    }
}

//! `spec.restartAt`: pods that are older than that are evicted, a few at a time, and their ReplicaSets make others.
//!
//! A pod goes by the Eviction API, so a PodDisruptionBudget may keep it; it is asked for again later. At most
//! `maxUnavailable` pods are missing because of it, but one may always be, or a single pod would never be restarted.

use crds::rollout::RolloutStatus;
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::pause::after;
use super::replicas::allowance;
use super::view::{View, is_counted};
use super::{Action, Kept, Snapshot, drain};
use crate::facts::{PodFacts, ReplicaSetFacts, RolloutFacts};
use crate::waiting::Waiting;

/// When the restart that a Rollout asks for begins; nothing if it asks for none, or that one is over.
#[must_use]
pub fn pending(rollout: &RolloutFacts) -> Option<Timestamp> {
    let at = rollout.spec.as_ref().ok()?.restart_at?;
    (rollout.status.restarted_at != Some(at)).then(|| at.get())
}

/// Whether a restart is to be carried out now: decisions rest on the pods of the Rollout until it is over.
#[must_use]
pub fn is_due(rollout: &RolloutFacts, now: Timestamp) -> bool {
    pending(rollout).is_some_and(|at| at <= now)
}

/// Whether a restart is under way and, by the status that is about to be written, not over.
pub(super) fn is_under_way(view: &View<'_>, status: &RolloutStatus) -> bool {
    is_due(&view.snapshot.rollout, view.now) && status.restarted_at != view.spec.restart_at
}

/// Another template makes other pods, so a restart that was due is over with it; one that is still to come stays.
pub(super) fn begin_anew(view: &View<'_>, status: &mut RolloutStatus) {
    if is_due(&view.snapshot.rollout, view.now) {
        status.restarted_at = view.spec.restart_at;
    }
}

/// Evicts the next pod that is older than the restart, or ends the restart when there is none. Whatever the update
/// has to do comes first.
pub(super) fn follow(view: &View<'_>, draft: &mut Draft) {
    let Some(at) = pending(&view.snapshot.rollout) else { return };
    if at > view.now {
        draft.wait(Waiting::RestartDue { at });
        return;
    }
    if view.spec.paused || !draft.actions.is_empty() {
        return;
    }
    let sets = in_order(view);
    let Some(herds) = sets.iter().map(|set| Herd::of(view.snapshot, set, at)).collect::<Option<Vec<_>>>()
    else {
        let unread = sets.iter().find(|set| Herd::of(view.snapshot, set, at).is_none());
        draft.wait(Waiting::PodsUnread {
            replica_set: unread.map(|set| set.meta.name.clone()).unwrap_or_default(),
        });
        return;
    };
    let left: usize = herds.iter().map(|herd| herd.old.len()).sum();
    let is_begun = herds.iter().any(|herd| herd.old.len() < herd.alive.len());
    if left == 0 || (is_begun && planted(Bug::RestartEndsEarly)) {
        draft.status.restarted_at = view.spec.restart_at;
        return;
    }
    match next(view, &herds) {
        Some(pod) => draft.act(Action::EvictPod {
            name: pod.meta.name.clone(),
            uid: pod.meta.uid.clone(),
            resource_version: pod.meta.resource_version.clone(),
        }),
        None => explain(view, &herds, left, draft),
    }
}

/// The ReplicaSets with pods: the stable one, the new one, and older ones, the newest first.
fn in_order<'a>(view: &View<'a>) -> Vec<&'a ReplicaSetFacts> {
    let stable = view.revisions.stable;
    let new = view.revisions.new.filter(|new| stable.is_none_or(|stable| stable.meta.uid != new.meta.uid));
    let sets = stable.into_iter().chain(new).chain(view.revisions.older.iter().rev().copied());
    sets.filter(|set| set.replicas > 0).collect()
}

/// The next pod to go. One that is not available is missed by nobody and goes first; another one only while fewer pods
/// are missing than may be, and while no proxy may still be about to send its version more requests.
fn next<'a>(view: &View<'_>, herds: &[Herd<'a>]) -> Option<&'a PodFacts> {
    let all = || herds.iter().flat_map(|herd| herd.old.iter().map(move |pod| (herd, *pod)));
    let mut open = all().filter(|(_, pod)| kept(view, pod).is_none());
    let is_idle = |(herd, pod): &(&Herd<'_>, &PodFacts)| !herd.is_available(pod, view.now);
    let missing = herds.iter().map(|herd| herd.missing(view.now)).fold(0, i32::saturating_add);
    let idle = open.clone().find(is_idle);
    let may_miss = missing < most_missing(view) && drain::pending_in_update(view).is_none();
    let next = idle.or_else(|| open.next().filter(|_| may_miss));
    next.map(|(_, pod)| pod)
}

/// How many pods may be missing because of a restart.
fn most_missing(view: &View<'_>) -> i32 {
    let allowed = allowance(view).unavailable;
    if planted(Bug::AllPodsRestartedAtOnce) {
        return i32::MAX;
    }
    if planted(Bug::SinglePodNeverRestarted) { allowed } else { allowed.max(1) }
}

fn explain(view: &View<'_>, herds: &[Herd<'_>], left: usize, draft: &mut Draft) {
    let refused: Vec<_> = herds
        .iter()
        .flat_map(|herd| &herd.old)
        .filter_map(|pod| Some((pod.meta.name.clone(), kept(view, pod)?)))
        .collect();
    draft.wait(Waiting::PodsRestarting { left: i32::try_from(left).unwrap_or(i32::MAX) });
    if let Some(reason) = drain::pending_in_update(view) {
        draft.wait(reason);
    }
    for (pod, kept) in refused {
        draft.wait(Waiting::PodKept { pod, message: kept.message.clone(), until: kept.until });
    }
    let becoming = herds.iter().flat_map(|herd| herd.alive.iter().filter_map(|pod| herd.available_at(pod)));
    becoming.for_each(|at| draft.wake(at));
}

fn kept<'v>(view: &View<'v>, pod: &PodFacts) -> Option<&'v Kept> {
    view.snapshot.kept.get(&pod.meta.uid).filter(|kept| kept.until > view.now)
}

/// The pods of one ReplicaSet.
struct Herd<'a> {
    set: &'a ReplicaSetFacts,
    /// Those that are not being deleted.
    alive: Vec<&'a PodFacts>,
    /// Those of them that are older than the restart.
    old: Vec<&'a PodFacts>,
}

impl<'a> Herd<'a> {
    /// The pods of a ReplicaSet; nothing while not all of them are known, or more than there are seem to serve: then some
    /// have gone that nobody has heard of yet.
    fn of(snapshot: &'a Snapshot, set: &'a ReplicaSetFacts, at: Timestamp) -> Option<Self> {
        let pods = snapshot.pods.as_ref()?.iter().map(|pod| &**pod);
        let is_its = |pod: &&PodFacts| {
            let owner = pod.meta.controller.as_ref();
            !pod.meta.deleting && owner.is_some_and(|owner| owner.uid == set.meta.uid)
        };
        let mut alive: Vec<&PodFacts> = pods.filter(is_its).collect();
        alive.sort_by_key(|pod| (pod.meta.created, pod.meta.name.as_str()));
        let ready = alive.iter().filter(|pod| pod.ready_since.is_some()).count();
        let is_all = is_counted(set)
            && usize::try_from(set.current_replicas).is_ok_and(|all| (ready..=alive.len()).contains(&all));
        let old =
            alive.iter().copied().filter(|pod| pod.meta.created.is_some_and(|made| made < at)).collect();
        is_all.then_some(Self { set, alive, old })
    }

    /// When a pod counts as available; nothing while it is not ready. Where that is at once, the clock of whoever wrote
    /// when it became ready does not matter.
    fn available_at(&self, pod: &PodFacts) -> Option<Timestamp> {
        let (since, seconds) = (pod.ready_since?, i64::from(self.set.min_ready_seconds));
        Some(if seconds > 0 { after(since, SignedDuration::from_secs(seconds)) } else { Timestamp::MIN })
    }

    fn is_available(&self, pod: &PodFacts, now: Timestamp) -> bool {
        self.available_at(pod).is_some_and(|at| at <= now)
    }

    /// How many pods are not available. What the ReplicaSet counts may be older than what its pods say, and the other
    /// way round: the worse one holds.
    fn missing(&self, now: Timestamp) -> i32 {
        let available = self.alive.iter().filter(|pod| self.is_available(pod, now));
        let available = i32::try_from(available.count()).unwrap_or(i32::MAX).min(self.set.available_replicas);
        self.set.replicas.saturating_sub(available).max(0)
    }
}

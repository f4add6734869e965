//! Pods go by eviction only for a restart, and only so many at once.

use crds::IntOrString;

use super::{Violation, World};
use crate::facts::{PodFacts, ReplicaSetFacts};

impl World<'_> {
    /// A pod goes only for a restart that it is older than, and not while too many others are missing.
    pub(super) fn evicts(&self, name: &str, uid: &str, violations: &mut Vec<Violation>) {
        let pods: Vec<&PodFacts> = self.snapshot.pods.iter().flatten().map(|pod| &**pod).collect();
        let Some(pod) = pods.iter().find(|pod| pod.meta.name == name && pod.meta.uid == uid) else {
            violations.push(Violation::UnknownObject { name: name.to_owned() });
            return;
        };
        let asked = self.snapshot.rollout.spec.as_ref().ok().and_then(|spec| spec.restart_at);
        let is_asked = asked != self.status.restarted_at
            && asked.is_some_and(|at| pod.meta.created.is_some_and(|made| made < at.get()));
        let missing: i32 = self.snapshot.sets().map(|set| missing(set, &pods)).sum();
        let is_idle = pod.ready_since.is_none();
        if !is_asked || (!is_idle && missing >= self.most_missing()) {
            violations.push(Violation::PodEvicted { name: name.to_owned(), missing });
        }
    }

    /// How many pods may be missing because of a restart.
    fn most_missing(&self) -> i32 {
        let asked = match (self.canary, self.blue_green) {
            (Some(canary), _) => canary.max_unavailable.clone(),
            (None, Some(blue_green)) => blue_green.max_unavailable.clone(),
            (None, None) => None,
        };
        let asked = asked.unwrap_or_else(|| IntOrString::from("25%"));
        let pods = asked.of(i64::from(self.replicas()), false).unwrap_or(0);
        i32::try_from(pods).unwrap_or(i32::MAX).max(1)
    }
}

/// How many pods of a ReplicaSet are not ready or not there.
fn missing(set: &ReplicaSetFacts, pods: &[&PodFacts]) -> i32 {
    let is_ready = |pod: &&&PodFacts| {
        let owner = pod.meta.controller.as_ref();
        owner.is_some_and(|owner| owner.uid == set.meta.uid)
            && !pod.meta.deleting
            && pod.ready_since.is_some()
    };
    let ready = i32::try_from(pods.iter().filter(is_ready).count()).unwrap_or(i32::MAX);
    set.replicas.saturating_sub(ready.min(set.available_replicas)).max(0)
}

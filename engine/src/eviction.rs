//! Pods that may not be evicted for now. Nothing else waits for them.

use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::rollout::Kept;

use crate::answer::Landed;
use crate::class::Class;
use crate::engine::Engine;
use crate::store::key;
use crate::store::table::Held;
use crate::time::after;

/// When a pod whose eviction was refused is asked for again.
const AGAIN: Duration = Duration::from_secs(30);

/// Whether an eviction that ended so is tried again later, while all else goes on. Where the server has no time or the
/// outcome is unknown, everything waits.
pub(crate) const fn is_kept(class: Class) -> bool {
    matches!(class, Class::Protected | Class::Invalid | Class::Forbidden)
}

impl Engine {
    /// Leaves a pod alone for a while because its eviction was refused; all pods of the Rollout if none may be evicted.
    pub(crate) fn keep_pod(
        &mut self,
        rollout: &ObjectRef,
        landed: &Landed<'_>,
        class: Class,
        now: Timestamp,
    ) {
        if class != Class::Protected {
            self.refused(rollout, landed, now);
        }
        let until = after(now, AGAIN);
        let kept = Kept { until, message: landed.message().to_owned() };
        let uids: Vec<String> = if class == Class::Forbidden {
            self.pods_of(rollout)
        } else {
            self.stores.stamp(&landed.flight.object).map(|stamp| stamp.uid).into_iter().collect()
        };
        let Some(work) = self.rollouts.get_mut(rollout) else { return };
        work.live.forget();
        work.kept.retain(|_, kept| kept.until > now);
        work.kept.extend(uids.into_iter().map(|uid| (uid, kept.clone())));
    }

    /// The uids of all pods of a Rollout.
    fn pods_of(&self, rollout: &ObjectRef) -> Vec<String> {
        debug_assert_eq!(rollout.kind, Kind::Rollout);
        let Some(held) = self.stores.rollouts.get(&key(rollout)) else { return Vec::new() };
        let sets = self.stores.replica_sets.controlled_by(&held.facts.meta.uid);
        let pods = sets.flat_map(|set| self.stores.pods.controlled_by(&set.meta.uid));
        pods.map(|pod| pod.stamp().uid).collect()
    }
}

//! How many pods the requests need, and that no change of size takes one of these away.

use crds::object_ref::ObjectRef;

use super::{Violation, World, has_managed, hash_of};
use crate::facts::ReplicaSetFacts;
use crate::rollout::Scale;

impl World<'_> {
    pub(super) fn scale(&self, name: &str, uid: &str, scale: Option<Scale>, violations: &mut Vec<Violation>) {
        let set = self.snapshot.replica_sets.iter().find(|set| set.meta.name == name && set.meta.uid == uid);
        let Some(set) = set else {
            violations.push(Violation::UnknownObject { name: name.to_owned() });
            return;
        };
        let Some(Scale { from, to }) = scale else { return };
        if set.replicas != from || to < 0 {
            violations.push(Violation::UnknownObject { name: name.to_owned() });
        }
        if to < from && to < self.needed(set) {
            violations.push(Violation::PodsTakenUnderTraffic { name: name.to_owned(), from, to });
        }
    }

    /// The pods that a replaced Deployment keeps and those of the Rollout are together as many as are wanted.
    pub(super) fn workload(
        &self,
        workload: &ObjectRef,
        uid: &str,
        scale: Scale,
        violations: &mut Vec<Violation>,
    ) {
        let Scale { from, to } = scale;
        let held = self.snapshot.workload.as_ref().filter(|held| held.meta.name == workload.name);
        if held.is_none_or(|held| held.meta.uid != uid || held.replicas != from) || to < 0 {
            violations.push(Violation::UnknownObject { name: workload.name.clone() });
        }
        let have: i32 = self.sets.values().map(|set| set.available_replicas.min(set.replicas).max(0)).sum();
        let want = self.replicas();
        if to > from || to.saturating_add(have) < want.min(from) {
            violations.push(Violation::WorkloadTakenTooEarly {
                workload: workload.clone(),
                from,
                to,
                want,
                have,
            });
        }
    }

    /// How many pods of a version the routes, as observed, send requests to.
    pub(super) fn needed(&self, set: &ReplicaSetFacts) -> i32 {
        if let Some(strategy) = self.blue_green {
            return self.served(strategy, set);
        }
        if self.snapshot.routes.is_empty() {
            return 0;
        }
        let of_canary = if self.canary_service_selects(&set.hash) {
            let chosen = i32::from(self.replicas() > 0 && self.snapshot.routes.iter().any(has_managed));
            self.asked(set).unwrap_or(i32::MAX).min(self.share(self.highest_weight()).max(chosen))
        } else {
            0
        };
        let is_stable = self.stable_service_hash() == set.hash;
        let left = self.max_weight().saturating_sub(self.lowest_weight());
        let of_stable = if is_stable { self.share(left) } else { 0 };
        of_canary.max(of_stable)
    }

    /// How many pods a share of the traffic needs.
    pub(super) fn share(&self, weight: u32) -> i32 {
        let pods = u64::try_from(self.replicas().max(0)).unwrap_or(0) * u64::from(weight);
        i32::try_from(pods.div_ceil(u64::from(self.max_weight().max(1)))).unwrap_or(i32::MAX)
    }

    /// How many pods of the new version the user asked for with a `setCanaryScale` step, whatever its weight; one at
    /// least.
    pub(super) fn asked(&self, set: &ReplicaSetFacts) -> Option<i32> {
        let status = self.status;
        let is_new = set.hash == status.current_pod_hash && !status.abort && !status.promote_full;
        let index = usize::try_from(status.current_step_index.filter(|_| is_new)?).ok()?;
        let steps = self.canary?.steps.get(..=index)?;
        let scale = steps.iter().rev().find_map(|step| step.set_canary_scale.as_ref())?;
        let of_weight = |weight: i32| {
            let pods = u64::try_from(self.replicas()).ok()? * u64::try_from(weight).ok()?;
            i32::try_from(pods.div_ceil(100)).ok()
        };
        let pods =
            scale.replicas.or(scale.weight.and_then(of_weight)).filter(|_| !scale.match_traffic_weight)?;
        Some(pods.max(1))
    }

    /// Whether the stable version lacks pods for what a weight leaves it, though somebody else has pods. So many pods
    /// may be missing as the user tolerates.
    pub(super) fn stable_lacks_pods(&self, weight: u32) -> bool {
        let pods =
            |hash: &str| self.sets.get(hash).map_or(0, |set| set.available_replicas.min(set.replicas).max(0));
        let Some(canary) = self.canary else { return false };
        let [stable_service, canary_service] = self.services();
        // A Service without a hash in its selector has the stable pods behind it, too.
        let stable = match self.stable_service_hash() {
            "" if self.snapshot.services.contains_key(stable_service) => pods(&self.status.stable_rs),
            hash => pods(hash),
        };
        let others = pods(hash_of(self.snapshot.services.get(canary_service)));
        let tolerated = match (&canary.max_unavailable, &canary.max_surge) {
            (Some(value), _) => value.of(i64::from(self.replicas()), false).unwrap_or(0),
            (None, _) => i64::from(self.replicas()) / 4,
        };
        // An update without any surge may miss one pod, or it could never begin.
        let is_all = i64::from(stable) + tolerated.max(1) >= i64::from(self.replicas());
        let is_enough =
            stable >= self.share(self.max_weight().saturating_sub(weight)) || (stable > 0 && is_all);
        others > 0 && !is_enough
    }
}

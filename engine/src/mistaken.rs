//! Planted bugs of a process that is mistaken about whose a ReplicaSet is.

use planner::facts::ReplicaSetFacts;
use planner::rollout::Snapshot;
use planted_bugs::{Bug, planted};

use crate::store::{Stores, controlling_rollout};

/// Whether an object whose name was taken counts as ours; as it is, without a planted bug.
pub(crate) fn is_ours(ours: bool) -> bool {
    (ours && !planted(Bug::OwnReplicaSetTakenForForeign)) || planted(Bug::ForeignReplicaSetAdopted)
}

/// Whether ReplicaSets of other controllers are looked at as well; not without a planted bug.
pub(crate) fn looks_at_foreign_sets() -> bool {
    planted(Bug::ForeignReplicaSetAdopted)
}

/// Changes a snapshot as the planted bugs would have it; nothing without one.
pub(crate) fn strike(snapshot: &mut Snapshot, stores: &Stores) {
    if planted(Bug::OwnReplicaSetTakenForForeign) {
        let taken = &snapshot.taken;
        let is_taken = |set: &ReplicaSetFacts| taken.iter().any(|object| object.name == set.meta.name);
        snapshot.replica_sets.retain(|set| !is_taken(set));
    }
    if planted(Bug::ForeignReplicaSetAdopted) {
        let name = format!("{}-", snapshot.rollout.meta.name);
        let foreign = stores.replica_sets.values().filter(|set| controlling_rollout(&set.meta).is_none());
        snapshot.replica_sets.extend(foreign.filter(|set| set.meta.name.starts_with(&name)).cloned());
    }
}

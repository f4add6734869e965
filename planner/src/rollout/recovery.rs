//! A Rollout whose status was lost while its pods serve: restored from a backup, made anew, or pruned by a tool.
//!
//! Without a status a Rollout is one that is deployed for the first time, and its new version would get all requests
//! without a single step or measurement. So the stable version is found again before anything else is decided: by the
//! Service of the users, or without one by the pods.

use crds::rollout::{RolloutPhase, RolloutStatus};

use super::draft::Draft;
use super::services::selected;
use super::view::{View, available, stable_hash};
use super::{Plan, Strategy};
use crate::event::Event;
use crate::facts::ReplicaSetFacts;

/// What is decided first where the status was lost: which version is the stable one.
pub(super) fn first(view: &View<'_>) -> Option<Plan> {
    if !is_blank(view.status()) {
        return None;
    }
    let set = serving(view).filter(|set| set.hash != view.hash())?;
    let mut draft = Draft::new(view.snapshot, view.now);
    set.hash.clone_into(&mut draft.status.stable_rs);
    let message = format!("The status was lost: {} is the stable version, because it serves", set.meta.name);
    draft.events.push(Event::warning("StableVersionRecovered", message));
    Some(draft.into_plan())
}

/// Whether nobody has ever written a status, or it was emptied.
#[must_use]
pub fn is_blank(status: &RolloutStatus) -> bool {
    status.phase == RolloutPhase::Unknown
        && status.current_pod_hash.is_empty()
        && stable_hash(status).is_empty()
}

/// The version that the users' Service selects, or without such a Service the one with the most pods. After a backup was
/// restored its pods may have yet to come up.
///
/// Which of two Services that take turns is the users' one, only the status said.
fn serving<'a>(view: &View<'a>) -> Option<&'a ReplicaSetFacts> {
    let mut serving = view.snapshot.sets().filter(|set| set.replicas > 0);
    match (view.strategy, view.services()[0]) {
        (Strategy::Canary(canary), _) if canary.ping_pong.is_some() => None,
        (Strategy::Canary(_), "") => serving.max_by_key(|set| (available(Some(set)), set.replicas)),
        (_, users) => {
            let hash = selected(view.service(users)?);
            serving.find(|set| set.hash == hash)
        }
    }
}

//! `rollbackWindow`: a return to a recent version goes all the way at once and is not measured.

use crds::condition::{self, ConditionType};
use crds::object_ref::Kind;
use crds::rollout::PauseReason;
use engine::effect::Call;
use engine::object::View;
use planner::facts::RolloutFacts;

use super::{Commit, rollouts};
use crate::roles;
use crate::store::Store;

/// S4: what a write begins although the update is a return to a version inside the window.
pub(super) fn delayed(commit: &Commit<'_>, store: &Store) -> Option<String> {
    let object = &commit.request.object;
    match &commit.request.call {
        Call::Create(_) if object.kind == Kind::AnalysisRun => {
            let owner = store.get(object)?.meta.controller.as_ref()?.uid.clone();
            let facts = rollouts(store).find(|facts| facts.meta.uid == owner)?;
            is_return(facts, store).then(|| format!("{object} measures a return inside the rollback window"))
        }
        Call::MergePatchStatus(_) => {
            let View::Rollout(facts) = &store.get(object)?.view else { return None };
            let asks = |reason| matches!(reason, PauseReason::CanaryPauseStep | PauseReason::BlueGreenPause);
            let is_paused = facts.status.pause_conditions.iter().any(|pause| asks(pause.reason));
            (is_paused && is_return(facts, store))
                .then(|| format!("{object} pauses in a return inside the rollback window"))
        }
        _ => None,
    }
}

/// Whether the wanted version is older than the stable one, and fewer others than the window says were made between
/// the two.
fn is_return(facts: &RolloutFacts, store: &Store) -> bool {
    let Ok(spec) = &facts.spec else { return false };
    let is_invalid = condition::find(&facts.status.conditions, ConditionType::InvalidSpec).is_some();
    let (Some(window), false) = (&spec.rollback_window, is_invalid) else { return false };
    let made = |hash: &str| roles::sets(store, facts).find(|set| set.hash == hash)?.meta.created;
    let (Some(new), Some(stable)) = (made(&facts.status.current_pod_hash), made(&facts.status.stable_rs))
    else {
        return false;
    };
    let is_between = |made: Option<jiff::Timestamp>| made.is_some_and(|made| made > new && made < stable);
    let between = roles::sets(store, facts).filter(|set| is_between(set.meta.created)).count();
    new < stable && i32::try_from(between).is_ok_and(|between| between < window.revisions)
}

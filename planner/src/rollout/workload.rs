//! The Deployment that a Rollout replaces: its pods go as those of the Rollout come.
//!
//! That begins in the first revision, and ends when the Deployment has none left: whoever gives it some later on is its
//! owner. A new version that comes meanwhile does not stop it, so the status notes that it is under way. The Deployment
//! only ever shrinks.

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{RolloutPhase, RolloutStatus, ScaleDown};
use crds::{condition, condition::ConditionType};
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::pause::after;
use super::view::{View, available, is_counted, own_block};
use super::{Action, Scale, progress, services};
use crate::event::Event;
use crate::facts::WorkloadFacts;
use crate::waiting::Waiting;

/// Takes away the pods of the Deployment that are no longer needed.
pub(crate) fn scale_down(view: &View<'_>, draft: &mut Draft) {
    let Some((object, held)) = deployment(view).filter(|_| !view.spec.paused) else { return };
    if let Some(to) = wanted(view, &object, draft).filter(|to| *to < held.replicas) {
        draft.act(action(object, held, to));
    }
}

/// The Deployment, if it is to shrink and still has pods.
fn deployment<'a>(view: &View<'a>) -> Option<(ObjectRef, &'a WorkloadFacts)> {
    let object = view.spec.workload_ref.as_ref()?.object(&view.snapshot.rollout.meta.namespace)?;
    let held = view.workload.filter(|held| held.replicas > 0 && !held.meta.deleting)?;
    let is_migration =
        view.revisions.number == 1 || is_noted(view.status()) || planted(Bug::WorkloadScaledAtEveryRevision);
    (object.kind == Kind::Deployment && is_migration).then_some((object, held))
}

fn is_noted(status: &RolloutStatus) -> bool {
    status.linnet.as_ref().is_some_and(|own| own.handing_over)
}

/// Notes whether the Deployment hands its pods over.
pub(crate) fn note(view: &View<'_>, status: &mut RolloutStatus) {
    let is_under_way = deployment(view).is_some() && way(view).is_some_and(|way| way != ScaleDown::Never);
    if is_under_way != is_noted(status) {
        own_block(status).handing_over = is_under_way;
    }
}

/// What is to happen to the Deployment; nothing if that is no word that is known.
fn way(view: &View<'_>) -> Option<ScaleDown> {
    ScaleDown::from_word(&view.spec.workload_ref.as_ref()?.scale_down)
}

/// How many pods the Deployment is to have; nothing if its size is not the Rollout's business.
fn wanted(view: &View<'_>, object: &ObjectRef, draft: &mut Draft) -> Option<i32> {
    match way(view)? {
        ScaleDown::Never => None,
        ScaleDown::OnSuccess => is_replaced(view, object, draft).then_some(0),
        ScaleDown::Progressively if is_replaced(view, object, draft) => Some(0),
        // The last pod stays until the Services have turned, too.
        ScaleDown::Progressively => {
            let there = there(view);
            (there > 0).then(|| view.replicas().saturating_sub(there).max(1))
        }
    }
}

/// The pods of the Rollout that are surely available.
fn there(view: &View<'_>) -> i32 {
    let sets = view.snapshot.sets().filter(|set| !set.meta.deleting);
    if planted(Bug::WorkloadScaledBeforePods) {
        return sets.map(|set| set.replicas).fold(0, i32::saturating_add);
    }
    sets.filter(|set| is_counted(set)).map(|set| available(Some(set))).fold(0, i32::saturating_add)
}

/// Whether nobody needs the Deployment's pods any more: the Rollout has all of its own, every Service selects them, and
/// all of that has held for long enough to be in force.
fn is_replaced(view: &View<'_>, object: &ObjectRef, draft: &mut Draft) -> bool {
    if planted(Bug::WorkloadScaledBeforePods) {
        return view.is_promoted();
    }
    let [users, _] = view.services();
    let is_there = progress::is_complete(view) && there(view) >= view.replicas();
    let Some(since) = healthy_since(view).filter(|_| is_there && services::selects(view, users, view.hash()))
    else {
        return false;
    };
    let drain = SignedDuration::from_secs(i64::from(view.snapshot.settings.route_drain_seconds));
    let until = after(since, drain.max(SignedDuration::from_secs(1)));
    if until > view.now {
        draft.wait(Waiting::WorkloadKept { workload: object.clone(), until });
    }
    until <= view.now
}

/// Since when the Rollout is healthy, as its status says.
fn healthy_since(view: &View<'_>) -> Option<Timestamp> {
    let status = view.status();
    let healthy = condition::find(&status.conditions, ConditionType::Healthy)?;
    let is_healthy = status.phase == RolloutPhase::Healthy && status.current_pod_hash == view.hash();
    healthy.last_transition_time.filter(|_| is_healthy).map(crds::Time::get)
}

fn action(object: ObjectRef, held: &WorkloadFacts, to: i32) -> Action {
    let message =
        format!("Scaled down {} {} from {} to {to}", object.kind.name(), object.name, held.replicas);
    Action::ScaleWorkload {
        workload: object,
        uid: held.meta.uid.clone(),
        scale: Scale { from: held.replicas, to },
        events: vec![Event::normal("ScalingDeployment", message)],
    }
}

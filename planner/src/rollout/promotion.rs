//! When the new version becomes the stable one.

use crds::rollout::{PingPongRole, RolloutStatus};
use planted_bugs::{Bug, planted};

use super::strategy::Strategy;
use super::view::{View, available};
use super::{analysis, blue_green, pause, reset, services, weights};

/// Why the new version is to become the stable one now; nothing if it is not to.
pub(crate) fn reason(view: &View<'_>) -> Option<String> {
    let new = view.revisions.new?;
    if view.status().current_pod_hash != new.hash || view.is_promoted() {
        return None;
    }
    if view.is_first_deploy() {
        return (new.replicas == view.replicas()).then(|| "Initial deploy".to_owned());
    }
    // What was measured without a result until the very end, a person decides as at any other moment.
    let is_undecided = analysis::must_pause(view);
    let is_paused = view.spec.paused || !view.status().pause_conditions.is_empty();
    let is_held = view.is_aborted() || is_paused || is_undecided;
    let has_pods = available(Some(new)) >= view.replicas() || planted(Bug::PromotedWithoutPods);
    let is_complete = new.replicas == view.replicas() && has_pods;
    let has_all_traffic = match view.strategy {
        Strategy::BlueGreen(strategy) => blue_green::services::is_switched(view, strategy),
        // Services that take turns do so when each selects the version of its next role.
        Strategy::Canary(_) if view.is_promoted_by_force() => {
            let service = view.canary_service();
            !view.takes_turns() || view.replicas() == 0 || services::selects(view, service, &new.hash)
        }
        Strategy::Canary(_) => {
            !view.is_routed() || view.replicas() == 0 || weights::are_at(view, view.max_weight())
        }
    };
    if view.is_promoted_by_force() {
        let is_due = is_complete && has_all_traffic && !view.spec.paused;
        return is_due.then(|| "Full promotion requested".to_owned());
    }
    let has_all_traffic = has_all_traffic || planted(Bug::PromotedWithoutTraffic);
    if is_held || !is_complete || view.current_index().is_some() || !has_all_traffic {
        return None;
    }
    if reset::is_within_window(view) {
        return Some("Rollback within window".to_owned());
    }
    match view.strategy {
        Strategy::Canary(canary) => Some(format!("Completed all {} canary steps", canary.steps.len())),
        Strategy::BlueGreen(_) if view.is_fast_track() => Some("Fast rollback".to_owned()),
        Strategy::BlueGreen(strategy) => {
            blue_green::is_verified(view, strategy).then(|| "Completed blue-green update".to_owned())
        }
    }
}

/// Makes the new version the stable one.
pub(crate) fn commit(view: &View<'_>, status: &mut RolloutStatus) {
    view.hash().clone_into(&mut status.stable_rs);
    status.canary.stable_rs.clear();
    status.promote_full = false;
    status.current_step_index = reset::last_index(view.steps());
    pause::clear(status);
    status.canary.current_step_analysis_run_status = None;
    status.canary.current_background_analysis_run_status = None;
    if view.blue_green().is_some() {
        blue_green::note_promotion(view, status);
    } else if view.takes_turns() {
        blue_green::note_former_stable(view, status);
        status.canary.stable_ping_pong = match status.canary.stable_ping_pong {
            PingPongRole::Ping => PingPongRole::Pong,
            PingPongRole::Pong | PingPongRole::Unset => PingPongRole::Ping,
        };
    }
}

/// Whether the version that a status speaks of as the wanted one is the stable one.
#[must_use]
pub fn is_promoted(status: &RolloutStatus) -> bool {
    !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash
}

//! Whether the users may be switched: pauses, timers and the analysis before the promotion.

use crds::analysis::AnalysisPhase;
use crds::rollout::{BlueGreenStrategy, PauseReason, RolloutStatus};
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::{is_ready, services};
use crate::rollout::view::{View, own_block};
use crate::rollout::{analysis, pause};

/// Whether nobody has to be waited for any more before the active Service is pointed at the new version: no person, no
/// timer, no analysis. Its pods are another matter.
pub(crate) fn is_open(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    if view.is_promoted() || view.is_first_deploy() || view.is_aborted() {
        return false;
    }
    view.is_promoted_by_force()
        || view.is_fast_track()
        || (is_pause_over(view, strategy) && is_measured(view, strategy))
}

/// Whether this strategy pauses before the switch.
fn pauses(strategy: &BlueGreenStrategy) -> bool {
    strategy.auto_promotion_enabled == Some(false) || strategy.auto_promotion_seconds > 0
}

fn is_pause_over(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    let status = view.status();
    !pauses(strategy)
        || planted(Bug::PromotionPauseIgnored)
        || status.linnet.as_ref().is_some_and(|own| own.pause_over)
        || status.blue_green.scale_up_preview_check_point
}

fn is_measured(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    let run = view.runs().pre_promotion;
    strategy.pre_promotion_analysis.is_none()
        || planted(Bug::PrePromotionAnalysisNotAwaited)
        || run.is_some_and(|run| run.status.phase == AnalysisPhase::Successful)
}

/// How long the pause lasts; nothing if it takes a person to end it.
pub(crate) fn length(strategy: &BlueGreenStrategy) -> Option<SignedDuration> {
    let is_automatic = strategy.auto_promotion_enabled != Some(false) && strategy.auto_promotion_seconds > 0;
    is_automatic.then(|| SignedDuration::from_secs(i64::from(strategy.auto_promotion_seconds)))
}

/// Forgets a pause that is over once the users are switched.
pub(crate) fn settle(view: &View<'_>, strategy: &BlueGreenStrategy, status: &mut RolloutStatus) {
    if status.pause_conditions.is_empty() && is_unpaused(view, strategy) && !analysis::begins_anew(view) {
        status.controller_pause = false;
    }
}

fn is_due(status: &RolloutStatus, strategy: &BlueGreenStrategy, now: Timestamp) -> bool {
    pause::ends_at(status, PauseReason::BlueGreenPause, length(strategy)).is_some_and(|end| end <= now)
}

/// Whether no pause stands, or will stand, before the switch.
fn is_unpaused(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    services::is_switched(view, strategy) || view.is_fast_track() || !pauses(strategy)
}

/// Begins or ends the pause before the switch, and notes when the preview may grow to its full size.
///
/// A pause that is over leaves `controllerPause` behind until the switch: so the fact outlives our own block, which an
/// older CRD prunes, and other implementations read it in the same way.
pub(crate) fn advance(view: &View<'_>, strategy: &BlueGreenStrategy, status: &mut RolloutStatus) {
    if is_unpaused(view, strategy) {
        if !status.pause_conditions.is_empty() {
            pause::clear(status);
        }
    } else if pause::was_resumed(status) || is_due(status, strategy, view.now) {
        status.pause_conditions.clear();
        own_block(status).pause_over = true;
    } else if !is_pause_over(view, strategy) && is_ready(view, strategy) {
        pause::begin(status, PauseReason::BlueGreenPause, view.now);
    }
    let grows = strategy.preview_replica_count.is_some() && is_ready(view, strategy);
    if grows && is_open(view, strategy) && !services::is_switched(view, strategy) {
        status.blue_green.scale_up_preview_check_point = true;
    }
}

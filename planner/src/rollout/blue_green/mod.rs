//! Blue-green: the new version runs beside the active one, and all users are switched to it at once.
//!
//! The preview Service selects the new version from its first moment. The active Service is switched when all pods
//! are available, nobody has to be asked any more and the analysis before the promotion was successful. The version
//! is stable once the analysis after the switch was successful too; until then the stable one keeps all its pods, so
//! that taking the update back is one write.

pub(crate) mod gate;
pub(crate) mod services;

use crds::analysis::AnalysisPhase;
use crds::rollout::{BlueGreenStatus, BlueGreenStrategy, RolloutStatus};
use planted_bugs::{Bug, planted};

use super::replicas::Targets;
use super::view::{View, available, own_block};
use super::{reset, scale_down};

/// How many pods the two versions are to have during an update.
pub(crate) fn targets(view: &View<'_>, strategy: &BlueGreenStrategy) -> Targets {
    let replicas = view.replicas();
    let is_full = view.is_promoted_by_force()
        || view.is_fast_track()
        || view.status().blue_green.scale_up_preview_check_point
        || services::is_switched(view, strategy);
    let preview = strategy.preview_replica_count.filter(|_| !is_full).unwrap_or(replicas);
    // What was taken back is neither shrunk nor grown until it goes.
    let kept = view.revisions.new.filter(|_| view.is_aborted()).map(|set| set.replicas);
    Targets { canary: kept.unwrap_or(preview), stable: replicas }
}

/// Whether the new version has the pods that its preview asks for.
pub(crate) fn is_ready(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    view.revisions.new.is_some() && available(view.revisions.new) >= targets(view, strategy).canary
}

/// Whether the analysis after the switch has nothing against the new version.
pub(crate) fn is_verified(view: &View<'_>, strategy: &BlueGreenStrategy) -> bool {
    let is_successful = || {
        let run = view.runs().post_promotion;
        run.is_some_and(|run| run.status.phase == AnalysisPhase::Successful)
    };
    let is_wanted = strategy.post_promotion_analysis.is_some();
    let is_awaited = is_wanted && !planted(Bug::PostPromotionAnalysisNotAwaited);
    !is_awaited || view.is_fast_track() || is_successful()
}

/// Forgets what was true of an earlier update.
pub(crate) fn begin_anew(view: &View<'_>, cause: reset::Reset, status: &mut RolloutStatus) {
    status.blue_green = BlueGreenStatus {
        preview_selector: std::mem::take(&mut status.blue_green.preview_selector),
        active_selector: std::mem::take(&mut status.blue_green.active_selector),
        ..BlueGreenStatus::default()
    };
    if let Some(own) = &mut status.linnet {
        own.pause_over = false;
        own.fast_track = false;
    }
    let is_known = cause == reset::Reset::Template && !view.is_promoted() && !view.is_first_deploy();
    if is_known && view.blue_green().is_some() && (is_still_there(view) || reset::is_within_window(view)) {
        own_block(status).fast_track = true;
    }
}

/// Whether the new version was stable a while ago and its pods are still there.
fn is_still_there(view: &View<'_>) -> bool {
    view.revisions.new.is_some_and(|set| {
        let was_stable = formerly_stable(view.status()).contains(&set.hash);
        was_stable && set.replicas > 0 && scale_down::deadline(set).is_some()
    })
}

/// Notes that the new version takes the place of the stable one.
pub(crate) fn note_promotion(view: &View<'_>, status: &mut RolloutStatus) {
    status.blue_green.scale_up_preview_check_point = false;
    note_former_stable(view, status);
    let own = own_block(status);
    own.pause_over = false;
    own.fast_track = false;
}

/// Notes that the stable version is no longer that.
pub(crate) fn note_former_stable(view: &View<'_>, status: &mut RolloutStatus) {
    let has_pods = |hash: &String| view.older_with_pods().any(|set| set.hash == *hash);
    let mut former: Vec<String> =
        formerly_stable(status).iter().filter(|hash| has_pods(hash)).cloned().collect();
    former.extend(view.revisions.stable.map(|set| set.hash.clone()));
    own_block(status).formerly_stable = former;
}

/// The hashes of versions that were stable before and may still have pods, oldest first.
pub(crate) fn formerly_stable(status: &RolloutStatus) -> &[String] {
    status.linnet.as_ref().map_or(&[], |own| own.formerly_stable.as_slice())
}

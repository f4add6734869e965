//! The rules for blue-green: who gets the users, when, and back to whom.

use crds::analysis::AnalysisPhase;
use crds::rollout::{BlueGreenStrategy, RolloutStatus};

use super::{Violation, World, hash_of};
use crate::facts::{AnalysisRunFacts, ReplicaSetFacts};
use crate::rollout::{Action, current_runs};

impl World<'_> {
    /// A Service of blue-green is pointed at a version.
    pub(super) fn switch(
        &self,
        strategy: &BlueGreenStrategy,
        (service, hash): (&str, &str),
        violations: &mut Vec<Violation>,
    ) {
        let Some(set) = self.sets.get(hash).filter(|set| !set.meta.deleting) else {
            let (service, hash) = (service.to_owned(), hash.to_owned());
            violations.push(Violation::ServiceWithoutPods { service, hash });
            return;
        };
        if service != strategy.active_service {
            return;
        }
        if !self.may_serve(strategy, set) {
            let (service, hash) = (service.to_owned(), hash.to_owned());
            let (want, have) = (self.replicas(), available(set));
            violations.push(Violation::ActiveWithoutPods { service, hash, want, have });
        }
        if hash == self.status.stable_rs {
            return;
        }
        if let Some(why) = self.not_yet(strategy, hash) {
            violations.push(Violation::SwitchedTooEarly { hash: hash.to_owned(), why });
        }
    }

    /// All pods, or for a return to the stable version nearly all of them, or more than the version that serves.
    fn may_serve(&self, strategy: &BlueGreenStrategy, set: &ReplicaSetFacts) -> bool {
        let (want, have) = (self.replicas(), available(set));
        let serving = self.sets.get(self.active(strategy));
        let Some(serving) = serving.filter(|_| set.hash == self.status.stable_rs && have > 0) else {
            return have >= want;
        };
        let missing = match &strategy.max_unavailable {
            Some(value) => value.of(i64::from(want), false).unwrap_or(0),
            None => i64::from(want) / 4,
        };
        have >= want || i64::from(have) + missing >= i64::from(want) || have > available(serving)
    }

    /// What stands against sending the users to a version that is not the stable one.
    fn not_yet(&self, strategy: &BlueGreenStrategy, hash: &str) -> Option<&'static str> {
        let status = self.status;
        let own = status.linnet.clone().unwrap_or_default();
        let is_paused_by_user = self.snapshot.rollout.spec.as_ref().is_ok_and(|spec| spec.paused);
        let is_free = status.promote_full || own.fast_track;
        let pauses = strategy.auto_promotion_enabled == Some(false) || strategy.auto_promotion_seconds > 0;
        let runs = current_runs(self.snapshot);
        let is_successful =
            runs.pre_promotion.is_some_and(|run| run.status.phase == AnalysisPhase::Successful);
        if status.abort {
            Some("the update was aborted")
        } else if hash != status.current_pod_hash {
            Some("it is not the wanted version")
        } else if is_paused_by_user {
            Some("the user paused the Rollout")
        } else if pauses && !(is_free || own.pause_over || status.blue_green.scale_up_preview_check_point) {
            Some("its pause is not over")
        } else if strategy.pre_promotion_analysis.is_some() && !(is_free || is_successful) {
            Some("the analysis before the switch was not successful")
        } else {
            None
        }
    }

    fn active(&self, strategy: &BlueGreenStrategy) -> &str {
        hash_of(self.snapshot.services.get(&strategy.active_service))
    }

    /// How many pods of a version the users may be sent to: those of the version that the active Service selects, and,
    /// as long as the last switch is not noted, those of any other one.
    pub(super) fn served(&self, strategy: &BlueGreenStrategy, set: &ReplicaSetFacts) -> i32 {
        let Some(service) = self.snapshot.services.get(&strategy.active_service) else { return 0 };
        let name = format!("Service/{}", strategy.active_service);
        let is_noted = self.status.linnet.as_ref().is_some_and(|own| {
            own.routes
                .iter()
                .any(|write| write.ref_ == name && write.resource_version == service.meta.resource_version)
        });
        if hash_of(Some(service)) == set.hash || !is_noted { self.replicas() } else { 0 }
    }

    /// Whether the users have to return to the stable version before anything else is done.
    pub(super) fn must_switch_back(&self, strategy: &BlueGreenStrategy) -> bool {
        let Some(stable) = self.sets.get(self.status.stable_rs.as_str()) else { return false };
        self.is_taken_back()
            && self.snapshot.services.contains_key(&strategy.active_service)
            && self.active(strategy) != stable.hash
            && !stable.meta.deleting
            && available(stable) >= self.replicas()
    }

    /// Whether a person or a verdict takes the update back.
    fn is_taken_back(&self) -> bool {
        let status = self.status;
        let is_update = !status.stable_rs.is_empty()
            && !status.current_pod_hash.is_empty()
            && status.stable_rs != status.current_pod_hash
            && !self.snapshot.rollout.meta.deleting;
        let counts = !status.promote_full && status.aborted_at.is_none();
        let mut runs = current_runs(self.snapshot).all();
        is_update && (status.abort || (counts && runs.any(is_bad)))
    }

    /// Whether an action sends the users back to the stable version because the update is taken back.
    pub(super) fn switches_back(&self, action: &Action) -> bool {
        let (Some(strategy), Action::SwitchService { name, hash, .. }) = (self.blue_green, action) else {
            return false;
        };
        *name == strategy.active_service && *hash == self.status.stable_rs && self.is_taken_back()
    }

    /// What stands against making a version the stable one.
    pub(super) fn not_proven(&self, hash: &str) -> Option<&'static str> {
        let strategy = self.blue_green?;
        let own = self.status.linnet.clone().unwrap_or_default();
        let run = current_runs(self.snapshot).post_promotion;
        let is_successful = run.is_some_and(|run| run.status.phase == AnalysisPhase::Successful);
        let is_free = self.status.promote_full || own.fast_track;
        if self.active(strategy) != hash {
            Some("the users were not switched to it")
        } else if strategy.post_promotion_analysis.is_some() && !(is_free || is_successful) {
            Some("the analysis after the switch was not successful")
        } else {
            None
        }
    }

    /// Facts that open the way must have been earned.
    pub(super) fn shortcuts(&self, new: &RolloutStatus, violations: &mut Vec<Violation>) {
        let Some(strategy) = self.blue_green else { return };
        let (old, new_own) = (self.status, new.linnet.clone().unwrap_or_default());
        let old_own = old.linnet.clone().unwrap_or_default();
        let hash = new.current_pod_hash.clone();
        let is_resumed = old.controller_pause && old.pause_conditions.is_empty();
        let is_timed = strategy.auto_promotion_enabled != Some(false)
            && strategy.auto_promotion_seconds > 0
            && !old.pause_conditions.is_empty();
        if new_own.pause_over && !old_own.pause_over && !is_resumed && !is_timed {
            let why = "nobody ended its pause";
            violations.push(Violation::SwitchedTooEarly { hash: hash.clone(), why });
        }
        let has_window = self.snapshot.rollout.spec.as_ref().is_ok_and(|spec| spec.rollback_window.is_some());
        let was_stable = old_own.formerly_stable.contains(&hash)
            && self.sets.get(hash.as_str()).is_some_and(|set| set.replicas > 0);
        if new_own.fast_track && !old_own.fast_track && !has_window && !was_stable {
            let why = "it was not stable a moment ago";
            violations.push(Violation::SwitchedTooEarly { hash, why });
        }
    }
}

pub(super) fn is_bad(run: &AnalysisRunFacts) -> bool {
    run.status.phase.is_bad()
}

fn available(set: &ReplicaSetFacts) -> i32 {
    set.available_replicas.min(set.replicas).max(0)
}

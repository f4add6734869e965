//! Managed routes outlast the step that made them.

use crds::rollout::CanaryStep;

use super::{Violation, World};
use crate::rollout::Plan;
use crate::waiting::Waiting;

impl World<'_> {
    /// While an update waits in a pause, every route holds what the steps so far made.
    pub(super) fn managed_routes(&self, plan: &Plan, violations: &mut Vec<Violation>) {
        let is_pausing =
            matches!(plan.waiting.first(), Some(Waiting::Resume { .. } | Waiting::PauseEnds { .. }));
        if !is_pausing || !self.reaches_new_version() {
            return;
        }
        for name in self.made_so_far() {
            let routes = self.snapshot.routes.iter().filter(|route| route.problem.is_none());
            let holding = routes.filter_map(|route| Some((route, route.managed.as_ref()?)));
            let lost = holding.filter(|(_, held)| !held.iter().any(|rule| rule.name() == name));
            violations.extend(lost.map(|(route, _)| Violation::ManagedRouteLost {
                route: route.reference.clone(),
                name: name.to_owned(),
            }));
        }
    }

    /// Whether requests that a managed route chooses would be answered by the new version of an update under way.
    fn reaches_new_version(&self) -> bool {
        let status = self.status;
        let new = self.sets.get(status.current_pod_hash.as_str());
        status.stable_rs != status.current_pod_hash
            && !status.abort
            && !status.promote_full
            && self.spec.is_some_and(|spec| !spec.paused)
            && new.is_some_and(|set| set.available_replicas.min(set.replicas) > 0)
            && self.canary_service_selects(&status.current_pod_hash)
    }

    /// The names of the managed routes that the steps up to the current one made and did not remove.
    fn made_so_far(&self) -> Vec<&str> {
        let Some(canary) = self.canary else { return Vec::new() };
        let index = usize::try_from(self.status.current_step_index.unwrap_or(0)).unwrap_or(0);
        let reached = canary.steps.get(..=index).unwrap_or(&canary.steps);
        let mut names: Vec<&str> = Vec::new();
        for (name, is_made) in reached.iter().filter_map(made) {
            names.retain(|held| *held != name);
            if is_made {
                names.push(name);
            }
        }
        names
    }
}

/// The name of the managed route that a step is about, and whether it makes it.
fn made(step: &CanaryStep) -> Option<(&str, bool)> {
    let header = step.set_header_route.as_ref().map(|route| (route.name.as_str(), !route.match_.is_empty()));
    header.or_else(|| {
        step.set_mirror_route.as_ref().map(|route| (route.name.as_str(), !route.match_.is_empty()))
    })
}

//! For whoever checks the engine: what it would do next, and whether its plans keep the planner's own invariants.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::invariants::{self, Violation};
use planner::rollout::{Action, Plan, Snapshot, Tenure};

use crate::effect::{Call, Request};
use crate::engine::Engine;
use crate::gather::{self, Gathered};
use crate::request::{self, Built};
use crate::store::{CORE, NAMED};
use crate::{guard, isolation, status};

/// What would be done about a Rollout if everything in the stores were true.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What the decision rests on.
    pub snapshot: Snapshot,
    /// The decision.
    pub plan: Plan,
    /// The writes that begin to carry it out: the next actions, or without any the status if it differs. Those of
    /// AnalysisRuns, and what single pods are to carry, are left out: neither moves pods or requests. Where only the history
    /// is left to be tidied, the status is among them.
    pub requests: Vec<Request>,
}

/// What an engine knows of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// The `resourceVersion` of each object that it holds.
    pub versions: BTreeMap<ObjectRef, String>,
    /// The kinds that it takes for not served.
    pub unserved: BTreeSet<Kind>,
    /// Since when it leads, on its own clock; `None` if it does not.
    pub tenure: Option<Tenure>,
}

/// Plans that were checked, and what they broke.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrutiny {
    broken: Vec<(ObjectRef, Violation)>,
}

impl Engine {
    /// What would be done about a Rollout now by a process with that tenure, without live reads or delays, and
    /// without doing it.
    ///
    /// `None` if the Rollout is not held or is being deleted. `Err` names routes that are held without their text:
    /// deliver them again and ask anew.
    #[must_use]
    pub fn decide(
        &self,
        rollout: &ObjectRef,
        tenure: Option<Tenure>,
        now: Timestamp,
    ) -> Option<Result<Decision, Vec<ObjectRef>>> {
        let settings = self.settings.of_rollouts();
        let taken = self.rollouts.get(rollout).map(|work| work.taken.clone()).unwrap_or_default();
        let mut gathered = gather::rollout(&self.stores, &self.ledger, rollout, &taken, settings)?;
        gathered.snapshot.tenure = tenure;
        gathered.snapshot.kept = self.rollouts.get(rollout).map(|work| work.kept.clone()).unwrap_or_default();
        if gathered.snapshot.rollout.meta.deleting {
            return None;
        }
        if !gathered.unread.is_empty() {
            return Some(Err(gathered.unread));
        }
        let plan = isolation::decide(|| planner::rollout::plan(&gathered.snapshot, now)).ok()?;
        let requests = requests(rollout, &gathered, &plan);
        Some(Ok(Decision { snapshot: gathered.snapshot, plan, requests }))
    }

    /// What it knows now.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        let of = |kind: Kind| {
            let names = self.stores.names(kind).into_iter();
            names.map(move |(namespace, name)| ObjectRef { kind, namespace, name })
        };
        let held = CORE.into_iter().chain(NAMED).chain([Kind::Pod]).flat_map(of);
        let versions = held.filter_map(|object| {
            let stamp = self.stores.stamp(&object)?;
            Some((object, stamp.resource_version))
        });
        let (versions, unserved) = (versions.collect(), self.stores.unserved.clone());
        Knowledge { versions, unserved, tenure: self.tenure }
    }

    /// From now on what plans break is kept for [`Self::take_broken_invariants`].
    pub fn scrutinize(&mut self) {
        self.scrutiny.get_or_insert_default();
    }

    /// What plans have broken since the last call, each with its Rollout.
    pub fn take_broken_invariants(&mut self) -> Vec<(ObjectRef, Violation)> {
        self.scrutiny.as_mut().map(|scrutiny| std::mem::take(&mut scrutiny.broken)).unwrap_or_default()
    }

    /// Checks a plan that writes nothing, if somebody wants to know.
    pub(crate) fn check_rest(&mut self, rollout: &ObjectRef, snapshot: &Snapshot, plan: &Plan) {
        if self.scrutiny.is_some() {
            self.tell_broken(rollout, invariants::check(snapshot, plan));
        }
    }

    /// Keeps what a plan breaks for whoever wants to know.
    pub(crate) fn tell_broken(&mut self, rollout: &ObjectRef, broken: Vec<Violation>) {
        if let Some(scrutiny) = &mut self.scrutiny {
            scrutiny.broken.extend(broken.into_iter().map(|violation| (rollout.clone(), violation)));
        }
    }
}

fn requests(rollout: &ObjectRef, gathered: &Gathered, plan: &Plan) -> Vec<Request> {
    debug_assert_eq!(rollout.kind, Kind::Rollout);
    let moves_nothing = |action: &&Action| {
        matches!(
            action,
            Action::PatchPod { .. }
                | Action::CreateAnalysisRun { .. }
                | Action::TerminateAnalysisRun { .. }
                | Action::DeleteAnalysisRun { .. }
        )
    };
    let actions: Vec<Action> = plan.actions.iter().filter(|action| !moves_nothing(action)).cloned().collect();
    let run = guard::leading(&actions);
    let built = run.iter().map(|action| request::build(action, gathered));
    let built = built.filter_map(|built| match built {
        Built::Send(request) => Some(request),
        Built::Nothing | Built::Impossible(_) => None,
    });
    // Whether the history is tidied up before or after the status is written makes no difference.
    let is_tidying = actions.iter().all(|action| matches!(action, Action::DeleteReplicaSet { .. }));
    built.chain(is_tidying.then(|| status_request(rollout, gathered, plan)).flatten()).collect()
}

fn status_request(rollout: &ObjectRef, gathered: &Gathered, plan: &Plan) -> Option<Request> {
    let held = &gathered.snapshot.rollout;
    let patch = status::change(&held.status, &plan.status)?;
    let body = request::status_patch(&held.meta, patch);
    Some(Request { object: rollout.clone(), call: Call::MergePatchStatus(body) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::effect::Call;
    use crate::input::{Input, Leadership};
    use crate::testing::World;
    use crate::testing::fixtures::{nginx, route, web};

    #[test]
    fn what_would_be_done_is_told_and_not_done() {
        let mut world = World::new();
        world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
        let decision = world.engine.decide(&web(), None, world.now).unwrap().unwrap();
        assert!(decision.requests.is_empty(), "{:?}", decision.requests);
        world.set_image("web:2");
        world.settle();
        // It follows, so it only looks on.
        let following = Leadership::Following { reason: "another leads".to_owned() };
        world.engine.handle(Input::Leadership(following), world.now);
        world.patch_status(&json!({ "abort": true }));
        for (kind, event) in std::mem::take(&mut world.api.undelivered) {
            assert!(world.engine.handle(Input::Watch { kind, event }, world.now).is_empty());
        }
        let writes = world.api.writes.len();
        let decision = world.engine.decide(&web(), None, world.now).unwrap().unwrap();
        let [request] = decision.requests.as_slice() else { panic!("{:?}", decision.requests) };
        assert_eq!(request.object, route());
        assert!(matches!(request.call, Call::MergePatch(_)), "{request:?}");
        assert_eq!(world.api.writes.len(), writes);
    }
}

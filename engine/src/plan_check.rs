//! No plan is carried out that breaks an invariant of the planner.

use crds::object_ref::ObjectRef;
use jiff::Timestamp;
use planner::invariants;
use planner::rollout::Plan;

use crate::effect::Level;
use crate::engine::Engine;
use crate::gather::Gathered;
use crate::guard;
use crate::rollouts::is_aborting;

impl Engine {
    /// Whether a plan may be carried out. One that breaks an invariant is made again on a live read of everything that
    /// steers the Rollout; if that breaks one as well, it is a fault of ours, and nothing of it is written. Requests are
    /// taken back whatever else is wrong.
    pub(crate) fn may_carry_out(
        &mut self,
        rollout: &ObjectRef,
        gathered: &Gathered,
        plan: &Plan,
        now: Timestamp,
    ) -> bool {
        let snapshot = &gathered.snapshot;
        let broken = invariants::check(snapshot, plan);
        let fault = broken.first().map(ToString::to_string);
        let was_doubted = self.doubt_plan(rollout, fault.is_some());
        let Some(fault) = fault else { return true };
        if !was_doubted && !is_aborting(snapshot) {
            let mut reads = guard::steering(snapshot, &gathered.routers);
            reads.retain(|object| !self.stores.unserved.contains(&object.kind));
            self.forget_reads(rollout);
            self.read_live(rollout, reads);
            return false;
        }
        self.tell_broken(rollout, broken);
        if is_aborting(snapshot) {
            self.note(Level::Warn, Some(rollout), format!("a fault in Linnet: {fault}"));
            return true;
        }
        self.set_aside(rollout, &fault, now);
        false
    }

    /// Notes whether the last plan broke an invariant; returns whether the one before did.
    fn doubt_plan(&mut self, rollout: &ObjectRef, is_broken: bool) -> bool {
        let Some(work) = self.rollouts.get_mut(rollout) else { return false };
        std::mem::replace(&mut work.doubted, is_broken)
    }
}

#[cfg(test)]
mod tests {
    use planner::invariants::Violation;
    use planner::rollout::Action;
    use serde_json::json;

    use crate::testing::World;
    use crate::testing::fixtures::{nginx, route, web};

    #[test]
    fn a_plan_that_breaks_an_invariant_is_made_again_and_then_told_and_not_carried_out() {
        let mut world = World::new();
        world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
        world.engine.scrutinize();
        let (rollout, now) = (web(), world.now);
        let mut gathered = world.engine.gather_rollout(&rollout, now).unwrap();
        let mut plan = planner::rollout::plan(&gathered.snapshot, now);
        assert!(world.engine.may_carry_out(&rollout, &gathered, &plan, now));
        plan.actions.push(Action::SetWeight {
            route: route(),
            canary_weight: 101,
            canary_hash: "nobody".to_owned(),
            stable_hash: String::new(),
            managed: Vec::new(),
            events: Vec::new(),
        });
        assert!(!world.engine.may_carry_out(&rollout, &gathered, &plan, now));
        assert!(world.engine.take_broken_invariants().is_empty(), "what it rests on is read first");
        assert!(!world.engine.rollouts[&rollout].operation.pending.is_empty(), "it is being read");
        assert!(!world.engine.may_carry_out(&rollout, &gathered, &plan, now));
        let broken = world.engine.take_broken_invariants();
        let is_it =
            |(about, violation): &(_, Violation)| *about == rollout && violation.to_string().contains("101");
        assert!(broken.iter().any(is_it), "{broken:?}");
        assert!(world.engine.take_broken_invariants().is_empty(), "each is told once");
        gathered.snapshot.rollout.status.abort = true;
        let is_carried_out = world.engine.may_carry_out(&rollout, &gathered, &plan, now);
        assert!(is_carried_out, "requests are taken back whatever else is wrong");
    }
}

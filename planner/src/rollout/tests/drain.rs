//! Pods stay while a proxy may still send them requests.

use jiff::SignedDuration;
use serde_json::json;

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, Plan, Tenure, plan};
use crate::waiting::Waiting;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// A canary whose weight has just gone down from 60 % to 20 %: it has more pods than it needs.
fn lowered() -> World {
    let steps =
        json!([{ "setWeight": 60 }, { "pause": { "duration": 10 } }, { "setWeight": 20 }, { "pause": {} }]);
    let mut world = World::new(&fixture::routed(&steps));
    assert!(world.run(seconds(300)));
    world.apply_version("v2");
    for weight in [60, 20] {
        while world.snapshot.routes[0].canary_weight != Some(weight) {
            world.run(SignedDuration::from_millis(100));
        }
    }
    world.run(seconds(1));
    world
}

fn takes_pods(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| matches!(action, Action::PatchReplicaSet { .. }))
}

fn is_draining(plan: &Plan) -> bool {
    plan.waiting.iter().any(|reason| matches!(reason, Waiting::RouteDraining { .. }))
}

#[test]
fn what_an_earlier_process_recorded_counts_from_the_beginning_of_this_one() {
    let mut world = lowered();
    world.now += seconds(6);
    assert!(takes_pods(&plan(&world.snapshot, world.now)));
    world.snapshot.tenure = Some(Tenure::begun(world.now));
    let late = plan(&world.snapshot, world.now);
    assert_eq!((takes_pods(&late), is_draining(&late)), (false, true), "{late:#?}");
    assert!(takes_pods(&plan(&world.snapshot, world.now + seconds(6))));
}

#[test]
fn a_route_that_somebody_deletes_is_in_force_for_a_while() {
    let mut world = lowered();
    world.now += seconds(6);
    let route = &mut world.snapshot.routes[0];
    (route.version, route.canary_weight, route.is_missing) = (None, None, true);
    let gone = plan(&world.snapshot, world.now);
    assert_eq!((takes_pods(&gone), is_draining(&gone)), (false, true), "{gone:#?}");
}

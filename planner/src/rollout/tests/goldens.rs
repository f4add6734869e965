//! Whole plans.

use jiff::SignedDuration;
use serde_json::json;

use super::world::World;
use crate::fixture;
use crate::rollout::plan;

#[test]
fn the_first_plan_of_a_rollout() {
    let snapshot = fixture::created(&json!({ "steps": [{ "setWeight": 20 }] }));
    insta::assert_debug_snapshot!(plan(&snapshot, fixture::start()));
}

#[test]
fn the_switch_of_a_blue_green_update() {
    let mut world = World::with(&fixture::blue_green(&json!({ "autoPromotionSeconds": 5 })));
    assert!(world.run(SignedDuration::from_mins(1)));
    world.apply_version("v2");
    world.run(SignedDuration::from_secs(4));
    let before = world.snapshot.rollout.status.clone();
    world.now += SignedDuration::from_secs(2);
    let ended = plan(&world.snapshot, world.now);
    world.snapshot.rollout.status = ended.status;
    let switch = plan(&world.snapshot, world.now);
    insta::assert_debug_snapshot!((before, ended.events, switch.actions));
}

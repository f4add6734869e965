//! Whole plans.

use serde_json::json;

use crate::fixture;
use crate::rollout::plan;

#[test]
fn the_first_plan_of_a_rollout() {
    let snapshot = fixture::created(&json!({ "steps": [{ "setWeight": 20 }] }));
    insta::assert_debug_snapshot!(plan(&snapshot, fixture::start()));
}

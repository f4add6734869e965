//! `status.duration`: when an update began and ended, how, and how long it waited for people.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn deployed(strategy: &Value) -> World {
    let mut world = World::with(strategy);
    world.run(seconds(300));
    assert_eq!(how(&world), "Promoted", "the first version");
    world
}

fn duration(world: &World) -> &crds::rollout::RolloutDuration {
    world.snapshot.rollout.status.duration.as_ref().unwrap()
}

fn how(world: &World) -> &'static str {
    duration(world).completion_status.map_or("", crds::rollout::CompletionStatus::as_str)
}

fn steps() -> Value {
    json!({ "canary": { "steps": [{ "setWeight": 20 }, { "pause": { "duration": "5s" } }, { "pause": {} }] } })
}

#[test]
fn a_pause_for_a_person_is_counted_and_one_with_a_timer_is_not() {
    let mut world = deployed(&steps());
    world.apply_version("v2");
    world.run(seconds(4));
    let begun = duration(&world).rollout_started_at.unwrap();
    assert_eq!((duration(&world).manual_pause_started_at, duration(&world).finished_at), (None, None));
    world.run(seconds(6));
    let since = duration(&world).manual_pause_started_at.unwrap();
    assert!(since > begun);
    world.now += seconds(90);
    world.status().pause_conditions.clear();
    world.run(seconds(60));
    let ended = duration(&world);
    assert_eq!((how(&world), ended.manual_pause_started_at), ("Promoted", None));
    assert_eq!(ended.rollout_started_at, Some(begun));
    assert!((90..=91).contains(&ended.total_manual_pause_duration_seconds), "{ended:?}");
    let took = begun.get().duration_until(ended.finished_at.unwrap().get()).as_secs();
    assert!((95..=98).contains(&took), "{took} s");
    let before = ended.clone();
    world.run(seconds(3600));
    assert_eq!(*duration(&world), before);
}

/// Each case does something at the pause for a person.
#[rstest]
#[case::aborted(|world: &mut World| world.status().abort = true, "Aborted")]
#[case::by_force(|world: &mut World| world.status().promote_full = true, "FastPromoted")]
#[case::back(|world: &mut World| world.apply_version("v1"), "FastRolledBack")]
#[case::another_version_begins_anew(|world: &mut World| world.apply_version("v3"), "")]
fn how_it_ends(#[case] deed: fn(&mut World), #[case] want: &str) {
    let mut world = deployed(&steps());
    world.apply_version("v2");
    world.run(seconds(60));
    let begun = duration(&world).rollout_started_at;
    deed(&mut world);
    world.run(seconds(60));
    assert_eq!(how(&world), want);
    assert_eq!(duration(&world).finished_at.is_some(), !want.is_empty());
    let goes_on = matches!(want, "Aborted" | "FastPromoted");
    assert_eq!(duration(&world).rollout_started_at == begun, goes_on);
}

#[test]
fn an_earlier_version_that_takes_all_steps_is_rolled_back() {
    let mut world = deployed(&json!({ "canary": {} }));
    world.now += seconds(60);
    world.apply_version("v2");
    world.run(seconds(60));
    world.apply_version("v1");
    world.run(seconds(60));
    assert_eq!(how(&world), "RolledBack");
}

#[test]
fn blue_green_waits_for_its_promotion() {
    let mut world = deployed(&fixture::blue_green(&json!({ "autoPromotionEnabled": false })));
    world.apply_version("v2");
    world.run(seconds(60));
    assert!(duration(&world).manual_pause_started_at.is_some());
    world.now += seconds(90);
    world.status().pause_conditions.clear();
    world.run(seconds(60));
    assert_eq!(how(&world), "Promoted");
    assert!(duration(&world).total_manual_pause_duration_seconds >= 90);
}

//! A canary without a router, in all its corners: how many pods each version has, and how many there are at most and
//! at least on the way. And what people and autoscalers change in the middle.

use crds::names::DESIRED_REPLICAS;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;

/// The sizes of the two versions, the first one first.
fn sizes(world: &World) -> (i32, i32) {
    let size = |version: &str| world.set(version).map_or(0, |set| set.replicas);
    (size("v1"), size("v2"))
}

/// How many pods there were at most, and how many were available at least.
#[derive(Debug, PartialEq, Eq)]
struct Extremes {
    most: i32,
    least: i32,
}

/// Lets time pass and looks often.
fn watch(world: &mut World, seconds: i64) -> Extremes {
    let mut seen = Extremes { most: 0, least: i32::MAX };
    for _ in 0..seconds * 20 {
        world.run(SignedDuration::from_millis(50));
        let all = world.snapshot.sets().map(|set| set.replicas).sum();
        let available = world.snapshot.sets().map(|set| set.available_replicas).sum();
        seen = Extremes { most: seen.most.max(all), least: seen.least.min(available) };
    }
    seen
}

fn deployed(replicas: i32, canary: &Value) -> World {
    let mut world = World::new(canary);
    world.scale_to(replicas);
    assert!(world.run(SignedDuration::from_mins(10)));
    assert_eq!(world.status().phase.as_str(), "Healthy");
    world
}

fn stepwise(weight: i32, surge: &Value, unavailable: &Value) -> Value {
    json!({
        "maxSurge": surge, "maxUnavailable": unavailable,
        "steps": [{ "setWeight": weight }, { "pause": {} }],
    })
}

#[rstest]
#[case::numbers(10, json!([2, 0]), 30, (7, 3), (12, 10))]
#[case::percentages(10, json!(["20%", "10%"]), 10, (9, 1), (12, 9))]
#[case::digits_are_a_percentage(8, json!(["25", "25"]), 50, (4, 4), (10, 6))]
#[case::a_surge_rounds_up(5, json!(["1%", 0]), 20, (4, 1), (6, 5))]
#[case::what_may_be_missing_rounds_down(7, json!([1, "40%"]), 30, (5, 2), (8, 5))]
#[case::both_round_to_nothing_so_one_may_be_missing(5, json!([0, "10%"]), 40, (3, 2), (5, 4))]
#[case::the_defaults(4, json!([null, null]), 25, (3, 1), (5, 3))]
#[case::one_pod_and_one_more(1, json!([1, 0]), 5, (1, 1), (2, 1))]
#[case::one_pod_alone_rounds_up(1, json!([0, 1]), 50, (0, 1), (1, 0))]
#[case::one_pod_alone_rounds_down(1, json!([0, 1]), 20, (1, 0), (1, 0))]
#[case::no_pods(0, json!([1, 0]), 50, (0, 0), (0, 0))]
#[case::no_weight(5, json!([1, 0]), 0, (5, 0), (6, 5))]
#[case::all_of_it(5, json!([1, 0]), 100, (0, 5), (6, 5))]
fn at_a_step(
    #[case] replicas: i32,
    #[case] allowed: Value,
    #[case] weight: i32,
    #[case] want: (i32, i32),
    #[case] (most, least): (i32, i32),
) {
    let mut world = deployed(replicas, &stepwise(weight, &allowed[0], &allowed[1]));
    world.apply_version("v2");
    let seen = watch(&mut world, 30);
    assert_eq!(sizes(&world), want);
    assert!(seen.most <= most && seen.least >= least, "{seen:?}, not within {most} and {least}");
    // And all the way to the end.
    world.status().pause_conditions.clear();
    let seen = watch(&mut world, 60);
    assert_eq!(sizes(&world), (0, replicas));
    assert!(seen.most <= most && seen.least >= least, "{seen:?}, not within {most} and {least}");
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[rstest]
#[case::twice_as_many(10, (8, 2))]
#[case::half_as_many(2, (2, 1))]
#[case::one(1, (1, 1))]
#[case::none(0, (0, 0))]
fn in_the_middle_both_versions_follow_the_wanted_number(#[case] replicas: i32, #[case] want: (i32, i32)) {
    let mut world = deployed(5, &json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] }));
    world.apply_version("v2");
    world.run(SignedDuration::from_mins(1));
    assert_eq!(sizes(&world), (4, 1));
    world.scale_to(replicas);
    world.run(SignedDuration::from_mins(1));
    assert_eq!(sizes(&world), want);
    assert_eq!(world.status().phase.as_str(), "Paused", "the update stays where it is");
    world.status().pause_conditions.clear();
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(sizes(&world), (0, replicas));
}

fn pause(world: &mut World, paused: bool) {
    if let Ok(spec) = &mut world.snapshot.rollout.spec {
        spec.paused = paused;
    }
    world.snapshot.rollout.meta.generation += 1;
}

/// The reference stops replica changes along with everything else (AR#4261).
#[rstest]
#[case::a_canary(json!({ "canary": { "steps": [{ "setWeight": 20 }, { "pause": {} }] } }), (8, 2))]
#[case::a_routed_canary(json!({ "canary": fixture::routed(&json!([{ "setWeight": 20 }, { "pause": {} }])) }), (10, 2))]
#[case::blue_green(fixture::blue_green(&json!({ "autoPromotionEnabled": false })), (10, 10))]
fn a_person_who_holds_an_update_does_not_hold_its_size(#[case] strategy: Value, #[case] want: (i32, i32)) {
    let mut world = World::with(&strategy);
    assert!(world.run(SignedDuration::from_mins(5)));
    world.apply_version("v2");
    world.run(SignedDuration::from_mins(1));
    pause(&mut world, true);
    world.scale_to(10);
    world.run(SignedDuration::from_mins(1));
    assert_eq!(sizes(&world), want);
    assert_eq!(world.status().message, "manually paused");
    assert_eq!(world.status().stable_rs, "hash-v1");
}

#[test]
fn nor_that_of_a_version_whose_successor_has_not_begun() {
    let mut world = deployed(5, &json!({}));
    pause(&mut world, true);
    world.apply_version("v2");
    world.scale_to(7);
    world.run(SignedDuration::from_mins(1));
    assert_eq!((sizes(&world), world.set("v2")), ((7, 0), None));
}

/// What an autoscaler reads, and what it changes.
#[test]
fn an_autoscaler_sees_the_pods_of_both_versions_and_is_obeyed_without_a_step_back() {
    let mut world = deployed(5, &json!({ "steps": [{ "setWeight": 40 }, { "pause": {} }] }));
    world.apply_version("v2");
    world.run(SignedDuration::from_mins(1));
    assert_eq!((world.status().hpa_replicas, world.status().selector.as_str()), (5, "app=web"));
    let (step, analyses) = (world.status().current_step_index, world.snapshot.analysis_runs.len());
    world.scale_to(10);
    world.run(SignedDuration::from_mins(1));
    assert_eq!(world.status().hpa_replicas, 10);
    assert_eq!((world.status().current_step_index, world.snapshot.analysis_runs.len()), (step, analyses));
    for set in world.snapshot.sets() {
        assert_eq!(
            set.meta.annotations.get(DESIRED_REPLICAS).map(String::as_str),
            Some("10"),
            "{}",
            set.hash
        );
    }
}

#[test]
fn an_autoscaler_of_blue_green_sees_the_active_version_alone() {
    let mut world = World::with(&fixture::blue_green(&json!({ "autoPromotionEnabled": false })));
    assert!(world.run(SignedDuration::from_mins(5)));
    world.apply_version("v2");
    world.run(SignedDuration::from_mins(1));
    let status = world.status().clone();
    assert_eq!((status.replicas, status.hpa_replicas), (10, 5));
    assert_eq!(status.selector, "app=web,rollouts-pod-template-hash=hash-v1");
}

/// A replaced version serves users: it goes whatever becomes of the new one, and the stable version takes its place.
#[rstest]
#[case::nothing_may_be_missing(json!(1), json!(0), 0)]
#[case::no_more_than_there_are(json!(0), json!(1), 0)]
#[case::somebody_made_the_new_one_larger(json!(0), json!(1), 7)]
fn an_older_version_goes_although_the_new_one_never_comes_up(
    #[case] surge: Value,
    #[case] unavailable: Value,
    #[case] by_hand: i32,
) {
    let mut world = deployed(8, &stepwise(25, &surge, &unavailable));
    world.apply_version("v2");
    world.run(SignedDuration::from_secs(60));
    assert_eq!(sizes(&world), (6, 2));
    world.broken.push("v3".to_owned());
    world.apply_version("v3");
    world.run(SignedDuration::from_secs(1));
    if by_hand > 0 {
        let set = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v3").unwrap();
        set.replicas = by_hand;
    }
    let seen = watch(&mut world, 30);
    assert_eq!(world.set("v2").map(|set| set.replicas), Some(0), "{:?}", world.writes);
    assert!(seen.least >= 7, "{seen:?}");
    assert!(world.set("v3").is_some_and(|set| set.replicas <= 2), "{:?}", world.writes);
}

//! `rollbackWindow`: a return to a recent version skips all steps and is not measured.

use crds::names::REVISION;
use crds::rollout::RolloutStatus;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::analyses::measured;
use super::world::World;
use crate::fixture;
use crate::rollout::{Snapshot, plan};

fn steps() -> Value {
    json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] })
}

/// The status of an update from `stable` to the wanted version `v1`, whose ReplicaSets were made so many minutes after
/// the beginning, with others beside them.
fn begun(window: Option<i32>, new: i64, stable: i64, others: &[i64]) -> RolloutStatus {
    let mut snapshot: Snapshot = fixture::created(&steps());
    let made = |version: &str, revision: i64, minutes: i64| {
        let mut set = fixture::replica_set(version, revision, 0);
        set.meta.created = Some(fixture::start() + SignedDuration::from_mins(minutes));
        set
    };
    snapshot.replica_sets = vec![made("v1", 9, new), made("v2", 8, stable)];
    for (number, minutes) in others.iter().enumerate() {
        snapshot.replica_sets.push(made(&format!("v{}", number + 3), 2, *minutes));
    }
    let rollout = &mut snapshot.rollout;
    rollout.meta.annotations.insert(REVISION.to_owned(), "9".to_owned());
    rollout.status.stable_rs = "hash-v2".to_owned();
    rollout.status.current_pod_hash = "hash-v2".to_owned();
    if let Ok(spec) = &mut rollout.spec {
        let window = window.map(|revisions| json!({ "revisions": revisions }));
        spec.rollback_window = serde_json::from_value(window.into()).unwrap();
    }
    let plan = plan(&snapshot, fixture::start() + SignedDuration::from_hours(1));
    assert_eq!(plan.actions, []);
    assert_eq!(plan.status.current_pod_hash, "hash-v1");
    let is_told = plan.events.iter().any(|event| event.reason == "SkipSteps");
    assert_eq!(is_told, plan.status.current_step_index == Some(2), "{:?}", plan.events);
    plan.status
}

#[rstest]
#[case::the_version_before(Some(1), 1, 2, &[], true)]
#[case::one_between(Some(1), 1, 3, &[2], false)]
#[case::one_between_and_a_wider_window(Some(2), 1, 3, &[2], true)]
#[case::two_between(Some(2), 1, 4, &[2, 3], false)]
#[case::older_ones_do_not_count(Some(1), 3, 4, &[1, 2], true)]
#[case::younger_ones_do_not_count(Some(1), 1, 2, &[3, 4], true)]
#[case::those_of_the_same_moment_do_not_count(Some(1), 1, 3, &[1, 3], true)]
#[case::a_younger_version_is_no_return(Some(5), 2, 1, &[], false)]
#[case::nor_is_one_of_the_same_moment(Some(5), 1, 1, &[], false)]
#[case::an_empty_window(Some(0), 1, 2, &[], false)]
#[case::a_window_that_is_none(Some(-1), 1, 2, &[], false)]
#[case::no_window(None, 1, 2, &[], false)]
fn which_returns_skip_the_steps(
    #[case] window: Option<i32>,
    #[case] new: i64,
    #[case] stable: i64,
    #[case] others: &[i64],
    #[case] is_skipped: bool,
) {
    let status = begun(window, new, stable, others);
    assert_eq!(status.current_step_index, Some(if is_skipped { 2 } else { 0 }));
}

/// Two versions, the second one promoted by hand, and a window for returns.
fn promoted(mut world: World, window: i32) -> World {
    if let Ok(spec) = &mut world.snapshot.rollout.spec {
        spec.rollback_window = serde_json::from_value(json!({ "revisions": window })).unwrap();
    }
    world.apply_version("v2");
    world.run(SignedDuration::from_mins(1));
    world.status().promote_full = true;
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(world.status().stable_rs, "hash-v2");
    world.events.clear();
    world.writes.clear();
    world
}

fn events(world: &World) -> Vec<String> {
    world.events.iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
}

#[rstest]
#[case::without_a_router(steps())]
#[case::behind_a_router(fixture::routed(&json!([{ "setWeight": 20 }, { "pause": {} }])))]
fn a_return_goes_all_the_way_at_once(#[case] canary: Value) {
    let mut world = World::new(&canary);
    assert!(world.run(SignedDuration::from_mins(5)));
    let mut world = promoted(world, 1);
    world.apply_version("v1");
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(world.status().stable_rs, "hash-v1");
    assert_eq!(world.status().phase.as_str(), "Healthy");
    let told = events(&world);
    let done = "RolloutCompleted: Rollout completed update to revision 3 (hash-v1): Rollback within window";
    for want in ["SkipSteps: Rollback within window", done] {
        assert!(told.contains(&want.to_owned()), "{told:?}");
    }
    assert!(!told.iter().any(|event| event.starts_with("RolloutPaused")), "{told:?}");
}

#[rstest]
#[case::inside(1, 0)]
#[case::outside(0, 1)]
fn a_return_inside_the_window_is_not_measured(#[case] window: i32, #[case] want: usize) {
    for (canary, background) in [(json!({}), true), (json!({}), false), (routed(), true), (routed(), false)] {
        let mut world = promoted(measured(canary, background), window);
        let before = world.snapshot.analysis_runs.len();
        world.apply_version("v1");
        world.run(SignedDuration::from_mins(5));
        let created = world.writes.iter().filter(|write| write.starts_with("create analysisruns"));
        assert_eq!(created.count(), want, "{before} before: {:?}", world.writes);
        assert!(want > 0 || world.status().stable_rs == "hash-v1", "{:?}", world.writes);
    }
}

fn routed() -> Value {
    fixture::routed(&json!([{ "setWeight": 20 }, { "pause": {} }]))
}

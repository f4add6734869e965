//! What goes wrong on the way, and what people change in the middle.

use crds::names::{REVISION, REVISION_HISTORY};
use crds::object_ref::{Kind, ObjectRef};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, Tenure, plan, progress_deadline};

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn routed() -> Value {
    fixture::routed(&json!([{ "setWeight": 20 }, { "setWeight": 60 }, { "pause": {} }]))
}

fn deployed(canary: &Value) -> World {
    let mut world = World::new(canary);
    assert!(world.run(seconds(300)));
    world.writes.clear();
    world
}

fn weight(world: &World) -> Option<u32> {
    world.snapshot.routes[0].canary_weight
}

#[test]
fn a_weight_falls_with_the_pods_and_returns_with_them() {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!(weight(&world), Some(60));
    world.crash("hash-v2");
    world.run(seconds(1));
    assert_eq!(weight(&world), Some(0));
    world.run(seconds(10));
    assert_eq!(weight(&world), Some(60));
    assert_eq!(world.status().current_step_index, Some(2));
}

#[test]
fn replicas_are_obeyed_in_the_middle_of_an_update_and_while_paused() {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    world.snapshot.rollout.spec.as_mut().unwrap().paused = true;
    world.scale_to(10);
    world.run(seconds(30));
    assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (6, 10));
    assert_eq!(world.status().message, "manually paused");
    world.scale_to(5);
    world.run(seconds(30));
    assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (3, 5));
    assert_eq!(weight(&world), Some(60));
}

#[test]
fn an_update_that_does_not_move_is_aborted_if_the_user_wants_it() {
    let mut world = deployed(&routed());
    world.snapshot.rollout.spec.as_mut().unwrap().progress_deadline_abort = true;
    world.broken.push("v2".to_owned());
    world.apply_version("v2");
    world.run(seconds(700));
    let why = "ReplicaSet \"web-hash-v2\" has timed out progressing.";
    let message = format!("RolloutAborted: Rollout aborted update to revision 2: {why}");
    assert_eq!(world.status().message, message);
    assert!(world.status().abort);
    assert_eq!(world.status().stable_rs, "hash-v1");
}

#[test]
fn pods_that_came_while_nobody_looked_are_progress() {
    let mut world = deployed(&routed());
    world.snapshot.rollout.spec.as_mut().unwrap().progress_deadline_abort = true;
    world.startup = seconds(30);
    world.apply_version("v2");
    world.run(seconds(5));
    world.now += SignedDuration::from_hours(1);
    world.run(seconds(60));
    assert!(!world.status().abort, "{}", world.status().message);
    assert_eq!(weight(&world), Some(60));
}

/// An update that has stood still since its last progress; whoever decides has been there since `attended` seconds after
/// that. Returns after how many seconds it counts as stuck.
#[rstest]
#[case::nobody_was_ever_away(600, None, 600)]
#[case::away_before_it_began(600, Some(0), 600)]
#[case::back_long_before(600, Some(500), 600)]
#[case::back_just_before(600, Some(595), 605)]
#[case::back_long_after(600, Some(3600), 3610)]
#[case::no_longer_than_the_deadline(5, Some(3600), 3605)]
fn an_update_that_waited_for_nobody_else_is_given_a_moment(
    #[case] limit: i32,
    #[case] attended: Option<i64>,
    #[case] want: i64,
) {
    let mut world = deployed(&routed());
    world.broken.push("v2".to_owned());
    world.apply_version("v2");
    world.run(seconds(60));
    let deadline = |world: &World| progress_deadline(&world.snapshot, world.now).unwrap();
    let since = deadline(&world) - seconds(600);
    world.snapshot.rollout.spec.as_mut().unwrap().progress_deadline_seconds = Some(limit);
    world.snapshot.tenure =
        attended.map(|after| Tenure { leading_since: since, attending_since: since + seconds(after) });
    assert_eq!(deadline(&world), since + seconds(want));
}

#[test]
fn an_update_that_was_told_to_be_stuck_is_so_for_whoever_comes_next() {
    let mut world = deployed(&routed());
    world.broken.push("v2".to_owned());
    world.apply_version("v2");
    world.run(seconds(700));
    assert_eq!(world.status().phase.as_str(), "Degraded", "{}", world.status().message);
    world.snapshot.tenure = Some(Tenure::begun(world.now));
    world.run(seconds(1));
    assert_eq!(world.status().phase.as_str(), "Degraded", "{}", world.status().message);
}

#[test]
fn a_version_that_comes_back_gets_a_new_number_and_keeps_its_replica_set() {
    let mut world = deployed(&json!({}));
    world.apply_version("v2");
    assert!(world.run(seconds(300)));
    world.apply_version("v1");
    assert!(world.run(seconds(300)));
    assert_eq!(world.snapshot.replica_sets.len(), 2);
    let annotations = &world.set("v1").unwrap().meta.annotations;
    assert_eq!((annotations[REVISION].as_str(), annotations[REVISION_HISTORY].as_str()), ("3", "1"));
    assert_eq!(world.snapshot.rollout.meta.annotations[REVISION], "3");
    assert_eq!(world.status().stable_rs, "hash-v1");
}

#[test]
fn only_so_many_old_replica_sets_are_kept() {
    let mut world = deployed(&json!({}));
    world.snapshot.rollout.spec.as_mut().unwrap().revision_history_limit = Some(2);
    for version in 2..7 {
        world.apply_version(&format!("v{version}"));
        assert!(world.run(seconds(300)));
    }
    let names: Vec<_> = world.snapshot.replica_sets.iter().map(|set| set.hash.as_str()).collect();
    assert_eq!(names, ["hash-v4", "hash-v5", "hash-v6"]);
}

#[test]
fn a_name_that_is_somebody_elses_counts_a_collision() {
    let mut snapshot = fixture::created(&json!({}));
    let first = plan(&snapshot, fixture::start());
    let Some(Action::PatchRollout { annotations, .. }) = first.actions.first() else { panic!("{first:?}") };
    let set = annotations.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    snapshot.rollout.meta.annotations.extend(set);
    snapshot.taken.insert(ObjectRef::new(Kind::ReplicaSet, fixture::NAMESPACE, "web-hash-v1"));
    let collided = plan(&snapshot, fixture::start());
    assert!(collided.actions.is_empty());
    assert_eq!(collided.status.collision_count, Some(1));
}

#[test]
fn replicas_that_were_left_out_are_written_back() {
    let mut snapshot = fixture::created(&json!({}));
    snapshot.rollout.spec.as_mut().unwrap().replicas = None;
    let plan = plan(&snapshot, fixture::start());
    assert!(matches!(plan.actions.first(), Some(Action::PatchRollout { replicas: Some(1), .. })));
}

#[test]
fn what_another_operator_left_in_the_middle_goes_on_from_there() {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    let status = world.status();
    status.linnet = None;
    "hashed-in-another-way".clone_into(&mut status.current_step_hash);
    world.writes.clear();
    world.run(seconds(30));
    assert_eq!(world.writes, ["patch rollouts/status"]);
    assert_eq!(world.status().current_step_index, Some(2));
    assert_eq!(weight(&world), Some(60));
}

#[test]
fn other_steps_begin_anew_with_another_attempt() {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    let canary = fixture::routed(&json!([{ "setWeight": 40 }, { "pause": {} }]));
    let strategy = &mut world.snapshot.rollout.spec.as_mut().unwrap().strategy;
    strategy.canary = serde_json::from_value(canary).unwrap();
    world.run(seconds(30));
    assert_eq!((weight(&world), world.status().current_step_index), (Some(40), Some(1)));
    assert_eq!(world.status().linnet.as_ref().unwrap().attempt, Some(2));
}

#[rstest]
#[case::it_has_all_its_pods(5, 5, true)]
#[case::what_may_be_unavailable_is_not_missed(4, 5, true)]
#[case::it_has_lost_most_of_them(1, 5, false)]
#[case::so_has_the_one_that_serves(1, 1, true)]
#[case::nobody_serves(1, 0, true)]
#[case::it_has_none(0, 0, false)]
fn a_promoted_version_takes_over_from_pods_with_as_many(
    #[case] promoted: i32,
    #[case] serving: i32,
    #[case] takes_over: bool,
) {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    let status = world.status();
    status.stable_rs.clone_from(&status.current_pod_hash);
    status.current_step_index = Some(3);
    status.pause_conditions.clear();
    status.controller_pause = false;
    for (hash, available) in [("hash-v1", serving), ("hash-v2", promoted)] {
        let set = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == hash).unwrap();
        set.replicas = 5;
        set.available_replicas = available;
    }
    let plan = plan(&world.snapshot, world.now);
    let is_switch =
        |action: &Action| matches!(action, Action::SwitchService { name, .. } if name == "web-stable");
    assert_eq!(plan.actions.iter().any(is_switch), takes_over, "{plan:#?}");
}

#[test]
fn an_abort_does_not_wait_for_a_spec_that_can_be_read() {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    let readable = world.snapshot.rollout.spec.clone().unwrap();
    world.snapshot.rollout.last_readable_spec = Some(readable);
    world.snapshot.rollout.spec = Err("spec.replicas: not a number".to_owned());
    world.status().abort = true;
    world.writes.clear();
    world.run(seconds(5));
    assert_eq!(world.writes, ["patch ingresses web-web-canary 0", "patch rollouts/status"]);
    assert!(world.status().aborted_at.is_some());
    assert!(world.status().message.starts_with("InvalidSpec: "), "{}", world.status().message);
}

/// What cannot be read may still send requests to a version that another one has replaced; what does not exist does
/// not, and nobody may ever bring it back.
#[rstest]
#[case::not_readable(false, 3)]
#[case::gone(true, 0)]
fn pods_stay_behind_a_route_that_cannot_be_read_but_not_behind_one_that_is_gone(
    #[case] is_missing: bool,
    #[case] want: i32,
) {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!(weight(&world), Some(60));
    let route = &mut world.snapshot.routes[0];
    (route.canary_weight, route.in_shape, route.is_missing) = (None, false, is_missing);
    route.problem = Some("Ingress shop/web: nobody knows what it says".to_owned());
    world.apply_version("v3");
    world.run(seconds(120));
    assert_eq!(world.set("v2").map(|set| set.replicas), Some(want), "{:#?}", world.last);
}

#[test]
fn a_route_that_was_left_behind_does_not_follow_one_that_cannot_come_down() {
    let mut world = deployed(&routed());
    world.apply_version("v2");
    world.run(seconds(10));
    // One of two routes was put back, the stable version has lost its pods, and another version is wanted: the weight
    // of the other one cannot go down, and nobody means to raise this one.
    let mut behind = world.snapshot.routes[0].clone();
    behind.reference.name = "second".to_owned();
    behind.canary_weight = Some(40);
    world.snapshot.routes.push(behind);
    world.crash("hash-v1");
    world.apply_version("v3");
    for _ in 0..20 {
        let now = world.now;
        let planned = plan(&world.snapshot, now);
        let raises = |action: &Action| matches!(action, Action::SetWeight { route, canary_weight: 41.., .. } if route.name == "second");
        assert!(!planned.actions.iter().any(raises), "{planned:#?}");
        world.run(SignedDuration::from_millis(100));
    }
}

#[test]
fn requests_stay_where_they_are_while_nobody_has_pods() {
    let mut canary = fixture::routed(&json!([{ "setWeight": 100 }, { "pause": {} }]));
    canary["dynamicStableScale"] = json!(true);
    let mut world = deployed(&canary);
    world.startup = seconds(1);
    world.apply_version("v2");
    world.run(seconds(120));
    assert_eq!((weight(&world), world.set("v1").unwrap().replicas), (Some(100), 0));
    // The pods of the new version die and are back after two seconds; those of the stable one are there sooner.
    world.crash("hash-v2");
    world.run(SignedDuration::from_millis(900));
    assert_eq!((weight(&world), world.set("v1").unwrap().replicas), (Some(100), 5));
    world.run(SignedDuration::from_millis(200));
    assert_eq!(weight(&world), Some(0));
}

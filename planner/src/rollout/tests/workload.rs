//! The pod template comes from another object, and a Deployment hands its pods over.

use crds::names::WORKLOAD_GENERATION;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutPhase;
use jiff::SignedDuration;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, Scale, plan};
use crate::waiting::Waiting;

fn world(strategy: &Value, scale_down: &str) -> World {
    let mut world = World::with(strategy);
    world.snapshot = fixture::referring(strategy, scale_down);
    world
}

fn canary() -> Value {
    json!({ "canary": { "steps": [{ "setWeight": 20 }, { "pause": {} }] } })
}

/// What was done to the Deployment, in order.
fn handed_over(world: &World) -> Vec<&str> {
    let words = world.writes.iter().filter_map(|write| write.strip_prefix("patch deployments web-base "));
    words.collect()
}

fn minute() -> SignedDuration {
    SignedDuration::from_mins(1)
}

#[rstest]
#[case::never("never", &[])]
#[case::nobody_said_so("", &[])]
#[case::a_word_that_nobody_knows("soon", &[])]
#[case::when_healthy("onsuccess", &["5->0"])]
#[case::as_pods_come("progressively", &["5->4", "4->3", "3->2", "2->1", "1->0"])]
fn a_deployment_hands_over(
    #[values(canary(), json!({ "canary": fixture::routed(&json!([])) }), fixture::blue_green(&json!({})))]
    strategy: Value,
    #[case] scale_down: &str,
    #[case] want: &[&str],
) {
    let mut world = world(&strategy, scale_down);
    assert!(world.run(minute()), "{:?}", world.writes);
    assert_eq!(world.status().phase, RolloutPhase::Healthy);
    assert_eq!(handed_over(&world), want, "{:?}", world.writes);
}

#[test]
fn the_last_pods_stay_until_what_was_turned_is_in_force() {
    let mut world = world(&json!({ "canary": fixture::routed(&json!([])) }), "onsuccess");
    world.run(SignedDuration::from_secs(3));
    assert_eq!(world.status().phase, RolloutPhase::Healthy);
    let plan = world.last.clone().unwrap();
    let object = ObjectRef::new(Kind::Deployment, fixture::NAMESPACE, "web-base");
    assert!(
        plan.waiting
            .iter()
            .any(|waiting| matches!(waiting, Waiting::WorkloadKept { workload, .. } if *workload == object)),
        "{plan:?}"
    );
    assert!(plan.wake_at.is_some());
    assert!(handed_over(&world).is_empty());
}

#[test]
fn pods_that_never_come_take_nothing_away() {
    let mut world = world(&canary(), "progressively");
    world.broken.push("v1".to_owned());
    world.run(minute());
    assert!(handed_over(&world).is_empty(), "{:?}", world.writes);
}

#[test]
fn pods_that_fail_later_make_no_deployment_larger() {
    let mut world = world(&canary(), "progressively");
    world.run(SignedDuration::from_millis(330));
    assert!(!handed_over(&world).is_empty());
    world.crash("hash-v1");
    assert!(world.run(minute()));
    world.crash("hash-v1");
    assert!(world.run(minute()));
    let sizes = handed_over(&world).join(" ");
    assert!(sizes.ends_with("1->0"), "{sizes}");
}

#[rstest]
#[case::onsuccess("onsuccess")]
#[case::progressively("progressively")]
fn in_later_revisions_its_owner_may_make_it_larger(#[case] scale_down: &str) {
    let mut world = world(&json!({ "canary": {} }), scale_down);
    assert!(world.run(minute()));
    let handed = handed_over(&world).len();
    world.change_workload("v2");
    assert!(world.run(minute()));
    assert_eq!(world.status().stable_rs, "hash-v2");
    world.snapshot.workload.as_mut().unwrap().replicas = 3;
    assert!(world.run(minute()));
    assert_eq!(handed_over(&world).len(), handed);
}

#[rstest]
#[case::onsuccess("onsuccess", "5->0")]
#[case::progressively("progressively", "1->0")]
fn a_version_that_comes_meanwhile_does_not_stop_the_handing_over(
    #[case] scale_down: &str,
    #[case] last: &str,
) {
    let mut world = world(&json!({ "canary": {} }), scale_down);
    world.run(SignedDuration::from_secs(2));
    assert_eq!(world.status().phase, RolloutPhase::Healthy);
    assert_ne!(world.snapshot.workload.as_ref().unwrap().replicas, 0);
    world.change_workload("v2");
    assert!(world.run(minute()));
    assert_eq!(world.status().stable_rs, "hash-v2");
    assert_eq!(handed_over(&world).last(), Some(&last), "{:?}", world.writes);
    assert!(world.status().linnet.as_ref().is_none_or(|own| !own.handing_over));
}

#[test]
fn a_rollout_that_its_user_paused_leaves_the_deployment_alone() {
    let mut world = world(&canary(), "progressively");
    world.run(SignedDuration::from_millis(100));
    if let Ok(spec) = &mut world.snapshot.rollout.spec {
        spec.paused = true;
    }
    world.run(minute());
    assert!(handed_over(&world).is_empty(), "{:?}", world.writes);
}

#[test]
fn the_generation_of_the_workload_is_noted_before_the_status_speaks_of_it() {
    let mut world = world(&canary(), "never");
    assert!(world.run(minute()));
    let noted = |world: &World| world.snapshot.rollout.meta.annotations.get(WORKLOAD_GENERATION).cloned();
    assert_eq!(noted(&world).as_deref(), Some("1"));
    assert_eq!(world.status().workload_observed_generation, "1");
    let set = world.set("v1").unwrap();
    assert_eq!(set.meta.annotations.get(WORKLOAD_GENERATION).map(String::as_str), Some("1"));

    world.snapshot.workload.as_mut().unwrap().meta.generation = 7;
    let before = world.writes.len();
    assert!(world.run(minute()));
    assert_eq!(world.writes[before..], ["patch rollouts", "patch rollouts/status"]);
    assert_eq!((noted(&world).as_deref(), &*world.status().workload_observed_generation), (Some("7"), "7"));

    // From then on the Rollout has a template of its own.
    let own = fixture::spec("v1", &json!({})).template;
    if let Ok(spec) = &mut world.snapshot.rollout.spec {
        (spec.template, spec.workload_ref) = (own, None);
    }
    world.snapshot.workload = None;
    assert!(world.run(minute()));
    assert_eq!((noted(&world), &*world.status().workload_observed_generation), (None, ""));
    assert_eq!(world.snapshot.replica_sets.len(), 1, "the same template is the same version");
}

#[test]
fn another_template_of_the_workload_is_another_version_and_goes_step_by_step() {
    let mut world = world(&canary(), "never");
    assert!(world.run(minute()));
    world.change_workload("v2");
    assert!(world.run(minute()));
    assert_eq!(world.status().current_pod_hash, "hash-v2");
    assert_eq!(world.status().phase, RolloutPhase::Paused);
    assert_eq!(world.set("v2").unwrap().replicas, 1);
}

#[rstest]
#[case::gone(|world: &mut World| world.snapshot.workload = None,
    "deployments.apps \"web-base\" not found")]
#[case::both(|world: &mut World| with_spec(world, |spec| {
        spec.template = fixture::spec("v1", &json!({})).template;
    }), "spec.template: Invalid value: {...}: template must be empty for workload reference rollout")]
#[case::neither(|world: &mut World| with_spec(world, |spec| spec.workload_ref = None),
    "spec.template: Required value: Rollout has missing field '.spec.template'")]
#[case::another_kind(|world: &mut World| with_spec(world, |spec| {
        spec.workload_ref.as_mut().unwrap().kind = "StatefulSet".to_owned();
    }), "workload of type apps/v1/StatefulSet is not supported")]
#[case::a_pod_template_that_is_missing(|world: &mut World| {
        world.snapshot.workload = None;
        with_spec(world, |spec| {
            let reference = spec.workload_ref.as_mut().unwrap();
            (reference.api_version, reference.kind) = ("v1".to_owned(), "PodTemplate".to_owned());
        });
    }, "podtemplates \"web-base\" not found")]
#[case::no_selector_at_all(|world: &mut World| {
        world.snapshot.workload.as_mut().unwrap().selector = None;
        with_spec(world, |spec| spec.selector = None);
    }, "spec.selector: Required value: Rollout has missing field '.spec.selector'")]
#[case::a_selector_of_others(|world: &mut World| with_spec(world, |spec| {
        let selector = json!({ "matchLabels": { "app": "other" } });
        spec.selector = serde_json::from_value(selector).ok();
    }), "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`")]
fn what_cannot_be_acted_on(#[case] change: fn(&mut World), #[case] want: &str) {
    let mut world = world(&canary(), "never");
    change(&mut world);
    let plan = plan(&world.snapshot, world.now);
    assert_eq!(plan.status.message, format!("InvalidSpec: The Rollout \"web\" is invalid: {want}"));
    assert!(plan.actions.is_empty());
}

fn with_spec(world: &mut World, change: impl FnOnce(&mut crds::rollout::RolloutSpec)) {
    if let Ok(spec) = &mut world.snapshot.rollout.spec {
        change(spec);
    }
}

#[test]
fn an_update_outlives_the_loss_of_its_workload_and_an_abort_is_carried_out() {
    let mut world =
        world(&json!({ "canary": fixture::routed(&json!([{ "setWeight": 40 }, { "pause": {} }])) }), "never");
    assert!(world.run(minute()));
    world.change_workload("v2");
    assert!(world.run(minute()));
    let workload = world.snapshot.workload.take();
    let before = world.writes.len();
    assert!(world.run(minute()));
    assert_eq!(world.status().phase, RolloutPhase::Degraded);
    assert_eq!(world.writes[before..], ["patch rollouts/status"]);
    world.status().abort = true;
    let first = plan(&world.snapshot, world.now).actions;
    assert!(matches!(first.first(), Some(Action::SetWeight { canary_weight: 0, .. })), "{first:?}");
    world.status().abort = false;
    world.snapshot.workload = workload;
    assert!(world.run(minute()));
    assert_eq!(world.status().phase, RolloutPhase::Paused);
}

#[test]
fn the_selector_of_the_workload_counts_where_the_rollout_has_none() {
    let mut world = world(&canary(), "never");
    with_spec(&mut world, |spec| spec.selector = None);
    let Some(Action::CreateReplicaSet { object, .. }) = plan(&world.snapshot, world.now)
        .actions
        .into_iter()
        .find(|action| matches!(action, Action::CreateReplicaSet { .. }))
    else {
        panic!("nothing is created")
    };
    assert_eq!(object["spec"]["selector"]["matchLabels"]["app"], "web");
    assert!(world.run(minute()));
    assert_eq!(world.status().selector, "app=web");
}

#[test]
fn taking_pods_from_a_deployment_is_decided_on_a_live_read() {
    let action = Action::ScaleWorkload {
        workload: ObjectRef::new(Kind::Deployment, "default", "web-base"),
        uid: "uid-base".to_owned(),
        scale: Scale { from: 5, to: 4 },
        events: Vec::new(),
    };
    assert!(action.is_guarded());
}

proptest! {
    /// Whatever comes and goes: the pods of both together never fall below what is wanted, beyond those that fail by
    /// themselves, and the Deployment never grows.
    #[test]
    fn capacity_is_kept_while_pods_come_and_go(
        progressively: bool,
        crashes in prop::collection::vec(0_i64..4_000, 0..3),
        size in 0_i32..8,
    ) {
        let mut world = world(&canary(), if progressively { "progressively" } else { "onsuccess" });
        world.snapshot.workload.as_mut().unwrap().replicas = size;
        let mut times = crashes;
        times.sort_unstable();
        for at in times {
            let until = fixture::start() + SignedDuration::from_millis(at);
            if until > world.now {
                world.run(until.duration_since(world.now));
            }
            world.crash("hash-v1");
        }
        prop_assert!(world.run(minute()));
        prop_assert_eq!(world.snapshot.workload.as_ref().unwrap().replicas, 0);
    }
}

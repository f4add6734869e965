//! Fields, names and defaults of the API, row by row, where no story shows them.

use crds::names::{DESIRED_REPLICAS, MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use crds::rollout::{PauseCondition, PauseReason};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, plan};
use crate::waiting::Waiting;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn deployed(canary: &Value) -> World {
    let mut world = World::new(canary);
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy");
    world.writes.clear();
    world.events.clear();
    world
}

fn routed(fields: &Value) -> Value {
    let mut canary = fixture::routed(&json!([{ "setWeight": 40 }, { "pause": {} }]));
    for (name, value) in fields.as_object().unwrap() {
        canary[name] = value.clone();
    }
    canary
}

/// That old pods stay for longer than an update may stand still is no standstill (AR#3414).
#[rstest]
#[case::canary(json!({ "canary": routed(&json!({ "scaleDownDelaySeconds": 60 })) }))]
#[case::blue_green(fixture::blue_green(&json!({ "scaleDownDelaySeconds": 60 })))]
fn a_deadline_that_is_shorter_than_the_delay_of_old_pods_degrades_nothing(#[case] strategy: Value) {
    let mut world = World::with(&strategy);
    world.snapshot.rollout.spec.as_mut().unwrap().progress_deadline_seconds = Some(10);
    assert!(world.run(seconds(300)));
    world.apply_version("v2");
    world.run(seconds(5));
    world.status().promote_full = true;
    world.statuses.clear();
    assert!(world.run(seconds(300)));
    assert_eq!(world.set("v1").unwrap().replicas, 0);
    assert_eq!(world.status().stable_rs, "hash-v2");
    let phases: Vec<&str> = world.statuses.iter().map(|status| status.phase.as_str()).collect();
    assert!(!phases.contains(&"Degraded"), "{phases:?}");
    assert_eq!(phases.last(), Some(&"Healthy"));
}

/// How long a version is kept after it lost the requests, at most so many seconds.
fn kept_for(world: &mut World, version: &str, limit: i64) -> Option<i64> {
    for second in 0..=limit {
        if world.set(version).unwrap().replicas == 0 {
            return Some(second);
        }
        world.run(seconds(1));
    }
    None
}

#[rstest]
#[case::half_a_minute(json!({}), Some(30))]
#[case::as_it_says(json!({ "scaleDownDelaySeconds": 90 }), Some(90))]
fn the_version_that_was_stable_is_kept(#[case] fields: Value, #[case] want: Option<i64>) {
    let mut world = deployed(&routed(&fields));
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().promote_full = true;
    world.run(seconds(4));
    assert_eq!(world.status().stable_rs, "hash-v2");
    let kept = kept_for(&mut world, "v1", 300).unwrap();
    assert!((want.unwrap() - 5..=want.unwrap() + 1).contains(&kept), "kept for {kept} s");
}

#[rstest]
#[case::half_a_minute(json!({}), Some(30))]
#[case::as_it_says(json!({ "abortScaleDownDelaySeconds": 90 }), Some(90))]
#[case::for_ever(json!({ "abortScaleDownDelaySeconds": 0 }), None)]
fn an_aborted_version_is_kept(#[case] fields: Value, #[case] want: Option<i64>) {
    let mut world = deployed(&routed(&fields));
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().abort = true;
    world.run(seconds(1));
    let kept = kept_for(&mut world, "v2", 600);
    assert_eq!(kept.is_some(), want.is_some(), "{kept:?}");
    let off = kept.zip(want).map_or(0, |(kept, want)| kept - want);
    assert!((-2..=7).contains(&off), "kept for {kept:?} s");
}

/// A plain update by pods alone stays within `maxSurge` and `maxUnavailable` at every moment.
#[rstest]
#[case::a_quarter_each(json!({}), 5, (2, 1))]
#[case::quarters_of_one(json!({}), 1, (1, 0))]
#[case::numbers(json!({ "maxSurge": 1, "maxUnavailable": 0 }), 5, (1, 0))]
#[case::no_surge(json!({ "maxSurge": 0, "maxUnavailable": 2 }), 5, (0, 2))]
#[case::percentages(json!({ "maxSurge": "50%", "maxUnavailable": "30%" }), 5, (3, 1))]
#[case::text_is_a_percentage(json!({ "maxSurge": "20", "maxUnavailable": "0%" }), 5, (1, 0))]
#[case::both_round_to_nothing(json!({ "maxSurge": "0%", "maxUnavailable": "10%" }), 5, (0, 1))]
fn room_for_an_update(#[case] canary: Value, #[case] replicas: i32, #[case] (surge, missing): (i32, i32)) {
    let mut world = World::new(&canary);
    world.scale_to(replicas);
    assert!(world.run(seconds(300)));
    world.apply_version("v2");
    let (mut most, mut fewest) = (replicas, replicas);
    for _ in 0..1500 {
        let pods: i32 = world.snapshot.sets().map(|set| set.replicas).sum();
        let available: i32 = world.snapshot.sets().map(|set| set.available_replicas).sum();
        (most, fewest) = (most.max(pods), fewest.min(available));
        world.run(SignedDuration::from_millis(20));
    }
    assert_eq!(world.status().phase.as_str(), "Healthy", "{}", world.status().message);
    assert!(most <= replicas + surge, "{most} pods");
    assert!(fewest >= replicas - missing, "{fewest} available");
    assert!(most > replicas || fewest < replicas, "the update used no room at all");
}

#[test]
fn a_maximum_weight_is_all_of_the_traffic() {
    let steps = json!([{ "setWeight": 300 }, { "pause": {} }]);
    let mut world = World::new(&json!({
        "canaryService": "web-canary", "stableService": "web-stable", "steps": steps,
        "trafficRouting": { "nginx": { "stableIngress": "web" }, "maxTrafficWeight": 1000 },
    }));
    assert!(world.run(seconds(300)));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!(world.set("v2").unwrap().replicas, 2, "3 of 10, rounded up");
    let weights = world.status().canary.weights.clone().unwrap();
    assert_eq!((weights.canary.weight, weights.stable.weight), (300, 700));
    world.status().pause_conditions.clear();
    world.run(seconds(10));
    assert!(world.writes.contains(&"patch ingresses web-web-canary 1000".to_owned()), "{:?}", world.writes);
}

#[test]
fn the_fields_of_the_status_in_the_middle_of_a_canary() {
    let mut world = deployed(&routed(&json!({})));
    world.apply_version("v2");
    world.run(seconds(10));
    let status = world.status().clone();
    let counts = [status.replicas, status.updated_replicas, status.ready_replicas, status.available_replicas];
    assert_eq!((counts, status.hpa_replicas), ([7, 2, 7, 7], 7));
    assert_eq!(status.selector, "app=web");
    assert_eq!((status.current_pod_hash.as_str(), status.stable_rs.as_str()), ("hash-v2", "hash-v1"));
    assert_eq!((status.current_step_index, status.current_step_hash.is_empty()), (Some(1), false));
    assert_eq!(status.observed(), Some(2));
    assert_eq!((status.collision_count, status.restarted_at), (None, None));
    let pauses: Vec<_> = status.pause_conditions.iter().map(|pause| pause.reason).collect();
    assert_eq!((pauses, status.controller_pause), (vec![PauseReason::CanaryPauseStep], true));
    let weights = serde_json::to_value(status.canary.weights).unwrap();
    let side = |weight: i32, name: &str, hash: &str| json!({ "weight": weight, "serviceName": name, "podTemplateHash": hash });
    let canary = side(40, "web-canary", "hash-v2");
    assert_eq!(weights, json!({ "canary": canary, "stable": side(60, "web-stable", "hash-v1") }));
    assert_eq!(status.blue_green, crds::rollout::BlueGreenStatus::default());
}

#[test]
fn a_replica_set_has_the_names_that_others_look_for() {
    let mut snapshot = fixture::created(&json!({}));
    let annotations = &mut snapshot.rollout.meta.annotations;
    for (key, value) in [
        ("team", "shop"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("rollout.argoproj.io/revision-history", "7"),
        ("rollout.argoproj.io/desired-replicas", "9"),
        ("notified.notifications.argoproj.io", "{}"),
    ] {
        annotations.insert(key.to_owned(), value.to_owned());
    }
    snapshot.rollout.spec.as_mut().unwrap().min_ready_seconds = 3;
    let plan = plan(&snapshot, fixture::start());
    let created = plan.actions.iter().find_map(|action| match action {
        Action::CreateReplicaSet { name, object, .. } => Some((name, object)),
        _ => None,
    });
    let (name, object) = created.unwrap();
    assert_eq!(name, "web-hash-v1");
    let annotations = json!({ "team": "shop", "rollout.argoproj.io/revision": "1", "rollout.argoproj.io/desired-replicas": "5" });
    assert_eq!(object["metadata"]["annotations"], annotations);
    assert_eq!(object["metadata"]["labels"], json!({ "app": "web", POD_TEMPLATE_HASH: "hash-v1" }));
    assert_eq!(object["spec"]["selector"]["matchLabels"], object["metadata"]["labels"]);
    assert_eq!(object["spec"]["template"]["metadata"]["labels"], object["metadata"]["labels"]);
    assert_eq!((&object["spec"]["replicas"], &object["spec"]["minReadySeconds"]), (&json!(0), &json!(3)));
    let owner = &object["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["uid"], &owner["controller"]),
        (&json!("Rollout"), &json!("uid-web"), &json!(true))
    );
}

#[test]
fn the_wanted_number_is_noted_on_a_replica_set_when_it_is_scaled() {
    let mut world = deployed(&json!({}));
    world.scale_to(7);
    assert!(world.run(seconds(60)));
    let set = world.set("v1").unwrap();
    assert_eq!((set.replicas, set.meta.annotations[DESIRED_REPLICAS].as_str()), (7, "7"));
    assert_eq!(world.status().hpa_replicas, 7);
}

/// A Service that nobody managed so far keeps its pods until all of the version's pods are there; later one is enough.
#[rstest]
#[case::taken_over(false, 4, false)]
#[case::taken_over_with_all(false, 5, true)]
#[case::managed(true, 1, true)]
#[case::managed_without_a_pod(true, 0, false)]
fn a_service_is_switched_with_pods_behind_it(
    #[case] managed: bool,
    #[case] pods: i32,
    #[case] switches: bool,
) {
    let mut world = World::new(&json!({ "stableService": "web-stable", "canaryService": "web-canary" }));
    world.snapshot.services = fixture::services();
    assert!(world.run(seconds(300)));
    world.snapshot.services = fixture::services();
    for service in world.snapshot.services.values_mut() {
        if managed {
            service.meta.annotations.insert(MANAGED_BY_ROLLOUTS.to_owned(), "web".to_owned());
        }
    }
    let set = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v1").unwrap();
    (set.ready_replicas, set.available_replicas) = (pods, pods);
    let plan = plan(&world.snapshot, world.now);
    let turns = |action: &&Action| matches!(action, Action::SwitchService { hash, .. } if hash == "hash-v1");
    assert_eq!(plan.actions.iter().any(|action| turns(&action)), switches, "{plan:#?}");
    let waits = |reason: &Waiting| matches!(reason, Waiting::ServiceNotReady { .. });
    assert_eq!(plan.waiting.iter().any(waits), !switches);
}

#[test]
fn a_new_template_ends_what_was_asked_for_the_old_one() {
    let mut world = deployed(&routed(&json!({})));
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().abort = true;
    world.run(seconds(60));
    world.status().promote_full = true;
    world.status().pause_conditions =
        vec![PauseCondition { reason: PauseReason::CanaryPauseStep, start_time: None }];
    world.apply_version("v3");
    world.run(SignedDuration::from_millis(100));
    let status = world.status();
    assert_eq!((status.abort, status.aborted_at, status.promote_full), (false, None, false));
    assert!(status.pause_conditions.is_empty() && !status.controller_pause);
    assert_eq!(status.current_step_index, Some(0));
    assert_eq!(status.canary.current_step_analysis_run_status, None);
    assert_eq!(status.current_pod_hash, "hash-v3");
}

#[test]
fn a_return_within_the_window_says_that_steps_are_skipped() {
    let mut world = deployed(&routed(&json!({})));
    world.snapshot.rollout.spec.as_mut().unwrap().rollback_window =
        serde_json::from_value(json!({ "revisions": 3 })).unwrap();
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().promote_full = true;
    world.run(seconds(120));
    world.events.clear();
    world.apply_version("v1");
    world.run(seconds(120));
    let told: Vec<_> = world.events.iter().map(|event| (event.reason, event.message.as_str())).collect();
    assert!(told.contains(&("SkipSteps", "Rollback within window")), "{told:?}");
    let end = "Rollout completed update to revision 3 (hash-v1): Rollback within window";
    assert!(told.contains(&("RolloutCompleted", end)), "{told:?}");
    assert!(!told.iter().any(|(reason, _)| *reason == "RolloutStepCompleted"), "{told:?}");
}

/// The status is written in another form as soon as somebody asks for it, once, and nothing else happens.
#[test]
fn another_form_of_the_observed_generation_is_one_write() {
    let mut world = deployed(&routed(&json!({})));
    for (form, want) in [("integer", json!(1)), ("omitted", Value::Null), ("string", json!("1"))] {
        let annotations = &mut world.snapshot.rollout.meta.annotations;
        annotations.insert(crds::names::OBSERVED_GENERATION.to_owned(), form.to_owned());
        assert!(world.run(seconds(3600)));
        assert_eq!(serde_json::to_value(world.status()).unwrap()["observedGeneration"], want);
        assert_eq!(std::mem::take(&mut world.writes), ["patch rollouts/status"], "{form}");
        assert!(world.events.is_empty(), "{:?}", world.events);
    }
}

#[rstest]
#[case::initial(json!({ "canary": {} }), "v1", false, "Initial deploy")]
#[case::all_steps(json!({ "canary": { "steps": [{ "setWeight": 40 }] } }), "v2", false, "Completed all 1 canary steps")]
#[case::without_steps(json!({ "canary": {} }), "v2", false, "Completed all 0 canary steps")]
#[case::by_force(json!({ "canary": { "steps": [{ "setWeight": 40 }, { "pause": {} }] } }), "v2", true,
    "Full promotion requested")]
#[case::blue_green(fixture::blue_green(&json!({})), "v2", false, "Completed blue-green update")]
#[case::blue_green_by_force(fixture::blue_green(&json!({ "autoPromotionEnabled": false })), "v2", true,
    "Full promotion requested")]
fn why_a_version_is_promoted(
    #[case] strategy: Value,
    #[case] version: &str,
    #[case] by_force: bool,
    #[case] want: &str,
) {
    let mut world = World::with(&strategy);
    world.run(seconds(60));
    if version != "v1" {
        world.events.clear();
        world.apply_version(version);
        world.run(seconds(20));
    }
    if by_force {
        world.status().promote_full = true;
    }
    world.run(seconds(60));
    let revision = &version[1..];
    let want = format!("Rollout completed update to revision {revision} (hash-{version}): {want}");
    let told: Vec<_> = world.events.iter().filter(|event| event.reason == "RolloutCompleted").collect();
    assert_eq!(told.iter().map(|event| event.message.as_str()).collect::<Vec<_>>(), [want]);
}

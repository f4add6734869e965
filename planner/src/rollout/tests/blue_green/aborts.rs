//! Updates that are taken back.

use crds::analysis::AnalysisPhase;
use jiff::SignedDuration;
use serde_json::json;

use super::{active, analysis, answer, deployed, message, preview, seconds, sizes};
use crate::fixture;
use crate::rollout::Action;
use crate::rollout::plan;
use crate::rollout::tests::world::World;

#[test]
fn a_failed_analysis_before_the_switch_leaves_the_users_where_they_are() {
    let mut world =
        deployed(&json!({ "prePromotionAnalysis": analysis(), "abortScaleDownDelaySeconds": 20 }));
    world.apply_version("v2");
    world.run(seconds(60));
    world.writes.clear();
    answer(&mut world, AnalysisPhase::Failed, "Metric \"smoke\" assessed Failed");
    world.run(seconds(10));
    let why = "Blue/green pre-promotion analysis phase error/failed: Metric \"smoke\" assessed Failed";
    assert_eq!(message(&world), format!("RolloutAborted: Rollout aborted update to revision 2: {why}"));
    assert!(world.status().abort);
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 5)]);
    assert!(world.run(seconds(120)), "an aborted rollout rests");
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 0)]);
    assert!(world.writes.iter().all(|write| !write.contains("services")), "{:?}", world.writes);
}

#[test]
fn a_failed_analysis_after_the_switch_sends_the_users_back_before_anything_else() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis() }));
    world.apply_version("v2");
    world.run(seconds(60));
    world.writes.clear();
    world.events.clear();
    answer(&mut world, AnalysisPhase::Error, "no answer");
    world.run(seconds(10));
    let want =
        ["patch services web-active hash-v1", "patch rollouts/status", "patch replicasets web-hash-v2"];
    assert_eq!(world.writes[..3], want, "{:?}", world.writes);
    let why = "Blue/green post-promotion analysis phase error/failed: no answer";
    assert_eq!(message(&world), format!("RolloutAborted: Rollout aborted update to revision 2: {why}"));
    assert!(world.run(seconds(300)));
    assert_eq!((active(&world), preview(&world)), ("hash-v1", "hash-v2"));
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 0)]);
}

#[test]
fn a_person_aborts_after_the_switch_and_tries_again() {
    let fields = json!({ "postPromotionAnalysis": analysis(), "autoPromotionEnabled": false });
    let mut world = deployed(&fields);
    world.apply_version("v2");
    world.run(seconds(60));
    world.status().pause_conditions.clear();
    world.run(seconds(60));
    assert_eq!(active(&world), "hash-v2");
    world.writes.clear();
    world.status().abort = true;
    world.run(seconds(5));
    assert_eq!(world.writes[0], "patch services web-active hash-v1", "{:?}", world.writes);
    assert!(world.snapshot.analysis_runs[0].spec.as_ref().unwrap().terminate);
    assert!(world.run(seconds(300)));
    world.events.clear();
    world.status().abort = false;
    world.run(seconds(60));
    assert_eq!(message(&world), "BlueGreenPause", "a retry asks again");
    assert_eq!(world.status().linnet.as_ref().unwrap().attempt, Some(2));
    world.status().pause_conditions.clear();
    world.run(seconds(60));
    assert_eq!(world.snapshot.analysis_runs[1].meta.name, "web-hash-v2-2-post.2");
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(120)));
    assert_eq!(world.status().stable_rs, "hash-v2");
}

#[test]
fn an_abort_waits_for_pods_of_the_stable_version_unless_the_new_one_has_fewer() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis() }));
    world.apply_version("v2");
    world.run(seconds(60));
    let lose = |world: &mut World, version: &str, left: i32| {
        let sets = &mut world.snapshot.replica_sets;
        let set = sets.iter_mut().find(|set| set.hash == format!("hash-{version}")).unwrap();
        set.available_replicas = left;
        set.ready_replicas = left;
    };
    world.status().abort = true;
    let first = |world: &World| plan(&world.snapshot, world.now).actions.into_iter().next();
    let is_back = |action: Option<Action>| matches!(action, Some(Action::SwitchService { name, hash, .. }) if name == "web-active" && hash == "hash-v1");
    lose(&mut world, "v1", 4);
    assert!(is_back(first(&world)), "one missing pod of five is tolerated");
    lose(&mut world, "v1", 3);
    assert!(!is_back(first(&world)), "three pods do not carry the users of five");
    lose(&mut world, "v2", 2);
    assert!(is_back(first(&world)), "three pods are better than two");
    lose(&mut world, "v1", 0);
    lose(&mut world, "v2", 0);
    assert!(!is_back(first(&world)), "nobody is sent to nobody");
}

#[test]
fn a_preview_that_was_aborted_stays_where_the_user_wants_it() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 0 }));
    world.apply_version("v2");
    world.run(seconds(60));
    world.status().abort = true;
    assert!(world.run(SignedDuration::from_hours(1)));
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 5)]);
    assert_eq!(world.status().phase.as_str(), "Degraded");
}

#[test]
fn an_abort_does_not_wait_for_a_spec_or_a_store() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis() }));
    world.apply_version("v2");
    world.run(seconds(30));
    let readable = world.snapshot.rollout.spec.clone().unwrap();
    world.snapshot.rollout.last_readable_spec = Some(readable);
    world.snapshot.rollout.spec = Err("spec.replicas: not a number".to_owned());
    let service =
        crds::object_ref::ObjectRef::new(crds::object_ref::Kind::Service, fixture::NAMESPACE, "web-active");
    world.snapshot.stale.insert(service);
    world.status().abort = true;
    let plan = plan(&world.snapshot, world.now);
    let [Action::SwitchService { name, hash, .. }] = plan.actions.as_slice() else { panic!("{plan:?}") };
    assert_eq!((name.as_str(), hash.as_str()), ("web-active", "hash-v1"));
}

//! What people and others change in the middle.

use crds::analysis::AnalysisPhase;
use crds::names::POD_TEMPLATE_HASH;
use jiff::SignedDuration;
use serde_json::json;

use super::{active, analysis, answer, deployed, message, preview, seconds, sizes, stable};

#[test]
fn another_version_comes_in_the_middle() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(20));
    world.writes.clear();
    world.apply_version("v3");
    world.run(seconds(20));
    let want = [
        "patch rollouts",
        "create replicasets web-hash-v3",
        "patch rollouts/status",
        "patch services web-preview hash-v3",
        "patch replicasets web-hash-v3 0->5",
        "patch rollouts/status",
        "patch rollouts/status",
        "patch replicasets web-hash-v2 5->0",
        "patch rollouts/status",
    ];
    assert_eq!(world.writes, want);
    assert_eq!((active(&world), message(&world)), ("hash-v1", "BlueGreenPause"));
}

#[test]
fn a_version_that_serves_keeps_its_pods_when_another_one_comes() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis() }));
    world.apply_version("v2");
    world.run(seconds(60));
    world.startup = seconds(30);
    world.apply_version("v3");
    world.run(seconds(10));
    assert_eq!((active(&world), preview(&world)), ("hash-v2", "hash-v3"));
    world.scale_to(6);
    world.run(seconds(5));
    assert_eq!(sizes(&world), [("hash-v1", 6), ("hash-v2", 6), ("hash-v3", 6)]);
    world.status().abort = true;
    world.writes.clear();
    world.run(seconds(1));
    assert_eq!(active(&world), "hash-v1", "{:?}", world.writes);
    assert!(world.run(seconds(300)));
    assert_eq!(sizes(&world), [("hash-v1", 6), ("hash-v2", 0), ("hash-v3", 0)]);
}

#[test]
fn a_paused_rollout_does_not_switch_but_obeys_replicas() {
    let mut world = deployed(&json!({}));
    world.startup = seconds(20);
    world.apply_version("v2");
    world.run(seconds(10));
    world.snapshot.rollout.spec.as_mut().unwrap().paused = true;
    world.scale_to(6);
    world.run(seconds(60));
    assert_eq!((active(&world), message(&world)), ("hash-v1", "manually paused"));
    assert_eq!(sizes(&world), [("hash-v1", 6), ("hash-v2", 6)]);
    world.snapshot.rollout.spec.as_mut().unwrap().paused = false;
    assert!(world.run(seconds(300)));
    assert_eq!(active(&world), "hash-v2");
}

#[test]
fn whoever_points_the_active_service_elsewhere_does_not_promote() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(30));
    let service = world.snapshot.services.get_mut("web-active").unwrap();
    service.selector.insert(POD_TEMPLATE_HASH.to_owned(), "hash-v2".to_owned());
    "foreign".clone_into(&mut service.meta.resource_version);
    world.run(seconds(5));
    assert_eq!((active(&world), stable(&world)), ("hash-v1", "hash-v1"));
    let service = world.snapshot.services.get_mut("web-active").unwrap();
    service.selector.remove(POD_TEMPLATE_HASH);
    world.run(seconds(5));
    assert_eq!(active(&world), "hash-v1", "a selector without the hash sends users to both versions");
}

#[test]
fn what_another_operator_left_after_the_switch_goes_on_from_there() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis(), "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(30));
    world.status().pause_conditions.clear();
    world.run(seconds(30));
    world.status().linnet = None;
    world.writes.clear();
    world.run(seconds(30));
    assert_eq!(world.writes, ["patch rollouts/status"]);
    assert_eq!(active(&world), "hash-v2");
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().stable_rs, "hash-v2");
}

#[test]
fn an_update_that_does_not_move_is_degraded_in_time_and_a_pause_is_not_counted() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false }));
    world.apply_version("v2");
    assert!(world.run(SignedDuration::from_hours(2)));
    assert_eq!(message(&world), "BlueGreenPause");
    world.broken.push("v3".to_owned());
    world.apply_version("v3");
    world.run(seconds(590));
    assert_eq!(world.status().phase.as_str(), "Progressing");
    world.run(seconds(30));
    let why = "ProgressDeadlineExceeded: ReplicaSet \"web-hash-v3\" has timed out progressing.";
    assert_eq!(message(&world), why);
    assert_eq!(active(&world), "hash-v1");
}

#[test]
fn a_promotion_outlives_our_own_block_of_the_status() {
    let mut world = deployed(&json!({ "prePromotionAnalysis": analysis(), "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(30));
    world.status().pause_conditions.clear();
    world.run(seconds(30));
    assert_eq!((active(&world), message(&world)), ("hash-v1", "active service cutover pending"));
    world.status().linnet = None;
    world.run(seconds(30));
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(300)));
    assert_eq!((active(&world), stable(&world)), ("hash-v2", "hash-v2"));
    assert!(!world.status().controller_pause);
}

#[test]
fn an_answer_to_an_undecided_analysis_counts_once() {
    let mut world = deployed(&json!({ "prePromotionAnalysis": analysis(), "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(30));
    world.status().pause_conditions.clear();
    world.run(seconds(30));
    for runs in 1..4 {
        assert_eq!(world.snapshot.analysis_runs.len(), runs);
        answer(&mut world, AnalysisPhase::Inconclusive, "");
        world.run(seconds(30));
        assert_eq!((active(&world), message(&world)), ("hash-v1", "InconclusiveAnalysisRun"));
        world.status().pause_conditions.clear();
        world.run(seconds(30));
    }
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(300)));
    assert_eq!(stable(&world), "hash-v2");
}

#[test]
fn an_analysis_that_takes_longer_than_the_deadline_aborts_nothing() {
    let fields = json!({ "prePromotionAnalysis": analysis(), "postPromotionAnalysis": analysis() });
    let mut world = deployed(&fields);
    world.snapshot.rollout.spec.as_mut().unwrap().progress_deadline_abort = true;
    world.apply_version("v2");
    for _ in 0..2 {
        world.run(SignedDuration::from_mins(30));
        let now = world.now;
        answer(&mut world, AnalysisPhase::Successful, "");
        world.snapshot.analysis_runs.last_mut().unwrap().status.completed_at = Some(now.into());
    }
    assert!(world.run(seconds(300)));
    assert_eq!((world.status().abort, stable(&world)), (false, "hash-v2"));
}

//! The way back to a version that users had before.

use crds::analysis::AnalysisPhase;
use crds::names::SCALE_DOWN_DEADLINE;
use serde_json::json;

use super::{active, analysis, deployed, events, message, preview, seconds, sizes};
use crate::rollout::tests::world::World;
use crate::rollout::{Action, plan};

#[test]
fn a_version_that_was_stable_a_moment_ago_comes_back_at_once() {
    let fields = json!({
        "autoPromotionEnabled": false, "prePromotionAnalysis": analysis(), "postPromotionAnalysis": analysis(),
        "scaleDownDelaySeconds": 60, "previewReplicaCount": 1,
    });
    let mut world = deployed(&fields);
    world.verdict = AnalysisPhase::Successful;
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().pause_conditions.clear();
    world.run(seconds(10));
    assert_eq!(world.status().stable_rs, "hash-v2");
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 5)]);
    assert!(world.set("v1").unwrap().meta.annotations.contains_key(SCALE_DOWN_DEADLINE));
    let runs = world.snapshot.analysis_runs.len();
    world.writes.clear();
    world.events.clear();
    world.apply_version("v1");
    world.run(seconds(3));
    assert_eq!((active(&world), world.snapshot.analysis_runs.len()), ("hash-v1", runs));
    let done = "RolloutCompleted: Rollout completed update to revision 3 (hash-v1): Fast rollback";
    assert!(events(&world).contains(&done.to_owned()), "{:?}", events(&world));
    assert!(!world.set("v1").unwrap().meta.annotations.contains_key(SCALE_DOWN_DEADLINE));
    assert!(world.run(seconds(300)));
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 0)]);
}

#[test]
fn a_version_that_was_never_stable_or_has_gone_takes_the_long_way() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false, "abortScaleDownDelaySeconds": 600 }));
    world.apply_version("v2");
    world.run(seconds(20));
    world.status().abort = true;
    world.run(seconds(20));
    assert!(world.set("v2").unwrap().meta.annotations.contains_key(SCALE_DOWN_DEADLINE));
    world.apply_version("v1");
    world.run(seconds(20));
    world.apply_version("v2");
    world.run(seconds(20));
    assert_eq!((active(&world), message(&world)), ("hash-v1", "BlueGreenPause"));
    world.status().pause_conditions.clear();
    assert!(world.run(seconds(300)));
    assert_eq!(sizes(&world), [("hash-v1", 0), ("hash-v2", 5)]);
    world.apply_version("v1");
    world.run(seconds(60));
    assert_eq!((active(&world), message(&world)), ("hash-v2", "BlueGreenPause"));
}

#[test]
fn the_stable_version_comes_back_in_the_middle() {
    for is_switched in [false, true] {
        let fields = json!({ "autoPromotionEnabled": is_switched, "postPromotionAnalysis": analysis() });
        let mut world = deployed(&fields);
        world.apply_version("v2");
        world.run(seconds(60));
        assert_eq!(active(&world) == "hash-v2", is_switched);
        world.writes.clear();
        world.apply_version("v1");
        world.run(seconds(1));
        assert_eq!((active(&world), preview(&world)), ("hash-v1", "hash-v1"));
        assert!(world.run(seconds(300)));
        assert_eq!(world.status().phase.as_str(), "Healthy");
        assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 0)]);
    }
}

/// Only an abort puts up with fewer pods than serve now.
#[test]
fn a_return_waits_for_as_many_pods_as_serve() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis() }));
    world.apply_version("v2");
    world.run(seconds(60));
    assert_eq!(active(&world), "hash-v2");
    world.apply_version("v1");
    let is_back = |world: &World, left: i32| {
        let mut snapshot = world.snapshot.clone();
        let set = snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v1").unwrap();
        set.available_replicas = left;
        let plan = plan(&snapshot, world.now);
        plan.actions
            .iter()
            .any(|action| matches!(action, Action::SwitchService { name, .. } if name == "web-active"))
    };
    while !is_back(&world, 5) {
        world.step();
        assert_eq!(active(&world), "hash-v2");
    }
    assert!(!is_back(&world, 4), "five of the other version serve");
}

#[test]
fn only_so_many_old_versions_are_kept_for_a_return() {
    let mut world = deployed(&json!({ "scaleDownDelaySeconds": 600, "scaleDownDelayRevisionLimit": 2 }));
    for version in ["v2", "v3", "v4"] {
        world.apply_version(version);
        world.run(seconds(30));
    }
    assert_eq!(sizes(&world), [("hash-v1", 0), ("hash-v2", 5), ("hash-v3", 5), ("hash-v4", 5)]);
    world.apply_version("v2");
    world.run(seconds(3));
    assert_eq!(active(&world), "hash-v2");
}

#[test]
fn a_window_for_returns_skips_pause_and_analysis() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false, "prePromotionAnalysis": analysis() }));
    let window = json!({ "revisions": 1 });
    world.snapshot.rollout.spec.as_mut().unwrap().rollback_window = serde_json::from_value(window).unwrap();
    world.apply_version("v2");
    world.run(seconds(30));
    world.status().promote_full = true;
    assert!(world.run(seconds(300)));
    world.events.clear();
    world.apply_version("v1");
    assert!(world.run(seconds(300)));
    assert_eq!(active(&world), "hash-v1");
    let done = "RolloutCompleted: Rollout completed update to revision 3 (hash-v1): Rollback within window";
    assert!(events(&world).contains(&done.to_owned()), "{:?}", events(&world));
}

//! Updates that come to their end, as writes and as events.

use crds::analysis::AnalysisPhase;
use crds::names::MANAGED_BY_ROLLOUTS;
use crds::rollout::PauseReason;
use jiff::SignedDuration;
use serde_json::json;

use super::{
    active, analysis, answer, deployed, events, message, preview, reasons, seconds, selected, sizes, stable,
};
use crate::fixture;
use crate::rollout::tests::world::World;
use crate::waiting::Waiting;

#[test]
fn a_first_deploy_tells_what_the_reference_tells() {
    let mut world = World::with(&json!({ "blueGreen": { "activeService": "web-active" } }));
    assert!(world.run(seconds(300)));
    let want = [
        "RolloutAddedToInformer",
        "RolloutUpdated",
        "NewReplicaSetCreated",
        "ScalingReplicaSet",
        "RolloutCompleted",
        "SwitchService",
    ];
    assert_eq!(reasons(&world), want);
    assert_eq!(active(&world), "hash-v1");
    let service = &world.snapshot.services["web-active"];
    assert_eq!(service.meta.annotations[MANAGED_BY_ROLLOUTS], "web");
    assert_eq!(selected(&world, "web-preview"), "", "a Service that is not named is left alone");
    let status = world.status().clone();
    assert_eq!(status.phase.as_str(), "Healthy");
    assert_eq!((status.hpa_replicas, status.available_replicas), (5, 5));
    assert_eq!(status.selector, "app=web,rollouts-pod-template-hash=hash-v1");
    assert_eq!((status.current_step_index, status.current_step_hash.as_str()), (None, ""));
}

#[test]
fn an_active_service_that_users_had_before_waits_for_all_pods() {
    let mut world = World::with(&fixture::blue_green(&json!({})));
    world.startup = seconds(5);
    world.run(seconds(4));
    assert_eq!((active(&world), preview(&world)), ("", "hash-v1"));
    assert_eq!(world.status().stable_rs, "hash-v1");
    assert_eq!(world.status().message, "updated replicas are still becoming available");
    assert!(world.run(seconds(60)));
    assert_eq!(active(&world), "hash-v1");
}

#[test]
fn an_update_switches_by_itself() {
    let mut world = deployed(&json!({}));
    world.apply_version("v2");
    assert!(world.run(seconds(120)));
    let want = [
        "patch rollouts",
        "create replicasets web-hash-v2",
        "patch rollouts/status",
        "patch services web-preview hash-v2",
        "patch replicasets web-hash-v2 0->5",
        "patch rollouts/status",
        "patch services web-active hash-v2",
        "patch rollouts/status",
        "patch replicasets web-hash-v1",
        "patch rollouts/status",
        "patch replicasets web-hash-v1 5->0",
        "patch rollouts/status",
    ];
    assert_eq!(world.writes, want);
    let want = [
        "RolloutUpdated: Rollout updated to revision 2",
        "NewReplicaSetCreated: Created ReplicaSet web-hash-v2 (revision 2)",
        "RolloutNotCompleted: Rollout not completed, started update to revision 2 with hash hash-v2",
        "SwitchService: Switched selector for service 'web-preview' from 'hash-v1' to 'hash-v2'",
        "ScalingReplicaSet: Scaled up ReplicaSet web-hash-v2 (revision 2) from 0 to 5",
        "SwitchService: Switched selector for service 'web-active' from 'hash-v1' to 'hash-v2'",
        "RolloutCompleted: Rollout completed update to revision 2 (hash-v2): Completed blue-green update",
        "ScalingReplicaSet: Scaled down ReplicaSet web-hash-v1 (revision 1) from 5 to 0",
    ];
    assert_eq!(events(&world), want);
    let status = world.status().clone();
    assert_eq!(status.blue_green.active_selector, "hash-v2");
    assert_eq!(status.blue_green.preview_selector, "hash-v2");
    assert_eq!(status.stable_rs, "hash-v2");
}

#[test]
fn a_person_promotes() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(60));
    assert_eq!((active(&world), preview(&world)), ("hash-v1", "hash-v2"));
    let status = world.status().clone();
    assert_eq!((status.phase.as_str(), status.message.as_str()), ("Paused", "BlueGreenPause"));
    assert!(status.controller_pause);
    assert_eq!(status.pause_conditions[0].reason, PauseReason::BlueGreenPause);
    assert_eq!((status.hpa_replicas, status.replicas, status.updated_replicas), (5, 10, 5));
    let waiting = &world.last.as_ref().unwrap().waiting;
    assert!(
        matches!(&waiting[0], Waiting::Resume { reason, .. } if reason == "BlueGreenPause"),
        "{waiting:?}"
    );
    assert!(world.run(SignedDuration::from_hours(2)), "it waits without a timer");
    world.events.clear();
    world.status().pause_conditions.clear();
    assert!(world.run(seconds(120)));
    assert_eq!(active(&world), "hash-v2");
    let want = ["RolloutResumed", "SwitchService", "RolloutCompleted", "ScalingReplicaSet"];
    assert_eq!(reasons(&world), want);
    assert_eq!(sizes(&world), [("hash-v1", 0), ("hash-v2", 5)]);
}

#[test]
fn a_timer_promotes() {
    let mut world = deployed(&json!({ "autoPromotionSeconds": 60 }));
    world.apply_version("v2");
    world.run(seconds(58));
    assert_eq!(message(&world), "BlueGreenPause");
    let waiting = &world.last.as_ref().unwrap().waiting;
    assert!(matches!(waiting[0], Waiting::PauseEnds { .. }), "{waiting:?}");
    assert_eq!(active(&world), "hash-v1");
    world.run(seconds(4));
    assert_eq!(active(&world), "hash-v2");
    assert!(!world.status().controller_pause);
}

#[test]
fn a_timer_does_not_promote_where_a_person_has_to() {
    let mut world = deployed(&json!({ "autoPromotionSeconds": 5, "autoPromotionEnabled": false }));
    world.apply_version("v2");
    assert!(world.run(SignedDuration::from_hours(1)));
    assert_eq!(active(&world), "hash-v1");
}

#[test]
fn a_small_preview_grows_before_the_switch() {
    let mut world = deployed(&json!({ "previewReplicaCount": 2, "autoPromotionEnabled": false }));
    world.apply_version("v2");
    world.run(seconds(60));
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 2)]);
    assert_eq!(message(&world), "BlueGreenPause");
    assert!(!world.status().blue_green.scale_up_preview_check_point);
    world.scale_to(7);
    world.run(seconds(60));
    assert_eq!(sizes(&world), [("hash-v1", 7), ("hash-v2", 2)]);
    world.startup = seconds(10);
    world.status().pause_conditions.clear();
    world.run(seconds(5));
    assert!(world.status().blue_green.scale_up_preview_check_point);
    assert_eq!((active(&world), world.set("v2").unwrap().replicas), ("hash-v1", 7));
    world.run(seconds(10));
    assert_eq!(active(&world), "hash-v2");
    assert!(world.run(seconds(120)));
    assert!(!world.status().blue_green.scale_up_preview_check_point);
    assert_eq!(sizes(&world), [("hash-v1", 0), ("hash-v2", 7)]);
}

#[test]
fn the_analysis_before_the_switch_decides() {
    let mut world = deployed(&json!({ "prePromotionAnalysis": analysis(), "previewReplicaCount": 1 }));
    world.apply_version("v2");
    world.run(seconds(60));
    let run = world.snapshot.analysis_runs[0].clone();
    assert_eq!(run.meta.name, "web-hash-v2-2-pre");
    assert_eq!(run.meta.labels["rollout-type"], "PrePromotion");
    assert_eq!(run.spec.as_ref().unwrap().args[0].value.as_deref(), Some("hash-v2"));
    assert!(!run.meta.labels.contains_key("step-index"));
    assert_eq!((active(&world), world.set("v2").unwrap().replicas), ("hash-v1", 1));
    let summary = world.status().blue_green.pre_promotion_analysis_run_status.clone().unwrap();
    assert_eq!((summary.name.as_str(), summary.status), ("web-hash-v2-2-pre", AnalysisPhase::Running));
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(120)));
    assert_eq!(active(&world), "hash-v2");
    assert_eq!(world.snapshot.analysis_runs.len(), 1);
    let told: Vec<_> = events(&world).into_iter().filter(|event| event.starts_with("AnalysisRun")).collect();
    let want = [
        "AnalysisRunRunning: PrePromotion Analysis Run 'web-hash-v2-2-pre' Status New: 'Running' Previous: 'NoPreviousStatus'",
        "AnalysisRunSuccessful: PrePromotion Analysis Run 'web-hash-v2-2-pre' Status New: 'Successful' Previous: \
         'Running'",
    ];
    assert_eq!(told, want);
}

#[test]
fn the_analysis_after_the_switch_keeps_the_stable_version_until_it_succeeds() {
    let mut world = deployed(&json!({ "postPromotionAnalysis": analysis(), "scaleDownDelaySeconds": 5 }));
    world.apply_version("v2");
    world.run(seconds(60));
    assert_eq!(active(&world), "hash-v2");
    let run = &world.snapshot.analysis_runs[0];
    assert_eq!(run.meta.name, "web-hash-v2-2-post");
    assert_eq!(run.meta.labels["rollout-type"], "PostPromotion");
    assert_eq!(message(&world), "waiting for analysis to complete");
    assert_eq!(world.status().stable_rs, "hash-v1");
    assert_eq!(sizes(&world), [("hash-v1", 5), ("hash-v2", 5)]);
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(120)));
    assert_eq!(world.status().stable_rs, "hash-v2");
    assert_eq!(sizes(&world), [("hash-v1", 0), ("hash-v2", 5)]);
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn promote_full_skips_pause_and_analyses() {
    let fields = json!({
        "autoPromotionEnabled": false, "prePromotionAnalysis": analysis(), "postPromotionAnalysis": analysis(),
        "previewReplicaCount": 1,
    });
    let mut world = deployed(&fields);
    world.apply_version("v2");
    world.run(seconds(60));
    world.status().promote_full = true;
    assert!(world.run(seconds(120)));
    assert_eq!(active(&world), "hash-v2");
    assert!(!world.status().promote_full);
    let run = world.snapshot.analysis_runs[0].spec.as_ref().unwrap();
    assert!(run.terminate && world.snapshot.analysis_runs.len() == 1);
    let done = "RolloutCompleted: Rollout completed update to revision 2 (hash-v2): Full promotion requested";
    assert!(events(&world).contains(&done.to_owned()), "{:?}", events(&world));
}

#[test]
fn an_inconclusive_analysis_asks_a_person_and_then_measures_anew() {
    for (field, name) in [("prePromotionAnalysis", "pre"), ("postPromotionAnalysis", "post")] {
        let mut world = deployed(&json!({ field: analysis() }));
        world.apply_version("v2");
        world.run(seconds(60));
        answer(&mut world, AnalysisPhase::Inconclusive, "no data");
        world.run(seconds(30));
        assert_eq!(message(&world), "InconclusiveAnalysisRun");
        world.status().pause_conditions.clear();
        world.run(seconds(30));
        let names: Vec<_> = world.snapshot.analysis_runs.iter().map(|run| run.meta.name.clone()).collect();
        assert_eq!(names, [format!("web-hash-v2-2-{name}"), format!("web-hash-v2-2-{name}.1.1")]);
        answer(&mut world, AnalysisPhase::Successful, "");
        assert!(world.run(seconds(120)));
        assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    }
}

#[test]
fn no_pods_are_wanted() {
    let mut world = deployed(&json!({ "autoPromotionEnabled": false }));
    world.scale_to(0);
    assert!(world.run(seconds(60)));
    world.apply_version("v2");
    world.run(seconds(60));
    assert_eq!(message(&world), "BlueGreenPause");
    world.status().pause_conditions.clear();
    assert!(world.run(seconds(60)));
    assert_eq!((active(&world), stable(&world)), ("hash-v2", "hash-v2"));
    world.scale_to(3);
    assert!(world.run(seconds(60)));
    assert_eq!(sizes(&world), [("hash-v1", 0), ("hash-v2", 3)]);
}

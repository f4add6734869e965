//! Updates that are measured.

use crds::analysis::{AnalysisPhase, AnalysisTemplateSpec};
use crds::rollout::PauseReason;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::World;
use crate::facts::TemplateFacts;
use crate::fixture;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

pub(super) fn measured(mut canary: Value, background: bool) -> World {
    let analysis = json!({
        "templates": [{ "templateName": "errors" }],
        "args": [{ "name": "hash", "valueFrom": { "podTemplateHashValue": "Latest" } }],
    });
    if background {
        canary["analysis"] = analysis;
    } else {
        canary["steps"] = json!([{ "setWeight": 20 }, { "analysis": analysis }, { "setWeight": 60 }]);
    }
    let mut world = World::new(&canary);
    let spec: AnalysisTemplateSpec = serde_json::from_value(json!({
        "args": [{ "name": "hash" }],
        "metrics": [{ "name": "errors", "provider": { "prometheus": { "query": "up" } } }],
    }))
    .unwrap();
    let facts = TemplateFacts { meta: fixture::meta("errors", "uid-errors"), spec: Ok(spec) };
    world.snapshot.templates.insert("errors".to_owned(), facts.into());
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    world.writes.clear();
    world.events.clear();
    world
}

fn routed() -> Value {
    fixture::routed(&json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }]))
}

fn answer(world: &mut World, phase: AnalysisPhase, message: &str) {
    let run = world.snapshot.analysis_runs.last_mut().unwrap();
    run.status.phase = phase;
    message.clone_into(&mut run.status.message);
}

#[test]
fn an_inline_analysis_that_succeeds_goes_on() {
    let mut world = measured(routed(), false);
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(world.status().current_step_index, Some(1));
    let run = &world.snapshot.analysis_runs[0];
    assert_eq!(run.meta.name, "web-hash-v2-2-1");
    assert_eq!(run.meta.labels["rollout-type"], "Step");
    assert_eq!(run.meta.labels["step-index"], "1");
    assert_eq!(run.spec.as_ref().unwrap().args[0].value.as_deref(), Some("hash-v2"));
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy");
    assert_eq!(world.snapshot.analysis_runs.len(), 1);
}

#[test]
fn a_failed_analysis_takes_the_routes_back_before_anything_else() {
    for background in [false, true] {
        let mut world = measured(routed(), background);
        world.apply_version("v2");
        world.run(seconds(30));
        world.writes.clear();
        world.events.clear();
        answer(&mut world, AnalysisPhase::Failed, "Metric \"errors\" assessed Failed");
        world.run(seconds(10));
        assert_eq!(world.writes[0], "patch ingresses web-web-canary 0");
        let kind = if background { "Background" } else { "Step-based" };
        let why = format!("{kind} analysis phase error/failed: Metric \"errors\" assessed Failed");
        let message = format!("Rollout aborted update to revision 2: {why}");
        assert_eq!(world.status().message, format!("RolloutAborted: {message}"));
        let told: Vec<_> = world.events.iter().filter(|event| event.reason == "RolloutAborted").collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].message, message);
        assert!(world.run(seconds(300)), "an aborted rollout rests");
        assert_eq!(world.status().phase.as_str(), "Degraded");
    }
}

#[test]
fn a_failed_analysis_without_a_router_scales_back_before_anything_else() {
    let steps = json!([{ "setWeight": 20 }, { "pause": {} }]);
    let mut world = measured(json!({ "steps": steps, "maxSurge": 2 }), true);
    world.apply_version("v2");
    world.run(seconds(30));
    world.writes.clear();
    answer(&mut world, AnalysisPhase::Error, "no answer");
    world.run(seconds(10));
    assert_eq!(world.writes[0], "patch replicasets web-hash-v1 4->5", "{:?}", world.writes);
    assert!(world.run(seconds(300)));
    assert_eq!((world.set("v2").unwrap().replicas, world.set("v1").unwrap().replicas), (0, 5));
}

#[test]
fn a_retry_measures_anew_under_another_name() {
    let mut world = measured(routed(), false);
    world.apply_version("v2");
    world.run(seconds(30));
    answer(&mut world, AnalysisPhase::Failed, "bad");
    world.run(seconds(10));
    world.status().abort = false;
    world.run(seconds(30));
    let names: Vec<_> = world.snapshot.analysis_runs.iter().map(|run| run.meta.name.as_str()).collect();
    assert_eq!(names, ["web-hash-v2-2-1", "web-hash-v2-2-1.2"]);
    answer(&mut world, AnalysisPhase::Successful, "");
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn a_verdict_of_an_attempt_that_was_given_up_does_not_count_without_our_block() {
    let mut world = measured(routed(), false);
    world.apply_version("v2");
    world.run(seconds(30));
    answer(&mut world, AnalysisPhase::Failed, "bad");
    world.run(seconds(10));
    world.status().abort = false;
    // The retry is noted, and an older CRD prunes our block before anything is measured anew.
    while world.status().aborted_at.is_some() {
        world.step();
    }
    world.status().linnet = None;
    world.run(seconds(30));
    let names = |world: &World| -> Vec<String> {
        world.snapshot.analysis_runs.iter().map(|run| run.meta.name.clone()).collect()
    };
    assert_eq!(names(&world), ["web-hash-v2-2-1", "web-hash-v2-2-1.2"]);
    assert!(!world.status().abort);
    // The same while it is measured; a bad verdict that the status speaks of counts.
    world.status().linnet = None;
    world.run(seconds(30));
    assert_eq!(names(&world).len(), 2);
    answer(&mut world, AnalysisPhase::Failed, "still bad");
    world.run(seconds(10));
    assert!(world.status().abort);
}

#[test]
fn an_inconclusive_analysis_asks_a_person_once() {
    for background in [false, true] {
        let mut world = measured(routed(), background);
        world.apply_version("v2");
        world.run(seconds(30));
        answer(&mut world, AnalysisPhase::Inconclusive, "no data");
        world.run(seconds(30));
        let asked = world.status().pause_conditions.last().unwrap().reason;
        assert_eq!(asked, PauseReason::InconclusiveAnalysis);
        assert_eq!(world.status().phase.as_str(), "Paused");
        world.verdict = AnalysisPhase::Successful;
        world.status().pause_conditions.clear();
        assert!(world.run(seconds(300)));
        assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
        assert_eq!(world.snapshot.analysis_runs.len(), if background { 2 } else { 1 });
    }
}

#[test]
fn an_analysis_that_ends_inconclusive_with_the_last_step_asks_a_person_too() {
    let mut world = measured(fixture::routed(&json!([{ "setWeight": 20 }])), true);
    world.apply_version("v2");
    for _ in 0..1_000 {
        if world.snapshot.routes[0].canary_weight == Some(100) {
            break;
        }
        world.step();
        world.now += SignedDuration::from_millis(100);
    }
    assert_eq!(world.status().stable_rs, "hash-v1");
    answer(&mut world, AnalysisPhase::Inconclusive, "no data");
    world.run(seconds(30));
    assert_eq!(world.status().pause_conditions.last().unwrap().reason, PauseReason::InconclusiveAnalysis);
    assert_eq!(world.status().stable_rs, "hash-v1");
    world.verdict = AnalysisPhase::Successful;
    world.status().pause_conditions.clear();
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
}

#[test]
fn the_background_analysis_ends_with_the_update() {
    let mut world = measured(routed(), true);
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(world.snapshot.analysis_runs[0].meta.name, "web-hash-v2-2");
    world.status().promote_full = true;
    assert!(world.run(seconds(300)));
    assert!(world.snapshot.analysis_runs[0].spec.as_ref().unwrap().terminate);
    assert_eq!(world.status().phase.as_str(), "Healthy");
}

#[test]
fn a_name_that_is_somebody_elses_is_not_waited_for() {
    let mut world = measured(routed(), false);
    let taken = crds::object_ref::ObjectRef::new(
        crds::object_ref::Kind::AnalysisRun,
        fixture::NAMESPACE,
        "web-hash-v2-2-1",
    );
    world.snapshot.taken.insert(taken);
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(world.snapshot.analysis_runs[0].meta.name, "web-hash-v2-2-1.1.1");
}

#[test]
fn finished_runs_beyond_the_limits_go() {
    let mut world = measured(routed(), true);
    world.verdict = AnalysisPhase::Successful;
    for version in 2..12 {
        world.apply_version(&format!("v{version}"));
        world.run(seconds(20));
        world.status().promote_full = true;
        assert!(world.run(seconds(300)));
    }
    assert!(world.snapshot.analysis_runs.len() <= 6, "{}", world.snapshot.analysis_runs.len());
}

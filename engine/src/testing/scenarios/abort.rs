//! Nothing may come between a verdict and the route.

use std::time::Duration;

use crds::analysis::{AnalysisPhase, AnalysisRunStatus};
use crds::object_ref::{Kind, ObjectRef};
use rstest::rstest;
use serde_json::{Value, json};

use crate::effect::{Call, Effect, QuestionId, Request, RequestId};
use crate::input::{Input, WatchEvent};
use crate::object::decode;
use crate::testing::fixtures::{ingress, nginx, route, web};
use crate::testing::{Fault, World};

fn halfway(world: &mut World, canary: &Value) {
    world.deploy(canary);
    world.set_image("web:2");
    world.run(Duration::from_secs(10));
    assert_eq!(world.weight(), "50", "{}", world.story());
}

fn at_half() -> Value {
    nginx(&json!([{ "setWeight": 50 }, { "pause": {} }]))
}

/// The requests among effects.
fn requests(effects: &[Effect]) -> Vec<&Request> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request { request, .. } => Some(request),
            _ => None,
        })
        .collect()
}

#[test]
fn an_abort_is_one_round_of_reads_and_one_round_of_writes() {
    let mut canary = at_half();
    canary["trafficRouting"] = json!({ "nginx": { "stableIngresses": ["web", "api"] } });
    let mut world = World::new();
    world.api.put(Kind::Ingress, ingress("api"), world.now);
    halfway(&mut world, &canary);
    world.patch_status(&json!({ "abort": true }));
    let aborted = decode(Kind::Rollout, &world.api.objects[&web()].to_string()).unwrap();
    world.api.undelivered.clear();
    let event = WatchEvent::Apply(std::sync::Arc::new(aborted));
    let reads = world.engine.handle(Input::Watch { kind: Kind::Rollout, event }, world.now);
    assert!(requests(&reads).iter().all(|request| request.call == Call::Get), "{reads:#?}");
    let read: Vec<Kind> = requests(&reads).iter().map(|request| request.object.kind).collect();
    // Who gets more requests: the stable version. The routes' own state is a condition of their writes.
    assert_eq!(read, [Kind::Rollout, Kind::ReplicaSet]);
    let mut next = Vec::new();
    for effect in reads {
        if let Effect::Request { id, request, .. } = effect {
            assert!(requests(&next).is_empty(), "all reads are waited for");
            let answer = world.api.call(&request, world.now);
            next = world.engine.handle(Input::Answer { id, answer }, world.now);
        }
    }
    let writes = requests(&next);
    let routes: Vec<&str> = writes.iter().map(|request| request.object.name.as_str()).collect();
    assert_eq!(routes, ["web-web-canary", "web-api-canary"], "{writes:#?}");
    assert!(writes.iter().all(|request| matches!(request.call, Call::MergePatch(_) | Call::JsonPatch(_))));
}

#[test]
fn a_person_aborts_and_the_first_write_is_the_route() {
    let mut world = World::new();
    halfway(&mut world, &at_half());
    let before = world.api.writes.len();
    world.patch_status(&json!({ "abort": true }));
    world.settle();
    assert_eq!(
        world.api.writes[before],
        "patch Ingress web-web-canary",
        "{:#?}",
        &world.api.writes[before..]
    );
    assert_eq!((world.weight(), world.phase()), ("0", "Degraded"));
    let at_rest = world.api.writes.len();
    world.run(Duration::from_hours(1));
    assert_eq!(world.api.writes.len(), at_rest, "{:#?}", &world.api.writes[at_rest..]);
}

#[rstest]
#[case::background(json!({ "analysis": { "templates": [{ "templateName": "errors" }] } }), json!([{ "setWeight": 50 }, { "pause": {} }]))]
#[case::inline(json!({}), json!([{ "setWeight": 50 }, { "analysis": { "templates": [{ "templateName": "smoke" }] } }]))]
fn between_the_verdict_and_weight_zero_lies_no_other_write(#[case] analysis: Value, #[case] steps: Value) {
    let mut canary = nginx(&steps);
    for (key, value) in analysis.as_object().unwrap() {
        canary[key] = value.clone();
    }
    let mut world = World::new();
    world.metric = Some(|index| {
        if index < 3 {
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.01"]}]}}"#
        } else {
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.5"]}]}}"#
        }
    });
    world.deploy(&canary);
    world.set_image("web:2");
    world.settle();
    assert_eq!((world.weight(), world.phase()), ("0", "Degraded"), "{}", world.story());
    let verdict = world.api.writes.iter().rposition(|write| write.contains("AnalysisRun")).unwrap();
    let zero = world.api.writes.iter().rposition(|write| write.contains("Ingress")).unwrap();
    assert_eq!(zero, verdict + 1, "{:#?}", world.api.writes);
    assert!(
        world.api.events.iter().any(|event| event.starts_with("RolloutAborted")),
        "{:#?}",
        world.api.events
    );
    let questions = world.asked;
    world.run(Duration::from_mins(10));
    assert_eq!(world.asked, questions, "nothing is measured after a verdict");
}

/// An answer of a metric backend: one series with this value.
fn vector(value: &str) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[1,"{value}"]}}]}}}}"#
    )
}

/// Half of the requests go to a new version that is measured beside its steps.
fn under_analysis() -> Value {
    let mut canary = at_half();
    canary["analysis"] = json!({ "templates": [{ "templateName": "errors" }] });
    canary
}

#[test]
fn what_an_abort_rests_on_is_read_while_the_verdict_is_written() {
    let mut world = World::new();
    halfway(&mut world, &under_analysis());
    // The backend has been asked and is silent: now it says that the new version is bad.
    let body = vector("0.5").into_bytes();
    let outcome = Ok(analysis::provider::Answer { status: 200, body, ..Default::default() });
    let id = QuestionId(u64::try_from(world.asked).unwrap());
    let first = world.engine.handle(Input::Measured { id, outcome }, world.now);
    let (verdicts, reads): (Vec<_>, Vec<_>) =
        requests(&first).into_iter().partition(|request| request.call.is_write());
    assert_eq!(verdicts.iter().map(|verdict| verdict.object.kind).collect::<Vec<_>>(), [Kind::AnalysisRun]);
    let read: Vec<Kind> = reads.iter().map(|read| read.object.kind).collect();
    assert_eq!(read, [Kind::Rollout, Kind::ReplicaSet], "{first:#?}");
    // The reads are answered first: nothing moves before the verdict is persisted.
    let mut effects: Vec<(RequestId, Request)> = Vec::new();
    for effect in first {
        if let Effect::Request { id, request, .. } = effect {
            effects.push((id, request));
        }
    }
    effects.sort_by_key(|(_, request)| request.call.is_write());
    let mut next = Vec::new();
    for (id, request) in effects {
        assert!(requests(&next).is_empty(), "{next:#?}");
        let answer = world.api.call(&request, world.now);
        next = world.engine.handle(Input::Answer { id, answer }, world.now);
    }
    let writes = requests(&next);
    assert_eq!(writes.first().map(|write| write.object.clone()), Some(route()), "{writes:#?}");
    assert!(writes.first().is_some_and(|write| write.call.is_write()));
}

#[rstest]
#[case::taken_back(AnalysisPhase::Failed, true)]
#[case::taken_back_unmeasured(AnalysisPhase::Error, true)]
#[case::held_up(AnalysisPhase::Inconclusive, true)]
#[case::well(AnalysisPhase::Successful, false)]
#[case::no_verdict(AnalysisPhase::Running, false)]
fn nothing_is_decided_while_a_verdict_is_on_its_way(#[case] phase: AnalysisPhase, #[case] want: bool) {
    let mut world = World::new();
    halfway(&mut world, &under_analysis());
    let (namespace, name) = world.engine.stores.names(Kind::AnalysisRun).into_iter().next().unwrap();
    let run = ObjectRef::new(Kind::AnalysisRun, namespace, name);
    let (write, status) = (RequestId(u64::MAX), AnalysisRunStatus { phase, ..Default::default() });
    world.engine.expect_verdict(&run, &status, write, world.now);
    let is_held = |world: &World| world.engine.rollouts[&web()].operation.pending.contains(&write);
    assert_eq!(is_held(&world), want);
    world.engine.verdict_answered(write, None, world.now);
    assert!(!is_held(&world));
}

#[test]
fn a_fault_at_any_write_does_not_keep_a_bad_version() {
    let story = |faults: &[(usize, Fault)]| {
        let mut world = World::new();
        world.faults = faults.iter().copied().collect();
        world.metric = Some(|index| {
            if index < 2 {
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"0.01"]}}"#
            } else {
                r#"{"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}}"#
            }
        });
        world.deploy(&under_analysis());
        world.set_image("web:2");
        world.settle();
        world.settle();
        world
    };
    let writes = story(&[]).writes_seen();
    for (fault, index) in
        Fault::ALL.into_iter().flat_map(|fault| (0..writes).map(move |index| (fault, index)))
    {
        let world = story(&[(index, fault)]);
        let end = (world.weight(), world.phase());
        assert_eq!(end, ("0", "Degraded"), "{fault:?} at write {index}: {}", world.story());
    }
}

/// The answer of a metric backend that is content.
fn good(_: usize) -> &'static str {
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.01"]}]}}"#
}

/// A canary at 50 % that is measured in the background and pauses before 80 %.
fn measured() -> World {
    let mut canary = nginx(
        &json!([{ "setWeight": 50 }, { "pause": { "duration": "10s" } }, { "setWeight": 80 }, { "pause": {} }]),
    );
    canary["analysis"] = json!({ "templates": [{ "templateName": "errors" }] });
    let mut world = World::new();
    world.metric = Some(good);
    world.deploy(&canary);
    world.set_image("web:2");
    world.run(Duration::from_secs(5));
    assert_eq!(world.weight(), "50");
    world
}

#[test]
fn no_weight_is_raised_after_a_takeover_before_the_analysis_has_measured_again() {
    let mut world = measured();
    // The metric backend falls silent, and another process takes over.
    world.metric = None;
    world.restart();
    world.run(Duration::from_secs(20));
    assert_eq!(world.weight(), "50", "{}", world.story());
    // It speaks again.
    world.metric = Some(good);
    world.restart();
    world.run(Duration::from_secs(20));
    assert_eq!(world.weight(), "80", "{}", world.story());
}

#[test]
fn no_weight_is_raised_after_a_takeover_while_the_running_analysis_cannot_be_read() {
    let mut world = measured();
    world.unserved = Some(Kind::AnalysisRun);
    world.restart();
    world.run(Duration::from_secs(20));
    assert_eq!(world.weight(), "50", "{}", world.story());
}

#[test]
fn an_abort_does_not_wait_for_stores_that_are_behind() {
    let mut world = World::new();
    halfway(&mut world, &at_half());
    // A list brings older ReplicaSets than our own writes returned: the stores are behind until a live read.
    let kind = Kind::ReplicaSet;
    world.engine.handle(Input::Watch { kind, event: WatchEvent::Init }, world.now);
    let (_, set) = world.api.objects.iter().find(|(object, _)| object.kind == kind).unwrap();
    let mut old = set.clone();
    old["metadata"]["resourceVersion"] = json!("1");
    let old = decode(kind, &old.to_string()).unwrap();
    world
        .engine
        .handle(Input::Watch { kind, event: WatchEvent::InitApply(std::sync::Arc::new(old)) }, world.now);
    assert_eq!(world.engine.stats().unseen_writes, 1);
    let before = world.api.writes.len();
    world.patch_status(&json!({ "abort": true }));
    world.run(Duration::from_secs(1));
    assert_eq!(
        world.api.writes.get(before).map(String::as_str),
        Some("patch Ingress web-web-canary"),
        "{}",
        world.story()
    );
    assert_eq!(world.weight(), "0");
}

//! Each rule is broken on purpose, and says so.

use std::sync::Arc;

use crds::names::POD_TEMPLATE_HASH;
use rstest::rstest;
use serde_json::{Value, json};

mod liveness;
mod ownership;
mod sender;
mod verdicts;

use super::*;
use crate::catalogue::named;
use crate::data_plane::News;
use crate::prepared::Prepared;
use crate::scenario::{Deed, End, Scenario};
use crate::world::World;
use engine::effect::Call;

fn world(name: &str) -> World {
    let scenario = named(name).unwrap();
    World::with(&Prepared::new(&scenario).unwrap(), 3, &[])
}

fn facts(world: &World) -> RolloutFacts {
    match &world.store().get(world.rollout()).unwrap().view {
        View::Rollout(facts) => (**facts).clone(),
        other => panic!("{other:?}"),
    }
}

/// Plays until the Rollout is as wanted.
fn until(world: &mut World, wanted: impl Fn(&RolloutFacts) -> bool) {
    for _ in 0..20_000 {
        let found = facts(world);
        if found.status.observed() == Some(found.meta.generation) && wanted(&found) {
            assert_eq!(world.violations(), [], "nothing is broken yet");
            return;
        }
        assert!(world.step(), "it never came to that");
    }
    panic!("it takes too long");
}

fn is_at(step: i32) -> impl Fn(&RolloutFacts) -> bool {
    move |facts| {
        facts.status.stable_rs != facts.status.current_pod_hash
            && facts.status.current_step_index == Some(step)
            && !facts.status.pause_conditions.is_empty()
    }
}

fn object(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind, "shop", name)
}

fn set(world: &World, hash: &str) -> (ObjectRef, i32) {
    let facts = facts(world);
    let set = crate::roles::sets(world.store(), &facts).find(|set| set.hash == hash).unwrap();
    (object(Kind::ReplicaSet, &set.meta.name), set.replicas)
}

fn rules(world: &World) -> Vec<Rule> {
    world.violations().iter().map(|violation| violation.rule).collect()
}

fn scale(world: &mut World, hash: &str, to: i32) {
    let (set, from) = set(world, hash);
    let patch = json!([
        { "op": "test", "path": "/spec/replicas", "value": from },
        { "op": "replace", "path": "/spec/replicas", "value": to },
    ]);
    world.forge(set, Call::JsonPatch(patch));
}

fn patch_status(world: &mut World, status: &Value) {
    let rollout = world.rollout().clone();
    world.forge(rollout, Call::MergePatchStatus(json!({ "status": status })));
}

fn weigh(world: &mut World, weight: u32) {
    let annotation = json!({ "nginx.ingress.kubernetes.io/canary-weight": weight.to_string() });
    let patch = json!({ "metadata": { "annotations": annotation } });
    world.forge(object(Kind::Ingress, "web-web-canary"), Call::MergePatch(patch));
}

#[test]
fn s1_and_s2_pods_are_taken_away_under_traffic() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    let hash = facts(&world).status.current_pod_hash;
    scale(&mut world, &hash, 0);
    // Else it puts them back before any has gone.
    world.kill();
    assert!(rules(&world).contains(&Rule::S2), "{:?}", world.violations());
    for _ in 0..200 {
        world.step();
    }
    assert!(rules(&world).contains(&Rule::S1), "{:?}", world.violations());
}

#[test]
fn s1_without_a_router() {
    let mut world = world("canary-basic/steps");
    until(&mut world, is_at(3));
    let stable = facts(&world).status.stable_rs;
    scale(&mut world, &stable, 0);
    world.kill();
    for _ in 0..100 {
        world.step();
    }
    assert!(rules(&world).contains(&Rule::S1), "{:?}", world.violations());
}

#[test]
fn s1_a_weight_without_pods() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(1));
    weigh(&mut world, 90);
    world.kill();
    for _ in 0..100 {
        world.step();
    }
    assert!(rules(&world).contains(&Rule::S1), "{:?}", world.violations());
}

#[test]
fn s3_an_aborted_version_gets_more() {
    let mut world = world("canary-nginx/abort");
    until(&mut world, |facts| facts.status.abort && facts.status.phase.as_str() == "Degraded");
    let hash = facts(&world).status.current_pod_hash;
    let patch = json!({ "spec": { "selector": { POD_TEMPLATE_HASH: hash } } });
    world.forge(object(Kind::Service, "web-canary"), Call::MergePatch(patch));
    // An answer that was on its way when the person acted says nothing of it.
    world.let_pass(200);
    weigh(&mut world, 99);
    assert!(rules(&world).contains(&Rule::S3), "{:?}", world.violations());
}

#[rstest]
#[case::skipped(json!({ "currentStepIndex": 4, "pauseConditions": null }))]
#[case::repeated(json!({ "currentStepIndex": 1, "pauseConditions": null }))]
#[case::too_early(json!({ "currentStepIndex": 4, "pauseConditions": null, "controllerPause": false }))]
fn s4_steps(#[case] status: Value) {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    patch_status(&mut world, &status);
    assert!(rules(&world).contains(&Rule::S4), "{:?}", world.violations());
}

#[test]
fn s4_an_analysis_step_ends_without_a_verdict() {
    let mut world = world("canary-nginx/inline-analysis");
    let runs = |facts: &RolloutFacts| {
        facts.status.current_step_index == Some(1)
            && facts.status.canary.current_step_analysis_run_status.is_some()
    };
    until(&mut world, runs);
    patch_status(&mut world, &json!({ "currentStepIndex": 2 }));
    assert!(rules(&world).contains(&Rule::S4), "{:?}", world.violations());
}

#[test]
fn s4_an_analysis_is_made_twice() {
    let mut world = world("canary-nginx/inline-analysis");
    let runs = |facts: &RolloutFacts| facts.status.canary.current_step_analysis_run_status.is_some();
    until(&mut world, runs);
    let run = world.store().list(Kind::AnalysisRun).next().unwrap().meta.name.clone();
    let mut twin = world.store().manifest(&object(Kind::AnalysisRun, &run)).unwrap();
    let metadata = twin["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| !matches!(key.as_str(), "uid" | "resourceVersion" | "generation"));
    metadata.insert("name".to_owned(), json!("twin"));
    world.forge(object(Kind::AnalysisRun, "twin"), Call::Create(twin));
    assert!(rules(&world).contains(&Rule::S4), "{:?}", world.violations());
}

#[test]
fn s5_a_version_is_promoted_too_early() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    let hash = facts(&world).status.current_pod_hash;
    patch_status(&mut world, &json!({ "stableRS": hash }));
    assert!(rules(&world).contains(&Rule::S5), "{:?}", world.violations());
}

#[test]
fn s5_a_lost_status_calls_the_wrong_version_stable() {
    for is_right in [true, false] {
        let mut world = world("canary-nginx/steps");
        until(&mut world, is_at(3));
        let status = facts(&world).status;
        world.forge_status(&json!({ "phase": null, "stableRS": null, "currentPodHash": null }));
        let stable = if is_right { status.stable_rs } else { status.current_pod_hash };
        patch_status(&mut world, &json!({ "stableRS": stable }));
        assert_eq!(rules(&world).contains(&Rule::S5), !is_right, "{:?}", world.violations());
    }
}

#[test]
fn s6_a_service_selects_nothing() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(1));
    let patch = json!({ "spec": { "selector": { POD_TEMPLATE_HASH: "nobody" } } });
    world.forge(object(Kind::Service, "web-canary"), Call::MergePatch(patch));
    assert!(rules(&world).contains(&Rule::S6), "{:?}", world.violations());
}

#[test]
fn s9_nobody_would_decide_that_now() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    weigh(&mut world, 30);
    assert!(rules(&world).contains(&Rule::S9), "{:?}", world.violations());
}

#[test]
fn s9_what_was_right_a_while_ago_is_wrong_now() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    // The weight of the step before was right until the step ended.
    world.let_pass(1_500);
    weigh(&mut world, 25);
    assert!(rules(&world).contains(&Rule::S9), "{:?}", world.violations());
}

#[test]
fn s10_somebody_writes_at_rest() {
    let mut world = world("canary-nginx/steps");
    while !world.is_on_trial() {
        assert!(world.step());
    }
    patch_status(&mut world, &json!({ "readyReplicas": 3 }));
    while world.step() {}
    assert!(rules(&world).contains(&Rule::S10), "{:?}", world.violations());
}

#[test]
fn s11_verdicts() {
    let run = |phase: &str, measurements: usize| -> AnalysisRunFacts {
        let measurement = json!({ "phase": "Successful", "value": "0" });
        let value = json!({
            "metadata": { "name": "run", "namespace": "shop", "uid": "u" },
            "status": { "phase": phase, "metricResults": [
                { "name": "rate", "measurements": vec![measurement; measurements] }] },
        });
        match engine::object::decode(Kind::AnalysisRun, &value.to_string()).unwrap().view {
            View::AnalysisRun(facts) => AnalysisRunFacts::clone(&facts),
            other => panic!("{other:?}"),
        }
    };
    let mut verdicts = Verdicts::default();
    verdicts.answered(true);
    verdicts.answered(false);
    assert!(verdicts.changed(&run("Running", 1), Verb::Modified).is_empty());
    let found = verdicts.changed(&run("Running", 2), Verb::Modified);
    assert!(found[0].contains("2 measurements were successful, but there were 1 values"), "{found:?}");
    verdicts.answered(true);
    assert!(verdicts.changed(&run("Failed", 2), Verb::Modified).is_empty());
    let found = verdicts.changed(&run("Successful", 2), Verb::Modified);
    assert_eq!(found, ["the verdict of run changes from Failed to Successful"]);
}

#[rstest]
#[case::abort(Deed::Abort, json!({ "abort": null, "phase": "Healthy" }))]
#[case::promote(Deed::Promote, json!({ "currentStepIndex": 1 }))]
#[case::promote_full(Deed::PromoteFull, json!({ "currentStepIndex": 1 }))]
#[case::pause(Deed::Pause, json!({ "phase": "Progressing" }))]
fn s13_a_person_is_not_heard(#[case] deed: Deed, #[case] ends: Value) {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(1));
    let mut intents = Intents::default();
    intents.act(&deed, &facts(&world));
    let mut store = world.store().clone();
    store.merge(world.rollout(), &json!({ "status": ends }), true, world.now());
    assert_eq!(intents.unmet(&store).len(), 1, "{intents:?}");
}

#[test]
fn s13_a_retry_counts_once() {
    let mut world = world("canary-nginx/retry");
    until(&mut world, |facts| facts.status.abort && facts.status.aborted_at.is_some());
    let mut intents = Intents::default();
    intents.act(&Deed::Retry, &facts(&world));
    let mut store = world.store().clone();
    for (attempt, unmet) in [(1, 1), (2, 0), (3, 1)] {
        let status = json!({ "abort": null, "linnet": { "attempt": attempt } });
        store.merge(world.rollout(), &json!({ "status": status }), true, world.now());
        assert_eq!(intents.unmet(&store).len(), unmet, "attempt {attempt}");
    }
}

#[test]
fn s13_a_spec_that_cannot_be_acted_on_goes_no_further() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(1));
    let condition =
        json!({ "type": "InvalidSpec", "status": "True", "reason": "InvalidSpec", "message": "no" });
    let mut store = world.store().clone();
    for (deed, unmet) in [(Deed::Promote, 0), (Deed::PromoteFull, 0), (Deed::Abort, 1)] {
        let mut intents = Intents::default();
        intents.act(&deed, &facts(&world));
        let status = json!({ "currentStepIndex": 1, "conditions": [condition] });
        store.merge(world.rollout(), &json!({ "status": status }), true, world.now());
        assert_eq!(intents.unmet(&store).len(), unmet, "{deed:?}");
    }
}

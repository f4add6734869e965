//! What the process that writes cannot have seen, and since when it leads.

use super::*;
use crate::fault::{Fault, Harm, Target};
use crate::scenario::When;

/// Somebody has changed the Rollout since a write of it was decided.
#[test]
fn s9_a_status_is_overwritten() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    let decided = world.now();
    world.let_pass(3);
    let rollout = world.rollout().clone();
    let patch = || Call::MergePatchStatus(json!({ "status": { "message": "is overwritten" } }));
    world.forge_late(rollout.clone(), patch(), decided);
    assert_eq!(rules(&world), [], "nobody has changed it");
    world.forge_status(&json!({ "message": "of somebody" }));
    world.forge_late(rollout, patch(), decided);
    assert!(rules(&world).contains(&Rule::S9), "{:?}", world.violations());
}

#[test]
fn s9_a_replica_set_is_scaled_although_somebody_else_did() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    let hash = facts(&world).status.current_pod_hash;
    let (set, from) = set(&world, &hash);
    let decided = world.now();
    world.let_pass(3);
    let scaled =
        |to: i32| Call::JsonPatch(json!([{ "op": "replace", "path": "/spec/replicas", "value": to }]));
    let complaints = |world: &World| {
        let about =
            world.violations().iter().filter(|violation| violation.message.contains("is scaled although"));
        about.count()
    };
    world.forge_late(set.clone(), scaled(from + 1), decided);
    assert_eq!(complaints(&world), 0, "{:?}", world.violations());
    world.forge_late(set, scaled(from + 2), decided);
    assert_eq!(complaints(&world), 1, "{:?}", world.violations());
}

/// The stable version is to grow in the middle of a pause, and the pause ends while that write is on its way.
#[rstest]
#[case::before_the_pause_ended(8, 200, false)]
#[case::after_it_had_ended(8, 50, true)]
#[case::before_it_ended_but_on_what_was_long_past(6, 200, true)]
fn s9_a_write_is_judged_by_the_time_of_its_decision(
    #[case] to: i32,
    #[case] ms_ago: u64,
    #[case] is_refused: bool,
) {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    let status = facts(&world).status;
    let begun = status.pause_conditions[0].start_time.unwrap().get();
    let (set, from) = set(&world, &status.stable_rs);
    let pass_until = |world: &mut World, ms: u64| {
        let now = world.now();
        world.let_pass(crate::clock::ms_between(now, crate::clock::after_ms(begun, ms)));
    };
    pass_until(&mut world, 2_000);
    world.forge_spec(&json!({ "replicas": 6 }));
    pass_until(&mut world, 3_500);
    world.forge_spec(&json!({ "replicas": 8 }));
    // The pause takes five seconds.
    pass_until(&mut world, 5_100 - ms_ago);
    let decided = world.now();
    pass_until(&mut world, 5_100);
    let patch = json!([
        { "op": "test", "path": "/spec/replicas", "value": from },
        { "op": "replace", "path": "/spec/replicas", "value": to },
    ]);
    world.forge_late(set, Call::JsonPatch(patch), decided);
    let is_unjustified = |violation: &Violation| violation.message.contains("would not be decided");
    assert_eq!(world.violations().iter().any(is_unjustified), is_refused, "{:?}", world.violations());
}

#[test]
fn s9_a_follower_wants_to_write() {
    let mut scenario = named("canary-nginx/steps").unwrap();
    scenario.operators.count = 2;
    let mut world = World::with(&Prepared::new(&scenario).unwrap(), 3, &[]);
    until(&mut world, is_at(1));
    let request = || Request {
        object: object(Kind::Service, "web-canary"),
        call: Call::MergePatch(json!({ "metadata": { "labels": { "mine": "yes" } } })),
    };
    let complaints = |world: &World| {
        world.violations().iter().filter(|violation| violation.message.contains("does not lead")).count()
    };
    world.send_as(0, request());
    assert_eq!(complaints(&world), 0, "the first one leads");
    world.send_as(1, request());
    assert_eq!(complaints(&world), 1, "{:?}", world.violations());
}

#[test]
fn s11_a_weight_is_raised_on_takeover_before_the_analysis_has_measured() {
    let mut world = world("canary-nginx/background-analysis");
    let has_weight = |facts: &RolloutFacts| facts.status.current_step_index > Some(0);
    until(&mut world, has_weight);
    while world.store().list(Kind::AnalysisRun).all(|run| match &run.view {
        View::AnalysisRun(run) => {
            run.status.metric_results.iter().all(|metric| metric.measurements.is_empty())
        }
        _ => true,
    }) {
        assert!(world.step());
    }
    assert_eq!(world.violations(), []);
    world.let_pass(10);
    let takes_over =
        |world: &World| world.violations().iter().filter(|violation| violation.rule == Rule::S11).count();
    weigh(&mut world, 90);
    assert_eq!(takes_over(&world), 0, "nobody has taken over: {:?}", world.violations());
    world.lead_anew();
    // Had it measured in this term, a restore would have taken that away.
    world.restore();
    weigh(&mut world, 93);
    assert_eq!(takes_over(&world), 0, "{:?}", world.violations());
    world.let_pass(10);
    world.lead_anew();
    weigh(&mut world, 95);
    assert_eq!(takes_over(&world), 1, "{:?}", world.violations());
}

#[test]
fn l2_a_bad_spec_does_not_excuse_a_late_abort() {
    let harm = Harm::Malform { target: Target::Rollout, for_ms: 90_000 };
    let fault = Fault { when: When::Step { index: 3, plus_ms: 100 }, harm };
    let scenario = named("canary-nginx/steps").unwrap();
    let mut world = World::with(&Prepared::new(&scenario).unwrap(), 3, &[fault]);
    until(&mut world, is_at(3));
    while facts(&world).spec.is_ok() {
        assert!(world.step());
    }
    world.stand_still_for(100_000);
    world.forge_status(&json!({ "abort": true }));
    while world.step() && world.violations().is_empty() {}
    assert_eq!(rules(&world), [Rule::L2], "{:?}", world.violations());
}

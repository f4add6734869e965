//! Successes that no value has earned, steps that begin anew, pauses that take too long.

use super::*;

fn running(world: &mut World) -> ObjectRef {
    until(world, |facts| facts.status.canary.current_step_analysis_run_status.is_some());
    let run = world.store().list(Kind::AnalysisRun).next().unwrap().meta.name.clone();
    object(Kind::AnalysisRun, &run)
}

#[rstest]
#[case::a_number("[0.01]", false)]
#[case::several("[0.01, 0.02]", false)]
#[case::nan("[NaN]", true)]
#[case::infinite("[+Inf]", true)]
#[case::one_of_them("[0.01,NaN]", true)]
#[case::nothing("[]", true)]
#[case::no_value("", true)]
fn s11_a_missing_value_is_a_success(#[case] value: &str, #[case] is_wrong: bool) {
    let mut world = world("canary-nginx/inline-analysis");
    let run = running(&mut world);
    let measurement = json!({ "phase": "Successful", "value": value });
    let result =
        json!({ "name": "error-rate", "phase": "Running", "successful": 1, "measurements": [measurement] });
    world.forge(run, Call::MergePatch(json!({ "status": { "metricResults": [result] } })));
    let found = world.violations().iter().any(|violation| violation.message.contains("is a success"));
    assert_eq!(found, is_wrong, "{:?}", world.violations());
}

#[test]
fn s11_a_run_without_a_success_is_successful() {
    let mut world = world("canary-nginx/inline-analysis");
    let run = running(&mut world);
    let result = json!({ "name": "error-rate", "phase": "Successful" });
    let status = json!({ "phase": "Successful", "metricResults": [result] });
    world.forge(run, Call::MergePatch(json!({ "status": status })));
    let found = world.violations().iter().any(|violation| violation.message.contains("never was"));
    assert!(found, "{:?}", world.violations());
}

#[rstest]
#[case::of_the_same_steps(false, true)]
#[case::of_other_steps(true, false)]
fn s4_the_steps_begin_anew_for_another_hash(#[case] changed: bool, #[case] is_wrong: bool) {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    world.kill();
    if changed {
        world.forge_spec(
            &json!({ "strategy": { "canary": { "steps": [{ "setWeight": 7 }, { "pause": {} }] } } }),
        );
    }
    let anew = json!({ "currentStepIndex": 0, "currentStepHash": "another", "pauseConditions": null });
    patch_status(&mut world, &anew);
    let found = world.violations().iter().any(|violation| violation.rule == Rule::S4);
    assert_eq!(found, is_wrong, "{:?}", world.violations());
}

#[test]
fn s4_a_pause_takes_too_long() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(1));
    world.let_pass(600_000);
    patch_status(
        &mut world,
        &json!({ "currentStepIndex": 2, "pauseConditions": null, "controllerPause": false }),
    );
    let found = world.violations().iter().any(|violation| violation.message.contains("step 1 paused for"));
    assert!(found, "{:?}", world.violations());
}

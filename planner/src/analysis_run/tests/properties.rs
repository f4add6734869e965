//! Any answers to any metrics: the verdict is sound.

use analysis::provider::{Answer, TransportError};
use crds::analysis::{AnalysisPhase, AnalysisRunStatus};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, json_merge, metric, run_of, sample, single};
use crate::analysis_run::{Measured, plan};

#[derive(Clone, Debug)]
enum Step {
    Answer(Vec<Result<Answer, TransportError>>),
    Terminate,
    Wait(u32),
}

fn outcome() -> impl Strategy<Value = Result<Answer, TransportError>> {
    prop_oneof![
        3 => Just(sample("0.01")),
        2 => Just(sample("0.5")),
        1 => Just(sample("NaN")),
        1 => Just(sample("0.05")),
        1 => Just(sample("down")),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|body| Ok(Answer { status: 200, content_type: None, body, truncated: false })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::collection::vec(outcome(), 3).prop_map(Step::Answer),
        1 => Just(Step::Terminate),
        3 => (0..120u32).prop_map(Step::Wait),
    ]
}

prop_compose! {
    fn any_metric()(
        interval in prop::option::of("[1-9]s"), count in prop::option::of(0..5i64), failure in -1..4i64, inconclusive in 0..3i64,
        error in 0..4i64, successes in 0..4i64, delay in prop::option::of("[0-9]s"), both: bool,
    ) -> Value {
        let mut fields = json!({ "failureLimit": failure, "inconclusiveLimit": inconclusive, "consecutiveErrorLimit": error,
            "consecutiveSuccessLimit": successes });
        if both {
            fields["failureCondition"] = json!("result[0] > 0.1");
        }
        // More than one measurement needs an interval, and no limit may lie beyond the count.
        let least = failure.max(inconclusive);
        let count = count.map(|count| if interval.is_some() && count > 0 { count.max(least) } else { count.min(1) });
        if count == Some(1) {
            fields["failureLimit"] = json!(failure.min(1));
            fields["inconclusiveLimit"] = json!(inconclusive.min(1));
        }
        fields["interval"] = json!(interval.unwrap_or_default());
        fields["initialDelay"] = json!(delay.unwrap_or_default());
        fields["count"] = json!(count);
        metric(fields)
    }
}

/// Counters say what was measured, a success was measured, and nothing is left open after the end.
fn check(status: &AnalysisRunStatus) {
    for result in &status.metric_results {
        assert_eq!(result.count, result.successful + result.failed + result.inconclusive);
        assert!(result.consecutive_success <= result.successful && result.consecutive_error <= result.error);
        assert!(result.phase != AnalysisPhase::Successful || result.successful > 0, "{result:?}");
        assert!(result.measurements.len() <= 10);
        assert!(!status.phase.is_completed() || result.phase.is_completed(), "{result:?}");
    }
    let deciding = || status.metric_results.iter().filter(|result| !result.dry_run);
    if status.phase == AnalysisPhase::Successful && deciding().count() > 0 {
        assert!(deciding().all(|result| result.successful > 0), "{status:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_answers_lead_to_a_sound_verdict(
        mut metrics in prop::collection::vec(any_metric(), 1..4), dry_run: bool, steps in prop::collection::vec(step(), 1..25),
    ) {
        for (index, metric) in metrics.iter_mut().enumerate() {
            metric["name"] = json!(format!("m{index}"));
        }
        let dry_run = if dry_run { json!([{ "metricName": "m0" }]) } else { json!([]) };
        let mut world = World::new(run_of(json!({ "metrics": metrics, "dryRun": dry_run })));
        for step in steps {
            let before = world.status().clone();
            match step {
                Step::Answer(outcomes) => {
                    world.answer(|name| outcomes[usize::from(name.as_bytes()[1] - b'0')].clone());
                }
                Step::Terminate => world.snapshot.run.spec.as_mut().unwrap().terminate = true,
                Step::Wait(seconds) => world.now = world.now.checked_add(SignedDuration::from_secs(seconds.into())).unwrap(),
            }
            let plan = world.settle();
            check(world.status());
            if before.phase.is_completed() {
                prop_assert_eq!(&before, world.status());
            }
            let is_over = world.status().phase.is_completed();
            prop_assert_eq!(is_over, plan.questions.is_empty() && plan.wake_at.is_none(), "{:?}", plan);
            prop_assert!(plan.wake_at.is_none_or(|at| at > world.now));
        }
    }

    #[test]
    fn a_failure_beyond_the_limit_is_in_the_plan_that_sees_it(good in 0..5usize, interval in 1..60u32) {
        let mut world = World::new(single(json!({ "interval": format!("{interval}s") })));
        for _ in 0..good {
            world.answer(|_| sample("0"));
        }
        let at = world.settle().wake_at.unwrap_or(world.now);
        world.snapshot.answers.insert("m".to_owned(), Measured { started_at: at, finished_at: at, outcome: sample("1") });
        prop_assert_eq!(plan(&world.snapshot, at).status.phase, AnalysisPhase::Failed);
    }

    #[test]
    fn no_spec_panics(metrics in prop::collection::vec(any_metric(), 0..3), count: i64, interval in "\\PC{0,6}", condition in "\\PC{0,12}", pattern in "\\PC{0,4}") {
        let mut spec = json!({ "metrics": metrics, "dryRun": [{ "metricName": pattern }] });
        if let Some(metric) = spec["metrics"].get_mut(0) {
            json_merge(metric, json!({ "count": count, "interval": interval, "successCondition": condition }));
        }
        let mut world = World::new(run_of(spec));
        world.settle();
        check(world.status());
    }
}

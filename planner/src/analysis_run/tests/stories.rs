//! Whole runs: answers in, verdicts out.

use analysis::provider::Answer;
use crds::analysis::{AnalysisPhase, AnalysisRunStatus};
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use super::world::{World, metric, run_of, sample, single, start};
use crate::analysis_run::{Measured, SecretKey, plan};
use crate::event::Severity;
use crate::waiting::Waiting;

#[test]
fn the_first_plan_starts_the_run_and_asks() {
    let plan = plan(&single(json!({ "interval": "10s" })), start());
    assert_eq!(plan.questions.len(), 1);
    assert_eq!((plan.waiting, plan.wake_at, plan.events), (vec![], None, vec![]));
    insta::assert_yaml_snapshot!(plan.status, @r#"
    phase: Running
    startedAt: "2026-11-21T03:00:00Z"
    runSummary:
      count: 1
    "#);
}

#[test]
fn one_bad_answer_fails_the_run_in_the_plan_that_sees_it() {
    let mut world = World::new(single(json!({ "interval": "1s" })));
    world.answer(|_| sample("0.01"));
    world.answer(|_| sample("0.2"));
    insta::assert_yaml_snapshot!((world.status(), &world.events), @r#"
    - phase: Failed
      message: "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)"
      metricResults:
        - name: m
          phase: Failed
          measurements:
            - phase: Successful
              startedAt: "2026-11-21T03:00:00Z"
              finishedAt: "2026-11-21T03:00:00.020Z"
              value: "[0.01]"
            - phase: Failed
              startedAt: "2026-11-21T03:00:01.020Z"
              finishedAt: "2026-11-21T03:00:01.040Z"
              value: "[0.2]"
          count: 2
          successful: 1
          failed: 1
          metadata:
            ResolvedPrometheusQuery: errors
      startedAt: "2026-11-21T03:00:00Z"
      completedAt: "2026-11-21T03:00:01.040Z"
      runSummary:
        count: 1
        failed: 1
    - - "W MetricFailed: Metric 'm' Completed. Result: Failed"
      - "W AnalysisRunFailed: Analysis Completed. Result: Failed"
    "#);
}

#[test]
fn the_next_question_is_due_an_interval_after_the_last_answer() {
    let mut world = World::new(single(json!({ "interval": "30s" })));
    let plan = world.answer(|_| sample("0.01"));
    let due: Timestamp = "2026-11-21T03:00:30.02Z".parse().unwrap();
    assert_eq!(plan.wake_at, Some(due));
    assert_eq!(plan.waiting, [Waiting::MeasurementDue { metric: "m".to_owned(), at: due }]);
    world.now = due.checked_sub(SignedDuration::from_millis(1)).unwrap();
    assert!(world.settle().questions.is_empty());
    world.now = due;
    assert_eq!(world.settle().questions.len(), 1);
}

#[test]
fn a_question_is_not_asked_twice() {
    let mut snapshot = single(json!({}));
    snapshot.asked.insert("m".to_owned());
    let plan = plan(&snapshot, start());
    assert!(plan.questions.is_empty());
    assert_eq!(plan.waiting, [Waiting::MeasurementUnderWay { metric: "m".to_owned() }]);
}

#[test]
fn five_errors_in_a_row_are_an_error() {
    let mut world = World::new(single(json!({ "interval": "1m" })));
    for _ in 0..5 {
        assert_eq!(
            world.verdict().0,
            if world.status().started_at.is_some() { AnalysisPhase::Running } else { AnalysisPhase::Unknown }
        );
        world.answer(|_| sample("down"));
    }
    let (phase, message) = world.verdict();
    assert_eq!(phase, AnalysisPhase::Error);
    insta::assert_snapshot!(message, @r#"Metric "m" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "Error Message: asking http://prometheus:9090: cannot reach the metric backend: connection refused""#);
    assert_eq!(world.now.duration_since(start()).as_secs(), 40);
}

#[rstest]
#[case::nan("NaN", AnalysisPhase::Failed)]
#[case::infinite("+Inf", AnalysisPhase::Failed)]
#[case::good("0.04", AnalysisPhase::Successful)]
fn unusual_values_do_not_pass(#[case] value: &str, #[case] phase: AnalysisPhase) {
    let mut world = World::new(single(json!({})));
    world.answer(|_| sample(value));
    assert_eq!(world.verdict().0, phase);
}

#[test]
fn a_bad_metric_ends_the_others() {
    let spec = json!({ "metrics": [
        metric(json!({ "name": "errors", "interval": "1s" })),
        metric(json!({ "name": "latency", "interval": "1s" })),
        metric(json!({ "name": "late", "initialDelay": "1h" })),
    ] });
    let mut world = World::new(run_of(spec));
    world.answer(|metric| sample(if metric == "errors" { "1" } else { "0" }));
    assert_eq!(
        world.verdict(),
        (AnalysisPhase::Failed, "Metric \"errors\" assessed Failed due to failed (1) > failureLimit (0)")
    );
    let phases: Vec<(&str, &str)> = world
        .status()
        .metric_results
        .iter()
        .map(|result| (result.phase.as_str(), result.message.as_str()))
        .collect();
    assert_eq!(phases, [("Failed", ""), ("Successful", ""), ("Inconclusive", "Metric Terminated")]);
    insta::assert_yaml_snapshot!((&world.status().run_summary, &world.events), @r#"
    - count: 3
      successful: 1
      failed: 1
      inconclusive: 1
    - - "W MetricFailed: Metric 'errors' Completed. Result: Failed"
      - "MetricSuccessful: Metric 'latency' Completed. Result: Successful"
      - "MetricInconclusive: Metric 'late' Completed. Result: Inconclusive"
      - "W AnalysisRunFailed: Analysis Completed. Result: Failed"
    "#);
}

#[test]
fn a_dry_run_never_decides() {
    let spec = json!({ "dryRun": [{ "metricName": "trial" }], "metrics": [
        metric(json!({ "name": "trial", "interval": "1s" })),
        metric(json!({ "name": "errors" })),
    ] });
    let mut world = World::new(run_of(spec));
    world.answer(|metric| sample(if metric == "trial" { "1" } else { "0" }));
    assert_eq!(world.verdict(), (AnalysisPhase::Successful, ""));
    insta::assert_yaml_snapshot!((&world.status().run_summary, &world.status().dry_run_summary, &world.status().metric_results[0].message), @r#"
    - count: 1
      successful: 1
    - count: 1
      failed: 1
    - Metric assessed Failed due to failed (1) > failureLimit (0)
    "#);
}

#[test]
fn an_endless_dry_run_does_not_keep_the_run_alive() {
    let spec = json!({ "dryRun": [{ "metricName": "trial" }], "metrics": [
        metric(json!({ "name": "trial", "interval": "1s" })), metric(json!({ "name": "errors" })),
    ] });
    let mut world = World::new(run_of(spec));
    world.answer(|_| sample("0"));
    assert_eq!(world.verdict(), (AnalysisPhase::Successful, ""));
}

#[rstest]
#[case::after_a_success(1, AnalysisPhase::Successful)]
#[case::before_the_first(0, AnalysisPhase::Inconclusive)]
fn termination(#[case] answers: usize, #[case] phase: AnalysisPhase) {
    let mut world = World::new(single(json!({ "interval": "1m" })));
    for _ in 0..answers {
        world.answer(|_| sample("0"));
    }
    world.snapshot.run.spec.as_mut().unwrap().terminate = true;
    let plan = world.settle();
    assert_eq!(world.verdict(), (phase, "Run Terminated"));
    assert!(plan.questions.is_empty());
}

#[test]
fn counters_go_on_where_measurements_are_dropped() {
    let spec = json!({ "measurementRetention": [{ "metricName": "m", "limit": 2 }], "metrics": [metric(json!({ "interval": "1s" }))] });
    let mut world = World::new(run_of(spec));
    for _ in 0..5 {
        world.answer(|_| sample("0"));
    }
    let result = &world.status().metric_results[0];
    assert_eq!((result.measurements.len(), result.count, result.consecutive_success), (2, 5, 5));
}

#[test]
fn secrets_are_read_before_anything_is_asked_and_never_shown() {
    let mut spec = json!({ "metrics": [metric(json!({}))],
        "args": [{ "name": "token", "valueFrom": { "secretKeyRef": { "name": "prometheus", "key": "token" } } }] });
    spec["metrics"][0]["provider"]["prometheus"]["query"] = json!("errors{tenant=\"{{args.token}}\"}");
    let key = SecretKey { secret: "prometheus".to_owned(), key: "token".to_owned() };
    let mut world = World::new(run_of(spec));
    let plan = world.settle();
    assert_eq!((plan.questions.len(), &plan.secrets_wanted), (0, &vec![key.clone()]));
    assert_eq!(plan.waiting[0], Waiting::SecretsUnread { secrets: vec!["prometheus".to_owned()] });
    world.snapshot.secrets.insert(key, Ok("hunter2".to_owned()));
    let body = r#"{"status":"error","errorType":"bad_data","error":"no tenant hunter2"}"#;
    world.answer(|_| {
        Ok(Answer {
            status: 400,
            content_type: Some("application/json".to_owned()),
            body: body.into(),
            truncated: false,
        })
    });
    let text = serde_json::to_string(world.status()).unwrap();
    assert!(text.contains("no tenant *****") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_password_is_not_shown_in_base_64_either() {
    let mut spec = json!({ "metrics": [metric(json!({}))],
        "args": [{ "name": "word", "valueFrom": { "secretKeyRef": { "name": "prometheus", "key": "word" } } }] });
    spec["metrics"][0]["provider"]["prometheus"]["authentication"] =
        json!({ "basic": { "username": "linnet", "password": "{{args.word}}" } });
    let key = SecretKey { secret: "prometheus".to_owned(), key: "word".to_owned() };
    let mut world = World::new(run_of(spec));
    world.settle();
    world.snapshot.secrets.insert(key, Ok("hunter2".to_owned()));
    let body = r#"{"status":"error","errorType":"auth","error":"Basic bGlubmV0Omh1bnRlcjI= is wrong"}"#;
    world.answer(|_| Ok(Answer { status: 401, body: body.into(), ..Answer::default() }));
    let text = serde_json::to_string(world.status()).unwrap();
    assert!(text.contains("Basic ***** is wrong") && !text.contains("bGlubmV0"), "{text}");
}

#[test]
fn a_secret_that_cannot_be_read_ends_the_run() {
    let spec = json!({ "metrics": [metric(json!({}))],
        "args": [{ "name": "token", "valueFrom": { "secretKeyRef": { "name": "gone", "key": "token" } } }] });
    let mut snapshot = run_of(spec);
    let key = SecretKey { secret: "gone".to_owned(), key: "token".to_owned() };
    snapshot.secrets.insert(key, Err("Secret shop/gone does not exist: create it".to_owned()));
    let plan = plan(&snapshot, start());
    assert_eq!(plan.status.phase, AnalysisPhase::Error);
    assert_eq!(
        plan.status.message,
        "Unable to resolve metric arguments: args.token: Secret shop/gone does not exist: create it"
    );
}

#[rstest]
#[case::no_metrics(json!({}), "Analysis spec invalid: no metrics specified")]
#[case::no_argument(json!({ "metrics": [metric(json!({ "interval": "{{args.pace}}" }))] }),
    "Unable to resolve metric arguments: failed to resolve {{args.pace}} in metrics[0].interval: there is no such argument; known: none")]
#[case::dry_run_of_nothing(json!({ "dryRun": [{ "metricName": "x" }], "metrics": [metric(json!({}))] }),
    "Analysis spec invalid: dryRun[0].metricName: \"x\" matches the name of no metric: correct or remove it")]
#[case::provider(json!({ "metrics": [metric(json!({ "provider": { "datadog": {} } }))] }),
    "Analysis spec invalid: metrics[0]: provider.datadog: not supported yet by this version; supported: provider.prometheus")]
#[case::no_address(json!({ "metrics": [metric(json!({ "provider": { "prometheus": { "query": "up" } } }))] }),
    "Metric \"m\" assessed Error due to provider.prometheus.address: no address is configured; set it, or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS at the operator")]
fn what_cannot_be_carried_out_ends_at_once(#[case] spec: Value, #[case] message: &str) {
    let plan = plan(&run_of(spec), start());
    assert_eq!((plan.status.phase, plan.status.message.as_str()), (AnalysisPhase::Error, message));
    assert_eq!(plan.status.completed_at, Some(start().into()));
    assert!(plan.questions.is_empty());
    let last = plan.events.last().unwrap();
    assert_eq!((last.severity, last.reason), (Severity::Warning, "AnalysisRunError"));
    assert_eq!(last.message, "Analysis Completed. Result: Error");
}

#[test]
fn a_malformed_condition_ends_at_once() {
    let plan = plan(&single(json!({ "successCondition": "result[0] <", "initialDelay": "1h" })), start());
    assert_eq!(plan.status.phase, AnalysisPhase::Error);
    let want = "Metric \"m\" assessed Error due to successCondition \"result[0] <\": ";
    assert!(plan.status.message.starts_with(want), "{}", plan.status.message);
}

#[test]
fn a_spec_that_is_none_is_an_error() {
    let mut snapshot = single(json!({}));
    snapshot.run.spec = Err("spec.metrics: expected a list".to_owned());
    let plan = plan(&snapshot, start());
    assert_eq!(plan.status.message, "Analysis spec invalid: spec.metrics: expected a list");
}

#[test]
fn a_stale_snapshot_only_waits() {
    let mut snapshot = single(json!({}));
    snapshot.stale = true;
    let plan = plan(&snapshot, start());
    assert_eq!((plan.status, plan.questions), (AnalysisRunStatus::default(), vec![]));
    assert!(matches!(plan.waiting[..], [Waiting::StoreBehindOwnWrites { .. }]), "{:?}", plan.waiting);
}

#[test]
fn an_answer_that_is_recorded_is_not_counted_again() {
    let mut world = World::new(single(json!({ "interval": "1m" })));
    world.settle();
    let finished_at = world.now.checked_add(SignedDuration::from_millis(20)).unwrap();
    let measured = Measured { started_at: world.now, finished_at, outcome: sample("0") };
    world.now = finished_at;
    for _ in 0..2 {
        world.snapshot.answers.insert("m".to_owned(), measured.clone());
        world.settle();
    }
    assert_eq!(world.status().metric_results[0].count, 1);
}

#[rstest]
#[case::after_any_end(json!({ "secondsAfterCompletion": 60 }), Some(60))]
#[case::after_success(json!({ "secondsAfterSuccess": 5, "secondsAfterCompletion": 60 }), Some(5))]
#[case::after_failure_alone(json!({ "secondsAfterFailure": 5 }), None)]
fn time_to_live(#[case] strategy: Value, #[case] seconds: Option<i64>) {
    let mut snapshot = run_of(json!({ "metrics": [metric(json!({}))], "ttlStrategy": strategy }));
    snapshot.run.status =
        serde_json::from_value(json!({ "phase": "Successful", "completedAt": "2026-11-21T03:00:00Z" }))
            .unwrap();
    let end = seconds.map(|seconds| start().checked_add(SignedDuration::from_secs(seconds)).unwrap());
    let before = plan(&snapshot, start());
    assert_eq!((before.wake_at, before.delete), (end, false));
    let after = plan(&snapshot, end.unwrap_or(start()));
    assert_eq!((after.wake_at, after.delete), (None, end.is_some()));
}

use std::fmt::Write;

use analysis::provider::{self, Environment};
use crds::analysis::provider::{MetricProvider, PrometheusProvider};
use jiff::Timestamp;
use rstest::rstest;

use super::*;

/// Conditions that people have published, the same list that the condition language is held against.
const PUBLISHED: &str = include_str!("../../../../analysis/src/condition/golden/templates.txt");

fn expressions() -> impl Iterator<Item = &'static str> {
    PUBLISHED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once("  "))
        .map(|(_, it)| it)
}

fn said(value: Option<Value>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[test]
fn published_conditions_are_passed_and_failed() {
    let mut table = String::new();
    for success in expressions() {
        let conditions = Conditions { success, failure: "" };
        let shape = if find(&conditions, Shape::Numbers, AnalysisPhase::Successful).is_some() {
            Shape::Numbers
        } else {
            Shape::Document
        };
        let passes = said(find(&conditions, shape, AnalysisPhase::Successful));
        let fails = said(find(&conditions, shape, AnalysisPhase::Failed));
        writeln!(table, "{success}\n    passes {passes}\n    fails  {fails}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn as_a_failure_condition_the_same_answers_serve_the_other_way_round() {
    for expression in expressions() {
        let success = Conditions { success: expression, failure: "" };
        let failure = Conditions { success: "", failure: expression };
        for shape in [Shape::Numbers, Shape::Document] {
            let passes = find(&success, shape, AnalysisPhase::Successful).is_some();
            assert_eq!(find(&failure, shape, AnalysisPhase::Failed).is_some(), passes, "{expression}");
        }
    }
}

/// What Prometheus cannot answer is never offered for it, and what is offered arrives as it was meant.
#[test]
fn numbers_survive_the_wire() {
    let metric = MetricProvider {
        prometheus: Some(PrometheusProvider {
            address: "http://p".to_owned(),
            query: "q".to_owned(),
            ..Default::default()
        }),
        ..MetricProvider::default()
    };
    let environment = Environment { prometheus_address: None, now: Timestamp::UNIX_EPOCH };
    for success in expressions() {
        for phase in [AnalysisPhase::Successful, AnalysisPhase::Failed] {
            let conditions = Conditions { success, failure: "" };
            let Some(value) = find(&conditions, Shape::Numbers, phase) else { continue };
            let reading = provider::answer(&metric, &environment, &Ok(prometheus(&value).unwrap())).unwrap();
            assert_eq!(conditions.judge(&reading.value).phase, phase, "{success} of {value}");
        }
    }
    assert!(prometheus(&Value::Bool(true)).is_none());
}

#[rstest]
#[case::both("result[0] > 0.5", "result[0] < 0.2", AnalysisPhase::Successful, Some("[1.2]"))]
#[case::failed("result[0] > 0.5", "result[0] < 0.2", AnalysisPhase::Failed, Some("[0.1]"))]
#[case::neither("result[0] > 0.5", "result[0] < 0.2", AnalysisPhase::Inconclusive, Some("[0.35]"))]
#[case::without_conditions_all_passes("", "", AnalysisPhase::Successful, Some("[0]"))]
#[case::without_conditions_nothing_fails("", "", AnalysisPhase::Failed, None)]
#[case::contradiction("result[0] > 2 && result[0] < 1", "", AnalysisPhase::Successful, None)]
#[case::no_expression("result[0] >", "", AnalysisPhase::Successful, None)]
fn both_conditions_count(
    #[case] success: &str,
    #[case] failure: &str,
    #[case] phase: AnalysisPhase,
    #[case] want: Option<&str>,
) {
    let found = find(&Conditions { success, failure }, Shape::Numbers, phase);
    assert_eq!(found.map(|value| value.to_string()).as_deref(), want);
}

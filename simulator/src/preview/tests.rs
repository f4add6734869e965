use std::fmt::Write;

use rstest::rstest;

use super::manifest::read;
use super::report::Pods;
use super::*;

mod workload;

const CANARY: &str = include_str!("fixtures/canary.yaml");
const SWITCH: &str = include_str!("fixtures/switch.yaml");

fn bundle(text: &str) -> (Bundle, ObjectRef) {
    let bundle = Bundle::new(read("web.yaml", text).unwrap(), "shop").unwrap();
    let rollout = bundle.rollouts(None).unwrap().remove(0);
    (bundle, rollout)
}

fn played(text: &str, trouble: Trouble) -> Report {
    let (bundle, rollout) = bundle(text);
    let options = Options { trouble, asks_what_if: false, ..Options::default() };
    preview(&bundle, &rollout, None, &options).unwrap()
}

/// A report in as few lines as tell it apart.
fn told(report: &Report) -> String {
    let mut text = format!(
        "{:?} {} {}\nat most {} pods, at least {} available, {} s for people\n",
        report.outcome.verdict,
        report.outcome.phase,
        report.outcome.message,
        report.peak_pods,
        report.least_available_pods,
        report.outcome.people_seconds,
    );
    let pods = |pods: Pods| format!("{}/{}", pods.available, pods.wanted);
    for stage in &report.stages {
        let (new, stable) = (pods(stage.end.new), pods(stage.end.stable));
        let lasts =
            stage.lasts_seconds.map_or_else(|| "never ends".to_owned(), |lasts| format!("for {lasts:.1}"));
        let at = stage.at_seconds.map_or_else(|| "never".to_owned(), |at| format!("{at:.1} {lasts}"));
        writeln!(text, "{}: {at}, {} %, new {new}, stable {stable}", stage.what, stage.end.traffic).unwrap();
        for change in &stage.routes {
            writeln!(text, "    {change}").unwrap();
        }
    }
    for moment in report.moments.iter().filter(|moment| moment.alarm) {
        writeln!(text, "! {:.1} {}", moment.at_seconds, moment.text).unwrap();
    }
    for metric in &report.metrics {
        writeln!(text, "{metric:?}").unwrap();
    }
    text
}

#[test]
fn a_canary_with_an_analysis_and_a_person() {
    insta::assert_snapshot!(told(&played(CANARY, Trouble::default())));
}

#[test]
fn a_canary_whose_analysis_fails() {
    let report = played(CANARY, Trouble { fail_at: Some(2), ..Trouble::default() });
    assert_eq!(report.outcome.verdict, Verdict::TakenBack);
    insta::assert_snapshot!(told(&report));
}

#[test]
fn a_canary_whose_pods_never_start() {
    let report = played(CANARY, Trouble { pods_never_ready: true, ..Trouble::default() });
    assert_eq!(report.outcome.verdict, Verdict::NeverEnds);
    assert!(report.samples.iter().all(|sample| sample.traffic <= 0.0), "users meet pods that do not start");
    assert!(report.outcome.message.contains("0 of 1"), "{}", report.outcome.message);
}

#[test]
fn a_canary_that_cannot_be_measured() {
    let report = played(CANARY, Trouble { metrics_down: true, ..Trouble::default() });
    assert_eq!(report.outcome.verdict, Verdict::TakenBack);
    assert!(report.metrics.iter().flat_map(|metric| &metric.answers).all(|answer| answer.phase == "Error"));
}

#[test]
fn a_switch_by_hand() {
    insta::assert_snapshot!(told(&played(SWITCH, Trouble::default())));
}

#[test]
fn two_plays_are_the_same() {
    assert_eq!(played(CANARY, Trouble::default()), played(CANARY, Trouble::default()));
}

#[test]
fn what_if_tells_what_each_trouble_comes_to() {
    let (bundle, rollout) = bundle(CANARY);
    let report = preview(&bundle, &rollout, None, &Options::default()).unwrap();
    let told: Vec<_> = report.what_if.iter().map(|it| (it.flags.as_str(), it.outcome.verdict)).collect();
    assert_eq!(
        told,
        [
            ("--fail-at 2", Verdict::TakenBack),
            ("--pods-never-ready", Verdict::NeverEnds),
            ("--metrics-down", Verdict::TakenBack),
        ]
    );
}

#[test]
fn what_is_missing_is_named_with_its_place_and_remedy() {
    let rollout_alone = CANARY.split("\n---\n").next().unwrap();
    let report = played(rollout_alone, Trouble::default());
    assert_eq!(report.outcome.verdict, Verdict::Finishes);
    let gaps: Vec<_> = report.assumptions.iter().filter(|it| it.is_gap).collect();
    let objects: Vec<&str> = gaps.iter().map(|it| it.text.split(" is not").next().unwrap()).collect();
    assert_eq!(
        objects,
        [
            "Service shop/web-canary",
            "Service shop/web-stable",
            "Ingress shop/web",
            "AnalysisTemplate shop/error-rate"
        ]
    );
    assert_eq!(
        gaps[0].remedy,
        "give the manifest with -f, or correct the name in Rollout shop/web (web.yaml:1)"
    );
}

#[test]
fn without_making_up_the_operator_says_what_is_missing() {
    let rollout_alone = CANARY.split("\n---\n").next().unwrap();
    let (bundle, rollout) = bundle(rollout_alone);
    let options = Options { makes_up: false, ..Options::default() };
    let report = preview(&bundle, &rollout, None, &options).unwrap();
    assert_eq!(report.outcome.verdict, Verdict::Refused);
    assert!(
        report.outcome.message.contains("service \"web-stable\" not found"),
        "{}",
        report.outcome.message
    );
    assert_eq!(
        wanted(&bundle, &rollout).iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "Service shop/web-canary",
            "Service shop/web-stable",
            "Ingress shop/web",
            "AnalysisTemplate shop/error-rate"
        ]
    );
}

#[rstest]
#[case::weight("setWeight: 20", "setWeight: 200", "SetWeight needs to be between 0 and 100")]
#[case::type_("setWeight: 20", "setWeight: many", "setWeight")]
#[case::selector("app: web # selector", "app: shop", "`selector` does not match template `labels`")]
#[case::condition_of_a_template("name: error-rate # metric", "name: \"\"", "")]
fn what_the_operator_refuses_is_refused(#[case] from: &str, #[case] to: &str, #[case] want: &str) {
    assert!(CANARY.contains(from), "{from}");
    let report = played(&CANARY.replacen(from, to, 1), Trouble::default());
    if want.is_empty() {
        assert_eq!(report.outcome.verdict, Verdict::TakenBack, "{}", report.outcome.message);
    } else {
        assert_eq!(report.outcome.verdict, Verdict::Refused);
        assert!(report.outcome.message.contains(want), "{}", report.outcome.message);
    }
}

#[test]
fn a_paused_rollout_never_ends() {
    let report = played(&CANARY.replacen("spec:", "spec:\n  paused: true", 1), Trouble::default());
    assert_eq!(report.outcome.verdict, Verdict::NeverEnds);
    assert!(report.outcome.message.contains("spec.paused"), "{}", report.outcome.message);
}

#[test]
fn what_cannot_fail_is_said() {
    let (bundle, rollout) = bundle(CANARY);
    let fail_at = |step| {
        let trouble = Trouble { fail_at: Some(step), ..Trouble::default() };
        preview(&bundle, &rollout, None, &Options { trouble, ..Options::default() }).unwrap_err().to_string()
    };
    assert_eq!(
        fail_at(3),
        "--fail-at 3: nothing is measured at step 3 or later; something is measured during step 2"
    );
    assert_eq!(fail_at(9), "--fail-at 9: the update does not come to step 9; it has 4");
    let harmless = CANARY.replacen("result[0] < 0.05", "\"true\"", 1);
    let (bundle, rollout) = self::bundle(&harmless);
    let trouble = Trouble { fail_at: Some(2), ..Trouble::default() };
    let error = preview(&bundle, &rollout, None, &Options { trouble, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("no answer was found"), "{error}");
}

#[test]
fn the_same_template_is_no_update() {
    let (bundle, rollout) = bundle(CANARY);
    let same = Before::from([(rollout.clone(), bundle.objects[&rollout].value.clone())]);
    let error = preview(&bundle, &rollout, Some(&same), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("does not change"), "{error}");
}

#[test]
fn a_long_update_is_measured_more_rarely_and_says_so() {
    let step = "        - analysis:\n            templates:\n              - templateName: error-rate\n";
    let background = "      analysis:\n        templates: [{ templateName: error-rate }]\n      steps:";
    assert!(CANARY.contains(step));
    let text = CANARY.replacen(step, "", 1).replacen("      steps:", background, 1);
    let text = text.replacen("pause: {}", "pause: { duration: 240h }", 1).replacen("      count: 3\n", "", 1);
    let report = played(&text, Trouble::default());
    assert_eq!(report.outcome.verdict, Verdict::Finishes, "{}", report.outcome.message);
    assert!(report.assumptions.iter().any(|it| it.text.contains("is measured every 10s; for so long")));
    let measured: usize = report.metrics.iter().flat_map(|it| &it.answers).map(|it| it.times).sum();
    assert!((500..=2_500).contains(&measured), "{measured}");
}

#[test]
fn a_scalar_passes_where_the_condition_wants_one() {
    let report = played(&CANARY.replacen("result[0] < 0.05", "result < 0.05", 1), Trouble::default());
    assert_eq!(report.outcome.verdict, Verdict::Finishes);
    let answers: Vec<_> =
        report.metrics.iter().flat_map(|it| &it.answers).map(|it| it.value.as_str()).collect();
    assert_eq!(answers, ["0.025"]);
    assert!(!report.assumptions.iter().any(|it| it.is_gap));
}

#[test]
fn objects_that_play_no_part_are_named() {
    let report = played(&CANARY.replacen("kind: Ingress", "kind: Ingres", 1), Trouble::default());
    assert!(report.assumptions.iter().any(|it| it.text == "these objects play no part: Ingres (1)"));
}

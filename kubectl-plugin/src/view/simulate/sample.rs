//! Reports to draw.

use serde_json::json;
use simulator::preview::report::{
    AnswerPlayed, Assumption, FieldChange, ImageChange, MetricPlayed, Moment, Outcome, PersonNeeded, Pods,
    Report, RouteChange, RouteVerb, Sample, Stage, Verdict, WhatIf,
};

fn pods(number: i32) -> Pods {
    Pods { wanted: number, running: number, available: number }
}

fn sample(at_seconds: f64, weight: f64, new: i32, stable: i32) -> Sample {
    Sample {
        at_seconds,
        weight,
        traffic: weight,
        new: pods(new),
        stable: pods(stable),
        other: Pods::default(),
    }
}

fn write(at_seconds: f64, verb: RouteVerb, from: Option<&str>, to: &str) -> RouteChange {
    RouteChange {
        at_seconds,
        object: "Ingress/web-web-canary".to_owned(),
        verb,
        fields: vec![FieldChange {
            path: "metadata.annotations.nginx.ingress.kubernetes.io/canary-weight".to_owned(),
            from: from.map(|it| json!(it)),
            to: Some(json!(to)),
        }],
        manifest: json!({ "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {
            "name": "web-web-canary", "annotations": { "nginx.ingress.kubernetes.io/canary-weight": to } } }),
    }
}

/// Two weights, a person between them.
pub(super) fn canary() -> Report {
    Report {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        origin: "rollout.yaml:3".to_owned(),
        strategy: "canary".to_owned(),
        replicas: 4,
        images: vec![ImageChange {
            container: "web".to_owned(),
            from: "web:1".to_owned(),
            to: "web:2".to_owned(),
        }],
        outcome: Outcome {
            verdict: Verdict::Finishes,
            phase: "Healthy".to_owned(),
            ends_seconds: 120.4,
            decided_seconds: Some(85.0),
            people_seconds: 60.0,
            ..Outcome::default()
        },
        peak_pods: 8,
        surge_pods: 4,
        least_available_pods: 4,
        stages: stages(),
        people: vec![PersonNeeded {
            at_seconds: 6.1,
            stage: "step 2, pause until promoted".to_owned(),
            reason: "CanaryPauseStep".to_owned(),
            command: "kubectl linnet promote web".to_owned(),
        }],
        metrics: vec![MetricPlayed {
            name: "error-rate of the background analysis".to_owned(),
            answers: vec![AnswerPlayed {
                value: "[0.025]".to_owned(),
                phase: "Successful".to_owned(),
                times: 60,
            }],
        }],
        samples: vec![
            sample(0.0, 0.0, 0, 4),
            sample(6.0, 20.0, 1, 4),
            sample(72.0, 100.0, 4, 4),
            sample(120.4, 100.0, 4, 0),
        ],
        moments: vec![
            Moment { at_seconds: 6.0, text: "a person is needed (CanaryPauseStep)".to_owned(), alarm: false },
            Moment { at_seconds: 85.0, text: "promoted: the new version is stable".to_owned(), alarm: false },
        ],
        assumptions: assumptions(),
        what_if: what_if(),
        ..Report::default()
    }
}

fn assumptions() -> Vec<Assumption> {
    vec![Assumption {
        text: "Service shop/web-canary is not among the files: a Service is assumed".to_owned(),
        remedy: "give its manifest with -f".to_owned(),
        is_gap: true,
    }]
}

fn what_if() -> Vec<WhatIf> {
    vec![WhatIf {
        trouble: "measurements fail from step 2 on".to_owned(),
        flags: "--fail-at 2".to_owned(),
        outcome: Outcome {
            verdict: Verdict::TakenBack,
            ends_seconds: 40.0,
            decided_seconds: Some(7.2),
            ..Outcome::default()
        },
        most_traffic: 20.0,
        exposed_seconds: 1.2,
    }]
}

fn stages() -> Vec<Stage> {
    let stage = |step: usize, what: &str, at: f64, lasts: f64, end: Sample| Stage {
        step: (step > 0).then_some(step),
        what: what.to_owned(),
        at_seconds: Some(at),
        lasts_seconds: Some(lasts),
        peak_pods: end.new.running + end.stable.running,
        end,
        ..Stage::default()
    };
    let first = Stage {
        routes: vec![write(5.8, RouteVerb::Created, None, "20")],
        ..stage(1, "setWeight 20", 0.0, 6.1, sample(6.1, 20.0, 1, 4))
    };
    let pause =
        Stage { person: true, ..stage(2, "pause until promoted", 6.1, 60.0, sample(66.1, 20.0, 1, 4)) };
    let second = Stage {
        routes: vec![write(72.0, RouteVerb::Changed, Some("20"), "100")],
        ..stage(3, "setWeight 100", 66.1, 18.9, sample(85.0, 100.0, 4, 4))
    };
    vec![first, pause, second, stage(0, "remove the old version", 85.0, 35.4, sample(120.4, 100.0, 4, 0))]
}

/// A spec that cannot be acted on.
pub(super) fn refused() -> Report {
    Report {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        strategy: "canary".to_owned(),
        replicas: 1,
        outcome: Outcome {
            verdict: Verdict::Refused,
            phase: "Degraded".to_owned(),
            message: "spec.strategy.canary.steps[0].setWeight: Invalid value: 200: SetWeight needs to be between 0 and 100"
                .to_owned(),
            ..Outcome::default()
        },
        ..Report::default()
    }
}

/// Every text tries to become markup.
pub(super) fn hostile() -> Report {
    const EVIL: &str = "\"><img src=x onload=\"alert(1)\"><script>alert(1)</script>";
    let evil = || EVIL.to_owned();
    let mut report = canary();
    (report.name, report.namespace, report.origin, report.strategy) = (evil(), evil(), evil(), evil());
    report.outcome.message = evil();
    report.trouble = vec![evil()];
    report.images = vec![ImageChange { container: evil(), from: evil(), to: evil() }];
    report.people = vec![PersonNeeded { at_seconds: 1.0, stage: evil(), reason: evil(), command: evil() }];
    report.moments = vec![Moment { at_seconds: 1.0, text: evil(), alarm: true }];
    report.assumptions = vec![Assumption { text: evil(), remedy: evil(), is_gap: true }];
    report.metrics = vec![MetricPlayed {
        name: evil(),
        answers: vec![AnswerPlayed { value: evil(), phase: evil(), times: 1 }],
    }];
    for stage in &mut report.stages {
        stage.what = evil();
        for change in &mut stage.routes {
            change.object = evil();
            change.manifest = json!({ (EVIL): EVIL });
            change.fields = vec![FieldChange { path: evil(), from: None, to: Some(json!(EVIL)) }];
        }
    }
    for what_if in &mut report.what_if {
        (what_if.trouble, what_if.flags) = (evil(), evil());
    }
    report
}

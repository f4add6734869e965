//! Every rule of blue-green can be broken, and is then named.

use crds::analysis::AnalysisPhase;
use crds::names::{POD_TEMPLATE_HASH, ROLLOUT_TYPE};
use crds::rollout::{LinnetStatus, RouteWrite};
use rstest::rstest;
use serde_json::{Value, json};

use super::super::{Violation, check};
use super::{doing, scale};
use crate::facts::AnalysisRunFacts;
use crate::fixture;
use crate::rollout::{Action, Plan, Snapshot, plan};
use crate::waiting::Waiting;

/// An update from v1 to v2 with all pods of both, whose active Service selects `active`.
fn update(fields: &Value, active: &str) -> Snapshot {
    let mut snapshot = fixture::created_with(&fixture::blue_green(fields));
    snapshot.template = Some(fixture::template("v2"));
    snapshot.replica_sets = vec![fixture::replica_set("v1", 1, 5), fixture::replica_set("v2", 2, 5)];
    for (service, hash) in [("web-active", active), ("web-preview", "hash-v2")] {
        let selector = &mut snapshot.services.get_mut(service).unwrap().selector;
        selector.insert(POD_TEMPLATE_HASH.to_owned(), hash.to_owned());
    }
    let errors = json!({ "metrics": [{ "name": "errors", "provider": {} }] });
    let facts = crate::facts::TemplateFacts {
        meta: fixture::meta("errors", "uid-errors"),
        spec: Ok(serde_json::from_value(errors).unwrap()),
    };
    snapshot.templates.insert("errors".to_owned(), facts.into());
    let status = &mut snapshot.rollout.status;
    "hash-v1".clone_into(&mut status.stable_rs);
    "hash-v2".clone_into(&mut status.current_pod_hash);
    active.clone_into(&mut status.blue_green.active_selector);
    let write = |service: &str| RouteWrite {
        ref_: format!("Service/{service}"),
        written_at: None,
        resource_version: "1".to_owned(),
    };
    let routes = ["web-active", "web-preview"].map(write).to_vec();
    status.linnet = Some(LinnetStatus { attempt: Some(1), routes, ..LinnetStatus::default() });
    snapshot
}

fn run(snapshot: &mut Snapshot, infix: &str, type_: &str, phase: AnalysisPhase) {
    let name = format!("web-hash-v2-2-{infix}");
    let mut meta = fixture::meta(&name, &name);
    meta.labels.insert(ROLLOUT_TYPE.to_owned(), type_.to_owned());
    let mut run = AnalysisRunFacts {
        meta,
        spec: Ok(crds::analysis::AnalysisRunSpec::default()),
        status: crds::analysis::AnalysisRunStatus::default(),
    };
    run.status.phase = phase;
    snapshot.analysis_runs.push(run.into());
}

fn switch(service: &str, version: &str) -> Action {
    Action::SwitchService {
        name: service.to_owned(),
        resource_version: "1".to_owned(),
        hash: format!("hash-{version}"),
        events: Vec::new(),
    }
}

fn analysis() -> Value {
    json!({ "templates": [{ "templateName": "errors" }] })
}

fn becoming_stable(snapshot: &Snapshot) -> Plan {
    let mut plan = doing(snapshot, scale("v2", 5, 6));
    plan.actions.clear();
    plan.waiting = vec![Waiting::AtRest];
    "hash-v2".clone_into(&mut plan.status.stable_rs);
    plan
}

#[test]
fn the_planner_keeps_the_rules() {
    for active in ["hash-v1", "hash-v2"] {
        let snapshot = update(&json!({ "postPromotionAnalysis": analysis() }), active);
        assert_eq!(check(&snapshot, &plan(&snapshot, fixture::start())), []);
    }
}

#[rstest]
#[case::nothing_against_it(json!({}), |_: &mut Snapshot| {}, None)]
#[case::pods_are_missing(json!({}), |snapshot: &mut Snapshot| snapshot.replica_sets[1].available_replicas = 4,
    Some("is to select hash-v2 for all users with 4 of 5 pods available"))]
#[case::aborted(json!({}), |snapshot: &mut Snapshot| snapshot.rollout.status.abort = true,
    Some("is to get all users, but the update was aborted"))]
#[case::not_wanted(json!({}), |snapshot: &mut Snapshot| "hash-v3".clone_into(&mut snapshot.rollout.status.current_pod_hash),
    Some("is to get all users, but it is not the wanted version"))]
#[case::paused_by_the_user(json!({}), |snapshot: &mut Snapshot| snapshot.rollout.spec.as_mut().unwrap().paused = true,
    Some("is to get all users, but the user paused the Rollout"))]
#[case::nobody_promoted_it(json!({ "autoPromotionEnabled": false }), |_: &mut Snapshot| {},
    Some("is to get all users, but its pause is not over"))]
#[case::somebody_promoted_it(json!({ "autoPromotionEnabled": false }),
    |snapshot: &mut Snapshot| snapshot.rollout.status.linnet.as_mut().unwrap().pause_over = true, None)]
#[case::its_timer_runs(json!({ "autoPromotionSeconds": 5 }), |_: &mut Snapshot| {},
    Some("is to get all users, but its pause is not over"))]
#[case::promoted_in_full(json!({ "autoPromotionEnabled": false }),
    |snapshot: &mut Snapshot| snapshot.rollout.status.promote_full = true, None)]
#[case::not_measured(json!({ "prePromotionAnalysis": analysis() }), |_: &mut Snapshot| {},
    Some("is to get all users, but the analysis before the switch was not successful"))]
#[case::still_measured(json!({ "prePromotionAnalysis": analysis() }),
    |snapshot: &mut Snapshot| run(snapshot, "pre", "PrePromotion", AnalysisPhase::Running),
    Some("is to get all users, but the analysis before the switch was not successful"))]
#[case::measured(json!({ "prePromotionAnalysis": analysis() }),
    |snapshot: &mut Snapshot| run(snapshot, "pre", "PrePromotion", AnalysisPhase::Successful), None)]
fn who_gets_the_users(#[case] fields: Value, #[case] change: fn(&mut Snapshot), #[case] want: Option<&str>) {
    let mut snapshot = update(&fields, "hash-v1");
    change(&mut snapshot);
    let violations = check(&snapshot, &doing(&snapshot, switch("web-active", "v2")));
    let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
    match want {
        None => assert!(told.is_empty(), "{told:?}"),
        Some(want) => assert!(told.iter().any(|one| one.contains(want)), "{told:?}"),
    }
}

#[test]
fn a_preview_needs_no_pods_but_a_version() {
    let mut snapshot = update(&json!({}), "hash-v1");
    snapshot.replica_sets[1].available_replicas = 0;
    assert_eq!(check(&snapshot, &doing(&snapshot, switch("web-preview", "v2"))), []);
    let violations = check(&snapshot, &doing(&snapshot, switch("web-preview", "v9")));
    assert!(matches!(violations[..], [Violation::ServiceWithoutPods { .. }]), "{violations:?}");
}

#[test]
fn the_users_return_before_anything_else() {
    let aborted: fn(&mut Snapshot) = |snapshot| snapshot.rollout.status.abort = true;
    let failed: fn(&mut Snapshot) = |snapshot| run(snapshot, "post", "PostPromotion", AnalysisPhase::Failed);
    for taken_back in [aborted, failed] {
        let mut snapshot = update(&json!({ "postPromotionAnalysis": analysis() }), "hash-v2");
        taken_back(&mut snapshot);
        let violations = check(&snapshot, &doing(&snapshot, scale("v1", 5, 6)));
        assert_eq!(violations, [Violation::AbortNotFirst]);
        let object = crds::object_ref::ObjectRef::new(
            crds::object_ref::Kind::Service,
            fixture::NAMESPACE,
            "web-active",
        );
        snapshot.stale.insert(object);
        assert_eq!(check(&snapshot, &doing(&snapshot, switch("web-active", "v1"))), []);
        snapshot.replica_sets[0].available_replicas = 3;
        let violations = check(&snapshot, &doing(&snapshot, switch("web-active", "v1")));
        assert!(matches!(violations[..], [Violation::ActiveWithoutPods { .. }]), "{violations:?}");
        snapshot.replica_sets[1].available_replicas = 2;
        assert_eq!(check(&snapshot, &doing(&snapshot, switch("web-active", "v1"))), []);
    }
}

#[rstest]
#[case::the_version_that_serves("hash-v2", scale("v2", 5, 4), true)]
#[case::the_version_that_served("hash-v2", scale("v1", 5, 0), false)]
#[case::a_preview("hash-v1", scale("v2", 5, 0), false)]
fn pods_that_serve_stay(#[case] active: &str, #[case] action: Action, #[case] is_wrong: bool) {
    let mut snapshot = update(&json!({}), active);
    let violations = check(&snapshot, &doing(&snapshot, action.clone()));
    assert_eq!(
        matches!(violations[..], [Violation::PodsTakenUnderTraffic { .. }]),
        is_wrong,
        "{violations:?}"
    );
    // As long as the last switch is not noted, nobody knows since when it is in force.
    "2".clone_into(&mut snapshot.services.get_mut("web-active").unwrap().meta.resource_version);
    let violations = check(&snapshot, &doing(&snapshot, action));
    assert!(matches!(violations[..], [Violation::PodsTakenUnderTraffic { .. }]), "{violations:?}");
}

#[rstest]
#[case::not_switched("hash-v1", json!({}), None, Some("the users were not switched to it"))]
#[case::switched("hash-v2", json!({}), None, None)]
#[case::not_measured("hash-v2", json!({ "postPromotionAnalysis": analysis() }), None,
    Some("the analysis after the switch was not successful"))]
#[case::failed("hash-v2", json!({ "postPromotionAnalysis": analysis() }), Some(AnalysisPhase::Failed),
    Some("an analysis failed"))]
#[case::measured("hash-v2", json!({ "postPromotionAnalysis": analysis() }), Some(AnalysisPhase::Successful), None)]
fn a_promotion_is_earned(
    #[case] active: &str,
    #[case] fields: Value,
    #[case] phase: Option<AnalysisPhase>,
    #[case] want: Option<&str>,
) {
    let mut snapshot = update(&fields, active);
    if let Some(phase) = phase {
        run(&mut snapshot, "post", "PostPromotion", phase);
    }
    let told: Vec<String> =
        check(&snapshot, &becoming_stable(&snapshot)).iter().map(ToString::to_string).collect();
    match want {
        None => assert!(told.is_empty(), "{told:?}"),
        Some(want) => assert!(told.iter().any(|one| one.contains(want)), "{told:?}"),
    }
}

#[test]
fn short_ways_are_earned() {
    let mut snapshot = update(&json!({ "autoPromotionEnabled": false }), "hash-v1");
    let noting = |snapshot: &Snapshot, change: fn(&mut LinnetStatus)| {
        let mut plan = doing(snapshot, scale("v2", 5, 6));
        plan.actions.clear();
        plan.waiting = vec![Waiting::AtRest];
        change(plan.status.linnet.as_mut().unwrap());
        check(snapshot, &plan)
    };
    let over = |own: &mut LinnetStatus| own.pause_over = true;
    let fast = |own: &mut LinnetStatus| own.fast_track = true;
    let hash = || "hash-v2".to_owned();
    let why = "nobody ended its pause";
    assert_eq!(noting(&snapshot, over), [Violation::SwitchedTooEarly { hash: hash(), why }]);
    let why = "it was not stable a moment ago";
    assert_eq!(noting(&snapshot, fast), [Violation::SwitchedTooEarly { hash: hash(), why }]);
    snapshot.rollout.status.controller_pause = true;
    assert_eq!(noting(&snapshot, over), []);
    snapshot.rollout.status.linnet.as_mut().unwrap().formerly_stable = vec![hash()];
    assert_eq!(noting(&snapshot, fast), []);
    snapshot.replica_sets[1].replicas = 0;
    assert_eq!(noting(&snapshot, fast).len(), 1);
}

//! Every rule can be broken, and is then named.

mod blue_green;

use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::LinnetStatus;
use rstest::rstest;
use serde_json::json;

use super::{Violation, check};
use crate::fixture;
use crate::rollout::{Action, Plan, Scale, Snapshot, plan};
use crate::waiting::Waiting;

/// An update from v1 to v2 at weight 20, with one pod of five.
fn update() -> Snapshot {
    let mut snapshot = fixture::created(&fixture::routed(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    snapshot.template = Some(fixture::template("v2"));
    snapshot.replica_sets = vec![fixture::replica_set("v1", 1, 5), fixture::replica_set("v2", 2, 1)];
    for (service, hash) in [("web-canary", "hash-v2"), ("web-stable", "hash-v1")] {
        let selector = &mut snapshot.services.get_mut(service).unwrap().selector;
        selector.insert(POD_TEMPLATE_HASH.to_owned(), hash.to_owned());
    }
    snapshot.routes[0].canary_weight = Some(20);
    snapshot.routes[0].in_shape = true;
    snapshot.routes[0].version = Some(("uid-route".to_owned(), "7".to_owned()));
    let status = &mut snapshot.rollout.status;
    "hash-v1".clone_into(&mut status.stable_rs);
    "hash-v2".clone_into(&mut status.current_pod_hash);
    status.current_step_index = Some(0);
    status.linnet = Some(LinnetStatus { attempt: Some(1), ..LinnetStatus::default() });
    snapshot
}

fn doing(snapshot: &Snapshot, action: Action) -> Plan {
    let status = snapshot.rollout.status.clone();
    Plan { actions: vec![action], status, events: Vec::new(), waiting: Vec::new(), wake_at: None }
}

fn weight(snapshot: &Snapshot, canary_weight: u32) -> Action {
    Action::SetWeight {
        route: snapshot.routes[0].reference.clone(),
        canary_weight,
        canary_hash: "hash-v2".to_owned(),
        stable_hash: "hash-v1".to_owned(),
        managed: Vec::new(),
        events: Vec::new(),
    }
}

fn scale(version: &str, from: i32, to: i32) -> Action {
    Action::PatchReplicaSet {
        name: format!("web-hash-{version}"),
        uid: format!("uid-{version}"),
        scale: Some(Scale { from, to }),
        annotations: std::collections::BTreeMap::new(),
        events: Vec::new(),
    }
}

#[test]
fn the_planner_keeps_the_rules() {
    let snapshot = update();
    assert_eq!(check(&snapshot, &plan(&snapshot, fixture::start())), []);
}

#[rstest]
#[case::more_than_all(|snapshot: &Snapshot| weight(snapshot, 101), "is to get the weight 101 of 100")]
#[case::old_pods_under_traffic(|_: &Snapshot| scale("v1", 5, 3), "while requests may be sent to it")]
#[case::new_pods_under_traffic(|_: &Snapshot| scale("v2", 1, 0), "while requests may be sent to it")]
#[case::another_size(|_: &Snapshot| scale("v2", 2, 3), "which is not as it says")]
#[case::another_object(|_: &Snapshot| scale("v9", 2, 3), "which is not as it says")]
#[case::a_service_without_pods(
    |_: &Snapshot| Action::SwitchService {
        name: "web-stable".to_owned(),
        resource_version: "1".to_owned(),
        hash: "hash-v9".to_owned(),
        events: Vec::new(),
    },
    "has no available pods")]
fn a_wrong_action_is_named(#[case] action: fn(&Snapshot) -> Action, #[case] want: &str) {
    let snapshot = update();
    let violations = check(&snapshot, &doing(&snapshot, action(&snapshot)));
    assert!(violations.iter().any(|violation| violation.to_string().contains(want)), "{violations:?}");
}

#[test]
fn a_weight_is_not_raised_on_missing_pods() {
    let mut snapshot = update();
    assert_eq!(check(&snapshot, &doing(&snapshot, weight(&snapshot, 40))), []);
    snapshot.replica_sets[1].available_replicas = 0;
    let violations = check(&snapshot, &doing(&snapshot, weight(&snapshot, 40)));
    assert!(matches!(violations[..], [Violation::WeightWithoutPods { .. }]), "{violations:?}");
}

#[test]
fn an_abort_comes_first_and_is_one_way() {
    let mut snapshot = update();
    snapshot.rollout.status.abort = true;
    let violations = check(&snapshot, &doing(&snapshot, scale("v1", 5, 6)));
    assert_eq!(violations, [Violation::AbortNotFirst]);
    let violations = check(&snapshot, &doing(&snapshot, weight(&snapshot, 40)));
    assert!(violations.iter().any(|one| matches!(one, Violation::WeightRaisedAfterAbort { .. })));
    snapshot.stale.insert(snapshot.routes[0].reference.clone());
    assert_eq!(check(&snapshot, &doing(&snapshot, weight(&snapshot, 0))), []);
}

#[test]
fn an_abort_rests_on_the_last_spec_that_could_be_read() {
    let mut snapshot = update();
    snapshot.rollout.status.abort = true;
    snapshot.rollout.last_readable_spec = snapshot.rollout.spec.clone().ok();
    snapshot.rollout.spec = Err("no strategy".to_owned());
    let waits = || {
        let mut plan = doing(&update(), scale("v1", 5, 6));
        plan.actions.clear();
        plan.waiting = vec![Waiting::AtRest];
        plan.status.abort = true;
        plan
    };
    assert!(check(&snapshot, &waits()).contains(&Violation::AbortNotFirst));
    // Two of five pods are not all of them, whatever a spec without a number would say.
    snapshot.replica_sets[0].available_replicas = 2;
    assert!(!check(&snapshot, &waits()).contains(&Violation::AbortNotFirst));
}

#[test]
fn a_service_without_a_hash_has_the_stable_pods_behind_it() {
    let mut snapshot = update();
    snapshot.rollout.status.abort = true;
    let is_overloaded = |snapshot: &Snapshot| {
        let found = check(snapshot, &doing(snapshot, weight(snapshot, 0)));
        found.iter().any(|one| matches!(one, Violation::StableOverloaded { .. }))
    };
    snapshot.services.get_mut("web-stable").unwrap().selector.remove(POD_TEMPLATE_HASH);
    assert!(!is_overloaded(&snapshot));
    snapshot.replica_sets[0].available_replicas = 1;
    assert!(is_overloaded(&snapshot));
}

#[test]
fn a_stale_store_is_not_acted_on() {
    let mut snapshot = update();
    snapshot.stale.insert(snapshot.routes[0].reference.clone());
    let violations = check(&snapshot, &doing(&snapshot, scale("v2", 1, 2)));
    assert_eq!(violations, [Violation::ActedOnStaleStore]);
}

#[test]
fn steps_and_promotions_are_earned() {
    let snapshot = update();
    let mut plan = doing(&snapshot, weight(&snapshot, 20));
    plan.actions.clear();
    assert_eq!(check(&snapshot, &plan), [Violation::SilentWait]);
    plan.waiting = vec![Waiting::AtRest];
    plan.status.current_step_index = Some(2);
    assert_eq!(check(&snapshot, &plan), [Violation::StepSkipped { from: Some(0), to: Some(2) }]);
    plan.status.current_step_index = Some(1);
    assert_eq!(check(&snapshot, &plan), []);
    "hash-v2".clone_into(&mut plan.status.stable_rs);
    let why = "not all steps are completed";
    assert_eq!(check(&snapshot, &plan), [Violation::PromotedTooEarly { hash: "hash-v2".to_owned(), why }]);
}

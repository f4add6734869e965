//! What is reported about specs that cannot be acted on.

use rstest::rstest;
use serde_json::{Value, json};

use crate::fixture;
use crate::rollout::plan;

fn message(canary: &Value) -> String {
    plan(&fixture::created(canary), fixture::start()).status.message
}

#[rstest]
#[case::weight(json!({ "steps": [{ "setWeight": 110 }] }),
    "spec.strategy.canary.steps[0].setWeight: Invalid value: 110: SetWeight needs to be between 0 and 100")]
#[case::duration(json!({ "steps": [{ "pause": { "duration": "-5s" } }] }),
    "spec.strategy.canary.steps[0].pause.duration: Invalid value: -5s: Duration needs to be greater than 0")]
#[case::words_for_a_duration(json!({ "steps": [{ "pause": { "duration": "soon" } }] }),
    "spec.strategy.canary.steps[0].pause.duration: Invalid value: soon: Duration needs to be greater than 0")]
#[case::empty_step(json!({ "steps": [{}] }),
    "spec.strategy.canary.steps[0]: Invalid value: {}: Step must have one of the following set: experiment, \
     setWeight, setCanaryScale, plugin or pause")]
#[case::two_kinds_in_one_step(json!({ "steps": [{ "setWeight": 1, "pause": {} }] }),
    "spec.strategy.canary.steps[0]: Invalid value: {setWeight, pause}: Step must have one of the following set: \
     experiment, setWeight, setCanaryScale, plugin or pause")]
#[case::later_steps(json!({ "steps": [{ "setWeight": 1 }, { "plugin": { "name": "x" } }] }),
    "spec.strategy.canary.steps[1].plugin: Forbidden: plugin is not supported by this version: remove it")]
#[case::no_room_at_all(json!({ "maxSurge": 0, "maxUnavailable": 0 }),
    "spec.strategy.canary.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero")]
#[case::delay_without_a_router(json!({ "scaleDownDelaySeconds": 5 }),
    "spec.strategy.canary.scaleDownDelaySeconds: Invalid value: set: Canary scaleDownDelaySeconds can only be used \
     with traffic routing")]
#[case::router_without_services(json!({ "trafficRouting": { "nginx": { "stableIngress": "web" } } }),
    "spec.strategy.canary.trafficRouting: Required value: Canary service and Stable service must to be set to use \
     Traffic Routing")]
#[case::later_routers(
    json!({ "canaryService": "web-canary", "stableService": "web-stable", "trafficRouting": { "smi": {} } }),
    "spec.strategy.canary.trafficRouting.smi: Forbidden: smi is not supported by this version: remove it")]
#[case::no_router(
    json!({ "canaryService": "web-canary", "stableService": "web-stable", "trafficRouting": { "managedRoutes": [] } }),
    "spec.strategy.canary.trafficRouting: Required value: name a router: nginx or istio")]
#[case::canary_scale_without_a_router(json!({ "steps": [{ "setCanaryScale": { "replicas": 2 } }] }),
    "spec.strategy.canary.steps[0].setCanaryScale: Invalid value: setCanaryScale{replicas: 2}: SetCanaryScale requires \
     TrafficRouting to be set")]
#[case::header_route_without_istio(
    json!({ "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": { "nginx": { "stableIngress": "web" } }, "steps": [{ "setHeaderRoute": { "name": "beta" } }] }),
    "spec.strategy.canary.steps[0].setHeaderRoute: Invalid value: set: SetHeaderRoute requires TrafficRouting by istio: \
     other routers have no managed routes")]
#[case::mirror_route_without_a_place(
    json!({ "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": { "istio": { "virtualService": { "name": "web" } } },
        "steps": [{ "setMirrorRoute": { "name": "shadow" } }] }),
    "spec.strategy.canary.steps[0].setMirrorRoute.name: Invalid value: \"shadow\": it is not listed in \
     spec.strategy.canary.trafficRouting.managedRoutes: add it there")]
#[case::header_without_a_comparison(
    json!({ "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": { "istio": { "virtualService": { "name": "web" } }, "managedRoutes": [{ "name": "beta" }] },
        "steps": [{ "setHeaderRoute": { "name": "beta", "match": [{ "headerName": "a", "headerValue": {} }] } }] }),
    "spec.strategy.canary.steps[0].setHeaderRoute.match[0].headerValue: Required value: set exactly one of exact, \
     prefix and regex")]
#[case::mirror_of_too_much(
    json!({ "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": { "istio": { "virtualService": { "name": "web" } }, "managedRoutes": [{ "name": "shadow" }] },
        "steps": [{ "setMirrorRoute": { "name": "shadow", "percentage": 101 } }] }),
    "spec.strategy.canary.steps[0].setMirrorRoute.percentage: Invalid value: 101: must be between 0 and 100")]
#[case::dynamic_scale_without_a_router(json!({ "dynamicStableScale": true }),
    "spec.strategy.canary.dynamicStableScale: Invalid value: set: Canary dynamicStableScale can only be used with \
     traffic routing")]
#[case::dynamic_scale_with_a_delay(
    json!({ "dynamicStableScale": true, "scaleDownDelaySeconds": 5, "trafficRouting": { "nginx": {} } }),
    "spec.strategy.canary.dynamicStableScale: Invalid value: true: Canary dynamicStableScale cannot be used with \
     scaleDownDelaySeconds")]
#[case::two_ways_to_be_apart(
    json!({ "antiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {},
        "preferredDuringSchedulingIgnoredDuringExecution": { "weight": 1 } } }),
    "spec.strategy.canary.antiAffinity: Invalid value: preferred, required: AntiAffinity must have exactly one \
     strategy listed")]
#[case::no_way_to_be_apart(json!({ "antiAffinity": {} }),
    "spec.strategy.canary.antiAffinity: Invalid value: {}: AntiAffinity must have exactly one strategy listed")]
#[case::too_heavy(
    json!({ "antiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": { "weight": 101 } } }),
    "spec.strategy.canary.antiAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight: Invalid value: 101: \
     AntiAffinity weight must be between 1-100")]
#[case::missing_service(json!({ "stableService": "nobody" }),
    "spec.strategy.canary.stableService: Invalid value: \"nobody\": service \"nobody\" not found")]
#[case::missing_template(json!({ "analysis": { "templates": [{ "templateName": "errors" }] } }),
    "spec.strategy.canary.analysis.templates: Invalid value: errors: AnalysisTemplate 'errors' not found: create it, \
     or correct the name where the analysis is started")]
fn the_first_thing_that_is_wrong(#[case] canary: Value, #[case] want: &str) {
    assert_eq!(message(&canary), format!("InvalidSpec: The Rollout \"web\" is invalid: {want}"));
}

#[test]
fn exactly_one_strategy_is_needed() {
    let mut snapshot = fixture::created(&json!({}));
    let both = json!({ "blueGreen": { "activeService": "web" }, "canary": {} });
    for (strategy, want) in [(both, "Multiple Strategies can not be listed"), (json!({}), "missing field")] {
        snapshot.rollout.spec.as_mut().unwrap().strategy = serde_json::from_value(strategy).unwrap();
        let plan = plan(&snapshot, fixture::start());
        assert!(plan.actions.is_empty());
        assert_eq!(plan.status.phase.as_str(), "Degraded");
        assert!(plan.status.message.contains(want), "{}", plan.status.message);
    }
}

#[test]
fn a_spec_that_cannot_be_read_says_where() {
    let mut snapshot = fixture::created(&json!({}));
    snapshot.rollout.spec = Err("spec.replicas: invalid type: string".to_owned());
    let plan = plan(&snapshot, fixture::start());
    assert!(plan.status.message.ends_with("is invalid: spec.replicas: invalid type: string"));
    snapshot.rollout.status = plan.status.clone();
    let again = super::super::plan(&snapshot, fixture::start());
    assert_eq!(again.status, plan.status);
    assert!(again.events.is_empty(), "{:?}", again.events);
}

#[test]
fn a_service_of_another_rollout_is_not_taken() {
    let mut snapshot = fixture::created(&fixture::routed(&json!([])));
    let service = snapshot.services.get_mut("web-canary").unwrap();
    service.meta.annotations.insert(crds::names::MANAGED_BY_ROLLOUTS.to_owned(), "other".to_owned());
    let message = plan(&snapshot, fixture::start()).status.message;
    assert!(message.ends_with("Service \"web-canary\" is managed by another Rollout"), "{message}");
}

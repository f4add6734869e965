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
#[case::experiments(json!({ "steps": [{ "experiment": { "templates": [{ "name": "a", "specRef": "canary" }] } }] }),
    "spec.strategy.canary.steps[0].experiment: Forbidden: experiment is not supported by this version: remove it")]
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
#[case::weight_below_zero(json!({ "steps": [{ "setWeight": -1 }] }),
    "spec.strategy.canary.steps[0].setWeight: Invalid value: -1: SetWeight needs to be between 0 and 100")]
#[case::weight_above_another_maximum(
    json!({ "canaryService": "web-canary", "stableService": "web-stable", "steps": [{ "setWeight": 1001 }],
        "trafficRouting": { "nginx": { "stableIngress": "web" }, "maxTrafficWeight": 1000 } }),
    "spec.strategy.canary.steps[0].setWeight: Invalid value: 1001: SetWeight needs to be between 0 and 1000")]
#[case::maximum_of_istio(
    json!({ "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": { "istio": { "virtualService": { "name": "web" } }, "maxTrafficWeight": 1000 } }),
    "spec.strategy.canary.trafficRouting.maxTrafficWeight: Invalid value: 1000: MaxTrafficWeight is only supported \
     for Nginx and Plugins")]
#[case::maximum_of_nothing(
    json!({ "canaryService": "web-canary", "stableService": "web-stable",
        "trafficRouting": { "nginx": { "stableIngress": "web" }, "maxTrafficWeight": 0 } }),
    "spec.strategy.canary.trafficRouting.maxTrafficWeight: Invalid value: 0: must be greater than 0")]
#[case::the_same_service_twice(
    json!({ "canaryService": "web-stable", "stableService": "web-stable",
        "trafficRouting": { "nginx": { "stableIngress": "web" } } }),
    "spec.strategy.canary.stableService: Invalid value: \"web-stable\": This rollout uses the same service for the \
     stable and canary services, but two different services are required.")]
#[case::surge_below_zero(json!({ "maxSurge": -1 }),
    "spec.strategy.canary.maxSurge: Invalid value: -1: must be greater than or equal to 0")]
#[case::surge_in_words(json!({ "maxUnavailable": "few" }),
    "spec.strategy.canary.maxUnavailable: Invalid value: few: invalid value \"few\": expected a number, or a \
     percentage such as \"25%\"")]
#[case::no_room_in_text(json!({ "maxSurge": "0%", "maxUnavailable": "0" }),
    "spec.strategy.canary.maxSurge: Invalid value: 0: MaxSurge and MaxUnavailable both can not be zero")]
#[case::abort_delay_without_a_router(json!({ "abortScaleDownDelaySeconds": 5 }),
    "spec.strategy.canary.abortScaleDownDelaySeconds: Invalid value: set: Canary abortScaleDownDelaySeconds can only \
     be used with traffic routing")]
#[case::floor_without_a_router(json!({ "minPodsPerReplicaSet": 2 }),
    "spec.strategy.canary.minPodsPerReplicaSet: Invalid value: set: Canary minPodsPerReplicaSet can only be used with \
     traffic routing")]
#[case::step_without_a_template(json!({ "steps": [{ "analysis": {} }] }),
    "spec.strategy.canary.steps[0].analysis.templates: Required value: an analysis names at least one template")]
#[case::metadata_of_the_selector(json!({ "canaryMetadata": { "labels": { "app": "other" } } }),
    "spec.strategy.canary.canaryMetadata.labels: Invalid value: \"app\": the selector names this label: pods would be \
     lost to their ReplicaSet")]
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

/// Each case sets fields of a spec that is in order; null takes one away.
#[rstest]
#[case::replicas(json!({ "replicas": -1 }), "spec.replicas: Invalid value: -1: must be greater than or equal to 0")]
#[case::ready_time(json!({ "minReadySeconds": -1 }),
    "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0")]
#[case::history(json!({ "revisionHistoryLimit": -1 }),
    "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0")]
#[case::deadline_before_ready(json!({ "minReadySeconds": 600 }),
    "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds")]
#[case::no_selector(json!({ "selector": null }),
    "spec.selector: Required value: Rollout has missing field '.spec.selector'")]
#[case::empty_selector(json!({ "selector": {} }),
    "spec.selector: Invalid value: {}: empty selector is invalid for deployment")]
#[case::no_template(json!({ "template": null }),
    "spec.template: Required value: Rollout has missing field '.spec.template'")]
#[case::another_selector(json!({ "selector": { "matchLabels": { "app": "other" } } }),
    "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`")]
#[case::a_template_and_a_workload(json!({ "workloadRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" } }),
    "spec.template: Invalid value: {...}: template must be empty for workload reference rollout")]
fn what_is_wrong_beside_the_strategy(#[case] fields: Value, #[case] want: &str) {
    let mut snapshot = fixture::created(&json!({}));
    let mut spec = serde_json::to_value(snapshot.rollout.spec.as_ref().unwrap()).unwrap();
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    snapshot.rollout.spec = Ok(serde_json::from_value(spec).unwrap());
    let message = plan(&snapshot, fixture::start()).status.message;
    assert_eq!(message, format!("InvalidSpec: The Rollout \"web\" is invalid: {want}"));
}

#[test]
fn a_service_selects_pods_of_the_template() {
    let mut snapshot = fixture::created(&fixture::routed(&json!([])));
    let service = snapshot.services.get_mut("web-stable").unwrap();
    service.selector.insert("tier".to_owned(), "front".to_owned());
    let message = plan(&snapshot, fixture::start()).status.message;
    let want = "Service \"web-stable\" has unmatch label \"tier\" in rollout (the Service wants front)";
    assert!(message.ends_with(want), "{message}");
    // The hash that we put there ourselves is none of the user's labels.
    let service = snapshot.services.get_mut("web-stable").unwrap();
    service.selector.remove("tier");
    service.selector.insert(crds::names::POD_TEMPLATE_HASH.to_owned(), "hash-v0".to_owned());
    assert_ne!(plan(&snapshot, fixture::start()).status.phase.as_str(), "Degraded");
}

/// What an analysis takes from its templates: each case is a template `errors` and what is wrong with using it.
#[rstest]
#[case::endless(json!({ "metrics": [{ "name": "up", "interval": "5s", "provider": {} }] }),
    "AnalysisTemplate errors has metric up which runs indefinitely. Invalid value for count: nil")]
#[case::argument_without_a_value(json!({ "args": [{ "name": "host" }], "metrics": [{ "name": "up", "provider": {} }] }),
    "args.host")]
#[case::the_same_metric_twice(json!({ "metrics": [{ "name": "up", "provider": {} }, { "name": "up", "provider": {} }] }),
    "up")]
fn a_step_needs_templates_that_make_a_run(#[case] template: Value, #[case] want: &str) {
    let steps = json!([{ "analysis": { "templates": [{ "templateName": "errors" }] } }]);
    let mut snapshot = fixture::created(&json!({ "steps": steps }));
    let facts = crate::facts::TemplateFacts {
        meta: fixture::meta("errors", "uid-errors"),
        spec: Ok(serde_json::from_value(template).unwrap()),
    };
    snapshot.templates.insert("errors".to_owned(), facts.into());
    let status = plan(&snapshot, fixture::start()).status;
    assert_eq!(status.phase.as_str(), "Degraded");
    let prefix = "is invalid: spec.strategy.canary.steps[0].analysis.templates: Invalid value: errors: ";
    let (_, problem) = status.message.split_once(prefix).unwrap_or_else(|| panic!("{}", status.message));
    assert!(problem.contains(want), "{problem}");
}

/// What stands in the way of a route is said as it is.
#[test]
fn what_a_router_lacks_is_the_users_to_mend() {
    let mut snapshot = fixture::created(&fixture::routed(&json!([])));
    snapshot.routing_problem = Some("spec.strategy.canary.trafficRouting.nginx: name an Ingress".to_owned());
    let message = plan(&snapshot, fixture::start()).status.message;
    let want = "is invalid: spec.strategy.canary.trafficRouting.nginx: name an Ingress";
    assert!(message.ends_with(want), "{message}");
}

#[test]
fn what_was_wrong_is_right_once_the_object_is_there() {
    let mut snapshot = fixture::created(&json!({ "stableService": "web-stable" }));
    let invalid = plan(&snapshot, fixture::start());
    assert!(invalid.actions.is_empty() && invalid.wake_at.is_none(), "it waits for a change");
    snapshot.rollout.status = invalid.status;
    snapshot.services = fixture::services();
    assert!(!plan(&snapshot, fixture::start()).actions.is_empty());
}

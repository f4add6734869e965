//! Managed routes come, follow the weights, and go; what else stands in the object stays.

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{CanaryStep, ManagedRule};
use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::{apply, refusal, router};
use crate::{Edit, Objects, Observation, Router, Target};

fn web() -> ObjectRef {
    ObjectRef::new(Kind::VirtualService, "shop", "web")
}

fn istio(routes: &[&str]) -> Router {
    router(json!({
        "istio": { "virtualService": { "name": "web", "routes": routes } },
        "managedRoutes": [{ "name": "beta" }, { "name": "shadow" }],
    }))
}

fn to(host: &str, weight: u32) -> Value {
    json!({ "destination": { "host": host, "port": { "number": 80 } }, "weight": weight })
}

fn primary() -> Value {
    json!({ "name": "primary", "retries": { "attempts": 3 },
        "route": [to("web-stable", 100), to("web-canary", 0)] })
}

fn service(http: &Value) -> Objects {
    let object = json!({
        "metadata": { "name": "web", "resourceVersion": "5" },
        "spec": { "hosts": ["web.example"], "http": http },
    });
    Objects::from([(web(), object)])
}

fn rule(step: Value) -> ManagedRule {
    let step: CanaryStep = serde_json::from_value(step).unwrap();
    let header = step.set_header_route.as_ref().map(ManagedRule::header);
    header.or_else(|| step.set_mirror_route.as_ref().map(ManagedRule::mirror)).unwrap()
}

fn beta() -> ManagedRule {
    rule(json!({ "setHeaderRoute": { "name": "beta", "match": [
        { "headerName": "group", "headerValue": { "exact": "beta" } },
        { "headerName": "trace" },
    ] } }))
}

fn shadow() -> ManagedRule {
    rule(json!({ "setMirrorRoute": { "name": "shadow", "percentage": 35, "match": [
        { "method": { "exact": "GET" }, "path": { "prefix": "/" }, "headers": { "agent": { "regex": ".*" } } },
    ] } }))
}

fn target(canary_weight: u32, managed: &[ManagedRule]) -> Target {
    let (canary_hash, stable_hash) = ("new".to_owned(), "old".to_owned());
    Target { canary_weight, canary_hash, stable_hash, managed: managed.to_vec() }
}

/// Edits, applies, and checks that the object then says what was asked for.
fn settle(router: &Router, objects: &mut Objects, canary_weight: u32, managed: &[ManagedRule]) -> Value {
    let target = target(canary_weight, managed);
    let edit = router.edit(&web(), objects, &target).unwrap();
    apply(objects, &web(), &edit);
    let want =
        Observation { canary_weight: Some(canary_weight), in_shape: true, managed: Some(managed.to_vec()) };
    assert_eq!(router.observe(&web(), objects), Ok(want), "after {edit:?}");
    assert_eq!(router.edit(&web(), objects, &target), Ok(Edit::Nothing));
    objects[&web()]["spec"]["http"].clone()
}

#[test]
fn they_come_before_all_others() {
    let mut objects = service(&json!([{ "name": "insiders", "route": [to("web-canary", 100)] }, primary()]));
    let http = settle(&istio(&["primary"]), &mut objects, 20, &[beta(), shadow()]);
    insta::assert_yaml_snapshot!(http);
}

#[test]
fn a_mirror_route_follows_the_weights_by_small_writes() {
    let mut objects = service(&json!([primary()]));
    let router = istio(&[]);
    settle(&router, &mut objects, 20, &[shadow()]);
    let edit = router.edit(&web(), &objects, &target(50, &[shadow()])).unwrap();
    let Edit::JsonPatch(patch) = &edit else { panic!("{edit:?}") };
    let paths: Vec<_> = patch.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    let want = [
        "/metadata/resourceVersion",
        "/spec/http/1/route/0/weight",
        "/spec/http/1/route/1/weight",
        "/spec/http/0/route/0/weight",
        "/spec/http/0/route/1/weight",
    ];
    assert_eq!(paths, want);
    settle(&router, &mut objects, 50, &[shadow()]);
}

#[test]
fn all_go_and_everything_else_is_as_it_was() {
    let before = json!([{ "name": "insiders", "route": [to("web-canary", 100)] }, primary()]);
    let mut objects = service(&before);
    let router = istio(&["primary"]);
    settle(&router, &mut objects, 60, &[beta(), shadow()]);
    assert_eq!(settle(&router, &mut objects, 0, &[]), before);
}

#[test]
fn the_only_route_of_the_user_stays_the_only_one() {
    let mut objects = service(&json!([primary()]));
    let router = istio(&[]);
    settle(&router, &mut objects, 0, &[beta()]);
    settle(&router, &mut objects, 30, &[beta()]);
    settle(&router, &mut objects, 0, &[]);
}

#[rstest]
#[case::another_header(json!({ "name": "beta", "match": [{ "headers": { "group": { "exact": "alpha" } } }],
    "route": [to("web-canary", 100)] }))]
#[case::another_destination(json!({ "name": "beta", "match": [{ "headers": { "group": { "exact": "beta" } } }],
    "route": [to("somewhere", 100)] }))]
#[case::fields_of_somebody_else(json!({ "name": "beta", "timeout": "1s", "route": [] }))]
#[case::not_even_an_entry(json!({ "name": "beta" }))]
fn one_that_was_changed_is_put_right(#[case] changed: Value) {
    let mut objects = service(&json!([changed, primary()]));
    let router = istio(&["primary"]);
    let seen = router.observe(&web(), &objects).unwrap();
    assert_ne!(seen.managed, Some(vec![beta()]));
    assert_ne!(seen.managed, Some(Vec::new()));
    settle(&router, &mut objects, 20, &[beta()]);
}

#[test]
fn a_virtual_service_without_http_has_none() {
    let object = json!({
        "metadata": { "name": "web", "resourceVersion": "5" },
        "spec": { "tcp": [{ "route": [to("web-stable", 100), to("web-canary", 0)] }] },
    });
    let objects = Objects::from([(web(), object)]);
    assert_eq!(istio(&[]).observe(&web(), &objects).unwrap().managed, None);
}

#[test]
fn a_managed_route_is_not_split() {
    let routing = json!({
        "istio": { "virtualService": { "name": "web", "routes": ["beta"] } },
        "managedRoutes": [{ "name": "beta" }],
    });
    assert_eq!(
        refusal(routing),
        "spec.strategy.canary.trafficRouting.istio.virtualService.routes: \"beta\" is a managed route, which steps make \
         and remove: name another one"
    );
}

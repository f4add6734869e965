use std::collections::BTreeMap;

use engine::object::decode;
use rstest::rstest;
use serde_json::json;

use super::*;

fn object(kind: Kind, value: &Value) -> Arc<Object> {
    Arc::new(decode(kind, &value.to_string()).unwrap())
}

fn rollout(routing: &Value) -> RolloutFacts {
    let value = json!({
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "strategy": { "canary": {
            "stableService": "stable", "canaryService": "canary", "trafficRouting": routing } } },
    });
    match decode(Kind::Rollout, &value.to_string()).unwrap().view {
        View::Rollout(facts) => RolloutFacts::clone(&facts),
        other => panic!("{other:?}"),
    }
}

fn service(name: &str, hash: &str) -> (ObjectRef, Arc<Object>) {
    let value = json!({
        "metadata": { "name": name, "namespace": "shop" },
        "spec": { "selector": { "app": "web", POD_TEMPLATE_HASH: hash } },
    });
    (ObjectRef::new(Kind::Service, "shop", name), object(Kind::Service, &value))
}

fn ingress(name: &str, service: &str, annotations: &Value) -> (ObjectRef, Arc<Object>) {
    let value = json!({
        "metadata": { "name": name, "namespace": "shop", "annotations": annotations },
        "spec": { "rules": [{ "host": "web.example", "http": { "paths": [
            { "path": "/", "backend": { "service": { "name": service } } } ] } }] },
    });
    (ObjectRef::new(Kind::Ingress, "shop", name), object(Kind::Ingress, &value))
}

fn news(reference: &ObjectRef, order: u64, object: Option<Arc<Object>>) -> News {
    News { reference: Arc::new(reference.clone()), object, order, written_at: Timestamp::UNIX_EPOCH }
}

fn plane(objects: Vec<(ObjectRef, Arc<Object>)>) -> DataPlane {
    let mut plane = DataPlane::new(1);
    for (reference, object) in objects {
        plane.apply(0, &news(&reference, 1, Some(object)));
    }
    plane
}

fn weights(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
    pairs.iter().map(|(hash, percent)| ((*hash).to_owned(), *percent)).collect()
}

#[rstest]
#[case::no_canary(None, &[("a", 100)])]
#[case::a_quarter(Some(json!({ "nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "25" })), &[("a", 75), ("b", 25)])]
#[case::all(Some(json!({ "nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "100" })), &[("b", 100)])]
#[case::of_a_thousand(Some(json!({ "nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "5", "nginx.ingress.kubernetes.io/canary-weight-total": "1000" })), &[("a", 100), ("b", 1)])]
#[case::not_marked(Some(json!({ "nginx.ingress.kubernetes.io/canary-weight": "25" })), &[("a", 100)])]
fn nginx(#[case] annotations: Option<Value>, #[case] want: &[(&str, u32)]) {
    let mut objects =
        vec![service("stable", "a"), service("canary", "b"), ingress("web", "stable", &json!({}))];
    objects.extend(annotations.map(|annotations| ingress("web-web-canary", "canary", &annotations)));
    let plane = plane(objects);
    let rollout = rollout(&json!({ "nginx": { "stableIngress": "web" } }));
    assert_eq!(plane.effective_weights(&rollout), weights(want));
}

#[test]
fn istio() {
    let value = json!({
        "metadata": { "name": "web", "namespace": "shop" },
        "spec": { "http": [
            { "name": "testers", "route": [{ "destination": { "host": "canary" } }] },
            { "name": "primary", "route": [
                { "destination": { "host": "stable.shop.svc.cluster.local" }, "weight": 60 },
                { "destination": { "host": "canary" }, "weight": 40 } ] } ] },
    });
    let route = (ObjectRef::new(Kind::VirtualService, "shop", "web"), object(Kind::VirtualService, &value));
    let plane = plane(vec![service("stable", "a"), service("canary", "b"), route]);
    let rollout =
        rollout(&json!({ "istio": { "virtualService": { "name": "web", "routes": ["primary"] } } }));
    assert_eq!(plane.effective_weights(&rollout), weights(&[("a", 60), ("b", 40)]));
}

#[test]
fn a_proxy_does_not_go_back_to_an_earlier_version() {
    let mut plane = plane(vec![ingress("web", "stable", &json!({})), service("stable", "new")]);
    let (reference, old) = service("stable", "old");
    plane.apply(0, &news(&reference, 0, Some(old)));
    let rollout = rollout(&json!({ "nginx": { "stableIngress": "web" } }));
    assert_eq!(plane.effective_weights(&rollout), weights(&[("new", 100)]));
    plane.apply(0, &news(&reference, 2, None));
    let shares = plane.shares(0, &rollout);
    assert_eq!(shares.iter().map(|share| share.hash.clone()).collect::<Vec<_>>(), [None]);
}

#[test]
fn shares_need_pods_rounded_up() {
    let share = Share { hash: None, weight: 5, total: 100, written_at: Timestamp::UNIX_EPOCH };
    assert_eq!((share.pods(4), share.pods(40), share.percent()), (1, 2, 5));
}

#[test]
fn a_weight_is_as_old_as_the_write_that_set_it() {
    let route = |weight: u32| ingress("web-web-canary", "canary", &canary_of(weight)).1;
    let reference = ObjectRef::new(Kind::Ingress, "shop", "web-web-canary");
    let mut plane = plane(vec![service("canary", "b"), ingress("web", "stable", &json!({}))]);
    let rollout = rollout(&json!({ "nginx": { "stableIngress": "web" } }));
    let mut written_at = |order: u64, second: i64, weight: u32| {
        let written_at = Timestamp::from_second(second).unwrap();
        let news = News { written_at, ..news(&reference, order, Some(route(weight))) };
        plane.apply(0, &news);
        let shares = plane.shares(0, &rollout);
        shares.iter().find(|share| share.hash.as_deref() == Some("b")).unwrap().written_at.as_second()
    };
    assert_eq!(written_at(1, 10, 20), 10);
    assert_eq!(written_at(2, 20, 20), 10, "nothing that matters has changed");
    assert_eq!(written_at(3, 30, 40), 30);
}

fn canary_of(weight: u32) -> Value {
    json!({
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-weight": weight.to_string(),
    })
}

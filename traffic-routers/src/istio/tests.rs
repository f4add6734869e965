//! Objects in, patches out.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::Router;
use crate::testing::{agree, apply, at, refusal, router, settle};

fn web() -> ObjectRef {
    ObjectRef::new(Kind::VirtualService, "shop", "web")
}

fn to(host: &str, weight: impl Into<Option<i64>>) -> Value {
    let mut route = json!({ "destination": { "host": host, "port": { "number": 80 } } });
    if let Some(weight) = weight.into() {
        route["weight"] = json!(weight);
    }
    route
}

fn split(stable: impl Into<Option<i64>>, canary: impl Into<Option<i64>>) -> Value {
    json!([to("web-stable", stable), to("web-canary.shop.svc.cluster.local", canary)])
}

fn service(spec: Value) -> Objects {
    let mut object = json!({ "metadata": { "name": "web", "resourceVersion": "5" } });
    object["spec"] = spec;
    Objects::from([(web(), object)])
}

fn for_routes(routes: &[&str]) -> Router {
    router(json!({ "istio": { "virtualService": { "name": "web", "routes": routes } } }))
}

fn json_patch(edit: Edit) -> Value {
    match edit {
        Edit::JsonPatch(patch) => patch,
        other => panic!("{other:?}"),
    }
}

fn error(router: &Router, objects: &Objects) -> String {
    router.observe(&web(), objects).unwrap_err().to_string()
}

#[test]
fn only_weights_are_written_each_by_its_own_path() {
    let objects = service(json!({ "http": [
        { "name": "insiders", "match": [{ "headers": { "x-insider": { "exact": "yes" } } }], "route": [to("web-canary", None)] },
        { "name": "primary", "retries": { "attempts": 3 }, "route": split(100, 0) },
    ] }));
    let edit = for_routes(&["primary"]).edit(&web(), &objects, &at(20)).unwrap();
    insta::assert_yaml_snapshot!(json_patch(edit), @r#"
    - op: replace
      path: /metadata/resourceVersion
      value: "5"
    - op: replace
      path: /spec/http/1/route/0/weight
      value: 80
    - op: replace
      path: /spec/http/1/route/1/weight
      value: 20
    "#);
}

#[test]
fn a_missing_weight_is_added_and_a_right_one_left_alone() {
    let edit =
        for_routes(&[]).edit(&web(), &service(json!({ "http": [{ "route": split(30, None) }] })), &at(70));
    insta::assert_yaml_snapshot!(json_patch(edit.unwrap()), @r#"
    - op: replace
      path: /metadata/resourceVersion
      value: "5"
    - op: add
      path: /spec/http/0/route/1/weight
      value: 70
    "#);
}

#[test]
fn a_third_destination_gives_its_share_back() {
    let mut route = split(50, 30);
    route.as_array_mut().unwrap().push(to("web-old", 20));
    let mut objects = service(json!({ "http": [{ "route": route }] }));
    let router = for_routes(&[]);
    assert_eq!(
        router.observe(&web(), &objects),
        Ok(Observation { canary_weight: Some(30), in_shape: false, managed: Some(vec![]) })
    );
    settle(&router, &web(), &mut objects, 30).unwrap();
    insta::assert_yaml_snapshot!(objects[&web()]["spec"]["http"][0]["route"], @r#"
    - destination:
        host: web-stable
        port:
          number: 80
      weight: 70
    - destination:
        host: web-canary.shop.svc.cluster.local
        port:
          number: 80
      weight: 30
    - destination:
        host: web-old
        port:
          number: 80
      weight: 0
    "#);
}

#[rstest]
#[case::whole(split(80, 20), Some(20), true)]
#[case::no_weights(split(None, None), None, false)]
#[case::zero_is_left_out(split(100, None), Some(0), true)]
#[case::parts_of_ten(split(7, 3), Some(30), false)]
#[case::any_share_counts(split(1000, 1), Some(1), false)]
#[case::negative(split(100, -5), Some(0), false)]
fn shares(#[case] route: Value, #[case] canary_weight: Option<u32>, #[case] in_shape: bool) {
    let seen = for_routes(&[]).observe(&web(), &service(json!({ "http": [{ "route": route }] })));
    assert_eq!(seen, Ok(Observation { canary_weight, in_shape, managed: Some(vec![]) }));
}

#[test]
fn routes_that_differ_show_the_largest_share() {
    let http = json!([{ "name": "a", "route": split(90, 10) }, { "name": "b", "route": split(60, 40) }]);
    let mut objects = service(json!({ "http": http }));
    let router = for_routes(&["a", "b"]);
    assert_eq!(
        router.observe(&web(), &objects),
        Ok(Observation { canary_weight: Some(40), in_shape: false, managed: Some(vec![]) })
    );
    settle(&router, &web(), &mut objects, 40).unwrap();
}

/// Which of `spec`'s routes get the weight, as `section index`.
fn chosen_routes(config: Value, spec: Value) -> Vec<String> {
    let mut config = config;
    config["name"] = json!("web");
    let edit = router(json!({ "istio": { "virtualService": config } }))
        .edit(&web(), &service(spec), &at(40))
        .unwrap();
    let patch = json_patch(edit);
    let paths = patch.as_array().unwrap().iter().skip(1).map(|one| one["path"].as_str().unwrap());
    let mut chosen: Vec<String> =
        paths.map(|path| path.split('/').skip(2).take(2).collect::<Vec<_>>().join(" ")).collect();
    chosen.dedup();
    chosen
}

fn tls(port: u32, hosts: &[&str]) -> Value {
    json!({ "match": [{ "port": port, "sniHosts": hosts }], "route": split(100, 0) })
}

fn tcp(port: u32) -> Value {
    json!({ "match": [{ "port": port }], "route": split(100, 0) })
}

#[rstest]
#[case::the_only_route_may_have_a_name(json!({}), json!({ "http": [{ "name": "x", "route": split(100, 0) }] }), &["http 0"])]
#[case::the_first_without_a_name(json!({}),
    json!({ "http": [{ "name": "x", "route": split(100, 0) }, { "route": split(100, 0) }, { "route": split(100, 0) }] }), &["http 1"])]
#[case::behind_a_route_for_chosen_requests(json!({}),
    json!({ "http": [{ "match": [{}], "route": [to("web-canary", None)] }, { "route": split(100, 0) }] }), &["http 1"])]
#[case::names_in_any_order(json!({ "routes": ["b", "a"] }),
    json!({ "http": [{ "name": "a", "route": split(100, 0) }, { "name": "b", "route": split(100, 0) }] }), &["http 0", "http 1"])]
#[case::tls_by_port_and_hosts(json!({ "tlsRoutes": [{ "port": 443, "sniHosts": ["b", "a"] }] }),
    json!({ "tls": [tls(443, &["a"]), tls(443, &["a", "b"]), tls(444, &["a", "b"])] }), &["tls 1"])]
#[case::tls_by_port(json!({ "tlsRoutes": [{ "port": 443 }] }), json!({ "tls": [tls(443, &["a"]), tls(443, &["b"])] }), &["tls 0", "tls 1"])]
#[case::tcp_by_port(json!({ "tcpRoutes": [{ "port": 7000 }] }), json!({ "tcp": [tcp(9000), tcp(7000)] }), &["tcp 1"])]
#[case::the_only_tcp_route(json!({}), json!({ "tcp": [tcp(7000)] }), &["tcp 0"])]
#[case::http_beside_named_tcp(json!({ "tcpRoutes": [{ "port": 7000 }] }),
    json!({ "http": [{ "route": split(100, 0) }], "tcp": [tcp(7000)] }), &["http 0", "tcp 0"])]
#[case::foreign_http_beside_named_tcp(json!({ "tcpRoutes": [{ "port": 7000 }] }),
    json!({ "http": [{ "route": [to("docs", None)] }], "tcp": [tcp(7000)] }), &["tcp 0"])]
fn selection(#[case] config: Value, #[case] spec: Value, #[case] want: &[&str]) {
    assert_eq!(chosen_routes(config, spec), want);
}

#[rstest]
#[case::no_canary(&[], json!({ "http": [{ "route": [to("web-stable", None)] }] }),
    "VirtualService shop/web: spec.http[0].route: no destination has the canary Service \"web-canary\" as its host: add one")]
#[case::no_stable(&[], json!({ "http": [{ "route": [to("web-canary", 100)] }] }),
    "VirtualService shop/web: spec.http[0].route: no destination has the stable Service \"web-stable\" as its host: add one")]
#[case::no_such_name(&["primary"], json!({ "http": [{ "name": "main", "route": split(100, 0) }] }),
    "VirtualService shop/web: spec.http: no route is named \"primary\": correct spec.strategy.canary.trafficRouting.istio.virtualService.routes")]
#[case::no_candidate(&[], json!({ "http": [{ "name": "a", "route": split(100, 0) }, { "name": "b", "route": split(100, 0) }] }),
    "VirtualService shop/web: spec: no route without a name sends to both \"web-stable\" and \"web-canary\": name one in spec.strategy.canary.trafficRouting.istio.virtualService.routes")]
#[case::nothing(&[], json!({}),
    "VirtualService shop/web: spec: no route without a name sends to both \"web-stable\" and \"web-canary\": name one in spec.strategy.canary.trafficRouting.istio.virtualService.routes")]
fn an_unfit_object_is_described(#[case] routes: &[&str], #[case] spec: Value, #[case] want: &str) {
    let (router, objects) = (for_routes(routes), service(spec));
    assert_eq!(error(&router, &objects), want);
    assert_eq!(router.edit(&web(), &objects, &at(10)).unwrap_err().to_string(), want);
}

#[test]
fn the_traffic_that_can_be_taken_back_is() {
    let mut objects = service(
        json!({ "http": [{ "name": "a", "route": split(60, 40) }, { "name": "renamed", "route": split(60, 40) }] }),
    );
    let router = for_routes(&["a", "b"]);
    let edit = router.edit(&web(), &objects, &at(0)).unwrap();
    apply(&mut objects, &web(), &edit);
    assert_eq!(objects[&web()]["spec"]["http"][0]["route"], split(100, 0));
    let left = router.edit(&web(), &objects, &at(0)).unwrap_err().to_string();
    assert!(left.contains("no route is named \"b\""), "{left}");
}

#[test]
fn a_route_without_the_canary_is_at_weight_0() {
    let objects = service(json!({ "http": [{ "route": [to("web-stable", None)] }] }));
    assert_eq!(for_routes(&[]).edit(&web(), &objects, &at(0)), Ok(Edit::Nothing));
}

#[test]
fn a_missing_object_is_named() {
    let error = error(&for_routes(&[]), &Objects::new());
    assert_eq!(
        error,
        "VirtualService shop/web not found: create it, or correct spec.strategy.canary.trafficRouting.istio.virtualService.name"
    );
}

#[test]
fn names_may_carry_a_namespace() {
    let router = router(json!({ "istio": { "virtualServices": [
        { "name": "web" }, { "name": "web.mesh" }, { "name": "edge.mesh.svc.cluster.local" },
    ] } }));
    let names: Vec<String> = router.routes().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["VirtualService shop/web", "VirtualService mesh/web", "VirtualService mesh/edge"]);
    assert_eq!(router.sources(&web()), []);
}

#[rstest]
#[case::neither(json!({}), "istio: set virtualService or virtualServices")]
#[case::both(json!({ "virtualService": { "name": "a" }, "virtualServices": [{ "name": "b" }] }),
    "istio: virtualService and virtualServices are both set: set one of them")]
#[case::twice(json!({ "virtualServices": [{ "name": "web" }, { "name": "web.shop" }] }),
    "istio.virtualServices[1].name: VirtualService shop/web is named twice: put all its routes into one entry")]
#[case::no_name(json!({ "virtualService": { "name": "" } }), "istio.virtualService.name: name a VirtualService")]
#[case::subsets(json!({ "virtualService": { "name": "web" }, "destinationRule": { "name": "web" } }),
    "istio.destinationRule: subsets are not managed by this version: split between the hosts of canaryService and stableService instead")]
fn a_spec_that_says_too_little_or_too_much(#[case] istio: Value, #[case] want: &str) {
    assert_eq!(refusal(json!({ "istio": istio })), format!("{ROUTING}.{want}"));
}

#[test]
fn another_maximum_than_100_is_refused() {
    let istio = json!({ "virtualService": { "name": "web" } });
    let error = refusal(json!({ "istio": istio, "maxTrafficWeight": 1000 }));
    assert!(error.starts_with("spec.strategy.canary.trafficRouting.maxTrafficWeight: only nginx"), "{error}");
    assert_eq!(router(json!({ "istio": istio, "maxTrafficWeight": 100 })).name(), "Istio");
}

prop_compose! {
    /// A route with both Services, up to two foreign destinations, any order, and fields that nobody here knows.
    fn any_route()(
        stable in prop::option::of(0..200i64),
        canary in prop::option::of(-1..200i64),
        others in prop::collection::vec(prop::option::of(0..200i64), 0..3),
        turn in 0..4usize,
        note in "[a-z]{1,5}",
    ) -> Value {
        let mut route = vec![to("web-stable", stable), to("web-canary", canary)];
        route.extend(others.into_iter().map(|weight| to("docs", weight)));
        let length = route.len();
        route.rotate_left(turn % length);
        json!({ "route": route, "fault": { "note": note }, "timeout": "3s" })
    }
}

/// The object without its weights and version.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    for section in ["http", "tls", "tcp"] {
        for entry in object["spec"][section].as_array_mut().into_iter().flatten() {
            for destination in entry["route"].as_array_mut().into_iter().flatten() {
                destination.as_object_mut().unwrap().remove("weight");
            }
        }
    }
    object
}

proptest! {
    #[test]
    fn any_edit_leads_to_its_target(
        routes in prop::collection::vec(any_route(), 1..4), tcp in prop::option::of(any_route()),
        weights in prop::collection::vec(0..=100u32, 1..4),
    ) {
        let names: Vec<String> = (0..routes.len()).map(|index| format!("r{index}")).collect();
        let http: Vec<Value> = routes.into_iter().zip(&names).map(|(mut route, name)| {
            route["name"] = json!(name);
            route
        }).collect();
        let mut objects = service(json!({ "hosts": ["web"], "http": http, "tcp": tcp.into_iter().collect::<Vec<_>>() }));
        let before = objects[&web()].clone();
        let router = for_routes(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for weight in weights {
            agree(&router, &web(), &objects, weight);
            settle(&router, &web(), &mut objects, weight).unwrap();
            for entry in objects[&web()]["spec"]["http"].as_array().unwrap() {
                let sum: i64 = entry["route"].as_array().unwrap().iter().filter_map(|one| one["weight"].as_i64()).sum();
                prop_assert_eq!(sum, 100);
            }
        }
        prop_assert_eq!(bare(&objects[&web()]), bare(&before));
        prop_assert_eq!(&objects[&web()]["spec"]["tcp"], &before["spec"]["tcp"]);
    }

    #[test]
    fn nothing_panics_on_any_object(spec in any_json(), weight: u32) {
        let objects = service(spec);
        let router = for_routes(&[]);
        agree(&router, &web(), &objects, weight.min(100));
        let _ = router.edit(&web(), &objects, &at(weight));
    }
}

/// JSON that looks a little like a VirtualService's spec.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "web-stable|web-canary|[a-z.]{0,3}".prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 48, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                "http|tls|tcp|route|destination|host|weight|name|match|port",
                inner,
                0..4
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

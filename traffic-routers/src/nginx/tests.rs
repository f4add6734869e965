//! Objects in, patches out.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::Router;
use crate::testing::{agree, apply, at, owner, refusal, router, settle};

fn stable() -> ObjectRef {
    ObjectRef::new(Kind::Ingress, "shop", "web")
}

fn canary() -> ObjectRef {
    ObjectRef::new(Kind::Ingress, "shop", "web-web-canary")
}

fn path(path: &str, service: &str) -> Value {
    json!({ "path": path, "pathType": "Prefix", "backend": { "service": { "name": service, "port": { "number": 80 } } } })
}

fn stable_ingress() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": "web", "namespace": "shop", "resourceVersion": "7",
            "annotations": { "nginx.ingress.kubernetes.io/enable-cors": "true" } },
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{ "hosts": ["shop.example"], "secretName": "shop-tls" }],
            "rules": [
                { "host": "shop.example", "http": { "paths": [path("/", "web-stable"), path("/api", "api")] } },
                { "host": "docs.example", "http": { "paths": [path("/", "docs")] } },
            ],
        },
    })
}

fn with_stable(ingress: Value) -> Objects {
    Objects::from([(stable(), ingress)])
}

/// A stable Ingress, and its canary Ingress as this router made it.
fn running(router: &Router, weight: u32) -> Objects {
    let mut objects = with_stable(stable_ingress());
    settle(router, &canary(), &mut objects, weight).unwrap();
    objects
}

fn simple() -> Router {
    router(json!({ "nginx": { "stableIngress": "web" } }))
}

fn merge_patch(edit: Edit) -> Value {
    match edit {
        Edit::MergePatch(patch) => patch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_weight_creates_the_canary_ingress() {
    let routing = json!({ "maxTrafficWeight": 1000, "nginx": {
        "stableIngress": "web",
        "additionalIngressAnnotations": { "canary-by-header": "X-Canary", "nginx.ingress.kubernetes.io/limit-rps": "9" },
        "canaryIngressAnnotations": { "example.com/team": "shop" },
    } });
    let edit = router(routing).edit(&canary(), &with_stable(stable_ingress()), &at(50)).unwrap();
    let Edit::Create(object) = edit else { panic!("{edit:?}") };
    insta::assert_yaml_snapshot!(object, @r#"
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata:
      annotations:
        example.com/team: shop
        nginx.ingress.kubernetes.io/canary: "true"
        nginx.ingress.kubernetes.io/canary-by-header: X-Canary
        nginx.ingress.kubernetes.io/canary-weight: "50"
        nginx.ingress.kubernetes.io/canary-weight-total: "1000"
        nginx.ingress.kubernetes.io/limit-rps: "9"
      name: web-web-canary
      namespace: shop
      ownerReferences:
        - apiVersion: argoproj.io/v1alpha1
          blockOwnerDeletion: true
          controller: true
          kind: Rollout
          name: web
          uid: uid-web
    spec:
      ingressClassName: nginx
      rules:
        - host: shop.example
          http:
            paths:
              - backend:
                  service:
                    name: web-canary
                    port:
                      number: 80
                path: /
                pathType: Prefix
      tls:
        - hosts:
            - shop.example
          secretName: shop-tls
    "#);
}

#[test]
fn a_new_weight_is_one_annotation() {
    let router = simple();
    let edit = router.edit(&canary(), &running(&router, 20), &at(60)).unwrap();
    insta::assert_yaml_snapshot!(merge_patch(edit), @r#"
    metadata:
      annotations:
        nginx.ingress.kubernetes.io/canary-weight: "60"
      resourceVersion: next
    "#);
}

#[test]
fn an_absent_canary_ingress_is_weight_0() {
    let (router, objects) = (simple(), with_stable(stable_ingress()));
    let seen = router.observe(&canary(), &objects).unwrap();
    assert_eq!(seen, Observation { canary_weight: None, in_shape: true, managed: None });
    assert_eq!(router.edit(&canary(), &objects, &at(0)), Ok(Edit::Nothing));
}

#[test]
fn changed_rules_of_the_stable_ingress_are_followed() {
    let router = simple();
    let mut objects = running(&router, 20);
    let mut changed = stable_ingress();
    changed["spec"]["rules"][0]["http"]["paths"][0]["path"] = json!("/shop");
    changed["spec"].as_object_mut().unwrap().remove("tls");
    objects.insert(stable(), changed);
    assert_eq!(
        router.observe(&canary(), &objects),
        Ok(Observation { canary_weight: Some(20), in_shape: false, managed: None })
    );
    let edit = router.edit(&canary(), &objects, &at(20)).unwrap();
    insta::assert_yaml_snapshot!(merge_patch(edit), @r#"
    metadata:
      resourceVersion: next
    spec:
      rules:
        - host: shop.example
          http:
            paths:
              - backend:
                  service:
                    name: web-canary
                    port:
                      number: 80
                path: /shop
                pathType: Prefix
      tls: ~
    "#);
}

#[test]
fn without_a_path_no_request_comes_to_a_canary_ingress() {
    let router = simple();
    let mut objects = running(&router, 20);
    objects.get_mut(&canary()).unwrap()["spec"]["rules"] = json!([{ "host": "nobody.example" }]);
    assert_eq!(
        router.observe(&canary(), &objects),
        Ok(Observation { canary_weight: Some(0), in_shape: false, managed: None })
    );
    settle(&router, &canary(), &mut objects, 20).unwrap();
    assert_eq!(
        router.observe(&canary(), &objects),
        Ok(Observation { canary_weight: Some(20), in_shape: true, managed: None })
    );
}

#[test]
fn foreign_annotations_stay_and_a_stale_total_goes() {
    let routing = |max: Option<u32>| json!({ "nginx": { "stableIngress": "web" }, "maxTrafficWeight": max });
    let mut objects = running(&router(routing(Some(1000))), 50);
    objects.get_mut(&canary()).unwrap()["metadata"]["annotations"]["example.com/note"] = json!("keep");
    let router = router(routing(None));
    assert!(!router.observe(&canary(), &objects).unwrap().in_shape);
    settle(&router, &canary(), &mut objects, 50).unwrap();
    insta::assert_yaml_snapshot!(objects[&canary()]["metadata"]["annotations"], @r#"
    example.com/note: keep
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-weight: "50"
    "#);
}

#[test]
fn the_class_annotation_is_copied_in_place_of_the_class_name() {
    let mut old = stable_ingress();
    old["spec"].as_object_mut().unwrap().remove("ingressClassName");
    old["metadata"]["annotations"]["kubernetes.io/ingress.class"] = json!("nginx");
    let mut objects = with_stable(old);
    settle(&simple(), &canary(), &mut objects, 5).unwrap();
    assert_eq!(objects[&canary()]["metadata"]["annotations"]["kubernetes.io/ingress.class"], "nginx");
    assert_eq!(objects[&canary()]["spec"].get("ingressClassName"), None);
}

#[test]
fn a_default_class_that_the_api_server_gave_is_left_alone() {
    let router = simple();
    let mut objects = running(&router, 5);
    objects.get_mut(&stable()).unwrap()["spec"].as_object_mut().unwrap().remove("ingressClassName");
    assert_eq!(router.edit(&canary(), &objects, &at(5)), Ok(Edit::Nothing));
}

#[rstest]
#[case::no_owner(json!(null))]
#[case::another_uid(json!([{ "kind": "Rollout", "name": "web", "uid": "uid-before", "controller": true }]))]
#[case::not_the_controller(json!([{ "kind": "Rollout", "name": "web", "uid": "uid-web" }]))]
fn an_ingress_of_somebody_else_is_refused(#[case] owners: Value) {
    let router = simple();
    let mut objects = running(&router, 20);
    objects.get_mut(&canary()).unwrap()["metadata"]["ownerReferences"] = owners;
    let want = "Ingress shop/web-web-canary is not controlled by Rollout web: rename or remove it";
    assert_eq!(router.observe(&canary(), &objects).unwrap_err().to_string(), want);
    assert_eq!(router.edit(&canary(), &objects, &at(0)).unwrap_err().to_string(), want);
}

#[rstest]
#[case::missing(
    None,
    "Ingress shop/web not found: create it, or correct the stable Ingress in spec.strategy.canary.trafficRouting.nginx"
)]
#[case::no_rule(
    Some(json!({ "spec": { "rules": [{ "http": { "paths": [path("/", "docs")] } }] } })),
    "Ingress shop/web: spec.rules: no path has the stable Service \"web-stable\" as its backend: add one"
)]
fn a_bad_stable_ingress_stops_all_but_the_way_back(#[case] ingress: Option<Value>, #[case] want: &str) {
    let router = simple();
    let mut objects = running(&router, 20);
    objects.remove(&stable());
    objects.extend(ingress.map(|ingress| (stable(), ingress)));
    assert_eq!(router.observe(&canary(), &objects).unwrap_err().to_string(), want);
    assert_eq!(router.edit(&canary(), &objects, &at(30)).unwrap_err().to_string(), want);
    let back = router.edit(&canary(), &objects, &at(0)).unwrap();
    apply(&mut objects, &canary(), &back);
    assert_eq!(
        objects[&canary()]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"],
        "0"
    );
    assert_eq!(router.edit(&canary(), &objects, &at(0)), Ok(Edit::Nothing));
}

#[test]
fn several_ingresses_each_get_their_canary() {
    let router = router(
        json!({ "nginx": { "stableIngresses": ["web", "web-internal", "web"], "annotationPrefix": "x.y" } }),
    );
    let names: Vec<String> = router.routes().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["Ingress shop/web-web-canary", "Ingress shop/web-web-internal-canary"]);
    assert_eq!(router.sources(&canary()), [stable()]);
    let Edit::Create(object) = router.edit(&canary(), &with_stable(stable_ingress()), &at(1)).unwrap() else {
        panic!()
    };
    assert_eq!(object["metadata"]["annotations"], json!({ "x.y/canary": "true", "x.y/canary-weight": "1" }));
}

#[rstest]
#[case::neither(json!({}), "nginx: set stableIngress or stableIngresses")]
#[case::both(json!({ "stableIngress": "a", "stableIngresses": ["b"] }), "nginx: stableIngress and stableIngresses are both set: set one of them")]
#[case::empty(json!({ "stableIngresses": [""] }), "nginx.stableIngresses: an entry is empty: name an Ingress or remove it")]
fn a_spec_that_says_too_little_or_too_much(#[case] nginx: Value, #[case] want: &str) {
    assert_eq!(refusal(json!({ "nginx": nginx })), format!("{ROUTING}.{want}"));
}

#[test]
fn long_names_are_cut_before_the_suffix() {
    let name = canary_name("web", &"i".repeat(300));
    assert_eq!((name.len(), &name[..6], &name[240..]), (253, "web-ii", "iiiiii-canary"));
    let routing = json!({ "nginx": { "stableIngresses": [format!("{}a", "i".repeat(250)), format!("{}b", "i".repeat(250))] } });
    assert!(refusal(routing).contains("are too long: both get the canary Ingress web-iii"));
}

#[test]
fn a_route_of_another_router_is_refused() {
    let other = ObjectRef::new(Kind::Ingress, "shop", "other");
    let error = simple().edit(&other, &Objects::new(), &at(0)).unwrap_err().to_string();
    assert!(error.ends_with("nginx: no stable Ingress there has Ingress shop/other beside it"), "{error}");
}

prop_compose! {
    /// A canary Ingress of ours with any damage: annotations and spec changed or lost, foreign fields added.
    fn damaged()(
        weight in prop::option::of(prop_oneof![(0..=1000u32).prop_map(|w| w.to_string()), "[a-z0-9 .-]{0,4}"]),
        canary in prop::option::of("true|false|"),
        total in prop::option::of("100|1000"),
        rules in prop::option::of(prop::collection::vec("/[a-z]{0,3}", 0..3)),
        class in prop::option::of("nginx|other"),
        note in "[a-z]{0,5}",
    ) -> Value {
        let prefix = "nginx.ingress.kubernetes.io";
        let mut annotations = serde_json::Map::new();
        annotations.insert("example.com/note".to_owned(), json!(note));
        for (key, value) in [("canary-weight", weight), ("canary", canary), ("canary-weight-total", total)] {
            annotations.extend(value.map(|value| (format!("{prefix}/{key}"), json!(value))));
        }
        let paths = rules.map(|rules| rules.iter().map(|one| path(one, "web-canary")).collect::<Vec<_>>());
        json!({
            "metadata": { "name": "web-web-canary", "namespace": "shop", "resourceVersion": "3", "annotations": annotations,
                "labels": { "note": note },
                "ownerReferences": [{ "kind": "Rollout", "name": "web", "uid": owner().uid, "controller": true }] },
            "spec": { "ingressClassName": class, "rules": [{ "http": { "paths": paths } }] },
            "status": { "loadBalancer": { "note": note } },
        })
    }
}

proptest! {
    #[test]
    fn any_edit_leads_to_its_target(start in prop::option::of(damaged()), weights in prop::collection::vec(0..=1000u32, 1..4), max: bool) {
        let max = if max { json!(1000) } else { json!(null) };
        let router = router(json!({ "nginx": { "stableIngress": "web" }, "maxTrafficWeight": max }));
        let mut objects = with_stable(stable_ingress());
        objects.extend(start.clone().map(|ingress| (canary(), ingress)));
        for weight in weights {
            agree(&router, &canary(), &objects, weight);
            settle(&router, &canary(), &mut objects, weight).unwrap();
        }
        if let Some(start) = start {
            let end = &objects[&canary()];
            prop_assert_eq!(&end["status"], &start["status"]);
            prop_assert_eq!(&end["metadata"]["labels"], &start["metadata"]["labels"]);
            prop_assert_eq!(&end["metadata"]["annotations"]["example.com/note"], &start["metadata"]["annotations"]["example.com/note"]);
        }
        prop_assert_eq!(&objects[&stable()], &stable_ingress());
    }
}

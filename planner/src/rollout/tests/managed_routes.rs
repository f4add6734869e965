//! Routes for chosen requests: when they come, that they stay, and when they go.

use crds::rollout::ManagedRule;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::facts::RouteFacts;
use crate::fixture;
use crate::rollout::{Action, plan};

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn header(name: &str) -> Value {
    let matches = json!([{ "headerName": "group", "headerValue": { "exact": name } }]);
    json!({ "setHeaderRoute": { "name": name, "match": matches } })
}

fn mirror(name: &str) -> Value {
    let matches = json!([{ "method": { "exact": "GET" } }]);
    json!({ "setMirrorRoute": { "name": name, "percentage": 35, "match": matches } })
}

fn removal(name: &str) -> Value {
    json!({ "setHeaderRoute": { "name": name } })
}

fn canary(steps: &Value) -> Value {
    let mut canary = fixture::routed(steps);
    let names = ["staff", "beta", "shadow"].map(|name| json!({ "name": name }));
    let service = json!({ "name": "web" });
    canary["trafficRouting"] = json!({ "istio": { "virtualService": service }, "managedRoutes": names });
    canary
}

/// A Rollout of version 1 at rest, with a route that can hold managed routes.
fn deployed(steps: &Value) -> World {
    let mut world = World::new(&canary(steps));
    for route in &mut world.snapshot.routes {
        route.managed = Some(Vec::new());
    }
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    world.writes.clear();
    world
}

fn held(world: &World) -> Vec<&str> {
    world.snapshot.routes.iter().flat_map(RouteFacts::managed_rules).map(ManagedRule::name).collect()
}

/// What was written on the route, the Services, and the size of ReplicaSets.
fn writes(world: &World) -> Vec<&str> {
    let is_wanted = |write: &&str| {
        let is_size = write.starts_with("patch replicasets") && write.contains("->");
        is_size || write.starts_with("patch ingresses") || write.starts_with("patch services")
    };
    world.writes.iter().map(String::as_str).filter(is_wanted).collect()
}

#[test]
fn they_outlast_their_step_and_go_with_the_update() {
    let mut world = deployed(&json!([
        mirror("shadow"),
        header("staff"),
        header("beta"),
        removal("staff"),
        { "setWeight": 40 },
        { "pause": {} },
    ]));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(held(&world), ["beta", "shadow"], "in the order of managedRoutes");
    world.status().pause_conditions.clear();
    assert!(world.run(seconds(300)));
    let want = [
        "patch replicasets web-hash-v2 0->1",
        "patch services web-canary hash-v2",
        "patch ingresses web-web-canary 0 +shadow",
        "patch ingresses web-web-canary 0 +staff +shadow",
        "patch ingresses web-web-canary 0 +staff +beta +shadow",
        "patch ingresses web-web-canary 0 +beta +shadow",
        "patch replicasets web-hash-v2 1->2",
        "patch ingresses web-web-canary 40 +beta +shadow",
        "patch replicasets web-hash-v2 2->5",
        "patch ingresses web-web-canary 100 +beta +shadow",
        "patch services web-stable hash-v2",
        "patch ingresses web-web-canary 0",
        "patch replicasets web-hash-v1 5->0",
    ];
    assert_eq!(writes(&world), want);
}

#[rstest]
#[case::abort(|world: &mut World| world.status().abort = true)]
#[case::promotion_in_full(|world: &mut World| world.status().promote_full = true)]
#[case::another_version(|world: &mut World| world.apply_version("v3"))]
#[case::back_to_stable(|world: &mut World| world.apply_version("v1"))]
fn they_go_when_the_update_ends_otherwise(#[case] act: fn(&mut World)) {
    let mut world = deployed(&json!([header("beta"), { "setWeight": 20 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(held(&world), ["beta"]);
    act(&mut world);
    world.run(seconds(1));
    assert_eq!(held(&world), Vec::<&str>::new(), "{:#?}", world.last);
}

#[test]
fn an_abort_takes_them_back_with_the_weight_by_its_first_write() {
    let mut world = deployed(&json!([header("beta"), { "setWeight": 20 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(30));
    world.status().abort = true;
    let plan = plan(&world.snapshot, world.now);
    let Some(Action::SetWeight { canary_weight: 0, managed, .. }) = plan.actions.first() else {
        panic!("{:?}", plan.actions)
    };
    assert_eq!(*managed, []);
}

#[test]
fn pods_that_only_chosen_requests_reach_are_kept() {
    let mut world = deployed(&json!([header("beta"), { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(30));
    assert_eq!(held(&world), ["beta"]);
    assert_eq!(world.set("v2").map(|set| set.replicas), Some(1), "one pod, though no weight asks for any");
}

#[test]
fn a_route_that_somebody_removed_comes_back() {
    let mut world = deployed(&json!([header("beta"), { "setWeight": 20 }, { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(30));
    world.snapshot.routes[0].managed = Some(Vec::new());
    world.run(seconds(30));
    assert_eq!(held(&world), ["beta"]);
}

#[test]
fn while_the_user_holds_the_rollout_no_new_one_comes() {
    let mut world = deployed(&json!([{ "setWeight": 20 }, { "pause": {} }, header("beta"), { "pause": {} }]));
    world.apply_version("v2");
    world.run(seconds(30));
    if let Ok(spec) = &mut world.snapshot.rollout.spec {
        spec.paused = true;
    }
    world.status().pause_conditions.clear();
    world.status().current_step_index = Some(2);
    world.run(seconds(30));
    assert_eq!(held(&world), Vec::<&str>::new());
}

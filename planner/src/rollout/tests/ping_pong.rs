//! Two Services that take the roles of stable and canary in turns.

use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::PingPongRole;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::plan;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn minutes() -> SignedDuration {
    SignedDuration::from_mins(5)
}

fn steps() -> Value {
    json!([{ "setWeight": 20 }, { "pause": {} }])
}

fn deployed(canary: &Value) -> World {
    let mut world = World::new(canary);
    assert!(world.run(minutes()));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    world.writes.clear();
    world
}

fn selected<'w>(world: &'w World, service: &str) -> &'w str {
    world.snapshot.services[service].selector.get(POD_TEMPLATE_HASH).map_or("", String::as_str)
}

fn promote(world: &mut World) {
    world.status().pause_conditions.clear();
    assert!(world.run(minutes()));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
}

/// A world in which v1 and v2 were promoted: pong is stable, and ping selects v1, whose pods have gone.
fn after_one_update() -> World {
    let mut world = deployed(&fixture::ping_pong(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    promote(&mut world);
    world.writes.clear();
    world
}

/// The writes without those of the status.
fn writes(world: &World) -> Vec<&str> {
    world.writes.iter().map(String::as_str).filter(|write| *write != "patch rollouts/status").collect()
}

#[test]
fn the_first_version_is_behind_ping() {
    let mut world = World::new(&fixture::ping_pong(&steps()));
    assert!(world.run(minutes()));
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Ping);
    assert_eq!((selected(&world, "web-ping"), selected(&world, "web-pong")), ("hash-v1", ""));
    assert_eq!(
        writes(&world),
        [
            "patch rollouts",
            "create replicasets web-hash-v1",
            "patch replicasets web-hash-v1 0->5",
            "patch services web-ping hash-v1",
        ]
    );
}

#[test]
fn a_promotion_swaps_the_roles_and_turns_nothing() {
    let mut world = deployed(&fixture::ping_pong(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    assert_eq!(world.status().message, "CanaryPauseStep");
    promote(&mut world);
    assert_eq!(
        writes(&world),
        [
            "patch rollouts",
            "create replicasets web-hash-v2",
            "patch replicasets web-hash-v2 0->1",
            "patch services web-pong hash-v2",
            "patch ingresses web 20",
            "patch replicasets web-hash-v2 1->5",
            "patch ingresses web 100",
            // Here v2 becomes stable, and nobody's requests go elsewhere because of it.
            "patch replicasets web-hash-v1",
            "patch replicasets web-hash-v1 5->0",
        ]
    );
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Pong);
    let weights = world.status().canary.weights.clone().unwrap();
    assert_eq!((weights.stable.service_name.as_str(), weights.stable.weight), ("web-pong", 100));
    assert_eq!((weights.canary.service_name.as_str(), weights.canary.weight), ("web-ping", 0));
    assert_eq!((selected(&world, "web-ping"), selected(&world, "web-pong")), ("hash-v1", "hash-v2"));
}

#[test]
fn a_service_whose_pods_have_gone_gets_no_request_before_every_proxy_knows_better() {
    let mut world = after_one_update();
    world.apply_version("v3");
    world.run(seconds(1));
    assert_eq!(selected(&world, "web-ping"), "hash-v2", "at first it leads to pods that are there");
    assert_eq!(world.snapshot.routes[0].canary_weight, Some(0));
    world.run(seconds(3));
    assert_eq!(world.set("v3").unwrap().available_replicas, 1);
    assert_eq!((selected(&world, "web-ping"), world.snapshot.routes[0].canary_weight), ("hash-v2", Some(0)));
    world.run(seconds(10));
    assert_eq!(
        writes(&world),
        [
            "patch rollouts",
            "create replicasets web-hash-v3",
            "patch replicasets web-hash-v3 0->1",
            "patch services web-ping hash-v2",
            "patch services web-ping hash-v3",
            "patch ingresses web 20",
        ]
    );
    promote(&mut world);
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Ping);
}

#[test]
fn an_abort_in_the_middle_leaves_the_roles_as_they_are() {
    let mut world = after_one_update();
    world.apply_version("v3");
    world.run(seconds(20));
    assert_eq!(world.status().message, "CanaryPauseStep");
    world.writes.clear();
    world.status().abort = true;
    world.run(seconds(1));
    assert_eq!(world.writes[0], "patch ingresses web 0", "{:?}", world.writes);
    assert!(world.run(minutes()));
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Pong);
    assert_eq!((selected(&world, "web-ping"), selected(&world, "web-pong")), ("hash-v2", "hash-v2"));
    assert_eq!(world.set("v3").unwrap().replicas, 0);
    world.writes.clear();
    world.status().abort = false;
    world.run(seconds(10));
    assert_eq!(
        writes(&world),
        ["patch replicasets web-hash-v3 0->1", "patch services web-ping hash-v3", "patch ingresses web 20",]
    );
    promote(&mut world);
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Ping);
}

#[test]
fn the_stable_version_comes_back_in_the_middle() {
    let mut world = after_one_update();
    world.apply_version("v3");
    world.run(seconds(20));
    world.writes.clear();
    world.apply_version("v2");
    assert!(world.run(minutes()));
    assert_eq!(world.status().phase.as_str(), "Healthy");
    assert_eq!(
        writes(&world),
        [
            "patch replicasets web-hash-v2",
            "patch rollouts",
            "patch ingresses web 0",
            "patch replicasets web-hash-v3 1->0"
        ]
    );
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Pong);
}

#[test]
fn the_version_before_comes_back_while_its_pods_are_there() {
    let mut world = deployed(&fixture::ping_pong(&steps()));
    world.apply_version("v2");
    world.run(seconds(10));
    world.status().pause_conditions.clear();
    world.run(seconds(10));
    assert_eq!(world.status().stable_rs, "hash-v2");
    assert_eq!(world.set("v1").unwrap().replicas, 5, "it is kept for a while");
    world.writes.clear();
    world.apply_version("v1");
    world.run(seconds(20));
    let turned: Vec<_> = writes(&world).into_iter().filter(|write| write.contains("services")).collect();
    assert!(turned.is_empty(), "ping selects it still: {turned:?}");
    promote(&mut world);
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Ping);
}

#[test]
fn a_full_promotion_leaves_pods_behind_a_route_until_it_has_turned() {
    let mut world = after_one_update();
    world.apply_version("v3");
    world.run(seconds(20));
    world.writes.clear();
    world.status().promote_full = true;
    assert!(world.run(minutes()));
    assert_eq!(world.status().stable_rs, "hash-v3");
    assert_eq!(world.status().canary.stable_ping_pong, PingPongRole::Ping);
    assert_eq!(
        writes(&world),
        [
            "patch replicasets web-hash-v3 1->5",
            // What is left of v2's share is the canary's from now on, and goes.
            "patch ingresses web 0",
            "patch replicasets web-hash-v2",
            "patch replicasets web-hash-v2 5->0",
        ]
    );
}

#[rstest]
#[case::nobody_is_kept(json!({ "scaleDownDelayRevisionLimit": 0 }))]
#[case::no_delay(json!({ "scaleDownDelaySeconds": 0 }))]
#[case::dynamic(json!({ "dynamicStableScale": true }))]
fn old_pods_go_although_a_service_selects_them(#[case] fields: Value) {
    let mut canary = fixture::ping_pong(&steps());
    canary.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut world = deployed(&canary);
    world.apply_version("v2");
    world.run(seconds(30));
    promote(&mut world);
    assert_eq!(world.set("v1").unwrap().replicas, 0, "{:?}", world.writes);
    assert_eq!(selected(&world, "web-ping"), "hash-v1");
}

#[rstest]
#[case::one_is_missing(json!({ "pingPong": { "pingService": "web-ping" } }),
    "spec.strategy.canary.pingPong.pongService: Invalid value: \"\": Ping service and Pong service must to be set to \
     use Ping-Pong feature")]
#[case::both_are_one(json!({ "pingPong": { "pingService": "web-ping", "pongService": "web-ping" } }),
    "spec.strategy.canary.pingPong.pingService: Invalid value: \"web-ping\": This rollout uses the same service for \
     the ping and pong services, but two different services are required.")]
#[case::others_too(json!({ "stableService": "web-stable" }),
    "spec.strategy.canary.stableService: Invalid value: \"web-stable\": pingPong takes the place of stableService: \
     remove one of them")]
#[case::behind_an_ingress(json!({ "trafficRouting": { "nginx": { "stableIngress": "web" } } }),
    "spec.strategy.canary.trafficRouting.nginx: Invalid value: set: Ping-pong feature works with the ALB and Istio \
     traffic routers only")]
#[case::without_a_router(json!({ "trafficRouting": null }),
    "spec.strategy.canary.pingPong: Invalid value: set: Canary pingPong can only be used with traffic routing")]
#[case::not_there(json!({ "pingPong": { "pingService": "web-ping", "pongService": "nobody" } }),
    "spec.strategy.canary.pingPong.pongService: Invalid value: \"nobody\": service \"nobody\" not found")]
fn what_cannot_be_acted_on(#[case] fields: Value, #[case] want: &str) {
    let mut canary = fixture::ping_pong(&steps());
    canary.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut snapshot = fixture::created(&canary);
    snapshot.services = fixture::created(&fixture::ping_pong(&steps())).services;
    let message = plan(&snapshot, fixture::start()).status.message;
    assert_eq!(message, format!("InvalidSpec: The Rollout \"web\" is invalid: {want}"));
}

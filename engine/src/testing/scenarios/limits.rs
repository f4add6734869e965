//! Objects and answers that are not as they should be.

use std::collections::VecDeque;
use std::time::Duration;

use crds::object_ref::Kind;
use serde_json::json;

use crate::effect::{Call, Effect};
use crate::input::{Answer, Input, WatchEvent};
use crate::object::decode;
use crate::testing::fixtures::{nginx, rollout, web};
use crate::testing::{START, World};
use crate::time::after;

#[test]
fn a_malformed_rollout_gets_a_status_and_its_neighbour_is_not_disturbed() {
    let mut world = World::new();
    let mut bad = rollout("web:1", &json!({}));
    bad["metadata"]["name"] = json!("bad");
    bad["spec"]["replicas"] = json!("many");
    let bad = world.api.put(Kind::Rollout, bad, START);
    world.deploy(&json!({}));
    let status = &world.api.objects[&bad]["status"];
    assert_eq!(status["phase"], "Degraded", "{status}");
    assert!(status["message"].as_str().unwrap().contains("spec.replicas"), "{status}");
    let writes = world.api.writes.len();
    world.run(Duration::from_hours(1));
    assert_eq!(world.api.writes.len(), writes);
}

/// Feeds the Rollout to an engine that leads and has seen everything else; returns the first write.
fn first_request(world: &mut World) -> (crate::effect::RequestId, crate::effect::Request) {
    let object = world.api.put(Kind::Rollout, rollout("web:2", &json!({})), world.now);
    let shown = decode(Kind::Rollout, &world.api.objects[&object].to_string()).unwrap();
    world.api.undelivered.clear();
    let event = WatchEvent::Apply(std::sync::Arc::new(shown));
    let mut inputs = VecDeque::from([Input::Watch { kind: Kind::Rollout, event }]);
    while let Some(input) = inputs.pop_front() {
        for effect in world.engine.handle(input, world.now) {
            let Effect::Request { id, request, .. } = effect else { continue };
            if request.call.is_write() {
                return (id, request);
            }
            inputs.push_back(Input::Answer { id, answer: world.api.call(&request, world.now) });
        }
    }
    panic!("nothing is written")
}

fn wakes(effects: &[Effect]) -> Vec<jiff::Timestamp> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Wake { at } = effect { Some(*at) } else { None })
        .collect()
}

#[test]
fn retry_after_is_obeyed_for_the_object_that_was_refused() {
    let mut world = World::new();
    world.settle();
    let (id, request) = first_request(&mut world);
    assert!(request.call.is_write());
    let answer = Answer::Refused {
        status: 429,
        reason: "TooManyRequests".to_owned(),
        message: "slow down".to_owned(),
        retry_after: Some(Duration::from_secs(7)),
    };
    let effects = world.engine.handle(Input::Answer { id, answer }, world.now);
    let again = after(world.now, Duration::from_secs(7));
    assert_eq!(wakes(&effects), [again]);
    let early = world.engine.handle(Input::Tick, after(world.now, Duration::from_secs(6)));
    assert!(!early.iter().any(|effect| matches!(effect, Effect::Request { .. })), "{early:?}");
    let due = world.engine.handle(Input::Tick, again);
    assert!(due.iter().any(|effect| matches!(effect, Effect::Request { .. })), "{due:?}");
}

#[test]
fn a_status_that_cannot_be_patched_becomes_a_warning_once() {
    let mut world = World::new();
    world.settle();
    let mut bad = rollout("web:1", &json!({}));
    bad["spec"]["replicas"] = json!("many");
    let object = world.api.put(Kind::Rollout, bad, world.now);
    let shown = decode(Kind::Rollout, &world.api.objects[&object].to_string()).unwrap();
    world.api.undelivered.clear();
    let mut inputs =
        vec![Input::Watch { kind: Kind::Rollout, event: WatchEvent::Apply(std::sync::Arc::new(shown)) }];
    let (mut warnings, mut patches, mut now) = (Vec::new(), 0, world.now);
    for _ in 0..50 {
        let input = inputs.pop().unwrap_or(Input::Tick);
        for effect in world.engine.handle(input, now) {
            match effect {
                Effect::Request { id, request, .. } => match &request.call {
                    Call::Get => inputs.push(Input::Answer { id, answer: world.api.call(&request, now) }),
                    Call::MergePatchStatus(_) => {
                        patches += 1;
                        let answer =
                            crate::testing::api::refused(422, "Invalid", "spec.replicas: must be integer");
                        inputs.push(Input::Answer { id, answer });
                    }
                    Call::Create(event) if request.object.kind == Kind::Event => {
                        warnings.push(format!("{} {}", event["type"], event["message"]));
                    }
                    other => panic!("{other:?}"),
                },
                Effect::Wake { at } => now = now.max(at),
                _ => {}
            }
        }
    }
    assert!(patches >= 2, "it is tried again, slowly");
    assert!(now > after(world.now, Duration::from_secs(30 * (patches - 2))), "{patches} tries until {now}");
    assert!(
        warnings.iter().any(|warning| warning.contains("spec.replicas: must be integer")),
        "{warnings:#?}"
    );
    assert!(warnings.iter().any(|warning| warning.contains("expected i32")), "{warnings:#?}");
}

#[test]
fn a_name_that_somebody_else_has_leads_to_the_next_one() {
    let mut world = World::new();
    let template = &rollout("web:1", &json!({}))["spec"]["template"];
    let hash = crds::template::pod_template_hash(&crds::TemplateText::from(template), None);
    let foreign = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": { "name": format!("web-{hash}"), "namespace": "shop" },
        "spec": { "replicas": 3, "template": {} },
    });
    let foreign = world.api.put(Kind::ReplicaSet, foreign, START);
    world.deploy(&json!({}));
    assert_eq!(world.status()["collisionCount"], 1, "{}", world.story());
    assert_eq!(world.api.objects[&foreign]["spec"]["replicas"], 3);
    assert_ne!(world.status()["stableRS"], hash);
}

#[test]
fn a_label_for_another_operator_takes_a_rollout_away_from_this_one() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 20 }, { "pause": {} }])));
    let label =
        json!({ "metadata": { "labels": { "argo-rollouts.argoproj.io/controller-instance-id": "b" } } });
    world.api.merge(&web(), &label);
    world.set_image("web:2");
    let writes = world.api.writes.len();
    world.settle();
    assert_eq!(world.api.writes.len(), writes);
    assert_eq!(world.engine.stats().objects["Rollout"], 0);
}

#[test]
fn what_a_router_lacks_is_told_once() {
    let mut world = World::new();
    world.deploy(&nginx(&json!([{ "setWeight": 50 }, { "pause": {} }])));
    world.api.delete(&crds::object_ref::ObjectRef::new(Kind::Ingress, "shop", "web"));
    world.set_image("web:2");
    world.settle();
    let told = |world: &World| {
        let warnings = world.api.events.iter().filter(|event| event.starts_with("TrafficRoutingError"));
        warnings.cloned().collect::<Vec<_>>()
    };
    assert_eq!(told(&world).len(), 1, "{}", world.story());
    assert!(
        told(&world)[0].contains("Ingress") && told(&world)[0].contains("not found"),
        "{}",
        world.story()
    );
    world.run(Duration::from_mins(4));
    assert_eq!(told(&world).len(), 1, "{}", world.story());
}

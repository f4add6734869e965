//! Pods of two versions on different nodes.

use crds::TemplateText;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::fixture;
use crate::rollout::{Action, plan};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// The affinity of the pods of a ReplicaSet that is created next.
fn affinity(world: &World) -> Value {
    let plan = plan(&world.snapshot, world.now);
    let [Action::PatchRollout { .. }, Action::CreateReplicaSet { object, .. }] = plan.actions.as_slice()
    else {
        panic!("{:?}", plan.actions)
    };
    object["spec"]["template"]["spec"]["affinity"].clone()
}

fn term() -> Value {
    json!({
        "labelSelector": { "matchExpressions": [
            { "key": "rollouts-pod-template-hash", "operator": "In", "values": ["hash-v1"] },
        ] },
        "namespaces": ["default"],
        "topologyKey": "kubernetes.io/hostname",
    })
}

#[rstest]
#[case::never(json!({ REQUIRED: {} }), json!({ REQUIRED: [term()] }))]
#[case::if_possible(json!({ PREFERRED: { "weight": 7 } }),
    json!({ PREFERRED: [{ "weight": 7, "podAffinityTerm": term() }] }))]
fn the_new_version_keeps_away_from_the_stable_one(#[case] rule: Value, #[case] want: Value) {
    let strategies = [
        json!({ "canary": { "antiAffinity": rule } }),
        fixture::blue_green(&json!({ "antiAffinity": rule })),
    ];
    for strategy in strategies {
        let mut world = World::with(&strategy);
        assert_eq!(affinity(&world), Value::Null, "there is nobody to keep away from");
        assert!(world.run(SignedDuration::from_mins(5)));
        world.apply_version("v2");
        assert_eq!(affinity(&world)["podAntiAffinity"], want);
    }
}

#[test]
fn what_the_user_asks_for_stays() {
    let mut world = World::with(&json!({ "canary": { "antiAffinity": { REQUIRED: {} } } }));
    assert!(world.run(SignedDuration::from_mins(5)));
    world.apply_version("v2");
    let own = json!({ "labelSelector": { "matchLabels": { "app": "noisy" } }, "topologyKey": "zone" });
    let nodes = json!({ REQUIRED: { "nodeSelectorTerms": [] } });
    let template = world.snapshot.template.as_mut().unwrap();
    let mut text: Value = template.text.to_value();
    text["spec"]["affinity"] = json!({ "nodeAffinity": nodes, "podAntiAffinity": { REQUIRED: [own] } });
    template.text = TemplateText::from(&text);
    let want = json!({ "nodeAffinity": nodes, "podAntiAffinity": { REQUIRED: [own, term()] } });
    assert_eq!(affinity(&world), want);
}

#[test]
fn without_the_wish_nothing_is_added() {
    let mut world = World::with(&json!({ "canary": {} }));
    assert!(world.run(SignedDuration::from_mins(5)));
    world.apply_version("v2");
    assert_eq!(affinity(&world), Value::Null);
}

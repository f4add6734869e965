//! One fault at each write of an update: the end is that of an undisturbed run.

use std::collections::BTreeMap;

use crds::object_ref::{Kind, ObjectRef};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::testing::fixtures::{blue_green, nginx};
use crate::testing::{Fault, World};

/// How the new version comes in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Canary,
    /// A canary whose stable version shrinks as the traffic leaves it.
    Dynamic,
    BlueGreen,
}

impl Way {
    fn strategy(self) -> Value {
        match self {
            Self::Canary => json!({ "canary": nginx(&json!([
                { "setWeight": 20 }, { "pause": { "duration": "2s" } },
                { "setWeight": 60 }, { "pause": { "duration": "2s" } },
            ])) }),
            Self::Dynamic => {
                let mut canary = nginx(&json!([
                    { "setCanaryScale": { "replicas": 2 } }, { "setWeight": 20 }, { "pause": { "duration": "2s" } },
                    { "setCanaryScale": { "matchTrafficWeight": true } }, { "setWeight": 60 },
                ]));
                canary["dynamicStableScale"] = json!(true);
                json!({ "canary": canary })
            }
            Self::BlueGreen => blue_green(),
        }
    }

    /// How many ReplicaSets, canary Ingresses and AnalysisRuns an update leaves behind, the first deploy included.
    fn creations(self) -> [usize; 3] {
        match self {
            Self::Canary | Self::Dynamic => [2, 1, 0],
            Self::BlueGreen => [2, 0, 2],
        }
    }
}

fn good(_: usize) -> &'static str {
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.01"]}]}}"#
}

/// Deploys, updates, and lets everything come to rest.
fn story(way: Way, faults: impl IntoIterator<Item = (usize, Fault)>, slow_watch: bool) -> World {
    let mut world = World::new();
    world.faults = faults.into_iter().collect();
    world.slow_watch = slow_watch;
    world.metric = Some(good);
    world.deploy_with(&way.strategy());
    world.set_image("web:2");
    world.settle();
    world.settle();
    world
}

/// What there is in the end, without what differs from run to run.
fn end(world: &World) -> BTreeMap<ObjectRef, Value> {
    let mut objects = world.api.objects.clone();
    objects.retain(|object, _| object.kind != Kind::Event);
    for object in objects.values_mut() {
        strip(object);
    }
    objects
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, value| {
                let time = value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
                let moving =
                    ["uid", "resourceVersion", "generation", "observedGeneration", "touched", "linnet"];
                !time && !moving.contains(&key.as_str())
            });
            fields.retain(|key, value| {
                key != "labels" || value.as_object().is_some_and(|labels| !labels.is_empty())
            });
            fields.values_mut().for_each(strip);
            fields.retain(|key, value| key != "labels" || *value != json!({}));
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[rstest]
fn a_fault_at_any_write_changes_nothing_in_the_end(
    #[values(Way::Canary, Way::Dynamic, Way::BlueGreen)] way: Way,
) {
    let undisturbed = story(way, [], false);
    let (want, writes) = (end(&undisturbed), undisturbed.writes_seen());
    assert!(writes > 15, "{:#?}", undisturbed.api.writes);
    for (fault, index) in
        Fault::ALL.into_iter().flat_map(|fault| (0..writes).map(move |index| (fault, index)))
    {
        let world = story(way, [(index, fault)], false);
        compare(&world, &want, &format!("{fault:?} at write {index}"));
        let created = ["ReplicaSet", "Ingress", "AnalysisRun"].map(|kind| {
            world.api.writes.iter().filter(|write| write.starts_with(&format!("create {kind}"))).count()
        });
        assert_eq!(created, way.creations(), "{fault:?} at write {index}");
    }
}

/// Demands that everything is in the end as it is without faults.
fn compare(world: &World, want: &BTreeMap<ObjectRef, Value>, what: &str) {
    assert_eq!(world.phase(), "Healthy", "{what}: {}", world.story());
    let got = end(world);
    assert!(got.keys().eq(want.keys()), "{what}: {:?}", got.keys());
    for (object, got) in got {
        assert_eq!(got, want[&object], "{what}: {object}\n{}", world.story());
    }
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop::sample::select(&Fault::ALL)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn several_faults_and_late_watches_change_nothing_either(
        faults in prop::collection::btree_map(0_usize..30, any_fault(), 1..6),
        slow_watch: bool,
        way in prop::sample::select(vec![Way::Canary, Way::Dynamic, Way::BlueGreen]),
    ) {
        let want = end(&story(way, [], false));
        let world = story(way, faults.clone(), slow_watch);
        compare(&world, &want, &format!("{way:?}, {faults:?}, slow watch: {slow_watch}"));
    }
}

#[test]
fn every_weight_is_set_once_and_in_order_whatever_answer_is_lost() {
    let writes = story(Way::Canary, [], false).writes_seen();
    for index in 0..writes {
        let world = story(Way::Canary, [(index, Fault::AnswerLost)], false);
        let steps = world.api.events.iter().filter(|event| event.starts_with("RolloutStepCompleted")).count();
        assert!(steps <= 4, "{:#?}", world.api.events);
        let weights = world.api.writes.iter().filter(|write| write.contains(" Ingress ")).count();
        assert_eq!(weights, 4, "at write {index}: {:#?}", world.api.writes);
    }
}

#[test]
fn a_lost_answer_is_followed_by_a_live_read_at_once() {
    let mut world = World::new();
    world.deploy_with(&Way::Canary.strategy());
    world.faults = [(world.writes_seen(), Fault::AnswerLost)].into();
    let (before, at) = (world.trace.len(), world.now);
    world.set_image("web:2");
    world.run(std::time::Duration::from_millis(20));
    let object = ObjectRef::new(Kind::Rollout, "shop", "web");
    assert!(world.now > at);
    let get = format!("object: {object:?}, call: Get");
    assert!(
        world.trace[before..].iter().any(|request| request.contains(&get)),
        "{:#?}",
        &world.trace[before..]
    );
    assert_eq!(world.engine.stats().unseen_writes, 0);
}

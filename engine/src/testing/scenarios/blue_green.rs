//! Blue-green: the users are switched once, and back at once.

use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use serde_json::json;

use crate::testing::World;
use crate::testing::fixtures::{blue_green, web};

const GOOD: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.01"]}]}}"#;
const BAD: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.5"]}]}}"#;

fn switches(world: &World) -> usize {
    world.api.writes.iter().filter(|write| *write == "patch Service web-active").count()
}

#[test]
fn an_update_is_measured_switched_measured_again_and_then_rests() {
    let mut world = World::new();
    world.metric = Some(|_| GOOD);
    world.deploy_with(&blue_green());
    let (before, old) = (world.api.writes.len(), world.selected("web-active").to_owned());
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
    let new = world.status()["stableRS"].as_str().unwrap();
    assert!(new != old && world.selected("web-active") == new && world.selected("web-preview") == new);
    assert_eq!(switches(&world), 2, "one of them at the first deploy: {}", world.story());
    let writes = &world.api.writes[before..];
    assert!(writes.len() <= 30, "{} writes: {writes:#?}", writes.len());
    let runs = writes.iter().filter(|write| write.starts_with("create AnalysisRun")).collect::<Vec<_>>();
    assert!(runs[0].ends_with("-pre") && runs[1].ends_with("-post"), "{runs:?}");
    let at_rest = world.api.writes.len();
    world.run(Duration::from_hours(1));
    assert_eq!(world.api.writes.len(), at_rest);
}

#[test]
fn between_a_verdict_after_the_switch_and_the_way_back_lies_no_other_write() {
    let mut world = World::new();
    // Four good measurements before the switch, and then bad ones.
    world.metric = Some(|asked| if asked < 4 { GOOD } else { BAD });
    world.deploy_with(&blue_green());
    let old = world.selected("web-active").to_owned();
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.phase(), "Degraded", "{}", world.story());
    assert_eq!(world.selected("web-active"), old);
    let verdict = world.api.writes.iter().rposition(|write| write.contains("AnalysisRun")).unwrap();
    assert_eq!(world.api.writes[verdict + 1], "patch Service web-active", "{}", world.story());
    let message = world.status()["message"].as_str().unwrap();
    assert!(message.contains("Blue/green post-promotion analysis phase error/failed: "), "{message}");
}

#[test]
fn an_abort_by_a_person_goes_ahead_of_a_spec_that_cannot_be_read() {
    let mut world = World::new();
    world.metric = Some(|asked| if asked < 4 { GOOD } else { "" });
    world.deploy_with(&blue_green());
    let old = world.selected("web-active").to_owned();
    world.set_image("web:2");
    world.run(Duration::from_secs(6));
    assert_ne!(world.selected("web-active"), old, "{}", world.story());
    world.api.merge(&web(), &json!({ "spec": { "replicas": "many" } }));
    world.patch_status(&json!({ "abort": true }));
    world.run(Duration::from_secs(2));
    assert_eq!(world.selected("web-active"), old, "{}", world.story());
}

#[test]
fn a_service_that_comes_late_is_waited_for() {
    let mut world = World::new();
    world.metric = Some(|_| GOOD);
    world.deploy_with(&blue_green());
    let preview = ObjectRef::new(Kind::Service, "shop", "web-preview");
    let object = world.api.objects[&preview].clone();
    world.api.delete(&preview);
    world.set_image("web:2");
    world.settle();
    assert_eq!(world.phase(), "Degraded");
    let message = world.status()["message"].as_str().unwrap();
    assert!(message.contains("service \"web-preview\" not found"), "{message}");
    world.api.put(Kind::Service, object, world.now);
    world.settle();
    assert_eq!(world.phase(), "Healthy", "{}", world.story());
}

//! Blue-green updates.

mod aborts;
mod mishaps;
mod returns;
mod updates;
mod validation;

use crds::analysis::AnalysisPhase;
use crds::analysis::AnalysisTemplateSpec;
use crds::names::POD_TEMPLATE_HASH;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::facts::TemplateFacts;
use crate::fixture;
use crate::rollout::tests::world::World;

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn created(fields: &Value) -> World {
    let mut world = World::with(&fixture::blue_green(fields));
    let spec: AnalysisTemplateSpec = serde_json::from_value(json!({
        "args": [{ "name": "hash" }],
        "metrics": [{ "name": "smoke", "provider": { "prometheus": { "query": "up" } } }],
    }))
    .unwrap();
    let facts = TemplateFacts { meta: fixture::meta("smoke", "uid-smoke"), spec: Ok(spec) };
    world.snapshot.templates.insert("smoke".to_owned(), facts.into());
    world
}

fn deployed(fields: &Value) -> World {
    let mut world = created(fields);
    assert!(world.run(seconds(300)));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    assert_eq!((active(&world), preview(&world)), ("hash-v1", "hash-v1"));
    world.writes.clear();
    world.events.clear();
    world
}

fn analysis() -> Value {
    json!({
        "templates": [{ "templateName": "smoke" }],
        "args": [{ "name": "hash", "valueFrom": { "podTemplateHashValue": "Latest" } }],
    })
}

fn selected<'a>(world: &'a World, service: &str) -> &'a str {
    world.snapshot.services[service].selector.get(POD_TEMPLATE_HASH).map_or("", String::as_str)
}

fn active(world: &World) -> &str {
    selected(world, "web-active")
}

fn preview(world: &World) -> &str {
    selected(world, "web-preview")
}

fn events(world: &World) -> Vec<String> {
    world.events.iter().map(|event| format!("{}: {}", event.reason, event.message)).collect()
}

fn reasons(world: &World) -> Vec<&'static str> {
    world.events.iter().map(|event| event.reason).collect()
}

fn sizes(world: &World) -> Vec<(&str, i32)> {
    world.snapshot.replica_sets.iter().map(|set| (set.hash.as_str(), set.replicas)).collect()
}

fn answer(world: &mut World, phase: AnalysisPhase, message: &str) {
    let run = world.snapshot.analysis_runs.last_mut().unwrap();
    run.status.phase = phase;
    message.clone_into(&mut run.status.message);
}

fn message(world: &World) -> &str {
    &world.snapshot.rollout.status.message
}

fn stable(world: &World) -> &str {
    &world.snapshot.rollout.status.stable_rs
}

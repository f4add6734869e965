//! How many writes an update takes, and that none are made at rest.

use jiff::SignedDuration;
use serde_json::json;

use super::world::World;
use crate::fixture;
use crate::waiting::Waiting;

fn steps() -> serde_json::Value {
    json!([
        { "setWeight": 20 },
        { "pause": { "duration": "2s" } },
        { "setWeight": 60 },
        { "pause": { "duration": "2s" } },
    ])
}

#[test]
fn an_update_of_five_pods_through_nginx_takes_few_writes() {
    let mut world = World::new(&fixture::routed(&steps()));
    assert!(world.run(SignedDuration::from_mins(5)), "the first deploy rests");
    assert_eq!(world.status().phase.as_str(), "Healthy");
    world.writes.clear();
    world.apply_version("v2");
    world.run(SignedDuration::from_secs(10));
    assert_eq!(world.status().phase.as_str(), "Healthy", "{:#?}", world.last);
    println!("an update of 5 replicas, 20/60, two pauses of 2 s: {} writes", world.writes.len());
    assert!(world.writes.len() <= 24, "{} writes: {:#?}", world.writes.len(), world.writes);
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(world.last.as_ref().unwrap().waiting, [Waiting::AtRest]);
}

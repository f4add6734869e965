//! ReplicaSets that nobody controls.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use super::world::World;
use crate::facts::{Controller, ReplicaSetFacts};
use crate::fixture;
use crate::rollout::{Action, plan};
use crate::shared::Shared;

/// A ReplicaSet of a version that was left to itself.
fn orphan(version: &str, revision: i64, replicas: i32) -> Shared<ReplicaSetFacts> {
    let mut set = fixture::replica_set(version, revision, replicas);
    set.meta.labels.insert("app".to_owned(), fixture::ROLLOUT.to_owned());
    set
}

fn owner(kind: &str) -> Controller {
    Controller { kind: kind.to_owned(), name: "other".to_owned(), uid: "uid-other".to_owned() }
}

#[rstest]
#[case::left_to_itself(|_: &mut ReplicaSetFacts| {}, true)]
#[case::another_rollouts(|set: &mut ReplicaSetFacts| set.meta.controller = Some(owner("Rollout")), false)]
#[case::a_deployments(|set: &mut ReplicaSetFacts| set.meta.controller = Some(owner("Deployment")), false)]
#[case::on_its_way_out(|set: &mut ReplicaSetFacts| set.meta.deleting = true, false)]
#[case::without_a_hash(|set: &mut ReplicaSetFacts| set.hash.clear(), false)]
#[case::of_another_application(
    |set: &mut ReplicaSetFacts| { set.meta.labels.insert("app".to_owned(), "shop".to_owned()); }, false)]
#[case::of_an_experiment(
    |set: &mut ReplicaSetFacts| {
        set.meta.annotations.insert("experiment.argoproj.io/name".to_owned(), "try".to_owned());
    }, false)]
fn who_is_taken_over(#[case] change: fn(&mut ReplicaSetFacts), #[case] want: bool) {
    let mut snapshot = fixture::created(&json!({}));
    let mut set = orphan("v0", 1, 3);
    change(&mut set);
    snapshot.orphans.push(set);
    let plan = plan(&snapshot, fixture::start());
    let adopted = plan.actions.iter().any(|action| matches!(action, Action::AdoptReplicaSet { .. }));
    assert_eq!(adopted, want, "{:?}", plan.actions);
    assert!(!adopted || plan.actions.len() == 1, "nothing else is done before: {:?}", plan.actions);
}

#[test]
fn a_rollout_that_was_made_anew_goes_on_with_the_pods_that_were_left() {
    let mut world = World::new(&json!({}));
    world.snapshot.orphans.push(orphan("v1", 3, 5));
    assert!(world.run(SignedDuration::from_mins(5)));
    assert_eq!(world.status().stable_rs, "hash-v1");
    assert_eq!(world.writes.first().map(String::as_str), Some("adopt replicasets web-hash-v1"));
    let others = world.writes.iter().filter(|write| write.contains("replicasets"));
    assert_eq!(others.count(), 1, "no pod comes or goes: {:?}", world.writes);
}

#[test]
fn both_versions_of_an_update_are_taken_over_before_any_pod_goes() {
    let mut world = World::new(&json!({ "steps": [{ "setWeight": 20 }, { "pause": {} }] }));
    world.snapshot.orphans.extend([orphan("v0", 1, 4), orphan("v1", 2, 1)]);
    assert!(world.run(SignedDuration::from_mins(5)));
    let first: Vec<&str> = world.writes.iter().take(2).map(String::as_str).collect();
    assert_eq!(first, ["adopt replicasets web-hash-v0", "adopt replicasets web-hash-v1"]);
    assert_eq!(world.status().stable_rs, "hash-v0");
    assert_eq!(world.status().current_step_index, Some(1));
    let pods = |version: &str| world.set(version).map(|set| set.available_replicas);
    assert_eq!([pods("v0"), pods("v1")], [Some(4), Some(1)], "{:?}", world.writes);
}

//! Labels and annotations that pods carry because of their version's role.

use crds::TemplateText;
use crds::metadata::PodTemplateMetadata;
use crds::names::EPHEMERAL_METADATA;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::World;
use crate::facts::{Controller, PodFacts, ReplicaSetFacts};
use crate::fixture;
use crate::rollout::{Action, MetadataChanges, TemplateIdentity, plan};
use crate::shared::Shared;
use crate::waiting::Waiting;

fn read(value: &Value) -> PodTemplateMetadata {
    serde_json::from_value(value.clone()).unwrap()
}

fn roles() -> Value {
    json!({
        "canaryMetadata": { "labels": { "role": "canary" }, "annotations": { "try": "yes" } },
        "stableMetadata": { "labels": { "role": "stable" } },
        "steps": [{ "setWeight": 20 }, { "pause": {} }],
    })
}

/// Carries out what is planned for a template.
pub(super) fn patch_set(set: &mut ReplicaSetFacts, added: Option<&str>, changes: &MetadataChanges) {
    match added {
        Some(added) => set.meta.annotations.insert(EPHEMERAL_METADATA.to_owned(), added.to_owned()),
        None => set.meta.annotations.remove(EPHEMERAL_METADATA),
    };
    let mut held = set.template_metadata.take().unwrap_or_default();
    merge(&mut held.labels, &changes.labels);
    merge(&mut held.annotations, &changes.annotations);
    set.template_metadata = added.map(|_| held);
    set.meta.generation += 1;
    set.observed_generation = set.meta.generation;
}

/// Carries out what is planned for a pod.
pub(super) fn patch_pod(pod: &mut PodFacts, changes: &MetadataChanges) {
    merge(&mut pod.meta.labels, &changes.labels);
    merge(&mut pod.meta.annotations, &changes.annotations);
}

fn merge(
    held: &mut std::collections::BTreeMap<String, String>,
    changes: &std::collections::BTreeMap<String, Option<String>>,
) {
    for (key, text) in changes {
        match text {
            Some(text) => held.insert(key.clone(), text.clone()),
            None => held.remove(key),
        };
    }
}

/// Gives a version's ReplicaSet so many pods that carry this.
fn pods(world: &mut World, version: &str, count: usize, carried: &Value) {
    let set = world.set(version).unwrap().clone();
    let carried = read(carried);
    let all = world.snapshot.pods.get_or_insert_default();
    all.retain(|pod| pod.meta.controller.as_ref().is_none_or(|owner| owner.uid != set.meta.uid));
    for number in 0..count {
        let name = format!("{}-{number}", set.meta.name);
        let mut meta = fixture::meta(&name, &format!("uid-{name}"));
        meta.labels.clone_from(&carried.labels);
        meta.annotations.clone_from(&carried.annotations);
        let (kind, name, uid) = ("ReplicaSet".to_owned(), set.meta.name.clone(), set.meta.uid.clone());
        meta.controller = Some(Controller { kind, name, uid });
        all.push(Shared::new(PodFacts { meta, ready_since: None }));
    }
}

fn added(world: &World, version: &str) -> Option<PodTemplateMetadata> {
    let text = world.set(version)?.meta.annotations.get(EPHEMERAL_METADATA)?;
    Some(serde_json::from_str(text).unwrap())
}

/// A world in which v1 is stable and v2 waits at its pause.
fn paused(strategy: &Value) -> World {
    let mut world = World::new(strategy);
    assert!(world.run(jiff::SignedDuration::from_mins(5)));
    world.apply_version("v2");
    world.run(jiff::SignedDuration::from_mins(5));
    world
}

#[test]
fn a_replica_set_is_created_with_the_metadata_of_its_first_role() {
    let created = |strategy: &Value, stable: &str| {
        let mut snapshot = fixture::created(strategy);
        stable.clone_into(&mut snapshot.rollout.status.stable_rs);
        let plan = plan(&snapshot, fixture::start());
        plan.actions
            .into_iter()
            .find_map(|action| match action {
                Action::CreateReplicaSet { object, .. } => Some(object),
                _ => None,
            })
            .unwrap()
    };
    let first = created(&roles(), "");
    assert_eq!(first["spec"]["template"]["metadata"]["labels"]["role"], "stable");
    assert_eq!(first["metadata"]["annotations"][EPHEMERAL_METADATA], r#"{"labels":{"role":"stable"}}"#);
    assert_eq!(first["metadata"]["labels"]["role"], Value::Null, "the role is no part of the version");
    let next = created(&roles(), "hash-v0");
    assert_eq!(next["spec"]["template"]["metadata"]["annotations"]["try"], "yes");
    assert_eq!(next["metadata"]["name"], first["metadata"]["name"], "the name is that of the template alone");
    let without = created(&json!({}), "");
    assert_eq!(without["metadata"]["annotations"][EPHEMERAL_METADATA], Value::Null);
}

#[test]
fn a_promoted_version_loses_what_its_earlier_role_added_and_restarts_nothing() {
    let mut world = paused(&roles());
    pods(&mut world, "v1", 4, &json!({ "labels": { "role": "stable" } }));
    pods(&mut world, "v2", 1, &json!({ "labels": { "role": "canary" }, "annotations": { "try": "yes" } }));
    assert_eq!(added(&world, "v2"), Some(read(&roles()["canaryMetadata"])));
    world.status().pause_conditions.clear();
    world.writes.clear();
    // The pods of the promoted version are known one by one, as they start.
    for _ in 0..40 {
        world.run(jiff::SignedDuration::from_millis(100));
        let count = usize::try_from(world.set("v2").unwrap().current_replicas).unwrap();
        let held = world.set("v2").unwrap().template_metadata.clone().unwrap();
        let known = world.snapshot.pods.as_ref().unwrap().iter();
        let known = known.filter(|pod| pod.meta.name.starts_with("web-hash-v2")).count();
        if count != known {
            pods(&mut world, "v2", count, &json!({ "labels": held.labels, "annotations": held.annotations }));
        }
        let left = usize::try_from(world.set("v1").unwrap().current_replicas).unwrap();
        if left == 0 {
            pods(&mut world, "v1", 0, &json!({}));
        }
    }
    assert_eq!(world.snapshot.rollout.status.stable_rs, "hash-v2", "{:?}", world.writes);
    assert_eq!(added(&world, "v2"), Some(read(&roles()["stableMetadata"])));
    assert_eq!(added(&world, "v1"), None, "an old version has no role");
    for pod in world.snapshot.pods.iter().flatten().filter(|pod| pod.meta.name.starts_with("web-hash-v2")) {
        assert_eq!((pod.meta.labels["role"].as_str(), pod.meta.annotations.get("try")), ("stable", None));
    }
}

#[test]
fn templates_come_before_pods_and_the_note_goes_last() {
    let mut world = paused(&roles());
    pods(&mut world, "v1", 4, &json!({ "labels": { "role": "stable" } }));
    pods(&mut world, "v2", 1, &json!({ "labels": { "role": "canary" }, "annotations": { "try": "yes" } }));
    let mut spec = world.snapshot.rollout.spec.clone().unwrap();
    spec.strategy.canary.as_mut().unwrap().canary_metadata =
        Some(read(&json!({ "labels": { "role": "new" } })));
    world.snapshot.rollout.spec = Ok(spec);
    world.writes.clear();
    world.run(jiff::SignedDuration::from_secs(2));
    let of_roles = |write: &&String| write.contains("template") || write.contains("pods");
    let writes: Vec<&String> = world.writes.iter().filter(of_roles).collect();
    let (set, pod) = ("patch replicasets web-hash-v2 template", "patch pods web-hash-v2-0");
    assert_eq!(writes, [set, pod, set], "what the pod still carries is noted until it is gone");
    assert_eq!(added(&world, "v2"), Some(read(&json!({ "labels": { "role": "new" } }))));
}

#[rstest]
#[case::the_template_is_not_seen_by_its_controller(|set: &mut ReplicaSetFacts| set.meta.generation += 1)]
#[case::a_pod_is_not_known(|set: &mut ReplicaSetFacts| set.current_replicas += 1)]
fn what_a_pod_may_still_carry_stays_noted(#[case] behind: fn(&mut ReplicaSetFacts)) {
    let mut world = paused(&roles());
    pods(&mut world, "v1", 4, &json!({ "labels": { "role": "stable" } }));
    pods(&mut world, "v2", 1, &json!({ "labels": { "role": "canary" } }));
    let set = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v2").unwrap();
    let noted = r#"{"labels":{"role":"canary"},"annotations":{"try":"yes","old":"x"}}"#;
    set.meta.annotations.insert(EPHEMERAL_METADATA.to_owned(), noted.to_owned());
    set.template_metadata = Some(Box::new(read(&roles()["canaryMetadata"])));
    let mut unseen = world.snapshot.clone();
    behind(unseen.replica_sets.iter_mut().find(|set| set.hash == "hash-v2").unwrap());
    let is_note = |action: &Action| matches!(action, Action::PatchTemplateMetadata { name, .. } if name == "web-hash-v2");
    let now = world.now;
    assert!(!plan(&unseen, now).actions.iter().any(is_note));
    // The pod lacks an annotation, so it comes first even when all is seen.
    let first = plan(&world.snapshot, now).actions;
    assert!(matches!(first.first(), Some(Action::PatchPod { .. })), "{first:?}");
}

#[test]
fn a_value_of_the_template_itself_comes_back() {
    let mut world =
        paused(&json!({ "canaryMetadata": { "labels": { "tier": "canary" } }, "steps": [{ "pause": {} }] }));
    let template = world.snapshot.template.clone().unwrap();
    let mut text = template.text.to_value();
    text["metadata"]["labels"]["tier"] = json!("front");
    let (digest, hash) = (template.digest.clone(), template.hash.clone());
    world.snapshot.template = Some(TemplateIdentity::new(TemplateText::from(&text), digest, hash).into());
    let held = json!({ "labels": { "tier": "canary" } });
    pods(&mut world, "v1", 5, &json!({}));
    world.status().stable_rs = "hash-v2".to_owned();
    let set = world.snapshot.replica_sets.iter_mut().find(|set| set.hash == "hash-v2").unwrap();
    set.meta.annotations.insert(EPHEMERAL_METADATA.to_owned(), held.to_string());
    set.template_metadata = Some(Box::new(read(&held)));
    pods(&mut world, "v2", 1, &held);
    world.run(jiff::SignedDuration::from_secs(5));
    let pod = world.snapshot.pods.iter().flatten().find(|pod| pod.meta.name == "web-hash-v2-0").unwrap();
    assert_eq!(pod.meta.labels["tier"], "front", "{:?}", world.writes);
}

#[test]
fn pods_that_are_not_known_yet_are_waited_for_and_hold_nothing_up() {
    let mut world = paused(&roles());
    world.snapshot.pods = None;
    let plan = plan(&world.snapshot, world.now);
    assert_eq!(plan.actions, []);
    assert!(
        plan.waiting.contains(&Waiting::PodsUnread { replica_set: "web-hash-v2".to_owned() }),
        "{plan:?}"
    );
}

#[test]
fn blue_green_has_the_same_two_roles() {
    let fields = json!({
        "autoPromotionEnabled": false,
        "previewMetadata": { "labels": { "role": "preview" } },
        "activeMetadata": { "labels": { "role": "active" } },
    });
    let mut world = World::with(&fixture::blue_green(&fields));
    assert!(world.run(jiff::SignedDuration::from_mins(5)));
    assert_eq!(added(&world, "v1"), Some(read(&fields["activeMetadata"])));
    world.apply_version("v2");
    world.run(jiff::SignedDuration::from_mins(5));
    assert_eq!(added(&world, "v2"), Some(read(&fields["previewMetadata"])), "{:?}", world.writes);
    assert_eq!(added(&world, "v1"), Some(read(&fields["activeMetadata"])));
}

#[rstest]
#[case::selector(json!({ "canaryMetadata": { "labels": { "app": "x" } } }),
    "spec.strategy.canary.canaryMetadata.labels: Invalid value: \"app\": the selector names this label: pods would \
     be lost to their ReplicaSet")]
#[case::hash(json!({ "stableMetadata": { "labels": { "rollouts-pod-template-hash": "x" } } }),
    "spec.strategy.canary.stableMetadata.labels: Invalid value: \"rollouts-pod-template-hash\": the selector names \
     this label: pods would be lost to their ReplicaSet")]
#[case::value(json!({ "canaryMetadata": { "labels": { "role": "a b" } } }),
    "spec.strategy.canary.canaryMetadata.labels: Invalid value: \"a b\": a label's value has at most 63 letters, \
     digits, '-', '_' or '.', and begins and ends with a letter or digit")]
#[case::name(json!({ "canaryMetadata": { "annotations": { "-x": "1" } } }),
    "spec.strategy.canary.canaryMetadata.annotations: Invalid value: \"-x\": a name has at most 63 letters, digits, \
     '-', '_' or '.', begins and ends with a letter or digit, and may follow a DNS name and '/'")]
#[case::fine(json!({ "canaryMetadata": { "labels": { "a.b/Role_1": "" }, "annotations": { "x": "a b" } } }), "")]
fn what_the_api_server_would_refuse_is_said_first(#[case] canary: Value, #[case] want: &str) {
    let message = plan(&fixture::created(&canary), fixture::start()).status.message;
    let said = if want.is_empty() {
        String::new()
    } else {
        format!("InvalidSpec: The Rollout \"web\" is invalid: {want}")
    };
    assert!(if want.is_empty() { !message.contains("InvalidSpec") } else { message == said }, "{message}");
}

//! What pods carry because of their version's role: at rest exactly what the spec says, and nothing of another role.

use std::collections::BTreeMap;

use crds::condition::{self, ConditionType};
use crds::metadata::PodTemplateMetadata;
use crds::names::EPHEMERAL_METADATA;
use crds::object_ref::Kind;
use engine::object::View;
use planner::facts::{ReplicaSetFacts, RolloutFacts};

use super::rollouts;
use crate::roles;
use crate::store::Store;

type Texts = BTreeMap<String, String>;

/// Versions and pods that do not carry what they should at rest.
pub(super) fn wrongly(store: &Store) -> Vec<String> {
    rollouts(store).flat_map(|facts| of_rollout(facts, store)).collect()
}

fn of_rollout(facts: &RolloutFacts, store: &Store) -> Vec<String> {
    let is_invalid = condition::find(&facts.status.conditions, ConditionType::InvalidSpec).is_some();
    let Some([users, new]) = roles_of(facts) else { return Vec::new() };
    let is_held = facts.spec.as_ref().is_ok_and(|spec| spec.paused);
    if is_invalid || is_held || facts.status.stable_rs.is_empty() {
        return Vec::new();
    }
    let nothing = PodTemplateMetadata::default();
    let mut messages = Vec::new();
    for set in roles::sets(store, facts).filter(|set| !set.meta.deleting) {
        let wanted = if set.hash == facts.status.stable_rs {
            &users
        } else if set.hash == facts.status.current_pod_hash {
            &new
        } else {
            &nothing
        };
        messages.extend(of_set(set, wanted, [&users, &new], store));
    }
    messages
}

/// What the users' version and the new one are to carry.
fn roles_of(facts: &RolloutFacts) -> Option<[PodTemplateMetadata; 2]> {
    let strategy = &facts.spec.as_ref().ok()?.strategy;
    let roles = match (&strategy.canary, &strategy.blue_green) {
        (Some(canary), _) => [&canary.stable_metadata, &canary.canary_metadata],
        (None, Some(blue_green)) => [&blue_green.active_metadata, &blue_green.preview_metadata],
        (None, None) => return None,
    };
    let is_asked = roles.iter().any(|role| role.is_some());
    is_asked.then(|| roles.map(|role| role.clone().unwrap_or_default()))
}

fn of_set(
    set: &ReplicaSetFacts,
    wanted: &PodTemplateMetadata,
    roles: [&PodTemplateMetadata; 2],
    store: &Store,
) -> Vec<String> {
    let name = &set.meta.name;
    let note = set.meta.annotations.get(EPHEMERAL_METADATA);
    let noted: PodTemplateMetadata =
        note.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut messages = Vec::new();
    if noted != *wanted {
        messages.push(format!("{name} notes {noted:?} instead of {wanted:?}"));
    }
    let template = set.template_metadata.as_deref().cloned().unwrap_or_default();
    messages.extend(odd(name, &template, wanted, roles));
    let pods = store.list(Kind::Pod).filter_map(|object| match &object.view {
        View::Pod(pod) if !pod.meta.deleting => Some(pod),
        _ => None,
    });
    for pod in pods.filter(|pod| pod.meta.controller.as_ref().is_some_and(|owner| owner.uid == set.meta.uid))
    {
        let carried = PodTemplateMetadata {
            labels: pod.meta.labels.clone(),
            annotations: pod.meta.annotations.clone(),
        };
        messages.extend(odd(&pod.meta.name, &carried, wanted, roles));
    }
    messages
}

fn odd(
    name: &str,
    carried: &PodTemplateMetadata,
    wanted: &PodTemplateMetadata,
    roles: [&PodTemplateMetadata; 2],
) -> Option<String> {
    let fits = |carried: &Texts, wanted: &Texts, of: fn(&PodTemplateMetadata) -> &Texts| {
        let keys = roles.into_iter().flat_map(|role| of(role).keys());
        keys.into_iter().all(|key| carried.get(key) == wanted.get(key))
    };
    let is_right = fits(&carried.labels, &wanted.labels, |role| &role.labels)
        && fits(&carried.annotations, &wanted.annotations, |role| &role.annotations);
    (!is_right).then(|| format!("{name} carries {carried:?}, its role wants {wanted:?}"))
}

#[cfg(test)]
mod tests {
    use crds::object_ref::ObjectRef;
    use jiff::Timestamp;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// A Rollout whose stable version has one pod, with this note, this template and this pod.
    fn store(hash: &str, note: &Value, template: &Value, pod: &Value) -> Store {
        let mut store = Store::new();
        let canary = json!({
            "canaryMetadata": { "labels": { "role": "canary" }, "annotations": { "try": "yes" } },
            "stableMetadata": { "labels": { "role": "stable" } },
        });
        let rollout = json!({
            "kind": "Rollout", "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "selector": { "matchLabels": { "app": "web" } }, "strategy": { "canary": canary },
                "template": { "metadata": { "labels": { "app": "web" } } } },
        });
        let rollout = store.apply(&rollout, NOW).unwrap();
        store.merge(&rollout, &json!({ "status": { "stableRS": "a", "currentPodHash": "b" } }), true, NOW);
        let owner = |kind: &str, object: &ObjectRef, store: &Store| {
            json!([{ "apiVersion": "v1", "kind": kind, "name": object.name, "controller": true,
                "uid": store.get(object).unwrap().meta.uid }])
        };
        let labels = json!({ "app": "web", "rollouts-pod-template-hash": hash });
        let mut template = template.clone();
        json_patch::merge(&mut template, &json!({ "labels": labels }));
        let set = json!({
            "kind": "ReplicaSet",
            "metadata": { "name": format!("web-{hash}"), "namespace": "shop", "labels": labels,
                "annotations": { EPHEMERAL_METADATA: note.to_string() },
                "ownerReferences": owner("Rollout", &rollout, &store) },
            "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": { "metadata": template } },
        });
        let set = store.apply(&set, NOW).unwrap();
        let mut metadata = pod.clone();
        let owners = owner("ReplicaSet", &set, &store);
        json_patch::merge(
            &mut metadata,
            &json!({ "name": "p", "namespace": "shop", "ownerReferences": owners }),
        );
        store.apply(&json!({ "kind": "Pod", "metadata": metadata }), NOW).unwrap();
        store
    }

    fn role(role: &str) -> Value {
        json!({ "labels": { "role": role } })
    }

    #[rstest]
    #[case::all_stable("a", role("stable"), role("stable"), role("stable"), 0)]
    #[case::a_pod_of_an_earlier_role("a", role("stable"), role("stable"), role("canary"), 1)]
    #[case::a_template_of_an_earlier_role("a", role("stable"), role("canary"), role("stable"), 1)]
    #[case::a_note_of_an_earlier_role("a", role("canary"), role("stable"), role("stable"), 1)]
    #[case::something_is_left("a", role("stable"), role("stable"),
        json!({ "labels": { "role": "stable" }, "annotations": { "try": "yes" } }), 1)]
    #[case::a_canary_lacks_something("b", role("canary"), role("canary"), role("canary"), 3)]
    #[case::an_old_version_has_no_role("c", json!({}), json!({}), json!({}), 0)]
    #[case::an_old_version_that_has_one("c", role("stable"), role("stable"), role("stable"), 3)]
    fn what_is_carried(
        #[case] hash: &str,
        #[case] note: Value,
        #[case] template: Value,
        #[case] pod: Value,
        #[case] want: usize,
    ) {
        let found = wrongly(&store(hash, &note, &template, &pod));
        assert_eq!(found.len(), want, "{found:?}");
    }
}

//! What pods carry because of their version's role: at rest exactly what the spec says, and nothing of another role.

use std::collections::BTreeMap;

use crds::condition::{self, ConditionType};
use crds::metadata::PodTemplateMetadata;
use crds::names::EPHEMERAL_METADATA;
use crds::object_ref::Kind;
use engine::object::View;
use planner::facts::{Meta, ReplicaSetFacts, RolloutFacts};

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

/// What a write changed in the template of a ReplicaSet that none of the roles of its Rollout asks for or added.
pub(super) fn template_trespass(
    old: &ReplicaSetFacts,
    new: &ReplicaSetFacts,
    store: &Store,
) -> Option<String> {
    // Only a template to which a role has added something shows its metadata.
    let (before, after) = (old.template_metadata.as_deref()?, new.template_metadata.as_deref()?);
    let roles = roles_around(&[old, new], store);
    let foreign =
        foreign([&before.labels, &after.labels], [&before.annotations, &after.annotations], &roles)?;
    Some(format!("{foreign} of its pod template was changed, and no role asks for that"))
}

/// The same for a running pod.
pub(super) fn pod_trespass(before: &Meta, after: &Meta, store: &Store) -> Option<String> {
    let owner = before.controller.as_ref().map(|owner| owner.uid.as_str());
    let sets = rollouts(store).flat_map(|facts| roles::sets(store, facts));
    let Some(set) = sets.into_iter().find(|set| Some(set.meta.uid.as_str()) == owner) else {
        return Some("it is no pod of a ReplicaSet of a Rollout".to_owned());
    };
    let roles = roles_around(&[set], store);
    let foreign =
        foreign([&before.labels, &after.labels], [&before.annotations, &after.annotations], &roles)?;
    Some(format!("{foreign} was changed, and no role asks for that"))
}

/// What roles ask for, and what the ReplicaSets note that roles have added.
fn roles_around(sets: &[&ReplicaSetFacts], store: &Store) -> Vec<PodTemplateMetadata> {
    let noted = sets.iter().filter_map(|set| {
        serde_json::from_str::<PodTemplateMetadata>(set.meta.annotations.get(EPHEMERAL_METADATA)?).ok()
    });
    rollouts(store).filter_map(roles_of).flatten().chain(noted).collect()
}

/// The first label or annotation that differs and is none of a role.
fn foreign(
    [labels, new_labels]: [&Texts; 2],
    [annotations, new_annotations]: [&Texts; 2],
    roles: &[PodTemplateMetadata],
) -> Option<String> {
    let of = |before: &Texts, after: &Texts, is_ours: &dyn Fn(&str) -> bool| {
        let keys = before.keys().chain(after.keys());
        keys.filter(|key| before.get(*key) != after.get(*key)).find(|key| !is_ours(key)).cloned()
    };
    let label = of(labels, new_labels, &|key| roles.iter().any(|role| role.labels.contains_key(key)));
    let annotation =
        of(annotations, new_annotations, &|key| roles.iter().any(|role| role.annotations.contains_key(key)));
    label.map(|key| format!("label {key}")).or_else(|| annotation.map(|key| format!("annotation {key}")))
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
    #[case::what_a_role_asks_for(json!({ "role": "stable" }), None)]
    #[case::what_a_role_no_longer_asks_for(json!({}), None)]
    #[case::somebody_elses(json!({ "role": "canary", "team": "shop" }), Some("label team"))]
    fn what_may_be_changed_on_a_pod(#[case] labels: Value, #[case] want: Option<&str>) {
        let store = store("a", &role("stable"), &role("stable"), &role("canary"));
        let pod = store.list(Kind::Pod).next().unwrap().meta.clone();
        let after = Meta { labels: serde_json::from_value(labels).unwrap(), ..pod.clone() };
        let found = pod_trespass(&pod, &after, &store);
        assert_eq!(
            found.as_deref().map(|text| want.is_some_and(|want| text.starts_with(want))),
            want.map(|_| true)
        );
    }

    #[test]
    fn a_template_changes_only_as_roles_ask() {
        let set_of = |labels: Value| {
            let store = store("a", &role("stable"), &json!({ "labels": labels }), &role("stable"));
            let set = store.list(Kind::ReplicaSet).find_map(|object| match &object.view {
                View::ReplicaSet(set) => Some((**set).clone()),
                _ => None,
            });
            (set.unwrap(), store)
        };
        let (old, store) = set_of(json!({ "role": "canary" }));
        assert_eq!(template_trespass(&old, &set_of(json!({ "role": "stable" })).0, &store), None);
        let foreign = template_trespass(&old, &set_of(json!({ "team": "shop" })).0, &store).unwrap();
        assert!(foreign.starts_with("label team"), "{foreign}");
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

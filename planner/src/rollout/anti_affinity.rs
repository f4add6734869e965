//! Keeps the pods of two versions off the same node while an update is under way.
//!
//! The rule stands in the pod template of the new ReplicaSet alone: neither the hash nor the comparison of templates
//! sees it, so an update that is over, or another one, redeploys nothing because of it.

use crds::names::{HOSTNAME_TOPOLOGY_KEY, POD_TEMPLATE_HASH};
use serde_json::{Value, json};

use super::objects::set;
use super::view::View;

/// Adds the rule to the template of a ReplicaSet that is about to be created, if the strategy asks for it and there is
/// another version to keep away from.
pub(super) fn keep_apart(view: &View<'_>, template: &mut Value) {
    let Some(rule) = view.strategy.anti_affinity() else { return };
    if view.is_first_deploy() || view.is_promoted() {
        return;
    }
    let other = json!({ "key": POD_TEMPLATE_HASH, "operator": "In", "values": [view.stable_hash()] });
    let term = json!({
        "labelSelector": { "matchExpressions": [other] },
        "namespaces": [view.snapshot.rollout.meta.namespace],
        "topologyKey": HOSTNAME_TOPOLOGY_KEY,
    });
    let (field, term) = match &rule.preferred_during_scheduling_ignored_during_execution {
        Some(preferred) => (
            "preferredDuringSchedulingIgnoredDuringExecution",
            json!({ "weight": preferred.weight, "podAffinityTerm": term }),
        ),
        None => ("requiredDuringSchedulingIgnoredDuringExecution", term),
    };
    append(template, &["spec", "affinity", "podAntiAffinity"], field, term);
}

/// Appends a value to a list inside an object; whatever is missing on the way is made.
fn append(object: &mut Value, path: &[&str], field: &str, value: Value) {
    match path.split_first() {
        None => {
            let mut list = object.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
            list.push(value);
            set(object, field, Value::Array(list));
        }
        Some((first, rest)) => {
            if object.get(first).is_none_or(|inner| !inner.is_object()) {
                set(object, first, json!({}));
            }
            if let Some(inner) = object.get_mut(first) {
                append(inner, rest, field, value);
            }
        }
    }
}

//! S6 and S8: what is named exists, and nothing is written that is not ours.

use crds::names::{MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH, REVISION, WORKLOAD_GENERATION};
use crds::object_ref::{Kind, ObjectRef};
use engine::effect::Call;
use engine::object::{Object, View};
use planner::facts::{Meta, ReplicaSetFacts, RolloutFacts, ServiceFacts};
use serde_json::Value;

use super::{Commit, carried, rollouts, workload};
use crate::store::Store;

/// S8: what a write changed that the operator must leave alone.
pub(super) fn trespasses(commit: &Commit<'_>, store: &Store) -> Vec<String> {
    let object = &commit.request.object;
    let after = store.get(object).map(|after| &**after);
    let message = match (commit.before, after) {
        (None, Some(created)) => unowned(&created.meta, store),
        (Some(before), None) => unowned(&before.meta, store),
        (Some(before), Some(after)) => changed(before, after, &commit.request.call, store),
        (None, None) => None,
    };
    message.map(|message| format!("{object}: {message}")).into_iter().collect()
}

/// Why an object is none that the operator may create, change or delete as a whole.
fn unowned(meta: &Meta, store: &Store) -> Option<String> {
    let owner = meta.controller.as_ref();
    let is_ours = owner.is_some_and(|owner| rollouts(store).any(|facts| facts.meta.uid == owner.uid));
    let gone = owner.is_some_and(|owner| owner.kind == Kind::Rollout.name());
    (!is_ours && !gone).then(|| "it is not controlled by a Rollout".to_owned())
}

/// Why a ReplicaSet that nobody controlled is none that its new controller may take over.
fn not_to_inherit(set: &ReplicaSetFacts, store: &Store) -> Option<String> {
    let owner = set.meta.controller.as_ref()?;
    let heir = rollouts(store).find(|facts| facts.meta.uid == owner.uid);
    // Other parts of its spec may be what cannot be read.
    let manifest = heir.and_then(|facts| {
        store.manifest(&ObjectRef::new(Kind::Rollout, &facts.meta.namespace, &facts.meta.name))
    });
    let labels = manifest.as_ref().and_then(|it| it.pointer("/spec/selector/matchLabels")?.as_object());
    let has = |(key, text): (&String, &Value)| set.meta.labels.get(key).map(String::as_str) == text.as_str();
    let fits = labels.is_some_and(|labels| labels.iter().all(has));
    (!fits).then(|| "it was taken over by somebody whose selector does not fit it".to_owned())
}

fn changed(before: &Object, after: &Object, call: &Call, store: &Store) -> Option<String> {
    if matches!(before.view, View::Pod(_)) {
        return carried::pod_trespass(&before.meta, &after.meta, store);
    }
    if before.meta.labels != after.meta.labels {
        return Some("labels were changed".to_owned());
    }
    match (&before.view, &after.view) {
        (View::Rollout(old), View::Rollout(new)) => rollout(old, new, call),
        (View::ReplicaSet(old), View::ReplicaSet(new)) => {
            let mut same = (**new).clone();
            same.meta = old.meta.clone();
            same.replicas = old.replicas;
            same.template_metadata.clone_from(&old.template_metadata);
            let metadata = carried::template_trespass(old, new, store);
            if metadata.is_some() {
                return metadata;
            }
            let is_taken_over = old.meta.controller.is_none() && new.meta.controller.is_some();
            (same != **old).then(|| "more than its size and annotations was changed".to_owned()).or_else(
                || if is_taken_over { not_to_inherit(new, store) } else { unowned(&old.meta, store) },
            )
        }
        (View::Service(old), View::Service(new)) => {
            let mut selector = new.selector.clone();
            match old.selector.get(POD_TEMPLATE_HASH) {
                Some(hash) => selector.insert(POD_TEMPLATE_HASH.to_owned(), hash.clone()),
                None => selector.remove(POD_TEMPLATE_HASH),
            };
            let foreign = foreign_annotation(before, after, &[MANAGED_BY_ROLLOUTS]);
            let is_released = !new.selector.contains_key(POD_TEMPLATE_HASH);
            let holder = is_released.then(|| rollouts(store).find(|facts| names(facts, old))).flatten();
            let held =
                holder.map(|facts| format!("it was released although Rollout {} names it", facts.meta.name));
            foreign.or(held).or_else(|| {
                (selector != old.selector)
                    .then(|| "more than the hash in its selector was changed".to_owned())
            })
        }
        (View::Route(old), View::Route(new)) => route(before, (old, new), store),
        (View::AnalysisRun(_), View::AnalysisRun(_)) => unowned(&before.meta, store),
        (View::Workload(old), View::Workload(new)) => workload::trespass(before.kind, (old, new), store),
        _ => Some("it is none of the kinds that are written".to_owned()),
    }
}

/// Whether a Rollout names a Service, by the last spec that could be read.
pub(super) fn names(facts: &RolloutFacts, service: &ServiceFacts) -> bool {
    let Some(spec) = facts.readable_spec() else { return true };
    let canary = spec.strategy.canary.iter().flat_map(|it| [&it.canary_service, &it.stable_service]);
    let blue_green = spec.strategy.blue_green.iter().flat_map(|it| [&it.active_service, &it.preview_service]);
    let pairs = spec.strategy.canary.iter().filter_map(|it| it.ping_pong.as_ref());
    let taking_turns = pairs.flat_map(|pair| [&pair.ping_service, &pair.pong_service]);
    let mut named = canary.chain(blue_green).chain(taking_turns);
    facts.meta.namespace == service.meta.namespace && named.any(|name| *name == service.meta.name)
}

fn rollout(old: &RolloutFacts, new: &RolloutFacts, call: &Call) -> Option<String> {
    if let Call::MergePatchStatus(_) = call {
        return None;
    }
    let (Ok(old_spec), Ok(new_spec)) = (&old.spec, &new.spec) else { return None };
    let mut same = new_spec.clone();
    same.replicas = old_spec.replicas;
    if same != *old_spec || (old_spec.replicas.is_some() && old_spec.replicas != new_spec.replicas) {
        return Some("its spec was changed".to_owned());
    }
    let mut annotations = new.meta.annotations.clone();
    for key in [REVISION, WORKLOAD_GENERATION] {
        match old.meta.annotations.get(key) {
            Some(value) => annotations.insert(key.to_owned(), value.clone()),
            None => annotations.remove(key),
        };
    }
    (annotations != old.meta.annotations)
        .then(|| "other annotations than the revision and the workload's generation were changed".to_owned())
}

/// Of a foreign route only weights and managed routes may change; one that a Rollout owns is the operator's.
fn route(before: &Object, (old, new): (&Value, &Value), store: &Store) -> Option<String> {
    unowned(&before.meta, store)?;
    if before.kind == Kind::Ingress {
        return Some("an Ingress of somebody else was changed".to_owned());
    }
    // Which routes are managed, a Rollout that cannot be read does not say.
    let managed = managed_names(store)?;
    let foreign = |route: &Value| without_weights(&without_managed(route, &managed));
    (foreign(old) != foreign(new)).then(|| "more than weights and managed routes was changed".to_owned())
}

/// The names of the managed routes of all Rollouts; nothing while one of them cannot be read.
fn managed_names(store: &Store) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for facts in rollouts(store) {
        let spec = facts.readable_spec()?;
        let routing = spec.strategy.canary.as_ref().and_then(|canary| canary.traffic_routing.as_ref());
        let managed = routing.map(|routing| routing.managed_routes.as_slice()).unwrap_or_default();
        names.extend(managed.iter().map(|route| route.name.clone()));
    }
    Some(names)
}

fn without_managed(route: &Value, managed: &[String]) -> Value {
    let mut route = route.clone();
    let is_managed = |entry: &Value| {
        let name = entry.get("name").and_then(Value::as_str);
        name.is_some_and(|name| managed.iter().any(|managed| managed == name))
    };
    if let Some(entries) = route.pointer_mut("/spec/http").and_then(Value::as_array_mut) {
        entries.retain(|entry| !is_managed(entry));
    }
    route
}

fn without_weights(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), "weight" | "resourceVersion" | "generation"));
            Value::Object(kept.map(|(key, value)| (key.clone(), without_weights(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_weights).collect()),
        other => other.clone(),
    }
}

fn foreign_annotation(before: &Object, after: &Object, ours: &[&str]) -> Option<String> {
    let keys = before.meta.annotations.keys().chain(after.meta.annotations.keys());
    let mut foreign = keys.filter(|key| !ours.contains(&key.as_str()));
    let changed =
        foreign.find(|key| before.meta.annotations.get(*key) != after.meta.annotations.get(*key))?;
    Some(format!("the annotation {changed} was changed"))
}

/// S6: what a write made a Service or a route name although it does not exist.
pub(super) fn dangling(commit: &Commit<'_>, store: &Store) -> Vec<String> {
    let lives = |hash: &str| {
        store.list(Kind::ReplicaSet).any(|object| match &object.view {
            View::ReplicaSet(set) => set.hash == hash && !set.meta.deleting,
            _ => false,
        })
    };
    let object = &commit.request.object;
    match (object.kind, &commit.request.call) {
        (Kind::Service, _) => {
            let Some(View::Service(service)) = store.get(object).map(|it| &it.view) else {
                return Vec::new();
            };
            let hash = service.selector.get(POD_TEMPLATE_HASH).filter(|hash| !lives(hash));
            hash.map(|hash| format!("{object} selects {hash}, which does not exist")).into_iter().collect()
        }
        (Kind::ReplicaSet, Call::Delete { .. }) => store
            .list(Kind::Service)
            .filter_map(|service| match &service.view {
                View::Service(facts) => {
                    let hash = facts.selector.get(POD_TEMPLATE_HASH).filter(|hash| !lives(hash))?;
                    let name = &facts.meta.name;
                    Some(format!("Service {name} selects {hash}, whose ReplicaSet {object} was deleted"))
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

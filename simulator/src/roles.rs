//! Objects by their role in a Rollout.

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{PingPongRole, WorkloadRef};
use engine::object::View;
use planner::facts::{ReplicaSetFacts, RolloutFacts};

use crate::fault::Target;
use crate::store::Store;

/// The object that plays a role; `None` if there is none.
pub(crate) fn find(store: &Store, rollout: &ObjectRef, target: Target) -> Option<ObjectRef> {
    let View::Rollout(facts) = &store.get(rollout)?.view else { return None };
    let namespace = &rollout.namespace;
    let existing = |kind, name: &str| {
        let object = ObjectRef::new(kind, namespace, name);
        store.get(&object).map(|_| object)
    };
    match target {
        Target::Rollout => Some(rollout.clone()),
        Target::Neighbour => {
            let mut others = store.list(Kind::Rollout).map(|other| &other.meta);
            let other = others.find(|other| other.namespace == *namespace && other.name != rollout.name)?;
            Some(ObjectRef::new(Kind::Rollout, namespace, &other.name))
        }
        Target::StableReplicaSet => replica_set(store, facts, &facts.status.stable_rs),
        Target::CanaryReplicaSet => (facts.status.current_pod_hash != facts.status.stable_rs)
            .then(|| replica_set(store, facts, &facts.status.current_pod_hash))
            .flatten(),
        Target::StableService => existing(Kind::Service, &services(facts)?[0]),
        Target::CanaryService => existing(Kind::Service, &services(facts)?[1]),
        Target::Route => virtual_service(store, facts).or_else(|| canary_ingress(store, facts)),
        Target::RouteSource => existing(Kind::Ingress, &stable_ingress(facts)?),
        Target::AnalysisRun => newest_run(store, facts),
        Target::AnalysisTemplate => {
            let mut templates = store.list(Kind::AnalysisTemplate);
            let first = templates.find(|object| object.meta.namespace == *namespace)?;
            Some(ObjectRef::new(Kind::AnalysisTemplate, namespace, &first.meta.name))
        }
    }
}

/// The object that keeps the pod template of a Rollout: the workload that it refers to, else itself.
pub(crate) fn keeper(store: &Store, rollout: &ObjectRef) -> ObjectRef {
    let workload = || {
        let View::Rollout(facts) = &store.get(rollout)?.view else { return None };
        if let Ok(spec) = &facts.spec {
            return spec.workload_ref.as_ref()?.object(&rollout.namespace);
        }
        // Other parts of the spec may be what cannot be read.
        let reference = store.manifest(rollout)?.pointer("/spec/workloadRef")?.clone();
        serde_json::from_value::<WorkloadRef>(reference).ok()?.object(&rollout.namespace)
    };
    workload().unwrap_or_else(|| rollout.clone())
}

/// The names of the Services of the stable and of the new version.
pub(crate) fn services(facts: &RolloutFacts) -> Option<[String; 2]> {
    let spec = facts.readable_spec()?;
    if let Some(blue_green) = &spec.strategy.blue_green {
        return Some([blue_green.active_service.clone(), blue_green.preview_service.clone()]);
    }
    let canary = spec.strategy.canary.as_ref()?;
    Some(match &canary.ping_pong {
        None => [canary.stable_service.clone(), canary.canary_service.clone()],
        Some(pair) if facts.status.canary.stable_ping_pong == PingPongRole::Ping => {
            [pair.ping_service.clone(), pair.pong_service.clone()]
        }
        Some(pair) => [pair.pong_service.clone(), pair.ping_service.clone()],
    })
}

fn replica_set(store: &Store, rollout: &RolloutFacts, hash: &str) -> Option<ObjectRef> {
    let set = sets(store, rollout).find(|set| set.hash == hash)?;
    Some(ObjectRef::new(Kind::ReplicaSet, &set.meta.namespace, &set.meta.name))
}

/// The ReplicaSets that a Rollout controls.
pub(crate) fn sets<'a>(
    store: &'a Store,
    rollout: &'a RolloutFacts,
) -> impl Iterator<Item = &'a ReplicaSetFacts> {
    store.list(Kind::ReplicaSet).filter_map(|object| match &object.view {
        View::ReplicaSet(set) => {
            let owner = set.meta.controller.as_ref()?;
            (owner.uid == rollout.meta.uid).then_some(&**set)
        }
        _ => None,
    })
}

fn virtual_service(store: &Store, facts: &RolloutFacts) -> Option<ObjectRef> {
    let spec = facts.spec.as_ref().ok()?;
    let istio = spec.strategy.canary.as_ref()?.traffic_routing.as_ref()?.istio.as_ref()?;
    let named = istio.virtual_service.iter().chain(&istio.virtual_services).next()?;
    let name = named.name.split('.').next()?;
    let object = ObjectRef::new(Kind::VirtualService, &facts.meta.namespace, name);
    store.get(&object).map(|_| object)
}

fn canary_ingress(store: &Store, facts: &RolloutFacts) -> Option<ObjectRef> {
    let owned = store
        .list(Kind::Ingress)
        .find(|object| object.meta.controller.as_ref().is_some_and(|owner| owner.uid == facts.meta.uid))?;
    Some(ObjectRef::new(Kind::Ingress, &owned.meta.namespace, &owned.meta.name))
}

fn stable_ingress(facts: &RolloutFacts) -> Option<String> {
    let spec = facts.spec.as_ref().ok()?;
    let nginx = spec.strategy.canary.as_ref()?.traffic_routing.as_ref()?.nginx.as_ref()?;
    let named = nginx.stable_ingresses.first().unwrap_or(&nginx.stable_ingress);
    (!named.is_empty()).then(|| named.clone())
}

fn newest_run(store: &Store, facts: &RolloutFacts) -> Option<ObjectRef> {
    let ours = store
        .list(Kind::AnalysisRun)
        .filter(|object| object.meta.controller.as_ref().is_some_and(|owner| owner.uid == facts.meta.uid));
    let newest = ours.max_by_key(|object| (object.meta.created, object.meta.resource_version.len()))?;
    Some(ObjectRef::new(Kind::AnalysisRun, &newest.meta.namespace, &newest.meta.name))
}

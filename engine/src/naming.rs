//! Which objects a Rollout names.

use std::collections::BTreeSet;

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutSpec;
use planner::facts::{RolloutFacts, TemplateFacts};
use planner::shared::Shared;
use traffic_routers::{Owner, Router, drivable};

use crate::store::{Stores, key};

/// The routers of a Rollout and why the others could not be set up.
pub(crate) struct Routing {
    /// Those that can be driven.
    pub(crate) routers: Vec<Router>,
    /// What is wrong with the others, as sentences.
    pub(crate) problem: Option<String>,
}

/// Sets up the routers of a Rollout.
pub(crate) fn routing(rollout: &RolloutFacts) -> Routing {
    let owner = Owner {
        namespace: rollout.meta.namespace.clone(),
        name: rollout.meta.name.clone(),
        uid: rollout.meta.uid.clone(),
        stable_ping_pong: rollout.status.canary.stable_ping_pong,
    };
    let (routers, errors) = rollout.readable_spec().map(|spec| drivable(&owner, spec)).unwrap_or_default();
    let sentences: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Routing { routers, problem: (!sentences.is_empty()).then(|| sentences.join("; ")) }
}

/// Everything that a Rollout names: Services, routes and what they are made from, templates and their templates, and the
/// object that its pod template is taken from.
pub(crate) fn named(stores: &Stores, rollout: &RolloutFacts) -> BTreeSet<ObjectRef> {
    let Some(spec) = rollout.readable_spec() else { return BTreeSet::new() };
    let mut objects = services(&rollout.meta.namespace, spec);
    for router in routing(rollout).routers {
        for route in router.routes() {
            objects.extend(router.sources(&route));
            objects.insert(route);
        }
    }
    objects.extend(templates(stores, &rollout.meta.namespace, spec));
    objects.extend(workload(rollout));
    objects
}

/// The object that the pod template of a Rollout is taken from, if the spec names one.
pub(crate) fn workload(rollout: &RolloutFacts) -> Option<ObjectRef> {
    rollout.readable_spec()?.workload_ref.as_ref()?.object(&rollout.meta.namespace)
}

/// The Services that a spec names.
pub(crate) fn services(namespace: &str, spec: &RolloutSpec) -> BTreeSet<ObjectRef> {
    let canary = spec.strategy.canary.iter().flat_map(|canary| {
        let pair = canary.ping_pong.iter().flat_map(|pair| [&pair.ping_service, &pair.pong_service]);
        [&canary.canary_service, &canary.stable_service].into_iter().chain(pair)
    });
    let blue_green = spec
        .strategy
        .blue_green
        .iter()
        .flat_map(|strategy| [&strategy.active_service, &strategy.preview_service]);
    canary
        .chain(blue_green)
        .filter(|name| !name.is_empty())
        .map(|name| ObjectRef::new(Kind::Service, namespace, name))
        .collect()
}

/// The templates that a spec names, and those that they name in turn, whether they exist or not.
pub(crate) fn templates(stores: &Stores, namespace: &str, spec: &RolloutSpec) -> BTreeSet<ObjectRef> {
    let mut found = BTreeSet::new();
    let mut open: Vec<ObjectRef> = spec.analysis_templates().map(|name| name.object(namespace)).collect();
    while let Some(template) = open.pop() {
        if found.insert(template.clone())
            && let Some(spec) = facts(stores, &template).and_then(|facts| facts.spec.as_ref().ok())
        {
            open.extend(spec.templates.iter().map(|name| name.object(namespace)));
        }
    }
    found
}

/// A template that is held.
pub(crate) fn facts<'a>(stores: &'a Stores, template: &ObjectRef) -> Option<&'a Shared<TemplateFacts>> {
    match template.kind {
        Kind::AnalysisTemplate => stores.templates.get(&key(template)),
        Kind::ClusterAnalysisTemplate => stores.cluster_templates.get(&key(template)),
        _ => None,
    }
}

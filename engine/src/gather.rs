//! From the stores to a snapshot: everything that a decision about one Rollout may look at.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::{Kind, ObjectRef};
use planner::facts::{PodFacts, ReplicaSetFacts, RolloutFacts, RouteFacts, TemplateFacts};
use planner::rollout::{Settings, Snapshot, TemplateIdentity};
use planner::shared::Shared;
use serde_json::Value;
use traffic_routers::{Objects, RouteError, Router};

use crate::ledger::Ledger;
use crate::naming;
use crate::store::held::{Kept, RolloutHeld, RouteHeld};
use crate::store::table::Held;
use crate::store::{Stores, key};

/// A snapshot, and what an action needs beside it.
pub(crate) struct Gathered {
    /// What the planner sees.
    pub(crate) snapshot: Snapshot,
    /// The routers, to turn weights into edits.
    pub(crate) routers: Vec<Router>,
    /// The route objects and their sources, whole.
    pub(crate) objects: Objects,
    /// Routes and workloads that exist but whose text is not held: they have to be read before anything is decided.
    pub(crate) unread: Vec<ObjectRef>,
}

/// Gathers what is known about one Rollout; `None` if there is no such Rollout.
pub(crate) fn rollout(
    stores: &Stores,
    ledger: &Ledger,
    rollout: &ObjectRef,
    taken: &BTreeSet<ObjectRef>,
    settings: Settings,
) -> Option<Gathered> {
    let held = stores.rollouts.get(&key(rollout))?;
    let routing = naming::routing(&held.facts);
    let (objects, mut unread) = route_objects(stores, &routing.routers);
    let uid = &held.facts.meta.uid;
    let templates = |kind| templates(stores, &held.facts, kind);
    let pods = pods(stores, rollout, uid, &mut unread);
    let workload = workload(stores, &held.facts, &mut unread);
    let snapshot = Snapshot {
        pods,
        rollout: held.facts.clone(),
        template: template(held, workload),
        workload: workload.map(|kept| kept.facts.clone()),
        replica_sets: stores.replica_sets.controlled_by(uid).cloned().collect(),
        orphans: orphans(stores, &held.facts),
        services: held
            .facts
            .readable_spec()
            .map(|spec| naming::services(&rollout.namespace, spec))
            .into_iter()
            .flatten()
            .filter_map(|service| Some((service.name.clone(), stores.services.get(&key(&service))?.clone())))
            .collect(),
        routes: routes(stores, &routing.routers, &objects),
        routing_problem: routing.problem,
        analysis_runs: stores.analysis_runs.controlled_by(uid).cloned().collect(),
        templates: templates(Kind::AnalysisTemplate),
        cluster_templates: templates(Kind::ClusterAnalysisTemplate),
        taken: taken.clone(),
        kept: BTreeMap::new(),
        tenure: None,
        stale: stale(stores, ledger, rollout, uid),
        settings,
    };
    Some(Gathered { snapshot, routers: routing.routers, objects, unread })
}

/// The ReplicaSets that a Rollout may take over.
fn orphans(stores: &Stores, rollout: &RolloutFacts) -> Vec<Shared<ReplicaSetFacts>> {
    let Some(spec) = rollout.readable_spec() else { return Vec::new() };
    let orphans = stores.orphans(&rollout.meta.namespace);
    orphans.filter(|set| planner::rollout::takes_over(spec, set)).cloned().collect()
}

/// The object that the template is taken from, once its text is held.
fn workload<'a>(stores: &'a Stores, rollout: &RolloutFacts, unread: &mut Vec<ObjectRef>) -> Option<&'a Kept> {
    let object = naming::workload(rollout)?;
    let kept = stores.workloads(object.kind)?.get(&key(&object))?.kept();
    if kept.is_none() {
        unread.push(object);
    }
    kept
}

/// The template to roll out: that of the workload where the spec names one, else its own.
fn template(held: &RolloutHeld, workload: Option<&Kept>) -> Option<Shared<TemplateIdentity>> {
    if held.facts.readable_spec()?.workload_ref.is_some() {
        return workload?.template(held.facts.status.collision_count);
    }
    held.template.clone()
}

/// The pods of a Rollout whose decisions rest on them, once all are known.
fn pods(
    stores: &Stores,
    rollout: &ObjectRef,
    uid: &str,
    unread: &mut Vec<ObjectRef>,
) -> Option<Vec<Shared<PodFacts>>> {
    if !stores.is_complete(Kind::Pod) || !stores.follows_pods(rollout) {
        return None;
    }
    let mut pods = Vec::new();
    for set in stores.replica_sets.controlled_by(uid) {
        for (key, held) in stores.pods.entries_of(&set.meta.uid) {
            match held.facts() {
                Some(facts) => pods.push(facts.clone()),
                None => unread.push(ObjectRef::new(Kind::Pod, &key.0, &key.1)),
            }
        }
    }
    Some(pods)
}

fn route_objects(stores: &Stores, routers: &[Router]) -> (Objects, Vec<ObjectRef>) {
    let wanted: BTreeSet<ObjectRef> = routers
        .iter()
        .flat_map(|router| router.routes().into_iter().map(move |route| (router, route)))
        .flat_map(|(router, route)| router.sources(&route).into_iter().chain([route]))
        .collect();
    let mut objects = Objects::new();
    let mut unread = Vec::new();
    for object in wanted {
        match route_held(stores, &object).map(RouteHeld::text) {
            Some(Some(text)) => {
                objects.insert(object, serde_json::from_str::<Value>(text).unwrap_or_default());
            }
            Some(None) => unread.push(object),
            None => {}
        }
    }
    (objects, unread)
}

fn route_held<'a>(stores: &'a Stores, route: &ObjectRef) -> Option<&'a RouteHeld> {
    stores.routes(route.kind)?.get(&key(route))
}

fn routes(stores: &Stores, routers: &[Router], objects: &Objects) -> Vec<RouteFacts> {
    let observe = |router: &Router, route: ObjectRef| {
        let version = route_held(stores, &route).map(|held| {
            let stamp = held.stamp();
            (stamp.uid, stamp.resource_version)
        });
        let observed = if stores.unserved.contains(&route.kind) {
            Err((format!("the API server does not serve the kind {}", route.kind.name()), false))
        } else {
            router.observe(&route, objects).map_err(|error| {
                let is_missing = matches!(error, RouteError::NotFound { .. });
                (error.to_string(), is_missing)
            })
        };
        match observed {
            Ok(seen) => RouteFacts {
                reference: route,
                version,
                canary_weight: seen.canary_weight,
                in_shape: seen.in_shape,
                managed: seen.managed,
                problem: None,
                is_missing: false,
            },
            Err((problem, is_missing)) => RouteFacts {
                reference: route,
                version,
                canary_weight: None,
                in_shape: false,
                managed: None,
                problem: Some(problem),
                is_missing,
            },
        }
    };
    routers
        .iter()
        .flat_map(|router| router.routes().into_iter().map(move |route| observe(router, route)))
        .collect()
}

fn templates(stores: &Stores, rollout: &RolloutFacts, kind: Kind) -> BTreeMap<String, Shared<TemplateFacts>> {
    let Some(spec) = rollout.readable_spec() else { return BTreeMap::new() };
    naming::templates(stores, &rollout.meta.namespace, spec)
        .into_iter()
        .filter(|template| template.kind == kind)
        .filter_map(|template| Some((template.name.clone(), naming::facts(stores, &template)?.clone())))
        .collect()
}

/// Everything of this Rollout that a store is behind with.
fn stale(stores: &Stores, ledger: &Ledger, rollout: &ObjectRef, uid: &str) -> BTreeSet<ObjectRef> {
    if ledger.len() == 0 {
        return BTreeSet::new();
    }
    let named = stores.references.by(rollout).cloned();
    let sets = stores.replica_sets.controlled_by(uid).map(|set| &set.meta);
    let sets = sets.map(|meta| ObjectRef::new(Kind::ReplicaSet, &meta.namespace, &meta.name));
    let runs = stores.analysis_runs.controlled_by(uid).map(|run| &run.meta);
    let runs = runs.map(|meta| ObjectRef::new(Kind::AnalysisRun, &meta.namespace, &meta.name));
    let behind =
        named.chain(sets).chain(runs).chain([rollout.clone()]).filter(|object| ledger.is_behind(object));
    behind.chain(ledger.of(rollout).cloned()).collect()
}

//! What an action rests on, and so has to be read live before it is taken.
//!
//! An abort that is not noted yet does not wait for reads before it adds pods.
//!
//! A live read serves the decision that asked for it, and for a quarter of a second those that follow, longer where the
//! server is slow. Two things are read for each: the Rollout itself, which says what people want; and how many pods there
//! are, for whatever takes some away, moves requests, or begins or numbers something. What our own write returned is the
//! whole object as it is at that moment, so it counts as read for the next decision. Between reading and writing the stores
//! only move forward, so a decision made after the reads rests on nothing older than them; and every write carries a
//! precondition on the object that it changes. A conflict, a failure, a list and rest end what was read before. An abort is
//! therefore one round of concurrent GETs and one round of concurrent writes.

use std::collections::BTreeSet;

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{ManagedRule, RolloutStatus};
use planner::facts::ReplicaSetFacts;
use planner::rollout::{
    Action, Snapshot, current_runs, is_blank, is_decisive, is_promoted, is_to_be_aborted, spoken_of,
};
use planted_bugs::{Bug, planted};
use traffic_routers::Router;

use crate::gather::Gathered;
use crate::naming;

/// How many pods of a Rollout are written to at once.
const PODS_AT_ONCE: usize = 10;

/// The actions that are carried out together: the leading run of weights, some of a leading run of pods, else the first
/// action alone.
pub(crate) fn leading(actions: &[Action]) -> &[Action] {
    let weights = actions.iter().take_while(|action| matches!(action, Action::SetWeight { .. })).count();
    let pods = actions.iter().take(PODS_AT_ONCE);
    let pods = pods.take_while(|action| matches!(action, Action::PatchPod { .. })).count();
    actions.get(..weights.max(pods).max(1)).unwrap_or_default()
}

/// The objects that have to be read live before these actions are taken; none if no action is guarded.
pub(crate) fn reads(actions: &[Action], snapshot: &Snapshot, routers: &[Router]) -> BTreeSet<ObjectRef> {
    let is_read = |action: &&Action| {
        let takes_pods = matches!(
            action,
            Action::PatchReplicaSet { .. } | Action::DeleteReplicaSet { .. } | Action::ScaleWorkload { .. }
        );
        !planted(Bug::NoLiveReads) && (takes_pods || !planted(Bug::TrafficMovedWithoutLiveReads))
    };
    let waits = |action: &&Action| !action.adds_pods() || !is_to_be_aborted(snapshot);
    let guarded = actions.iter().filter(|action| action.is_guarded()).filter(waits).filter(is_read);
    let mut objects: BTreeSet<ObjectRef> =
        guarded.flat_map(|action| reads_of(action, snapshot, routers)).collect();
    if !objects.is_empty() {
        let meta = &snapshot.rollout.meta;
        objects.insert(ObjectRef::new(Kind::Rollout, &meta.namespace, &meta.name));
    }
    objects
}

/// Whether the pods that an earlier decision has counted have to be counted again for these actions: for whatever takes
/// pods away, moves requests, or begins or numbers something.
pub(crate) fn counts_anew(actions: &[Action]) -> bool {
    actions.iter().any(|action| action.is_guarded() && !action.adds_pods())
}

/// Whether these actions take requests back to where they are safe, or add the pods that this takes.
pub(crate) fn takes_back(actions: &[Action], snapshot: &Snapshot) -> bool {
    let takes_back = |action: &Action| match action {
        Action::SetWeight { route, canary_weight, managed, .. } => {
            is_lowered(snapshot, route, *canary_weight, managed)
        }
        Action::SwitchService { .. } => true,
        // Where nothing routes, pods are what shares requests out.
        Action::PatchReplicaSet { scale: Some(_), .. } => snapshot.routes.is_empty() || action.adds_pods(),
        _ => false,
    };
    is_aborted(snapshot) && actions.iter().any(takes_back)
}

/// Everything that steers a Rollout, as far as it is known. It is read live before whatever takes pods away, adds some
/// or gives somebody more requests; and before the first write of a term or after a list, because both begin with
/// stores that may be long behind.
pub(crate) fn steering(snapshot: &Snapshot, routers: &[Router]) -> BTreeSet<ObjectRef> {
    let meta = &snapshot.rollout.meta;
    let (namespace, status) = (&meta.namespace, &snapshot.rollout.status);
    let set = |name: &str| ObjectRef::new(Kind::ReplicaSet, namespace, name);
    let sets = that_matter(snapshot, routers).map(|facts| set(&facts.meta.name));
    // What the status speaks of may be younger than the store. Where it was lost, the Services speak in its place.
    let told = [&status.stable_rs, &status.current_pod_hash].into_iter();
    let selected = snapshot.services.values().filter(|_| is_blank(status));
    let hashes = told.chain(selected.filter_map(|service| service.selector.get(POD_TEMPLATE_HASH)));
    let hashes = hashes.filter(|hash| !hash.is_empty());
    let unknown = hashes.filter(|hash| with_hash(snapshot, hash).next().is_none());
    let unknown = unknown.map(|hash| set(&format!("{}-{hash}", meta.name)));
    let open = snapshot.runs().filter(|run| !run.status.phase.is_completed());
    let known = open.chain(current_runs(snapshot).all()).map(|run| run.meta.name.as_str());
    let unfinished = spoken_of(status).filter(|summary| !summary.status.is_completed());
    let runs = known
        .chain(unfinished.map(|summary| summary.name.as_str()))
        .map(|name| ObjectRef::new(Kind::AnalysisRun, namespace, name));
    let named = snapshot.rollout.readable_spec();
    let services = named.map(|spec| naming::services(namespace, spec)).unwrap_or_default();
    let rollout = ObjectRef::new(Kind::Rollout, namespace, &meta.name);
    // Without a status, also those count of which nothing is known: a watch may have missed them.
    let all = is_blank(status).then(|| set(""));
    sets.chain(unknown)
        .chain(all)
        .chain(runs)
        .chain(services)
        .chain(naming::workload(&snapshot.rollout))
        .chain(route_reads(routers))
        .chain([rollout])
        .collect()
}

fn reads_of(action: &Action, snapshot: &Snapshot, routers: &[Router]) -> BTreeSet<ObjectRef> {
    let namespace = &snapshot.rollout.meta.namespace;
    let set = |name: &str| ObjectRef::new(Kind::ReplicaSet, namespace, name);
    let all_sets = || snapshot.sets().map(|facts| set(&facts.meta.name));
    let all_and = |object: ObjectRef| steering(snapshot, routers).into_iter().chain([object]).collect();
    match action {
        // An abort waits for little: whoever gets fewer requests needs nothing, and the write itself fails on a route
        // that has changed, so only who gets more of them is looked at.
        Action::SetWeight { route, canary_weight, stable_hash, managed, .. }
            if is_aborted(snapshot) && is_lowered(snapshot, route, *canary_weight, managed) =>
        {
            with_hash(snapshot, stable_hash).map(|facts| set(&facts.meta.name)).collect()
        }
        // A promoted version hands its requests over as fast as the pods of the version before allow, which has no role
        // any more.
        Action::SetWeight { .. } if is_promoted(&snapshot.rollout.status) => {
            let with_pods = with_pods(snapshot).map(|facts| set(&facts.meta.name));
            steering(snapshot, routers).into_iter().chain(with_pods).collect()
        }
        Action::SetWeight { .. } | Action::ScaleWorkload { .. } | Action::CreateReplicaSet { .. } => {
            steering(snapshot, routers)
        }
        Action::PatchReplicaSet { name, .. } => all_and(set(name)),
        Action::SwitchService { name, .. } => all_and(ObjectRef::new(Kind::Service, namespace, name)),
        Action::EvictPod { name, .. } => all_and(ObjectRef::new(Kind::Pod, namespace, name)),
        // What a role adds to whom, and which of the history goes, depends on all of them.
        Action::PatchTemplateMetadata { .. } | Action::DeleteReplicaSet { .. } => all_sets().collect(),
        // So does the number of a version; and whether there is to be one, on all that the spec names.
        Action::PatchRollout { .. } => steering(snapshot, routers).into_iter().chain(all_sets()).collect(),
        Action::AdoptReplicaSet { name, .. } => BTreeSet::from([set(name)]),
        Action::PatchPod { .. }
        | Action::CreateAnalysisRun { .. }
        | Action::TerminateAnalysisRun { .. }
        | Action::DeleteAnalysisRun { .. } => BTreeSet::new(),
    }
}

/// Whether requests are taken back, or are about to be.
fn is_aborted(snapshot: &Snapshot) -> bool {
    snapshot.rollout.status.abort || is_to_be_aborted(snapshot)
}

fn is_lowered(snapshot: &Snapshot, route: &ObjectRef, weight: u32, managed: &[ManagedRule]) -> bool {
    let Some(known) = snapshot.routes.iter().find(|known| known.reference == *route) else { return false };
    let (observed, held) = (known.canary_weight.unwrap_or(0), known.managed_rules());
    let is_no_more = weight <= observed && managed.iter().all(|rule| held.contains(rule));
    is_no_more && (weight < observed || managed.len() < held.len())
}

/// The route objects and what they are made from.
fn route_reads(drivers: &[Router]) -> BTreeSet<ObjectRef> {
    let all = drivers.iter().flat_map(|router| router.routes().into_iter().map(move |route| (router, route)));
    all.flat_map(|(router, route)| router.sources(&route).into_iter().chain([route])).collect()
}

fn with_hash<'a>(snapshot: &'a Snapshot, hash: &'a str) -> impl Iterator<Item = &'a ReplicaSetFacts> {
    snapshot.sets().filter(move |set| !hash.is_empty() && set.hash == hash)
}

/// What a status rests on that says what comes next: a step that is done, a pause, a promotion, an update that is taken
/// back.
pub(crate) fn reads_of_status(
    old: &RolloutStatus,
    new: &RolloutStatus,
    gathered: &Gathered,
) -> BTreeSet<ObjectRef> {
    if !is_decisive(old, new) || planted(Bug::NoLiveReads) {
        return BTreeSet::new();
    }
    steering(&gathered.snapshot, &gathered.routers)
}

/// The ReplicaSets that have a role or stand behind a Service. Where pods are what shares requests out, or no status
/// tells the roles, those that have or want pods as well: with a route or with Services that turn, all other pods get
/// no requests, however many are left of earlier versions.
fn that_matter<'a>(
    snapshot: &'a Snapshot,
    routers: &[Router],
) -> impl Iterator<Item = &'a ReplicaSetFacts> + use<'a> {
    let strategy = snapshot.rollout.readable_spec().map(|spec| &spec.strategy);
    let is_steered = !routers.is_empty() || strategy.is_some_and(|strategy| strategy.blue_green.is_some());
    let pods_count = !is_steered || is_blank(&snapshot.rollout.status);
    with_pods(snapshot).filter(move |_| pods_count).chain(roles(snapshot))
}

fn with_pods(snapshot: &Snapshot) -> impl Iterator<Item = &ReplicaSetFacts> {
    snapshot.sets().filter(|facts| facts.replicas > 0 || facts.current_replicas > 0)
}

/// The ReplicaSets of the new and of the stable version, and those that a Service selects.
fn roles(snapshot: &Snapshot) -> impl Iterator<Item = &ReplicaSetFacts> {
    let status = &snapshot.rollout.status;
    let selected: BTreeSet<&String> =
        snapshot.services.values().filter_map(|service| service.selector.get(POD_TEMPLATE_HASH)).collect();
    let digest = snapshot.template.as_ref().map(|template| template.digest.as_str()).unwrap_or_default();
    snapshot.sets().filter(move |set| {
        let is = |hash: &str| !hash.is_empty() && set.hash == hash;
        is(&status.stable_rs)
            || is(&status.current_pod_hash)
            || selected.contains(&set.hash)
            || (!digest.is_empty() && set.template_digest == digest)
    })
}

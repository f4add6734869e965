//! What the engine knows of the cluster: projections, by kind, by name, by controller and by who names them.

pub(crate) mod held;
mod orphans;
pub(crate) mod references;
pub(crate) mod table;
pub(crate) mod version;

use std::collections::BTreeSet;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planner::facts::{
    AnalysisRunFacts, Meta, PodFacts, ReplicaSetFacts, ServiceFacts, TemplateFacts, WorkloadFacts,
};
use planner::shared::Shared;
use planted_bugs::{Bug, planted};

use self::held::{PodHeld, RolloutHeld, RouteHeld, WorkloadHeld};
use self::references::References;
use self::table::{Change, Key, Origin, Table};
use self::version::Stamp;
use crate::object::{Object, View};

/// All stores.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stores {
    /// The Rollouts, each with its template.
    pub(crate) rollouts: Table<RolloutHeld>,
    /// The ReplicaSets that a Rollout or nobody controls.
    pub(crate) replica_sets: Table<Shared<ReplicaSetFacts>>,
    /// The Services.
    pub(crate) services: Table<Shared<ServiceFacts>>,
    /// The AnalysisRuns.
    pub(crate) analysis_runs: Table<Shared<AnalysisRunFacts>>,
    /// The AnalysisTemplates.
    pub(crate) templates: Table<Shared<TemplateFacts>>,
    /// The ClusterAnalysisTemplates.
    pub(crate) cluster_templates: Table<Shared<TemplateFacts>>,
    /// The Ingresses.
    pub(crate) ingresses: Table<RouteHeld>,
    /// The VirtualServices.
    pub(crate) virtual_services: Table<RouteHeld>,
    /// The pods, once a Rollout asks for what they carry.
    pub(crate) pods: Table<PodHeld>,
    /// The Deployments.
    pub(crate) deployments: Table<WorkloadHeld>,
    /// The ReplicaSets that no Rollout controls.
    pub(crate) source_sets: Table<WorkloadHeld>,
    /// The PodTemplates.
    pub(crate) pod_templates: Table<WorkloadHeld>,
    /// Which Rollouts name which objects.
    pub(crate) references: References,
    /// The kinds that are not served: nobody knows what objects of them say, or whether there are any.
    pub(crate) unserved: BTreeSet<Kind>,
    /// The ReplicaSets that nobody controls.
    orphans: BTreeSet<Key>,
    /// The Rollouts that restart their pods.
    restarting: BTreeSet<ObjectRef>,
}

/// The kinds without which nothing is decided.
pub(crate) const CORE: [Kind; 6] = [
    Kind::Rollout,
    Kind::ReplicaSet,
    Kind::Service,
    Kind::AnalysisRun,
    Kind::AnalysisTemplate,
    Kind::ClusterAnalysisTemplate,
];

/// The kinds that are watched once a Rollout names an object of them.
pub(crate) const NAMED: [Kind; 5] =
    [Kind::Ingress, Kind::VirtualService, Kind::Deployment, Kind::SourceReplicaSet, Kind::PodTemplate];

/// What all tables have in common.
trait Shelf {
    fn begin(&mut self);
    fn end(&mut self) -> Vec<Key>;
    fn complete(&self) -> bool;
    fn stamp(&self, key: &Key) -> Option<Stamp>;
    fn names(&self) -> Vec<Key>;
    fn take_out(&mut self, key: &Key);
    fn bury_incarnation(&mut self, key: &Key, uid: &str) -> bool;
    fn size(&self) -> usize;
}

impl<T: table::Held> Shelf for Table<T> {
    fn begin(&mut self) {
        self.begin_list();
    }
    fn end(&mut self) -> Vec<Key> {
        self.end_list()
    }
    fn complete(&self) -> bool {
        self.is_complete()
    }
    fn stamp(&self, key: &Key) -> Option<Stamp> {
        self.get(key).map(table::Held::stamp)
    }
    fn names(&self) -> Vec<Key> {
        self.keys().cloned().collect()
    }
    fn take_out(&mut self, key: &Key) {
        self.remove(key);
    }
    fn bury_incarnation(&mut self, key: &Key, uid: &str) -> bool {
        self.bury(key, uid)
    }
    fn size(&self) -> usize {
        self.len()
    }
}

/// Namespace and name of a reference.
pub(crate) fn key(object: &ObjectRef) -> Key {
    (object.namespace.clone(), object.name.clone())
}

impl Stores {
    /// Takes what a list, a watch or an answer showed.
    pub(crate) fn apply(&mut self, object: &Object, origin: Origin) -> Change {
        let reference = ObjectRef::new(object.kind, &object.meta.namespace, &object.meta.name);
        let key = key(&reference);
        match &object.view {
            View::Rollout(facts) => {
                let held = RolloutHeld::new(facts.clone(), self.rollouts.get(&key));
                self.rollouts.apply(key, held, origin)
            }
            View::ReplicaSet(facts) => {
                let change = self.replica_sets.apply(key.clone(), facts.clone(), origin);
                self.note_orphan(key);
                change
            }
            View::Service(facts) => self.services.apply(key, facts.clone(), origin),
            View::AnalysisRun(facts) => self.analysis_runs.apply(key, facts.clone(), origin),
            View::Template(facts) if object.kind == Kind::ClusterAnalysisTemplate => {
                self.cluster_templates.apply(key, facts.clone(), origin)
            }
            View::Template(facts) => self.templates.apply(key, facts.clone(), origin),
            View::Route(value) => {
                // A list or a live answer may say something else under the same version.
                let is_known = origin == Origin::Watch && self.holds_text(&reference, &object.meta);
                let named = self.references.is_named(&reference) && !is_known;
                let held = RouteHeld::new(&object.meta, value, named);
                self.apply_route(&reference, held, origin)
            }
            View::Pod(facts) => self.apply_pod(key, facts, origin),
            View::Workload(facts) => self.apply_workload(&reference, facts, origin),
            View::Secret(_) | View::MetaOnly => Change::Same,
        }
    }

    /// Whether the text of just this version of a route is held: then it is not written down again.
    fn holds_text(&self, route: &ObjectRef, meta: &Meta) -> bool {
        let held = self.routes(route.kind).and_then(|table| table.get(&key(route)));
        held.is_some_and(|held| held.text().is_some() && held.is_version(meta))
    }

    /// The same version counts as taken if only now its text is wanted.
    fn apply_route(&mut self, route: &ObjectRef, held: RouteHeld, origin: Origin) -> Change {
        let Some(table) = self.routes_mut(route.kind) else { return Change::Same };
        let key = key(route);
        if held.text().is_some() && table.get(&key).is_some_and(|before| before.text().is_none()) {
            table.remove(&key);
        }
        table.apply(key, held, origin)
    }

    /// The same version counts as taken if only now its template is wanted.
    fn apply_workload(
        &mut self,
        workload: &ObjectRef,
        facts: &Shared<WorkloadFacts>,
        origin: Origin,
    ) -> Change {
        let held = WorkloadHeld::new(facts, self.references.is_named(workload));
        let Some(table) = self.workloads_mut(workload.kind) else { return Change::Same };
        let key = key(workload);
        if held.kept().is_some() && table.get(&key).is_some_and(|before| before.kept().is_none()) {
            table.remove(&key);
        }
        table.apply(key, held, origin)
    }

    /// The same version counts as taken if only now what it carries is wanted.
    fn apply_pod(&mut self, key: Key, facts: &Shared<PodFacts>, origin: Origin) -> Change {
        let held = PodHeld::new(facts, self.rollout_of_pod(&facts.meta).is_some());
        if held.facts().is_some() && self.pods.get(&key).is_some_and(|before| before.facts().is_none()) {
            self.pods.remove(&key);
        }
        self.pods.apply(key, held, origin)
    }

    /// The Rollout that a pod belongs to, if its decisions rest on pods.
    fn rollout_of_pod(&self, pod: &Meta) -> Option<ObjectRef> {
        let owner = pod.controller.as_ref().filter(|owner| owner.kind == Kind::ReplicaSet.name())?;
        let set = self.replica_sets.get(&(pod.namespace.clone(), owner.name.clone()))?;
        let rollout = controlling_rollout(&set.meta).filter(|_| set.meta.uid == owner.uid)?;
        self.follows_pods(&rollout).then_some(rollout)
    }

    /// Notes whether a Rollout restarts its pods.
    pub(crate) fn note_restart(&mut self, rollout: &ObjectRef, now: Timestamp) {
        let held = self.rollouts.get(&key(rollout));
        if held.is_some_and(|held| planner::rollout::restart_is_due(&held.facts, now)) {
            self.restarting.insert(rollout.clone());
        } else {
            self.restarting.remove(rollout);
        }
    }

    /// Whether decisions about a Rollout rest on its pods.
    pub(crate) fn follows_pods(&self, rollout: &ObjectRef) -> bool {
        self.restarting.contains(rollout)
            || self.rollouts.get(&key(rollout)).is_some_and(|held| {
                let sets = self.replica_sets.controlled_by(&held.facts.meta.uid);
                planner::rollout::follows_pods(&held.facts, sets.map(|set| &**set))
            })
    }

    /// The table of a kind of route.
    pub(crate) fn routes(&self, kind: Kind) -> Option<&Table<RouteHeld>> {
        match kind {
            Kind::Ingress => Some(&self.ingresses),
            Kind::VirtualService => Some(&self.virtual_services),
            _ => None,
        }
    }

    fn routes_mut(&mut self, kind: Kind) -> Option<&mut Table<RouteHeld>> {
        match kind {
            Kind::Ingress => Some(&mut self.ingresses),
            Kind::VirtualService => Some(&mut self.virtual_services),
            _ => None,
        }
    }

    /// The table of a kind that Rollouts take their templates from.
    pub(crate) fn workloads(&self, kind: Kind) -> Option<&Table<WorkloadHeld>> {
        match kind {
            Kind::Deployment => Some(&self.deployments),
            Kind::SourceReplicaSet => Some(&self.source_sets),
            Kind::PodTemplate => Some(&self.pod_templates),
            _ => None,
        }
    }

    fn workloads_mut(&mut self, kind: Kind) -> Option<&mut Table<WorkloadHeld>> {
        match kind {
            Kind::Deployment => Some(&mut self.deployments),
            Kind::SourceReplicaSet => Some(&mut self.source_sets),
            Kind::PodTemplate => Some(&mut self.pod_templates),
            _ => None,
        }
    }

    /// Drops the texts of routes and the templates of workloads that no Rollout names any more.
    pub(crate) fn forget_texts(&mut self, unnamed: &[ObjectRef]) {
        for object in unnamed {
            if let Some(table) = self.routes_mut(object.kind)
                && let Some(held) = table.get_mut(&key(object))
            {
                held.forget_text();
            }
            if let Some(table) = self.workloads_mut(object.kind)
                && let Some(held) = table.get_mut(&key(object))
            {
                held.forget_template();
            }
        }
    }

    fn shelf(&self, kind: Kind) -> Option<&dyn Shelf> {
        Some(match kind {
            Kind::Rollout => &self.rollouts,
            Kind::ReplicaSet => &self.replica_sets,
            Kind::Service => &self.services,
            Kind::AnalysisRun => &self.analysis_runs,
            Kind::AnalysisTemplate => &self.templates,
            Kind::ClusterAnalysisTemplate => &self.cluster_templates,
            Kind::Ingress => &self.ingresses,
            Kind::VirtualService => &self.virtual_services,
            Kind::Pod => &self.pods,
            Kind::Deployment => &self.deployments,
            Kind::SourceReplicaSet => &self.source_sets,
            Kind::PodTemplate => &self.pod_templates,
            Kind::Experiment | Kind::Secret | Kind::Event => return None,
        })
    }

    fn shelf_mut(&mut self, kind: Kind) -> Option<&mut dyn Shelf> {
        Some(match kind {
            Kind::Rollout => &mut self.rollouts,
            Kind::ReplicaSet => &mut self.replica_sets,
            Kind::Service => &mut self.services,
            Kind::AnalysisRun => &mut self.analysis_runs,
            Kind::AnalysisTemplate => &mut self.templates,
            Kind::ClusterAnalysisTemplate => &mut self.cluster_templates,
            Kind::Ingress => &mut self.ingresses,
            Kind::VirtualService => &mut self.virtual_services,
            Kind::Pod => &mut self.pods,
            Kind::Deployment => &mut self.deployments,
            Kind::SourceReplicaSet => &mut self.source_sets,
            Kind::PodTemplate => &mut self.pod_templates,
            Kind::Experiment | Kind::Secret | Kind::Event => return None,
        })
    }

    /// A list of this kind begins.
    pub(crate) fn begin_list(&mut self, kind: Kind) {
        if let Some(shelf) = self.shelf_mut(kind) {
            shelf.begin();
        }
    }

    /// The list of this kind is complete; what it did not bring is still held and named in the answer.
    pub(crate) fn end_list(&mut self, kind: Kind) -> Vec<Key> {
        self.shelf_mut(kind).map(Shelf::end).unwrap_or_default()
    }

    /// Whether a list of this kind has been completed, or the kind is not served.
    pub(crate) fn is_complete(&self, kind: Kind) -> bool {
        self.shelf(kind).is_some_and(Shelf::complete)
    }

    /// Which version of an object is held.
    pub(crate) fn stamp(&self, object: &ObjectRef) -> Option<Stamp> {
        self.shelf(object.kind)?.stamp(&key(object))
    }

    /// The names of all objects of a kind.
    pub(crate) fn names(&self, kind: Kind) -> Vec<Key> {
        self.shelf(kind).map(Shelf::names).unwrap_or_default()
    }

    /// How many objects of a kind are held.
    pub(crate) fn size(&self, kind: Kind) -> usize {
        self.shelf(kind).map_or(0, Shelf::size)
    }

    /// Removes an object.
    pub(crate) fn remove(&mut self, object: &ObjectRef) {
        if let Some(shelf) = self.shelf_mut(object.kind) {
            shelf.take_out(&key(object));
        }
        self.note_orphan_of(object);
    }

    /// Removes one incarnation of an object for good; returns whether it was held.
    pub(crate) fn bury(&mut self, object: &ObjectRef, uid: &str) -> bool {
        let was_held =
            self.shelf_mut(object.kind).is_some_and(|shelf| shelf.bury_incarnation(&key(object), uid));
        self.note_orphan_of(object);
        was_held
    }

    /// The controller of an object that is held.
    fn meta(&self, object: &ObjectRef) -> Option<&Meta> {
        let key = key(object);
        match object.kind {
            Kind::ReplicaSet => self.replica_sets.get(&key).map(|facts| &facts.meta),
            Kind::AnalysisRun => self.analysis_runs.get(&key).map(|facts| &facts.meta),
            _ => None,
        }
    }

    /// The Rollouts and AnalysisRuns that a change of `object` concerns, as far as it is held.
    pub(crate) fn concerned(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let owner = self.meta(object).and_then(controlling_rollout);
        match object.kind {
            Kind::Rollout => vec![object.clone()],
            Kind::AnalysisRun => owner.into_iter().chain([object.clone()]).collect(),
            Kind::ReplicaSet if owner.is_none() => {
                self.replica_sets.get(&key(object)).map(|set| self.heirs(set)).unwrap_or_default()
            }
            Kind::ReplicaSet => owner.into_iter().collect(),
            Kind::Pod => {
                let held = self.pods.get(&key(object)).and_then(PodHeld::facts);
                held.and_then(|facts| self.rollout_of_pod(&facts.meta)).into_iter().collect()
            }
            kind if self.workloads(kind).is_some() && planted(Bug::WorkloadChangeNotNoticed) => Vec::new(),
            _ => self.references.of(object).cloned().collect(),
        }
    }
}

/// The Rollout that controls an object.
pub(crate) fn controlling_rollout(meta: &Meta) -> Option<ObjectRef> {
    let owner = meta.controller.as_ref().filter(|owner| owner.kind == Kind::Rollout.name())?;
    Some(ObjectRef::new(Kind::Rollout, &meta.namespace, &owner.name))
}

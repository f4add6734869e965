//! Everything that a decision about one Rollout may look at.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::ObjectRef;
use crds::rollout::GenerationForm;
use jiff::Timestamp;

use super::TemplateIdentity;
use crate::facts::{
    AnalysisRunFacts, PodFacts, ReplicaSetFacts, RolloutFacts, RouteFacts, ServiceFacts, Stale,
    TemplateFacts, WorkloadFacts,
};
use crate::shared::Shared;

/// What the cluster looked like, as far as one Rollout is concerned. It holds no "now".
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The Rollout.
    pub rollout: Shared<RolloutFacts>,
    /// The pod template to roll out: the spec's own, or that of `workload`.
    pub template: Option<Shared<TemplateIdentity>>,
    /// The object that `spec.workloadRef` names, if it exists.
    pub workload: Option<Shared<WorkloadFacts>>,
    /// All ReplicaSets whose controller is this Rollout's uid, oldest name first.
    pub replica_sets: Vec<Shared<ReplicaSetFacts>>,
    /// The ReplicaSets of the namespace that no Rollout nor anybody else controls and that this Rollout may take over.
    pub orphans: Vec<Shared<ReplicaSetFacts>>,
    /// The pods of the ReplicaSets that are its own, where [`super::follows_pods`] or [`super::restart_is_due`] says that decisions
    /// rest on them; nothing else, and nothing before all of them are known.
    pub pods: Option<Vec<Shared<PodFacts>>>,
    /// The Services that the spec names, by name; a missing one is absent.
    pub services: BTreeMap<String, Shared<ServiceFacts>>,
    /// The route objects of the Rollout's traffic routers, in the order in which they are written.
    pub routes: Vec<RouteFacts>,
    /// Why the traffic routers could not be set up from the spec, if so.
    pub routing_problem: Option<String>,
    /// The AnalysisRuns whose controller is this Rollout's uid.
    pub analysis_runs: Vec<Shared<AnalysisRunFacts>>,
    /// The AnalysisTemplates of the namespace that the spec names (directly or nested), by name.
    pub templates: BTreeMap<String, Shared<TemplateFacts>>,
    /// The ClusterAnalysisTemplates that the spec names, by name.
    pub cluster_templates: BTreeMap<String, Shared<TemplateFacts>>,
    /// Names that this Rollout wanted to create under and that an object of somebody else has: another controller's
    /// uid, or none. The next collision name is used instead.
    pub taken: BTreeSet<ObjectRef>,
    /// Pods, by uid, whose eviction was refused.
    pub kept: BTreeMap<String, Kept>,
    /// Since when this process decides, if it does.
    pub tenure: Option<Tenure>,
    /// What the store has not caught up with.
    pub stale: Stale,
    /// Settings of the operator that decisions rest on.
    pub settings: Settings,
}

impl Snapshot {
    /// All ReplicaSets of the Rollout.
    pub fn sets(&self) -> impl Iterator<Item = &ReplicaSetFacts> {
        self.replica_sets.iter().map(|set| &**set)
    }

    /// All AnalysisRuns of the Rollout.
    pub fn runs(&self) -> impl Iterator<Item = &AnalysisRunFacts> {
        self.analysis_runs.iter().map(|run| &**run)
    }
}

/// Since when a process decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// When its term began. Times that were written before may come from another clock.
    pub leading_since: Timestamp,
    /// Since when it has been there all the time; later than its term if it stood still in between. Whatever waited for
    /// decisions before waited for nobody else.
    pub attending_since: Timestamp,
}

impl Tenure {
    /// A term that begins at that time.
    #[must_use]
    pub const fn begun(now: Timestamp) -> Self {
        Self { leading_since: now, attending_since: now }
    }
}

/// A pod that may not be evicted for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When to ask again.
    pub until: Timestamp,
    /// What the server said.
    pub message: String,
}

/// Settings of the operator that decisions rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long after an accepted route write pods behind the old route are kept (`--route-drain-seconds`).
    pub route_drain_seconds: u32,
    /// How `status.observedGeneration` is written where an object does not ask for another form
    /// (`--observed-generation`).
    pub observed_generation: GenerationForm,
}

impl Default for Settings {
    fn default() -> Self {
        Self { route_drain_seconds: 5, observed_generation: GenerationForm::Text }
    }
}

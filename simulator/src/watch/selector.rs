//! Which objects of a kind a client asks for.

use crds::names::{INSTANCE_ID, POD_TEMPLATE_HASH};
use crds::object_ref::Kind;
use engine::object::Object;

/// Which objects of a kind a client asks for, by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// All of them.
    #[default]
    All,
    /// Those that carry a label.
    Has(&'static str),
    /// Those that do not carry a label.
    Lacks(&'static str),
    /// Those whose label has a value.
    Is(&'static str, String),
}

impl Selector {
    /// What the operator asks for of a kind; `instance` is the id that it was started with.
    #[must_use]
    pub fn of_operator(kind: Kind, instance: Option<&str>) -> Self {
        match kind {
            Kind::ReplicaSet | Kind::Pod => Self::Has(POD_TEMPLATE_HASH),
            Kind::Rollout
            | Kind::AnalysisRun
            | Kind::Experiment
            | Kind::AnalysisTemplate
            | Kind::ClusterAnalysisTemplate => match instance {
                Some(id) => Self::Is(INSTANCE_ID, id.to_owned()),
                None => Self::Lacks(INSTANCE_ID),
            },
            Kind::SourceReplicaSet => Self::Lacks(POD_TEMPLATE_HASH),
            Kind::Service
            | Kind::Secret
            | Kind::Event
            | Kind::Ingress
            | Kind::VirtualService
            | Kind::Deployment
            | Kind::PodTemplate => Self::All,
        }
    }

    /// Whether an object is asked for.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        let labels = &object.meta.labels;
        match self {
            Self::All => true,
            Self::Has(label) => labels.contains_key(*label),
            Self::Lacks(label) => !labels.contains_key(*label),
            Self::Is(label, value) => labels.get(*label) == Some(value),
        }
    }
}

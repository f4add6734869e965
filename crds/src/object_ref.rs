//! What Linnet calls an object: its kind, namespace and name.

use serde::{Deserialize, Serialize};

/// Every kind of object that Linnet reads or writes.
///
/// A closed list: a kind that is not here is never asked for, so the list is also the upper bound of the RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// `argoproj.io/v1alpha1` Rollout.
    Rollout,
    /// `argoproj.io/v1alpha1` AnalysisRun.
    AnalysisRun,
    /// `argoproj.io/v1alpha1` AnalysisTemplate.
    AnalysisTemplate,
    /// `argoproj.io/v1alpha1` ClusterAnalysisTemplate, the one kind without a namespace.
    ClusterAnalysisTemplate,
    /// `argoproj.io/v1alpha1` Experiment.
    Experiment,
    /// `apps/v1` ReplicaSet.
    ReplicaSet,
    /// `v1` Service.
    Service,
    /// `v1` Secret: read by name when an analysis argument asks for a key, never watched.
    Secret,
    /// `events.k8s.io`-compatible `v1` Event: created only.
    Event,
    /// `networking.k8s.io/v1` Ingress.
    Ingress,
    /// `networking.istio.io` VirtualService; its version is a setting.
    VirtualService,
    /// `v1` Pod: looked at only once a Rollout wants its pods restarted, or to carry metadata of their role.
    Pod,
    /// `apps/v1` Deployment: looked at only where a Rollout takes its pod template from one.
    Deployment,
    /// `apps/v1` ReplicaSet that no Rollout controls: looked at only where a Rollout takes its pod template from one.
    SourceReplicaSet,
    /// `v1` PodTemplate: looked at only where a Rollout takes its pod template from one.
    PodTemplate,
}

impl Kind {
    /// The kind's name as it stands in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollout => "Rollout",
            Self::AnalysisRun => "AnalysisRun",
            Self::AnalysisTemplate => "AnalysisTemplate",
            Self::ClusterAnalysisTemplate => "ClusterAnalysisTemplate",
            Self::Experiment => "Experiment",
            Self::ReplicaSet | Self::SourceReplicaSet => "ReplicaSet",
            Self::Service => "Service",
            Self::Secret => "Secret",
            Self::Event => "Event",
            Self::Ingress => "Ingress",
            Self::VirtualService => "VirtualService",
            Self::Pod => "Pod",
            Self::Deployment => "Deployment",
            Self::PodTemplate => "PodTemplate",
        }
    }

    /// The kind's name in URLs.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Rollout => "rollouts",
            Self::AnalysisRun => "analysisruns",
            Self::AnalysisTemplate => "analysistemplates",
            Self::ClusterAnalysisTemplate => "clusteranalysistemplates",
            Self::Experiment => "experiments",
            Self::ReplicaSet | Self::SourceReplicaSet => "replicasets",
            Self::Service => "services",
            Self::Secret => "secrets",
            Self::Event => "events",
            Self::Ingress => "ingresses",
            Self::VirtualService => "virtualservices",
            Self::Pod => "pods",
            Self::Deployment => "deployments",
            Self::PodTemplate => "podtemplates",
        }
    }

    /// The API group, empty for the core group.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Rollout
            | Self::AnalysisRun
            | Self::AnalysisTemplate
            | Self::ClusterAnalysisTemplate
            | Self::Experiment => "argoproj.io",
            Self::ReplicaSet | Self::SourceReplicaSet | Self::Deployment => "apps",
            Self::Service | Self::Secret | Self::Event | Self::Pod | Self::PodTemplate => "",
            Self::Ingress => "networking.k8s.io",
            Self::VirtualService => "networking.istio.io",
        }
    }

    /// The API version that is asked for unless a setting says otherwise.
    #[must_use]
    pub const fn default_version(self) -> &'static str {
        match self {
            Self::Rollout
            | Self::AnalysisRun
            | Self::AnalysisTemplate
            | Self::ClusterAnalysisTemplate
            | Self::Experiment => "v1alpha1",
            Self::ReplicaSet
            | Self::Service
            | Self::Secret
            | Self::Event
            | Self::Ingress
            | Self::Pod
            | Self::Deployment
            | Self::SourceReplicaSet
            | Self::PodTemplate => "v1",
            Self::VirtualService => "v1alpha3",
        }
    }

    /// Where objects of the kind keep the pod template that a Rollout runs, as a JSON pointer; nothing for the other kinds.
    #[must_use]
    pub const fn template_path(self) -> Option<&'static str> {
        match self {
            Self::Rollout | Self::Deployment | Self::SourceReplicaSet => Some("/spec/template"),
            // It has no spec.
            Self::PodTemplate => Some("/template"),
            Self::AnalysisRun
            | Self::AnalysisTemplate
            | Self::ClusterAnalysisTemplate
            | Self::Experiment
            | Self::ReplicaSet
            | Self::Service
            | Self::Secret
            | Self::Event
            | Self::Ingress
            | Self::VirtualService
            | Self::Pod => None,
        }
    }
}

/// One object: equal references name the same object (though perhaps another incarnation, see the uid).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The kind.
    pub kind: Kind,
    /// The namespace; empty for objects without one.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind.name(), self.name)
        } else {
            write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
        }
    }
}

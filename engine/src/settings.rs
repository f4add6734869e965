//! What the process was started with, as far as decisions depend on it.

use crds::object_ref::Kind;
use crds::rollout::GenerationForm;

/// What the process was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long after an accepted route write pods behind the old route are kept (`--route-drain-seconds`).
    pub route_drain_seconds: u32,
    /// How `status.observedGeneration` is written where an object does not ask for another form
    /// (`--observed-generation`).
    pub observed_generation: GenerationForm,
    /// Where Prometheus is when a metric does not say (`ARGO_ROLLOUTS_PROMETHEUS_ADDRESS`).
    pub prometheus_address: Option<String>,
    /// Only objects whose instance label has this value belong to this process; `None`: only objects without the
    /// label (`--instance-id`).
    pub instance_id: Option<String>,
    /// Only objects of this namespace belong to this process (`--namespaced`); `None`: all namespaces.
    pub namespace: Option<String>,
    /// The component that events name as their source.
    pub event_component: String,
    /// The instance that events name as their reporter, such as the pod's name.
    pub event_instance: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            route_drain_seconds: 5,
            observed_generation: GenerationForm::Text,
            prometheus_address: None,
            instance_id: None,
            namespace: None,
            event_component: "rollouts-controller".to_owned(),
            event_instance: String::new(),
        }
    }
}

/// The label that hands an object to one of several operators.
pub const INSTANCE_LABEL: &str = "argo-rollouts.argoproj.io/controller-instance-id";

impl Settings {
    /// What decisions about Rollouts rest on.
    pub(crate) const fn of_rollouts(&self) -> planner::rollout::Settings {
        planner::rollout::Settings {
            route_drain_seconds: self.route_drain_seconds,
            observed_generation: self.observed_generation,
        }
    }

    /// Whether an object with these labels in this namespace belongs to this process.
    pub(crate) fn owns(
        &self,
        kind: Kind,
        namespace: &str,
        labels: &std::collections::BTreeMap<String, String>,
    ) -> bool {
        let in_scope = namespace.is_empty() || self.namespace.as_deref().is_none_or(|ours| ours == namespace);
        let labelled = match kind {
            Kind::Rollout
            | Kind::AnalysisRun
            | Kind::Experiment
            | Kind::AnalysisTemplate
            | Kind::ClusterAnalysisTemplate => labels.get(INSTANCE_LABEL) == self.instance_id.as_ref(),
            Kind::ReplicaSet
            | Kind::Service
            | Kind::Secret
            | Kind::Event
            | Kind::Ingress
            | Kind::VirtualService
            | Kind::Pod
            | Kind::Deployment
            | Kind::SourceReplicaSet
            | Kind::PodTemplate => true,
        };
        in_scope && labelled
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_id_takes_unlabelled(None, None, Kind::Rollout, true)]
    #[case::no_id_leaves_labelled(None, Some("a"), Kind::Rollout, false)]
    #[case::id_takes_equal(Some("a"), Some("a"), Kind::AnalysisTemplate, true)]
    #[case::id_leaves_other(Some("a"), Some("b"), Kind::AnalysisRun, false)]
    #[case::id_leaves_unlabelled(Some("a"), None, Kind::ClusterAnalysisTemplate, false)]
    #[case::services_are_not_filtered(Some("a"), None, Kind::Service, true)]
    fn instance_label(
        #[case] id: Option<&str>,
        #[case] label: Option<&str>,
        #[case] kind: Kind,
        #[case] owned: bool,
    ) {
        let settings = Settings { instance_id: id.map(str::to_owned), ..Settings::default() };
        let labels: BTreeMap<_, _> =
            label.map(|l| (INSTANCE_LABEL.to_owned(), l.to_owned())).into_iter().collect();
        assert_eq!(settings.owns(kind, "shop", &labels), owned);
    }

    #[test]
    fn a_namespaced_operator_leaves_other_namespaces() {
        let settings = Settings { namespace: Some("shop".to_owned()), ..Settings::default() };
        assert!(settings.owns(Kind::Rollout, "shop", &BTreeMap::new()));
        assert!(!settings.owns(Kind::Rollout, "bank", &BTreeMap::new()));
        assert!(settings.owns(Kind::ClusterAnalysisTemplate, "", &BTreeMap::new()));
    }
}

//! What a cluster is to consist of; written down before it is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::state::{self, State};

/// A part of a cluster beside its control plane.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Extra {
    /// A node whose pods answer real requests.
    Node,
    /// A reverse proxy before the API server that counts, delays and cuts.
    Proxy,
    /// Traefik, which obeys NGINX canary annotations, `HTTPRoute`s and its own kinds.
    Traefik,
    /// istiod with an Envoy as ingress gateway; needs the node.
    Istio,
    /// Prometheus, which scrapes pods and proxies; needs the node.
    Prometheus,
}

/// What a cluster is to consist of.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The parts beside the control plane, in the order in which they are started.
    pub(crate) extras: Vec<Extra>,
    /// Images that the node runs as processes, as `NAME=PATH`.
    pub(crate) images: Vec<String>,
    /// Where each program is.
    pub(crate) programs: BTreeMap<String, PathBuf>,
}

impl Plan {
    /// A plan with the parts that were asked for and those that they need.
    pub(crate) fn new(asked: &[Extra], images: Vec<String>) -> Self {
        let mut extras = asked.to_vec();
        if asked.contains(&Extra::Istio) || asked.contains(&Extra::Prometheus) || !images.is_empty() {
            extras.push(Extra::Node);
        }
        extras.sort_unstable();
        extras.dedup();
        Self { extras, images, programs: BTreeMap::new() }
    }

    /// Whether a part belongs to the cluster.
    pub(crate) fn has(&self, extra: Extra) -> bool {
        self.extras.contains(&extra)
    }

    /// Whether a cluster of this plan is all that the other plan asks for, made from the same programs.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.images == other.images
            && other.extras.iter().all(|extra| self.has(*extra))
            && other.programs.iter().all(|(name, path)| self.programs.get(name) == Some(path))
    }

    /// Where a program is.
    ///
    /// # Errors
    /// When the plan was made without it.
    pub(crate) fn program(&self, name: &str) -> Result<&PathBuf> {
        self.programs.get(name).with_context(|| format!("the plan of the cluster has no program {name}"))
    }

    /// Writes the plan into the state of the cluster.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, state: &State) -> Result<()> {
        state::write_json(&state.path("plan.json"), self)
    }

    /// The plan of a cluster; `None` when there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(state: &State) -> Result<Option<Self>> {
        state::read_json(&state.path("plan.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_bring_the_node_that_they_need() {
        assert_eq!(Plan::new(&[Extra::Istio], Vec::new()).extras, [Extra::Node, Extra::Istio]);
        assert_eq!(Plan::new(&[Extra::Traefik], Vec::new()).extras, [Extra::Traefik]);
        assert_eq!(Plan::new(&[], vec!["a=/b".to_owned()]).extras, [Extra::Node]);
    }

    #[test]
    fn plan_covers_one_with_fewer_parts_but_not_one_with_other_programs() {
        let mut all = Plan::new(&[Extra::Node, Extra::Traefik], Vec::new());
        all.programs.insert("kube".to_owned(), PathBuf::from("/cache/kube-1/kube"));
        let mut some = Plan { extras: vec![Extra::Node], ..all.clone() };
        assert!(all.covers(&some) && !some.covers(&all));
        some.programs.insert("kube".to_owned(), PathBuf::from("/cache/kube-2/kube"));
        assert!(!all.covers(&some));
    }

    #[test]
    fn part_asked_for_twice_is_started_once() {
        let plan = Plan::new(&[Extra::Prometheus, Extra::Node, Extra::Prometheus], Vec::new());
        assert_eq!(plan.extras, [Extra::Node, Extra::Prometheus]);
    }
}

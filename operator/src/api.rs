//! Where objects live at the API server: resources, scopes and paths.

use crds::names::{INSTANCE_ID, POD_TEMPLATE_HASH};
use crds::object_ref::{Kind, ObjectRef};
use kube::api::ApiResource;

use crate::cli::{Router, Scope};

/// Knows versions, scopes and selectors: a function of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    /// The one namespace that is looked after, or none for all.
    namespace: Option<String>,
    instance_id: Option<String>,
    istio_version: String,
    routers: Vec<Router>,
}

impl Directory {
    /// Reads the scope from the command line; `own_namespace` serves where `--namespaced` names none.
    pub(crate) fn new(scope: &Scope, own_namespace: &str) -> Self {
        let namespace =
            scope.namespaced.then(|| scope.namespace.clone().unwrap_or_else(|| own_namespace.to_owned()));
        Self {
            namespace,
            instance_id: Some(scope.instance_id.clone()).filter(|id| !id.is_empty()),
            istio_version: scope.istio_api_version.clone(),
            routers: scope.routers.clone(),
        }
    }

    /// The namespace that watches are confined to; `None` is the whole cluster.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The API version that a kind is asked for in.
    fn version(&self, kind: Kind) -> &str {
        match kind {
            Kind::VirtualService => &self.istio_version,
            _ => kind.default_version(),
        }
    }

    /// The kind as the client library names resources.
    pub(crate) fn resource(&self, kind: Kind) -> ApiResource {
        let (group, version) = (kind.group(), self.version(kind));
        let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: kind.name().to_owned(),
            plural: kind.plural().to_owned(),
        }
    }

    /// Why a kind is never asked for here, or `None` if it is.
    pub(crate) fn excluded(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            Kind::Ingress if !self.routers.contains(&Router::Nginx) => {
                Some("the router nginx is switched off (--routers)")
            }
            Kind::VirtualService if !self.routers.contains(&Router::Istio) => {
                Some("the router istio is switched off (--routers)")
            }
            // A Role cannot grant a kind that has no namespace.
            Kind::ClusterAnalysisTemplate if self.namespace.is_some() => {
                Some("cluster-wide templates are out of reach with --namespaced")
            }
            _ => None,
        }
    }

    /// The label selector that a kind is watched with.
    pub(crate) fn selector(&self, kind: Kind) -> Option<String> {
        match kind {
            // Only what a Rollout controls carries it; all others are none of ours.
            Kind::ReplicaSet | Kind::Pod => Some(POD_TEMPLATE_HASH.to_owned()),
            Kind::SourceReplicaSet => Some(format!("!{POD_TEMPLATE_HASH}")),
            Kind::Rollout
            | Kind::AnalysisRun
            | Kind::Experiment
            | Kind::AnalysisTemplate
            | Kind::ClusterAnalysisTemplate => Some(match &self.instance_id {
                Some(id) => format!("{INSTANCE_ID}={id}"),
                None => format!("!{INSTANCE_ID}"),
            }),
            _ => None,
        }
    }

    /// The path of a collection: where objects are created.
    pub(crate) fn collection_path(&self, kind: Kind, namespace: &str) -> String {
        let (group, version, plural) = (kind.group(), self.version(kind), kind.plural());
        let root =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        if namespace.is_empty() {
            format!("{root}/{plural}")
        } else {
            format!("{root}/namespaces/{}/{plural}", escape(namespace))
        }
    }

    /// The path of one object, or of its subresource.
    pub(crate) fn object_path(&self, object: &ObjectRef, subresource: Option<&str>) -> String {
        let collection = self.collection_path(object.kind, &object.namespace);
        let name = escape(&object.name);
        subresource.map_or_else(|| format!("{collection}/{name}"), |sub| format!("{collection}/{name}/{sub}"))
    }
}

/// One segment of a path: a name that a user wrote into a spec never reaches another object or parameter.
pub(crate) fn escape(segment: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        // A segment of dots alone would be resolved as a step up, so dots are kept only between other characters.
        let dot = byte == b'.' && segment.bytes().any(|b| b != b'.');
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || dot {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::cli::Cli;

    fn directory(args: &[&str]) -> Directory {
        let cli = Cli::read(std::iter::once("linnet").chain(args.iter().copied())).unwrap();
        Directory::new(&cli.scope, "own")
    }

    #[rstest]
    #[case::core_group(Kind::Service, "web", None, "/api/v1/namespaces/shop/services/web")]
    #[case::status(
        Kind::Rollout,
        "web",
        Some("status"),
        "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status"
    )]
    #[case::istio(
        Kind::VirtualService,
        "web",
        None,
        "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/web"
    )]
    #[case::deployment(Kind::Deployment, "web", None, "/apis/apps/v1/namespaces/shop/deployments/web")]
    #[case::pod_template(Kind::PodTemplate, "web", None, "/api/v1/namespaces/shop/podtemplates/web")]
    #[case::slash_is_escaped(
        Kind::Secret,
        "a/../b?x",
        None,
        "/api/v1/namespaces/shop/secrets/a%2F..%2Fb%3Fx"
    )]
    #[case::dots_alone_are_escaped(Kind::Secret, "..", None, "/api/v1/namespaces/shop/secrets/%2E%2E")]
    fn paths(#[case] kind: Kind, #[case] name: &str, #[case] sub: Option<&str>, #[case] want: &str) {
        let directory = directory(&["--istio-api-version=v1"]);
        assert_eq!(directory.object_path(&ObjectRef::new(kind, "shop", name), sub), want);
    }

    #[test]
    fn kinds_without_a_namespace_have_none_in_their_path() {
        let path = directory(&[]).collection_path(Kind::ClusterAnalysisTemplate, "");
        assert_eq!(path, "/apis/argoproj.io/v1alpha1/clusteranalysistemplates");
    }

    #[rstest]
    #[case::no_id(&[], Kind::Rollout, Some("!argo-rollouts.argoproj.io/controller-instance-id"))]
    #[case::an_id(&["--instance-id=blue"], Kind::AnalysisTemplate, Some("argo-rollouts.argoproj.io/controller-instance-id=blue"))]
    #[case::replica_sets(&["--instance-id=blue"], Kind::ReplicaSet, Some("rollouts-pod-template-hash"))]
    #[case::replica_sets_of_others(&[], Kind::SourceReplicaSet, Some("!rollouts-pod-template-hash"))]
    #[case::deployments_are_not_filtered(&["--instance-id=blue"], Kind::Deployment, None)]
    #[case::services_are_not_filtered(&["--instance-id=blue"], Kind::Service, None)]
    fn selectors(#[case] args: &[&str], #[case] kind: Kind, #[case] want: Option<&str>) {
        assert_eq!(directory(args).selector(kind).as_deref(), want);
    }

    #[rstest]
    #[case::everywhere(&[], None)]
    #[case::own(&["--namespaced"], Some("own"))]
    #[case::named(&["--namespaced", "--namespace=shop"], Some("shop"))]
    #[case::name_alone_does_not_confine(&["--namespace=shop"], None)]
    fn scope(#[case] args: &[&str], #[case] want: Option<&str>) {
        assert_eq!(directory(args).namespace(), want);
    }

    #[rstest]
    #[case::istio_off(&["--routers=nginx"], Kind::VirtualService, true)]
    #[case::all_off(&["--routers=none"], Kind::Ingress, true)]
    #[case::nginx_on(&["--routers=nginx"], Kind::Ingress, false)]
    #[case::cluster_templates_in_one_namespace(&["--namespaced"], Kind::ClusterAnalysisTemplate, true)]
    #[case::rollouts_always(&["--namespaced"], Kind::Rollout, false)]
    fn excluded(#[case] args: &[&str], #[case] kind: Kind, #[case] want: bool) {
        assert_eq!(directory(args).excluded(kind).is_some(), want);
    }
}

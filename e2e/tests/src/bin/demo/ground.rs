//! The cluster that the demo plays on: what it must have, and what to do where that is missing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::facts::client;
use e2e_tests::manifest::change;
use e2e_tests::space::Space;
use e2e_tests::story::{self, Router};
use e2e_tests::traffic::Entrance;
use e2e_tests::wait::{Look, until};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{Api, ListParams};
use kube::config::KubeConfigOptions;
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use super::screen::say;

/// Controllers that obey NGINX's canary annotations call themselves so.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// The image in the example, without its tag.
const EXAMPLE_IMAGE: &str = "linnet.test/demo";
/// The address of Prometheus in the example.
const EXAMPLE_PROMETHEUS: &str = "http://127.0.0.1:9090";

/// A cluster with everything that the story needs, the operator apart.
pub(crate) struct Ground {
    /// A client with the rights of the kubeconfig.
    pub(crate) client: Client,
    /// Where the operator finds Prometheus.
    pub(crate) prometheus: String,
    /// The image of the application, without its tag.
    pub(crate) image: String,
    ingress_class: String,
    entrance: Option<String>,
}

impl Ground {
    /// Looks at the cluster of the current kubeconfig.
    ///
    /// # Errors
    /// With what is missing, and what to do about it.
    pub(crate) async fn look() -> Result<Self> {
        let options = KubeConfigOptions::default();
        let config = Config::from_kubeconfig(&options).await.context("KUBECONFIG names no cluster")?;
        let url = config.cluster_url.clone();
        let client = client(config)?;
        let version = client.apiserver_version().await;
        let version = version.with_context(|| format!("the API server {url} does not answer"))?;
        say(&format!("Playing on {url} (Kubernetes {}).", version.git_version))?;
        let prometheus = variable("LINNET_PROMETHEUS").context(
            "LINNET_PROMETHEUS is not set: name the Prometheus of this cluster, as the operator reaches it, such as \
             http://prometheus.monitoring:9090; it must scrape pods with the annotation prometheus.io/scrape at least \
             every 5 s",
        )?;
        Ok(Self {
            ingress_class: ingress_class(&client).await?,
            client,
            prometheus,
            image: variable("LINNET_DEMO_IMAGE").unwrap_or_else(|| "linnet/demo".to_owned()),
            entrance: variable("LINNET_ENTRANCE"),
        })
    }

    /// The example's manifests as they fit here.
    ///
    /// # Errors
    /// When the example cannot be read.
    pub(crate) fn manifests(&self, space: &Space) -> Result<Vec<Value>> {
        let text = serde_json::to_string(&story::manifests(space, Router::Nginx)?)?;
        let text = text.replace(EXAMPLE_IMAGE, &self.image).replace(EXAMPLE_PROMETHEUS, &self.prometheus);
        let mut manifests: Vec<Value> = serde_json::from_str(&text)?;
        change(&mut manifests, "Ingress", &json!({ "spec": { "ingressClassName": self.ingress_class } }))?;
        Ok(manifests)
    }

    /// Where users come in: as `LINNET_ENTRANCE` says, else at the address that the controller gave the Ingress.
    ///
    /// # Errors
    /// When it gives none within a minute.
    pub(crate) async fn entrance(&self, space: &Space) -> Result<Entrance> {
        let host = story::host(space);
        if let Some(url) = &self.entrance {
            return Ok(Entrance { url: url.clone(), host });
        }
        let ingresses = space.api::<Ingress>();
        let url = until("an address of the Ingress", Duration::from_mins(1), || async {
            let ingress = ingresses.get(story::NAME).await?;
            Ok(address(&ingress).map_or_else(|| Look::NotYet("none".to_owned()), Look::Seen))
        });
        let url = url.await.context(
            "set LINNET_ENTRANCE to the URL where users reach the ingress controller, such as http://localhost:8080",
        )?;
        Ok(Entrance { url, host })
    }
}

/// The value of an environment variable, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn address(ingress: &Ingress) -> Option<String> {
    let addresses = ingress.status.as_ref()?.load_balancer.as_ref()?.ingress.as_deref()?;
    let first = addresses.first()?;
    first.ip.as_ref().or(first.hostname.as_ref()).map(|host| format!("http://{host}/"))
}

/// The class that `LINNET_INGRESS_CLASS` names, else the first whose controller obeys canary annotations.
async fn ingress_class(client: &Client) -> Result<String> {
    let classes = Api::<IngressClass>::all(client.clone()).list(&ListParams::default()).await?.items;
    let names: Vec<String> = classes.iter().map(ResourceExt::name_any).collect();
    let fits = |class: &IngressClass| {
        class.spec.as_ref().is_some_and(|spec| spec.controller.as_deref() == Some(CONTROLLER))
    };
    if let Some(name) = variable("LINNET_INGRESS_CLASS") {
        ensure!(names.contains(&name), "LINNET_INGRESS_CLASS names {name:?}, which is none of {names:?}");
        return Ok(name);
    }
    let class = classes.iter().find(|class| fits(class)).map(ResourceExt::name_any);
    class.with_context(|| {
        format!(
            "no IngressClass that obeys NGINX's canary annotations (controller {CONTROLLER}) among {names:?}: install \
             ingress-nginx or Traefik with its provider for it, or name the class by LINNET_INGRESS_CLASS"
        )
    })
}

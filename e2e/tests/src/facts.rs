//! What there is: the facts that the local cluster wrote about itself.

use std::path::PathBuf;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;

/// The variable that names the file with the facts; `cargo xtask cluster exec` sets it.
const VARIABLE: &str = "LINNET_CLUSTER";

/// The facts of a cluster that runs everything; the default are those of a cluster of which nobody wrote any.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Every request that the API server answered, a JSON object per line.
    pub audit_log: PathBuf,
    /// Where the pods' output and the components' logs are.
    pub logs: PathBuf,
    /// The node whose pods answer real requests.
    pub node: Option<Node>,
    /// The proxy before the API server.
    pub proxy: Option<Proxy>,
    /// The data plane that obeys NGINX's canary annotations.
    pub traefik: Option<Traefik>,
    /// The data plane that obeys `VirtualService` objects.
    pub istio: Option<Istio>,
    /// Where Prometheus answers.
    pub prometheus: Option<String>,
}

/// The node whose pods answer real requests.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// The URL of the list of its pods, with their processes.
    pub pods: String,
}

/// The proxy before the API server.
#[derive(Clone, Debug, Deserialize)]
pub struct Proxy {
    /// Where it listens for API requests: host and port.
    pub address: String,
    /// The URL where it is told what to do.
    pub control: String,
}

/// The data plane that obeys NGINX's canary annotations.
#[derive(Clone, Debug, Deserialize)]
pub struct Traefik {
    /// The URL where users come in.
    pub web: String,
    /// The URL of all that it has made of the objects it watches.
    pub configuration: String,
}

/// The data plane that obeys `VirtualService` objects.
#[derive(Clone, Debug, Deserialize)]
pub struct Istio {
    /// Where users come in.
    pub ports: Vec<Port>,
    /// The URL of the routes that the gateway obeys.
    pub routes: String,
}

/// A port of the Istio gateway.
#[derive(Clone, Debug, Deserialize)]
pub struct Port {
    /// The port that a Gateway object names.
    pub port: u16,
    /// Where requests are sent: host and port.
    pub address: String,
}

impl Facts {
    /// Reads the facts of the cluster that this process runs in.
    ///
    /// # Errors
    /// When the process does not run inside a cluster.
    pub fn read() -> Result<Self> {
        let path = std::env::var(VARIABLE).with_context(|| {
            format!("{VARIABLE} is not set: run this through `cargo xtask cluster exec -- ...`")
        })?;
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        serde_json::from_str(&text).with_context(|| format!("cannot understand {path}"))
    }

    /// A client with the administrator's rights.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> Result<Client> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        client(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
    }
}

/// A client for a cluster.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(config: Config) -> Result<Client> {
    // The first to ask in a process installs the provider; all others find the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(Client::try_from(config)?)
}

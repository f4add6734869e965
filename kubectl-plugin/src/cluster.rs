//! The connection to the cluster.

use anyhow::{Context, Result};
use kube::api::PatchParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use crate::cli::Connection;

/// A cluster, and the namespace that is meant in it.
pub(crate) struct Cluster {
    /// The client.
    pub(crate) client: Client,
    /// The namespace of the command line or the context.
    pub(crate) namespace: String,
}

/// How changes are sent: the API server notes who made each, and `explain` says so.
pub(crate) fn as_manager() -> PatchParams {
    PatchParams { field_manager: Some("kubectl-linnet".to_owned()), ..PatchParams::default() }
}

impl Cluster {
    /// Connects as kubectl would.
    pub(crate) async fn connect(connection: &Connection) -> Result<Self> {
        // Another provider cannot have been installed: this is the first use of TLS.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = config(connection).await?;
        let namespace = connection.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("cannot set up the connection to the cluster")?;
        Ok(Self { client, namespace })
    }

    /// The objects of a kind in the namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

async fn config(connection: &Connection) -> Result<Config> {
    let options = KubeConfigOptions { context: connection.context.clone(), ..KubeConfigOptions::default() };
    if let Some(file) = &connection.kubeconfig {
        let kubeconfig =
            Kubeconfig::read_from(file).with_context(|| format!("cannot read {}", file.display()))?;
        return Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .context("the kubeconfig cannot be used");
    }
    if connection.context.is_some() {
        return Config::from_kubeconfig(&options).await.context("the kubeconfig cannot be used");
    }
    Config::infer().await.context("no cluster: set KUBECONFIG, or name a file with --kubeconfig")
}

//! What a process needs to speak to the API server as its `ServiceAccount`.
//!
//! A container would find it at a fixed path; processes of one machine cannot share that path. So each pod
//! gets a directory with `token`, `ca.crt`, `namespace` and a `kubeconfig` that names them, and `KUBECONFIG`
//! points there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::PostParams;
use kube::config::{Cluster, Kubeconfig};
use kube::{Api, Client};
use serde_json::{Value, json};

/// Lifetime that tokens are asked for; the API server allows no less than ten minutes.
const LIFETIME_SECONDS: i64 = 3600;
/// Time after which a failed refresh is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The API server, as processes are to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    host: String,
    port: String,
    plain: bool,
    ca: Option<String>,
    insecure: bool,
    tls_server_name: Option<String>,
}

impl Server {
    /// The cluster of the kubeconfig's current context; `address` (`host:port`) replaces its server, and
    /// `extra_ca` (PEM) is trusted beside its own authority.
    ///
    /// # Errors
    ///
    /// When the kubeconfig has no such cluster, or its authority cannot be read.
    pub(crate) fn read(config: &Kubeconfig, address: Option<&str>, extra_ca: Option<&Path>) -> Result<Self> {
        let cluster = current(config)?;
        let url =
            cluster.server.as_deref().ok_or_else(|| anyhow!("the kubeconfig's cluster has no server"))?;
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let authority = rest.split('/').next().unwrap_or(rest);
        let plain = scheme == "http";
        let (host, port) =
            authority.rsplit_once(':').unwrap_or((authority, if plain { "80" } else { "443" }));
        let mut ca = authority_pem(&cluster)?;
        if let Some(path) = extra_ca {
            let extra =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            ca = Some(ca.map_or(extra.clone(), |ca| format!("{}\n{extra}", ca.trim_end())));
        }
        let server = Self {
            host: host.to_owned(),
            port: port.to_owned(),
            plain,
            ca,
            insecure: cluster.insecure_skip_tls_verify.unwrap_or(false),
            tls_server_name: cluster.tls_server_name,
        };
        address.map_or(Ok(server.clone()), |address| server.at(address))
    }

    /// The same server behind another address (`host:port`).
    ///
    /// # Errors
    ///
    /// When `address` has no port.
    pub(crate) fn at(&self, address: &str) -> Result<Self> {
        let (host, port) =
            address.rsplit_once(':').ok_or_else(|| anyhow!("{address:?} is not of the form host:port"))?;
        Ok(Self { host: host.to_owned(), port: port.to_owned(), ..self.clone() })
    }

    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    pub(crate) fn host_and_port(&self) -> (&str, &str) {
        (&self.host, &self.port)
    }

    fn kubeconfig(&self, dir: &Path, namespace: &str) -> Value {
        let scheme = if self.plain { "http" } else { "https" };
        let mut cluster =
            BTreeMap::from([("server", json!(format!("{scheme}://{}:{}", self.host, self.port)))]);
        if self.insecure {
            cluster.insert("insecure-skip-tls-verify", json!(true));
        } else if self.ca.is_some() {
            cluster.insert("certificate-authority", json!(dir.join("ca.crt")));
        }
        if let Some(name) = &self.tls_server_name {
            cluster.insert("tls-server-name", json!(name));
        }
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "pod",
            "contexts": [{ "name": "pod", "context": { "cluster": "pod", "user": "pod", "namespace": namespace } }],
            "clusters": [{ "name": "pod", "cluster": cluster }],
            "users": [{ "name": "pod", "user": { "tokenFile": dir.join("token") } }],
        })
    }
}

fn current(config: &Kubeconfig) -> Result<Cluster> {
    let name =
        config.current_context.as_deref().ok_or_else(|| anyhow!("the kubeconfig has no current-context"))?;
    let context = config.contexts.iter().find(|context| context.name == name);
    let context = context.and_then(|context| context.context.as_ref());
    let cluster = &context.ok_or_else(|| anyhow!("the kubeconfig has no context {name:?}"))?.cluster;
    let found = config.clusters.iter().find(|known| known.name == *cluster);
    found
        .and_then(|known| known.cluster.clone())
        .ok_or_else(|| anyhow!("the kubeconfig has no cluster {cluster:?}"))
}

/// The authority of the cluster in PEM, if it names one.
fn authority_pem(cluster: &Cluster) -> Result<Option<String>> {
    if let Some(data) = &cluster.certificate_authority_data {
        let decoded: k8s_openapi::ByteString =
            serde_json::from_value(json!(data)).context("certificate-authority-data is not base64")?;
        return Ok(Some(String::from_utf8(decoded.0).context("certificate-authority-data is not PEM")?));
    }
    cluster
        .certificate_authority
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}")))
        .transpose()
}

/// The directory of one pod's credentials.
#[derive(Clone)]
pub(crate) struct Credentials {
    client: Client,
    dir: PathBuf,
    namespace: String,
    account: String,
    bound: BoundObjectReference,
}

impl Credentials {
    /// Credentials of `pod`, to be written into `dir`.
    pub(crate) fn new(client: Client, pod: &Pod, dir: PathBuf) -> Self {
        let metadata = &pod.metadata;
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
        Self {
            client,
            dir,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            account: account.unwrap_or_else(|| "default".to_owned()),
            bound: BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: metadata.name.clone(),
                uid: metadata.uid.clone(),
            },
        }
    }

    /// Writes everything; returns when the token should be replaced.
    ///
    /// # Errors
    ///
    /// When the API server gives no token, or a file cannot be written.
    pub(crate) async fn write(&self, server: &Server) -> Result<Timestamp> {
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create {}", self.dir.display()))?;
        self.put("namespace", &self.namespace)?;
        self.put("ca.crt", server.ca.as_deref().unwrap_or_default())?;
        self.put("kubeconfig", &server.kubeconfig(&self.dir, &self.namespace).to_string())?;
        self.refresh().await
    }

    /// Replaces the token in time, for ever.
    pub(crate) async fn keep_fresh(&self, mut due: Timestamp) {
        loop {
            let wait = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
            tokio::time::sleep(wait).await;
            match self.refresh().await {
                Ok(next) => due = next,
                Err(error) => {
                    tracing::warn!(
                        account = self.account,
                        error = format!("{error:#}"),
                        "token not refreshed"
                    );
                    due = Timestamp::now() + RETRY;
                }
            }
        }
    }

    async fn refresh(&self) -> Result<Timestamp> {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: Vec::new(),
                bound_object_ref: Some(self.bound.clone()),
                expiration_seconds: Some(LIFETIME_SECONDS),
            },
            ..TokenRequest::default()
        };
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), &self.namespace);
        let answer = accounts
            .create_token_request(&self.account, &PostParams::default(), &request)
            .await
            .with_context(|| format!("no token for serviceaccount {}/{}", self.namespace, self.account))?;
        let status = answer.status.ok_or_else(|| anyhow!("the answer to a TokenRequest has no status"))?;
        self.put("token", &status.token)?;
        let left = status.expiration_timestamp.0.duration_since(Timestamp::now());
        Ok(Timestamp::now() + left * 4 / 5)
    }

    /// Replaces a file in one step, so that no reader sees half of it.
    fn put(&self, name: &str, content: &str) -> Result<()> {
        let (path, draft) = (self.dir.join(name), self.dir.join(format!(".{name}.new")));
        std::fs::write(&draft, content)
            .and_then(|()| std::fs::rename(&draft, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cluster: &Value) -> Kubeconfig {
        serde_json::from_value(json!({
            "current-context": "c",
            "contexts": [{ "name": "c", "context": { "cluster": "k", "user": "u" } }],
            "clusters": [{ "name": "k", "cluster": cluster }],
        }))
        .unwrap()
    }

    #[test]
    fn the_kubeconfig_of_a_pod_points_to_its_own_files() {
        let config =
            config(&json!({ "server": "https://127.0.0.1:6443", "certificate-authority-data": "UEVN" }));
        let server = Server::read(&config, None, None).unwrap();
        assert_eq!(server.ca.as_deref(), Some("PEM"));
        let written = server.kubeconfig(Path::new("/pods/u-1"), "linnet");
        assert_eq!(written.pointer("/clusters/0/cluster/server").unwrap(), "https://127.0.0.1:6443");
        assert_eq!(written.pointer("/clusters/0/cluster/certificate-authority").unwrap(), "/pods/u-1/ca.crt");
        assert_eq!(written.pointer("/users/0/user/tokenFile").unwrap(), "/pods/u-1/token");
        assert_eq!(written.pointer("/contexts/0/context/namespace").unwrap(), "linnet");
        let read: Kubeconfig = serde_json::from_value(written).unwrap();
        assert!(current(&read).is_ok());
    }

    #[test]
    fn another_address_leaves_the_rest_as_it_is() {
        let config = config(&json!({ "server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": true }));
        let server = Server::read(&config, Some("127.0.0.1:16443"), None).unwrap();
        assert_eq!(server.host_and_port(), ("127.0.0.1", "16443"));
        let written = server.kubeconfig(Path::new("/p"), "d");
        assert_eq!(written.pointer("/clusters/0/cluster/insecure-skip-tls-verify").unwrap(), true);
        assert!(server.at("nowhere").is_err());
    }

    #[test]
    fn a_kubeconfig_without_its_cluster_is_refused() {
        let mut config = config(&json!({ "server": "https://127.0.0.1:6443" }));
        config.clusters.clear();
        assert!(Server::read(&config, None, None).unwrap_err().to_string().contains("\"k\""));
    }
}

//! The client of the API server.

use std::time::Duration;

use anyhow::Context as _;
use axum::http::{HeaderValue, Uri, header};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::cli::Cluster;
use crate::watch::WATCH_TIMEOUT_SECONDS;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Sending a body may stall for this long; the answer has a limit of its own (`send`).
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns a client and the namespace of its credentials.
///
/// # Errors
/// Says which source of credentials was tried and what is wrong with it.
pub(crate) async fn connect(cluster: &Cluster) -> anyhow::Result<(Client, String)> {
    let config = tuned(load(cluster).await?, cluster)?;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).context("cannot build a client of the API server")?;
    Ok((client, namespace))
}

async fn load(cluster: &Cluster) -> anyhow::Result<Config> {
    let options = KubeConfigOptions {
        context: cluster.context.clone(),
        cluster: cluster.named.clone(),
        user: cluster.user.clone(),
    };
    let chosen = options.context.is_some() || options.cluster.is_some() || options.user.is_some();
    if let Some(path) = &cluster.kubeconfig {
        let file = Kubeconfig::read_from(path)
            .with_context(|| format!("cannot read the kubeconfig {}", path.display()))?;
        return Config::from_custom_kubeconfig(file, &options)
            .await
            .with_context(|| format!("cannot use the kubeconfig {}", path.display()));
    }
    if chosen || std::env::var_os("KUBECONFIG").is_some() {
        return Config::from_kubeconfig(&options)
            .await
            .context("cannot use the kubeconfig of KUBECONFIG or ~/.kube");
    }
    Config::infer().await.context("no kubeconfig was found and this is no pod with credentials of its own")
}

/// Sets what this operator wants of any client: bounded waiting, no retries of its own, a name in the audit log.
fn tuned(mut config: Config, cluster: &Cluster) -> anyhow::Result<Config> {
    if let Some(server) = &cluster.server {
        config.cluster_url =
            server.parse::<Uri>().with_context(|| format!("--server {server:?} is no URL"))?;
    }
    // A retry replays a body that rests on an old read; the engine plans again instead.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    // A watch that says nothing for longer than this is dead: the server ends it before.
    config.read_timeout = Some(Duration::from_secs(u64::from(WATCH_TIMEOUT_SECONDS) + 10));
    config.reset_reader_on_write = true;
    let agent = concat!("linnet/", env!("CARGO_PKG_VERSION"));
    config.headers.retain(|(name, _)| name != header::USER_AGENT);
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(agent)));
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;

    fn cluster(args: &[&str]) -> Cluster {
        Cli::read(std::iter::once("linnet").chain(args.iter().copied())).unwrap().cluster
    }

    #[test]
    fn the_client_never_retries_and_never_waits_for_ever() {
        let config =
            tuned(Config::new(Uri::from_static("https://one:6443")), &cluster(&["--server=https://two"]))
                .unwrap();
        assert_eq!(config.cluster_url, Uri::from_static("https://two"));
        assert!(!config.default_retry);
        assert_eq!(config.connect_timeout, Some(CONNECT_TIMEOUT));
        assert!(config.read_timeout.unwrap() <= Duration::from_mins(1));
        assert!(config.write_timeout.is_some());
        assert_eq!(config.headers.len(), 1);
    }

    #[test]
    fn a_server_that_is_no_url_is_named() {
        let error = tuned(Config::new(Uri::from_static("https://one")), &cluster(&["--server=not a url"]))
            .unwrap_err();
        assert!(error.to_string().contains("--server \"not a url\""), "{error}");
    }
}

//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::component::{Component, local};
use super::namespace::{NODE_ADDRESS, POD_RANGE, SERVICE_RANGE};
use super::probe::Probe;
use super::state::{self, State};
use super::{keys, kubectl, process};

/// etcd allocates its log ahead; a smaller memory file system (containers have 64 MB) would fill up.
const TMPFS_NEEDED_MIB: u64 = 2048;

/// Starts the control plane and returns when it serves and Pods can be created.
///
/// # Errors
/// When a component does not become ready, with the end of its log.
pub(crate) fn start(state: &State, binary: &Path) -> Result<()> {
    keys::create(state)?;
    // The whole of a request is one record, written when it is answered.
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"], "rules": [{"level": "Metadata"}],
    });
    state::write_json(&state.path("audit-policy.json"), &policy)?;
    let data = data_directory(state)?;

    etcd(binary, &data).start(state)?.wait_ready(state)?;
    api_server(state, binary).start(state)?.wait_ready(state)?;
    let mut managers =
        [controller_manager(state, binary).start(state)?, scheduler(state, binary).start(state)?];
    for manager in &mut managers {
        manager.wait_ready(state)?;
    }
    let account = ["get", "serviceaccount", "default", "--namespace=default", "--output=name"];
    kubectl::wait_for_output(state, "the ServiceAccount default of namespace default", &account).map(drop)
}

fn etcd(binary: &Path, data: &Path) -> Component {
    let ready = Probe::Http { address: local(2379), path: "/health".to_owned() };
    Component::new("etcd", binary, ready)
        .arg("etcd")
        .arg(format!("--data-dir={}", data.display()))
        .words("--listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379")
        .words("--listen-peer-urls=http://127.0.0.1:0 --unsafe-no-fsync --log-level=error")
}

fn api_server(state: &State, binary: &Path) -> Component {
    let ready = Probe::Https { address: local(6443), path: "/readyz".to_owned() };
    Component::new("kube-apiserver", binary, ready)
        .words(
            "kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --secure-port=6443",
        )
        .arg(format!("--advertise-address={NODE_ADDRESS}"))
        .arg(format!("--service-cluster-ip-range={SERVICE_RANGE}"))
        .arg(format!("--cert-dir={}", state.text("pki")))
        .arg(format!("--tls-cert-file={}", state.text("pki/apiserver.crt")))
        .arg(format!("--tls-private-key-file={}", state.text("pki/apiserver.key")))
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg(format!("--service-account-key-file={}", state.text("pki/sa.pub")))
        .arg(format!("--service-account-signing-key-file={}", state.text("pki/sa.key")))
        .arg(format!("--token-auth-file={}", state.text("pki/tokens.csv")))
        .words("--authorization-mode=Node,RBAC --allow-privileged")
        .words("--max-requests-inflight=2000 --max-mutating-requests-inflight=1000")
        .arg(format!("--audit-policy-file={}", state.text("audit-policy.json")))
        .arg(format!("--audit-log-path={}", state.text("audit.log")))
        // Tests read the whole log: it must not be rotated away.
        .arg("--audit-log-maxsize=100000")
}

fn controller_manager(state: &State, binary: &Path) -> Component {
    let ready = Probe::Https { address: local(10257), path: "/healthz".to_owned() };
    with_kubeconfig(
        Component::new("kube-controller-manager", binary, ready).arg("kube-controller-manager"),
        state,
    )
    .arg(format!("--service-account-private-key-file={}", state.text("pki/sa.key")))
    .arg(format!("--root-ca-file={}", state.text("pki/ca.crt")))
    .words("--use-service-account-credentials --allocate-node-cidrs --node-cidr-mask-size=20")
    .arg(format!("--cluster-cidr={POD_RANGE}"))
    .words("--concurrent-replicaset-syncs=20")
}

fn scheduler(state: &State, binary: &Path) -> Component {
    let ready = Probe::Https { address: local(10259), path: "/healthz".to_owned() };
    with_kubeconfig(Component::new("kube-scheduler", binary, ready).arg("kube-scheduler"), state)
}

/// Bound to loopback alone: a listener on the wildcard address would take its port from every pod.
fn with_kubeconfig(component: Component, state: &State) -> Component {
    let kubeconfig = state.text("kubeconfig");
    component
        .arg(format!("--kubeconfig={kubeconfig}"))
        .arg(format!("--authentication-kubeconfig={kubeconfig}"))
        .arg(format!("--authorization-kubeconfig={kubeconfig}"))
        .words("--bind-address=127.0.0.1 --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000")
}

/// A directory for etcd, in memory where there is enough of it. The link to it is made first, so that `down` finds it.
fn data_directory(state: &State) -> Result<PathBuf> {
    let link = state.path("etcd");
    if free_mib("/dev/shm").is_none_or(|free| free < TMPFS_NEEDED_MIB) {
        fs::create_dir_all(&link)?;
        return Ok(link);
    }
    let token = keys::random_token()?;
    let memory = Path::new("/dev/shm").join(format!("linnet-{}-{token}", state.name()));
    std::os::unix::fs::symlink(&memory, &link).context("cannot link to the data of etcd")?;
    fs::create_dir(&memory).with_context(|| format!("cannot create {}", memory.display()))?;
    Ok(memory)
}

/// Removes etcd's data where it lies outside of the cluster's directory.
///
/// # Errors
/// When it cannot be removed.
pub(crate) fn remove_data(state: &State) -> Result<()> {
    match fs::read_link(state.path("etcd")) {
        Ok(memory) if memory.is_dir() => {
            fs::remove_dir_all(&memory).with_context(|| format!("cannot remove {}", memory.display()))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn free_mib(file_system: &str) -> Option<u64> {
    let mut command = Command::new("df");
    command.args(["--block-size=1M", "--output=avail", file_system]);
    let text = process::output(&mut command, Duration::from_secs(10)).ok()?;
    text.lines().nth(1)?.trim().parse().ok()
}

//! The Node object and its Lease.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

/// Time between two renewals of the Lease; controllers give up on a node after 40 s.
const RENEWAL: Duration = Duration::from_secs(10);
/// Renewals between two reports of the Node's status.
const STATUS_EVERY: u32 = 6;
/// Namespace of all node Leases.
const LEASE_NAMESPACE: &str = "kube-node-lease";

/// Creates the Node if it is missing, and reports it ready.
///
/// # Errors
///
/// When the API server refuses.
pub(crate) async fn register(client: &Client, name: &str, ip: &str) -> Result<()> {
    let nodes = Api::<Node>::all(client.clone());
    let node = serde_json::from_value(node(name)).context("the Node object")?;
    match nodes.create(&PostParams::default(), &node).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        Err(error) => return Err(error).with_context(|| format!("cannot create the Node {name}")),
    }
    report(client, name, ip).await.with_context(|| format!("cannot report the status of the Node {name}"))
}

/// Keeps the Lease and the status fresh, for ever.
pub(crate) async fn keep_alive(client: Client, name: String, ip: String) {
    let mut rounds: u32 = 0;
    loop {
        let renewed = renew(&client, &name).await;
        rounds += 1;
        let due = rounds.is_multiple_of(STATUS_EVERY);
        let reported = if due { report(&client, &name, &ip).await } else { Ok(()) };
        for error in [renewed, reported].into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "the Node or its Lease was not kept fresh");
        }
        tokio::time::sleep(RENEWAL).await;
    }
}

async fn report(client: &Client, name: &str, ip: &str) -> kube::Result<()> {
    let patch = Patch::Strategic(status(name, ip, Timestamp::now()));
    Api::<Node>::all(client.clone()).patch_status(name, &PatchParams::default(), &patch).await.map(|_| ())
}

async fn renew(client: &Client, name: &str) -> kube::Result<()> {
    let leases = Api::<Lease>::namespaced(client.clone(), LEASE_NAMESPACE);
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": name },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        },
    });
    let params = PatchParams::apply("e2e-node").force();
    leases.patch(name, &params, &Patch::Apply(lease)).await.map(|_| ())
}

fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": arch(),
            },
        },
    })
}

fn status(name: &str, ip: &str, now: Timestamp) -> Value {
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str, status: &str, reason: &str| json!({ "type": kind, "status": status, "reason": reason, "message": "", "lastHeartbeatTime": now });
    let room = json!({ "cpu": "4000", "memory": "16Ti", "ephemeral-storage": "16Ti", "pods": "10000" });
    json!({ "status": {
        "capacity": room,
        "allocatable": room,
        "addresses": [
            { "type": "InternalIP", "address": ip },
            { "type": "Hostname", "address": name },
        ],
        "conditions": [
            condition("Ready", "True", "NodeIsUp"),
            condition("MemoryPressure", "False", "EnoughMemory"),
            condition("DiskPressure", "False", "EnoughDisk"),
            condition("PIDPressure", "False", "EnoughProcesses"),
        ],
        "nodeInfo": {
            "architecture": arch(), "operatingSystem": "linux", "kubeletVersion": "v1.36.4",
            "kubeProxyVersion": "", "containerRuntimeVersion": "linnet://1", "kernelVersion": "", "osImage": "",
            "machineID": "", "systemUUID": "", "bootID": "",
        },
    } })
}

fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_is_ready_and_has_room_for_ten_thousand_pods() {
        let status = status("n1", "192.0.2.1", Timestamp::UNIX_EPOCH);
        let node: Node =
            serde_json::from_value(json!({ "metadata": {}, "status": status["status"] })).unwrap();
        let status = node.status.unwrap();
        assert_eq!(status.allocatable.unwrap().get("pods").unwrap().0, "10000");
        let conditions = status.conditions.unwrap();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert_eq!(ready.status, "True");
        assert_eq!(status.addresses.unwrap()[0].address, "192.0.2.1");
    }
}

//! The leader is killed before and after the answer to every write of an update; the standby goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::facts::Facts;
use e2e_tests::manifest;
use e2e_tests::operator::Release;
use e2e_tests::proxy::Proxy;
use e2e_tests::space::Space;
use e2e_tests::steps;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::traffic::Traffic;
use e2e_tests::wait::{Look, until};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

/// The instance that this story's operator is, so that no other one acts here.
const INSTANCE: &str = "crash";
const LIMIT: Duration = Duration::from_secs(40);
/// Requests per second while leaders die.
const RATE: u32 = 100;
/// More writes than this are not an update any more.
const MOST_WRITES: u64 = 40;

/// An operator of its own behind the proxy, and an application that it updates.
struct Stage {
    app: App,
    proxy: Proxy,
    namespace: String,
}

impl Stage {
    async fn set(lease: [&str; 3]) -> Result<Self> {
        let space = Space::create("crash").await?;
        let [duration, renew, retry] = lease;
        let proxy_address = space.facts.proxy.as_ref().context("the cluster runs no proxy")?.address.clone();
        let release = Release {
            namespace: space.name.clone(),
            name: "linnet".to_owned(),
            values: vec![
                "image.repository=linnet.test/linnet".to_owned(),
                format!("instanceId={INSTANCE}"),
                "namespaced=true".to_owned(),
                format!("podAnnotations.linnet\\.test/apiserver={proxy_address}"),
                "routeDrainSeconds=1".to_owned(),
                format!("leaderElection.leaseDuration={duration}"),
                format!("leaderElection.renewDeadline={renew}"),
                format!("leaderElection.retryPeriod={retry}"),
            ],
        };
        release.install().await?;
        let app = App::deploy(&space, &application(&space)?).await?;
        Ok(Self { app, proxy: Proxy::of(&space.facts)?, namespace: space.name.clone() })
    }

    /// The pod that holds the lease, and the id of its process.
    async fn leader(&self) -> Result<(String, u64)> {
        let leases = self.app.space.api::<Lease>();
        let pods = self.app.space.api::<Pod>();
        until("a leader that runs, and a standby", LIMIT, || async {
            let list = leases.list(&ListParams::default()).await?;
            let holder = list.items.iter().find_map(|lease| lease.spec.as_ref()?.holder_identity.clone());
            let ready = pods.list(&ListParams::default().labels("app.kubernetes.io/name=linnet")).await?;
            let ready = ready.items.iter().filter(|pod| is_ready(pod)).count();
            let processes = processes(&self.app.space.facts, &self.namespace).await?;
            let found = holder.as_ref().and_then(|holder| {
                processes.iter().find(|(pod, _)| holder == pod || holder.starts_with(pod.as_str())).cloned()
            });
            Ok(match found {
                Some(found) if ready >= 2 => Look::Seen(found),
                _ => Look::NotYet(format!("holder {holder:?}, {ready} ready, {processes:?}")),
            })
        })
        .await
    }

    /// One update to `version`, with the leader killed at the `k`-th write if there is a `k`.
    async fn update(&self, version: &str, kill: Option<(u64, &str)>) -> Result<Outcome> {
        let (pod, pid) = self.leader().await?;
        self.proxy.reset().await?;
        let matcher = json!({ "writes": true, "namespace": self.namespace, "userAgent": "linnet",
                              "exceptResources": ["events", "leases"] });
        if let Some((k, when)) = kill {
            let action = json!({ "do": "kill", "pid": pid, "when": when });
            self.proxy
                .add(&json!({ "name": "kill", "match": matcher, "from": k, "times": 1, "action": action }))
                .await?;
        }
        let steps = tokio::spawn(steps::never_skipped_or_repeated(self.app.clone()));
        let start = Instant::now();
        self.app.update(version, &[]).await?;
        self.app.phase(RolloutPhase::Healthy, LIMIT).await?;
        self.old_pods_are_gone().await?;
        self.app
            .until("the status to say so", LIMIT, |status| status.replicas == status.updated_replicas)
            .await?;
        let took = start.elapsed();
        if steps.is_finished() {
            steps.await??;
        } else {
            steps.abort();
        }
        let writes = self.proxy.writes().await?;
        let fired = writes.iter().any(|write| write.rule.as_deref() == Some("kill"));
        let own =
            writes.iter().filter(|write| write.resource != "events" && write.resource != "leases").count()
                as u64;
        if fired {
            // A pod that was killed often is started again late: its successor starts at once.
            let pods = self.app.space.api::<Pod>();
            pods.delete(&pod, &DeleteParams::default().grace_period(0)).await?;
        }
        Ok(Outcome { writes: own, fired, took, end: self.end().await? })
    }

    async fn old_pods_are_gone(&self) -> Result<()> {
        let replica_sets = self.app.space.api::<ReplicaSet>();
        until("the old pods to be gone", LIMIT, || async {
            let list = replica_sets.list(&ListParams::default().labels("app=user-service")).await?;
            let alive: Vec<String> =
                list.items.iter().filter(|it| size(it) > 0).map(ResourceExt::name_any).collect();
            Ok(Look::when(alive.len() == 1, alive))
        })
        .await
    }

    /// What is left of an update, versions and names apart.
    async fn end(&self) -> Result<Value> {
        let status = self.app.status().await?;
        let ingress = self.app.space.api::<Ingress>().get("user-service-user-service-canary").await?;
        let weight = ingress.annotations().get("nginx.ingress.kubernetes.io/canary-weight").cloned();
        Ok(json!({
            "phase": status.phase, "message": status.message, "abort": status.abort,
            "isStable": status.stable_rs == status.current_pod_hash, "step": status.current_step_index,
            "replicas": status.replicas, "available": status.available_replicas, "weight": weight,
            "conditions": status.conditions.iter()
                .map(|condition| (condition.type_.clone(), json!([condition.status, condition.reason])))
                .collect::<std::collections::BTreeMap<_, _>>(),
        }))
    }
}

struct Outcome {
    writes: u64,
    fired: bool,
    took: Duration,
    end: Value,
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True")
}

fn size(replica_set: &ReplicaSet) -> i32 {
    replica_set.status.as_ref().map_or(0, |status| status.replicas)
}

/// The operator's processes: pod names and ids.
async fn processes(facts: &Facts, namespace: &str) -> Result<Vec<(String, u64)>> {
    let url = facts.node.as_ref().context("the cluster runs no node")?.pods.clone();
    let pods: Vec<Value> =
        reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.json().await?;
    let ours = pods.iter().filter(|pod| pod["namespace"] == namespace);
    Ok(ours
        .filter_map(|pod| {
            let pid = pod["processes"].as_object()?.values().next()?.as_u64()?;
            Some((pod["name"].as_str()?.to_owned(), pid))
        })
        .collect())
}

/// The example, for this instance, with two short pauses and short delays.
fn application(space: &Space) -> Result<Vec<Value>> {
    let mut manifests = manifests(space, Router::Nginx)?;
    manifests.retain(|manifest| manifest["kind"] != "AnalysisTemplate");
    let steps = json!([
        { "setWeight": 20 }, { "pause": { "duration": "300ms" } },
        { "setWeight": 60 }, { "pause": { "duration": "300ms" } },
    ]);
    let canary = json!({ "analysis": null, "scaleDownDelaySeconds": 1, "steps": steps });
    let change = json!({
        "metadata": { "labels": { "argo-rollouts.argoproj.io/controller-instance-id": INSTANCE } },
        "spec": { "replicas": 2, "strategy": { "canary": canary } },
    });
    manifest::change(&mut manifests, "Rollout", &change)?;
    Ok(manifests)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_may_die_at_every_write() -> Result<()> {
    let stage = Stage::set(["2s", "1s", "200ms"]).await?;
    let entrance = Router::Nginx.entrance(&stage.app.space)?;
    let traffic = Traffic::once_answered(&entrance, RATE, LIMIT).await?;
    let reference = stage.update("reference", None).await?;
    println!("undisturbed: {} writes in {:?}: {}", reference.writes, reference.took, reference.end);
    ensure!(reference.writes <= MOST_WRITES, "an update of {} writes", reference.writes);
    let mut ends = BTreeSet::new();
    for k in 1..=reference.writes {
        for when in ["before", "after"] {
            let outcome = stage.update(&format!("k{k}-{when}"), Some((k, when))).await?;
            println!("killed {when} write {k}: {:?}, fired {}", outcome.took, outcome.fired);
            ensure!(outcome.fired || k > reference.writes - 3, "write {k} was never reached");
            ensure!(
                outcome.end == reference.end,
                "killed {when} write {k}: {} is not {}",
                outcome.end,
                reference.end
            );
            ends.insert(outcome.end.to_string());
        }
    }
    let all = traffic.stop().await;
    println!("{all}");
    ensure!(all.lost().is_empty() && all.errors() == 0, "users noticed: {all}");
    ensure!(ends.len() == 1, "the updates ended in {} ways", ends.len());
    stage.app.space.remove().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_may_die_with_the_default_lease() -> Result<()> {
    let stage = Stage::set(["15s", "10s", "2s"]).await?;
    let reference = stage.update("reference", None).await?;
    let outcome = stage.update("killed", Some((reference.writes / 2, "after"))).await?;
    println!("with the default lease, an update whose leader was killed took {:?}", outcome.took);
    ensure!(outcome.fired, "the leader was not killed");
    ensure!(outcome.end == reference.end, "{} is not {}", outcome.end, reference.end);
    stage.app.space.remove().await
}

//! Who acts: one of two, at once another when the first one ends, and nobody while Argo Rollouts does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::manifest;
use e2e_tests::operator::Release;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::wait::{Look, until};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

/// The instance that this story's operator is, so that no other one acts here.
const INSTANCE: &str = "election";
const LIMIT: Duration = Duration::from_mins(1);

async fn install(space: &Space) -> Result<()> {
    let values = ["image.repository=linnet.test/linnet", "namespaced=true", "instanceId=election"];
    let values = values.map(str::to_owned).to_vec();
    Release { namespace: space.name.clone(), name: "linnet".to_owned(), values }.install().await
}

async fn deploy(space: &Space) -> Result<App> {
    let mut manifests = manifests(space, Router::Nginx)?;
    let label = json!({ "argo-rollouts.argoproj.io/controller-instance-id": INSTANCE });
    let strategy = json!({ "canary": { "analysis": null, "steps": [{ "setWeight": 20 }] } });
    let change = json!({ "metadata": { "labels": label }, "spec": { "replicas": 1, "strategy": strategy } });
    manifest::change(&mut manifests, "Rollout", &change)?;
    manifest::apply(&space.client, &space.name, &manifests).await?;
    Ok(App { space: space.clone(), name: "user-service".to_owned() })
}

/// The pod that holds Linnet's Lease.
async fn leader(space: &Space) -> Result<Option<String>> {
    let lease = space.api::<Lease>().get_opt(&format!("linnet-controller-lock-{INSTANCE}")).await?;
    let holder = lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| !holder.is_empty());
    Ok(holder.map(|holder| holder.split('_').next().unwrap_or_default().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_standby_acts_at_once_when_the_leader_is_told_to_end() -> Result<()> {
    let space = Space::create("election").await?;
    install(&space).await?;
    let app = deploy(&space).await?;
    app.phase(RolloutPhase::Healthy, LIMIT).await?;

    let first = leader(&space).await?.context("nobody leads")?;
    let start = Instant::now();
    space.api::<Pod>().delete(&first, &DeleteParams::default()).await?;
    app.update("v2", &[]).await?;
    let replica_sets = space.api::<ReplicaSet>();
    until("the new version's ReplicaSet", LIMIT, || async {
        let list = replica_sets.list(&ListParams::default().labels("app=user-service")).await?;
        Ok(Look::when(list.items.len() == 2, list.items.len()))
    })
    .await?;
    let took = start.elapsed();
    println!(
        "from SIGTERM of the leader to the new ReplicaSet by the standby: {took:?} (the reference: 18 s)"
    );
    ensure!(took < Duration::from_secs(10), "the Lease was not released: {took:?}");
    app.phase(RolloutPhase::Healthy, LIMIT).await?;
    let second = leader(&space).await?.context("nobody leads")?;
    ensure!(first != second, "{first} leads again");
    space.remove().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_while_argo_rollouts_holds_its_lease() -> Result<()> {
    let space = Space::create("election").await?;
    let leases = space.api::<Lease>();
    let name = format!("argo-rollouts-controller-lock-{INSTANCE}");
    let lease = json!({
        "metadata": { "name": name },
        "spec": { "holderIdentity": "argo-rollouts-0", "leaseDurationSeconds": 15,
                  "renewTime": format!("{:.6}", Timestamp::now()) },
    });
    leases.create(&PostParams::default(), &serde_json::from_value(lease)?).await?;
    let renewal = tokio::spawn(renew(space.clone(), name.clone()));

    // Its pods are not ready while they stand back, so nobody waits for that.
    let values = ["image.repository=linnet.test/linnet", "namespaced=true", "instanceId=election"];
    let values = values.map(str::to_owned).to_vec();
    Release { namespace: space.name.clone(), name: "linnet".to_owned(), values }.apply().await?;
    let app = deploy(&space).await?;
    let events = space.api::<Event>();
    until("an event that says why nothing is done", LIMIT, || async {
        let list = events.list(&ListParams::default()).await?;
        let told = list.items.iter().any(|it| it.message.as_deref().is_some_and(|text| text.contains(&name)));
        Ok(Look::when(told, list.items.len()))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let replica_sets =
        space.api::<ReplicaSet>().list(&ListParams::default().labels("app=user-service")).await?;
    ensure!(replica_sets.items.is_empty(), "acted beside Argo Rollouts: {}", replica_sets.items.len());
    let deployment = space.api::<Deployment>().get("linnet").await?;
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    ensure!(ready == 0, "{} is ready while it stands back", deployment.name_any());

    renewal.abort();
    leases.delete(&name, &DeleteParams::default()).await?;
    app.phase(RolloutPhase::Healthy, LIMIT).await?;
    space.remove().await
}

/// What a living controller does with its Lease.
async fn renew(space: Space, name: String) -> Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let patch = json!({ "spec": { "renewTime": format!("{:.6}", Timestamp::now()) } });
        space.api::<Lease>().patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    }
}

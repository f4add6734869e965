//! A Deployment is taken over by a Rollout that refers to it, and rolled out by changes of the Deployment from then on.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::names::WORKLOAD_GENERATION;
use crds::rollout::RolloutPhase;
use e2e_tests::manifest;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, NAME, Router, manifests};
use e2e_tests::traffic::Traffic;
use e2e_tests::wait::{Look, until};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::process::Command;

/// Requests per second.
const RATE: u32 = 300;
/// How many requests are counted at a time.
const REQUESTS: usize = 600;
/// How many pods are wanted.
const REPLICAS: i32 = 4;
const LIMIT: Duration = Duration::from_mins(1);

/// The example's Rollout as a Deployment, and what is left of it as a Rollout that refers to that.
///
/// A pod goes on answering for a while after it was taken out of the Services, as pods of every Deployment should.
fn split(rollout: &Value) -> Result<[Value; 2]> {
    let mut rollout = rollout.clone();
    let spec = rollout.get_mut("spec").and_then(Value::as_object_mut).context("a Rollout without a spec")?;
    let mut template = spec.remove("template").context("a Rollout without a template")?;
    let container = template.pointer_mut("/spec/containers/0").context("no container")?;
    json_patch::merge(container, &json!({ "lifecycle": { "preStop": { "sleep": { "seconds": 4 } } } }));
    spec.insert(
        "workloadRef".to_owned(),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": NAME, "scaleDown": "progressively" }),
    );
    let steps = json!([{ "setWeight": 50 }, { "pause": { "duration": "2s" } }]);
    let canary = json!({ "analysis": null, "steps": steps });
    let change = json!({ "spec": { "replicas": REPLICAS, "strategy": { "canary": canary } } });
    json_patch::merge(&mut rollout, &change);
    let selector = rollout.pointer("/spec/selector").context("a Rollout without a selector")?;
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": NAME },
        "spec": { "replicas": REPLICAS, "selector": selector, "template": template },
    });
    Ok([deployment, rollout])
}

async fn deployment(space: &Space) -> Result<Deployment> {
    Ok(space.api::<Deployment>().get(NAME).await?)
}

fn size(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0)
}

/// Available pods of the Rollout, by its ReplicaSets: its status may count them a second later.
async fn available(app: &App) -> Result<i32> {
    let sets = app.space.api::<ReplicaSet>().list(&ListParams::default()).await?.items;
    let is_ours = |set: &&ReplicaSet| set.owner_references().iter().any(|owner| owner.kind == "Rollout");
    let ours = sets.iter().filter(is_ours).filter_map(|set| set.status.as_ref()?.available_replicas);
    Ok(ours.sum())
}

/// Another tag of the image, where the template is kept.
async fn set_version(space: &Space, version: &str) -> Result<()> {
    let held = serde_json::to_value(deployment(space).await?)?;
    let path = "/spec/template/spec/containers/0/image";
    let image = held.pointer(path).and_then(Value::as_str).context("no image")?;
    let (name, _) = image.rsplit_once(':').with_context(|| format!("no tag in {image:?}"))?;
    let operations = json!([{ "op": "replace", "path": path, "value": format!("{name}:{version}") }]);
    let change: Patch<()> = Patch::Json(serde_json::from_value(operations)?);
    space.api::<Deployment>().patch(NAME, &PatchParams::default(), &change).await?;
    Ok(())
}

/// Waits until the Rollout is healthy with the Deployment as it is now.
async fn healthy(app: &App) -> Result<()> {
    until("the rollout of the Deployment's template", LIMIT, || async {
        let generation = deployment(&app.space).await?.metadata.generation.unwrap_or(0).to_string();
        let rollout = app.rollout().await?;
        let noted = rollout.metadata.annotations.unwrap_or_default().get(WORKLOAD_GENERATION).cloned();
        let status = rollout.status.unwrap_or_default();
        let is_seen =
            noted.as_ref() == Some(&generation) && status.workload_observed_generation == generation;
        Ok(Look::when(is_seen && status.phase == RolloutPhase::Healthy, (generation, status.message)))
    })
    .await
}

/// The versions that answer now.
async fn all_answer_as(traffic: &Traffic, version: &str) -> Result<()> {
    until(&format!("{version} alone to answer"), LIMIT, || async {
        let tally = traffic.next(REQUESTS).await?;
        let share = tally.share(version);
        Ok(Look::when(share.hits == share.total, tally.to_string()))
    })
    .await
}

/// Follows the Deployment until it has no pods: it only shrinks, and only for pods of the Rollout that are there.
async fn the_deployment_shrinks_as_pods_come(app: &App) -> Result<()> {
    let mut sizes = Vec::new();
    while sizes.last() != Some(&0) {
        // What is taken away is read after what is there to stand in for it.
        let before = available(app).await?;
        let left = size(&deployment(&app.space).await?);
        let later = available(app).await?.max(before);
        ensure!(
            left + later >= REPLICAS,
            "{left} pods of the Deployment and {later} of the Rollout are left"
        );
        if sizes.last() != Some(&left) {
            sizes.push(left);
        }
        ensure!(sizes.is_sorted_by(|a, b| a > b), "the Deployment grew: {sizes:?}");
        ensure!(sizes.len() < 10, "it does not end: {sizes:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("the Deployment's pods, one after the other: {sizes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_is_taken_over_under_live_traffic() -> Result<()> {
    operator::shared().await?;
    let space = Space::create("workload").await?;
    let all = manifests(&space, Router::Nginx)?;
    let (rollouts, others): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|manifest| manifest["kind"] == "Rollout");
    let [old, new] = split(rollouts.first().context("no Rollout")?)?;
    manifest::apply(&space.client, &space.name, &others).await?;
    manifest::apply(&space.client, &space.name, &[old]).await?;
    until("the Deployment", LIMIT, || async {
        let status = deployment(&space).await?.status.unwrap_or_default();
        Ok(Look::when(status.available_replicas == Some(REPLICAS), status))
    })
    .await?;
    let traffic = Traffic::once_answered(&Router::Nginx.entrance(&space)?, RATE, LIMIT).await?;
    all_answer_as(&traffic, "v1").await?;

    manifest::apply(&space.client, &space.name, &[new]).await?;
    let app = App { space: space.clone(), name: NAME.to_owned() };
    let handing_over = tokio::time::timeout(LIMIT, the_deployment_shrinks_as_pods_come(&app));
    handing_over.await.context("the Deployment keeps its pods")??;
    healthy(&app).await?;
    all_answer_as(&traffic, "v1").await?;

    set_version(&space, "v2").await?;
    healthy(&app).await?;
    all_answer_as(&traffic, "v2").await?;
    ensure!(app.rollout().await?.spec.template.is_none(), "a template was written into the Rollout");
    ensure!(size(&deployment(&space).await?) == 0, "the Deployment has pods again");

    let undo = linnet(&app, &["undo", NAME]).await?;
    ensure!(undo.status.success(), "undo failed: {}", String::from_utf8_lossy(&undo.stderr));
    healthy(&app).await?;
    all_answer_as(&traffic, "v1").await?;
    let sets = app.space.api::<ReplicaSet>().list(&ListParams::default()).await?;
    let ours = sets.items.iter().filter(|set| {
        set.metadata.labels.as_ref().is_some_and(|it| it.contains_key(crds::names::POD_TEMPLATE_HASH))
    });
    ensure!(ours.count() == 2, "undo made another version");

    let all = traffic.stop().await;
    ensure!(all.lost().is_empty(), "requests were lost: {all}");
    println!("{all}");
    space.remove().await
}

/// Runs the plugin in the app's namespace.
async fn linnet(app: &App, arguments: &[&str]) -> Result<Output> {
    let plugin = std::env::var("KUBECTL_LINNET").unwrap_or_else(|_| "kubectl-linnet".to_owned());
    let mut command = Command::new(plugin);
    command.args(arguments).args(["--namespace", &app.space.name]);
    command.output().await.with_context(|| format!("cannot run {command:?}"))
}

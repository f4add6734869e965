//! The identity of pod templates: what the API server fills in is never another version.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::rollout::{Rollout, RolloutPhase};
use crds::template::same;
use e2e_tests::manifest::{documents, repository};
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::PodTemplate;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};

/// The samples: one template per file.
fn samples() -> Result<Vec<PathBuf>> {
    let directory = repository().join("crds/samples/pod-templates");
    let mut files = Vec::new();
    for entry in
        std::fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[tokio::test]
async fn the_defaults_of_the_api_server_are_no_change() -> Result<()> {
    let space = Space::create("identity").await?;
    let api = space.api::<PodTemplate>();
    let samples = samples()?;
    ensure!(samples.len() >= 10, "only {} samples", samples.len());
    for path in &samples {
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a sample without a name")?;
        let template = documents(path)?.pop().context("an empty sample")?;
        let object = json!({ "metadata": { "name": name }, "template": template });
        let object: PodTemplate = serde_json::from_value(object).with_context(|| name.to_owned())?;
        let created = api.create(&PostParams::default(), &object).await.with_context(|| name.to_owned())?;
        let defaulted = serde_json::to_value(created.template)?;
        ensure!(same(&template, &defaulted), "{name}: {template} became another version: {defaulted}");
        ensure!(template != defaulted, "{name}: the API server filled nothing in, so nothing was shown");
    }
    println!("{} templates are the same after the API server's defaulting", samples.len());
    space.remove().await
}

#[tokio::test]
async fn a_template_with_defaults_filled_in_starts_no_update() -> Result<()> {
    operator::shared().await?;
    let space = Space::create("identity").await?;
    let app = App::deploy(&space, &manifests(&space, Router::Nginx)?).await?;
    let before = replica_sets(&space).await?;
    ensure!(before.len() == 1, "{} ReplicaSets after the first deploy", before.len());

    // What `undo` of the reference's command line writes: the ReplicaSet's template, defaults and all.
    let template = before.first().and_then(|it| it.pointer("/spec/template")).context("no template")?.clone();
    let mut rollout = json!({ "spec": { "template": template } });
    json_patch::merge(
        &mut rollout,
        &json!({ "spec": { "template": { "metadata": { "labels": {
        "rollouts-pod-template-hash": null } } } } }),
    );
    app.patch(&rollout).await?;
    app.phase(RolloutPhase::Healthy, Duration::from_secs(20)).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rollout: Rollout = app.rollout().await?;
    ensure!(rollout.metadata.generation.unwrap_or(0) > 1, "the template was not written");
    let after = replica_sets(&space).await?;
    ensure!(after.len() == 1, "{} ReplicaSets: the defaults started an update", after.len());
    ensure!(names(&before) == names(&after), "the ReplicaSet is another one");
    space.remove().await
}

async fn replica_sets(space: &Space) -> Result<Vec<Value>> {
    let list = space.api::<ReplicaSet>().list(&ListParams::default()).await?;
    list.items.iter().map(|it| serde_json::to_value(it).context("a ReplicaSet is no JSON")).collect()
}

fn names(objects: &[Value]) -> Vec<Option<&str>> {
    objects.iter().map(|object| object.pointer("/metadata/name").and_then(Value::as_str)).collect()
}

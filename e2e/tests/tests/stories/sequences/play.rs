//! One rollout, from its first version through a random sequence of verbs to its rest.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::manifest::change;
use e2e_tests::space::Space;
use e2e_tests::story::App;
use e2e_tests::traffic::Traffic;
use e2e_tests::wait::{Look, until};
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::ListParams;
use serde_json::json;

use super::picture::picture;
use super::strategy::Strategy;
use super::verb::{GOOD, Verb, Versions, act};

/// Verbs of one sequence.
const VERBS: usize = 12;
/// Requests per second to each rollout.
const RATE: u32 = 8;
/// Until one rollout of many has come to rest.
const REST: Duration = Duration::from_mins(2);

/// What one rollout went through.
pub(crate) struct Play {
    pub(crate) verbs: usize,
    pub(crate) requests: usize,
    pub(crate) space: Space,
}

/// Plays one sequence. If it fails, the error tells what there was.
pub(crate) async fn play(strategy: Strategy, seed: u64) -> Result<Play> {
    let space = Space::create("sequence").await?;
    match play_in(&space, strategy, seed).await {
        Ok(play) => Ok(play),
        Err(error) => {
            let what = picture(&space).await;
            Err(error.context(what.unwrap_or_else(|problem| format!("nothing can be seen: {problem:#}"))))
        }
    }
}

async fn play_in(space: &Space, strategy: Strategy, seed: u64) -> Result<Play> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut versions = Versions::default();
    let mut manifests = strategy.manifests(space, seed)?;
    versions.next();
    // The first version stays for its last requests, like all others.
    let containers = json!([first_container(&manifests)?]);
    // Nobody measures these pods, and asking each of hundreds once a second is as much work as their traffic.
    let annotations = json!({ "prometheus.io/scrape": "false" });
    let template =
        json!({ "metadata": { "annotations": annotations }, "spec": { "containers": containers } });
    change(&mut manifests, "Rollout", &json!({ "spec": { "template": template } }))?;
    let app = App::deploy_within(space, &manifests, REST).await?;
    let traffic = Traffic::once_answered(&strategy.router().entrance(space)?, RATE, REST).await?;

    let mut done = Vec::new();
    for _ in 0..VERBS {
        tokio::time::sleep(Duration::from_millis(random.u64(1_000..=3_000))).await;
        let next = Verb::draw(&mut random);
        done.push(next);
        act(&app, next, &mut versions, &mut random).await.with_context(|| format!("{done:?}"))?;
    }
    let last = versions.next();
    rest(&app, &traffic, &last).await.with_context(|| format!("after {done:?}"))?;
    let all = traffic.stop().await;
    ensure!(all.lost().is_empty(), "{}: requests were lost: {all}; {done:?}", app.space.name);
    ensure!(all.errors() == 0, "{}: requests failed: {all}; {done:?}", app.space.name);
    for broken in &versions.broken {
        ensure!(
            all.last_of(broken).is_none(),
            "{}: {broken} was never ready: {all}; {done:?}",
            app.space.name
        );
    }
    Ok(Play { verbs: done.len(), requests: all.samples.len(), space: space.clone() })
}

/// The example's container, which answers for a while after it was told to go. More than a hundred pods share few
/// processors: an answer to a probe that takes seconds is no reason to take a pod from its users.
fn first_container(manifests: &[serde_json::Value]) -> Result<serde_json::Value> {
    let rollout = manifests.iter().find(|manifest| manifest["kind"] == "Rollout").context("no Rollout")?;
    let mut container =
        rollout.pointer("/spec/template/spec/containers/0").context("a Rollout without a container")?.clone();
    let patient = json!({ "timeoutSeconds": 5, "failureThreshold": 10 });
    let changes = json!({ "args": [GOOD], "readinessProbe": patient, "livenessProbe": patient });
    json_patch::merge(&mut container, &changes);
    Ok(container)
}

/// Asks for a last version without any condition, and waits until nothing else has pods and all requests meet it: pods
/// that go answer for a while, and a data plane learns late that they do.
async fn rest(app: &App, traffic: &Traffic, version: &str) -> Result<()> {
    app.patch(&json!({ "spec": { "paused": false } })).await?;
    app.update(version, &[GOOD]).await?;
    let status = app.until("the last version to be seen", REST, |_| true).await?;
    if status.current_pod_hash != status.stable_rs {
        app.patch_status(&json!({ "promoteFull": true })).await?;
    }
    let status = app.phase(RolloutPhase::Healthy, REST).await?;
    until("only the last version to have pods", REST, || async {
        let sets = app.space.api::<ReplicaSet>().list(&ListParams::default()).await?.items;
        let others = sets.iter().filter(|set| {
            let hash =
                set.metadata.labels.as_ref().and_then(|labels| labels.get("rollouts-pod-template-hash"));
            hash != Some(&status.stable_rs)
        });
        let left: i32 = others.filter_map(|set| set.status.as_ref()).map(|status| status.replicas).sum();
        Ok(Look::when(left == 0, left))
    })
    .await?;
    until("all requests to meet the last version", REST, || async {
        let tally = traffic.next(30).await?;
        Ok(Look::when(tally.share(version).agrees_with(100, 1e-6), tally.to_string()))
    })
    .await
}

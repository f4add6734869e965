//! The operator is replaced by another build in the middle of every kind of step: nothing is deployed again, and no step
//! is skipped or repeated.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::analysis::AnalysisRun;
use crds::rollout::RolloutPhase;
use e2e_tests::manifest;
use e2e_tests::operator::Release;
use e2e_tests::proxy::Proxy;
use e2e_tests::space::Space;
use e2e_tests::steps;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::traffic::Traffic;
use e2e_tests::wait::{Look, until};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

/// The instance that this story's operator is, so that no other one acts here.
const INSTANCE: &str = "replacement";
const LIMIT: Duration = Duration::from_secs(40);
/// Requests per second meanwhile.
const RATE: u32 = 50;
/// The same source, built with and without another stamp, and the label of `build_info` that tells them apart.
const BUILDS: [(&str, bool); 2] = [("linnet.test/linnet-restamped", true), ("linnet.test/linnet", false)];
const STAMP: &str = r#"commit="another-build""#;

/// How a step is kept from ending while the operator is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It takes a while by itself.
    ByItself,
    /// Nothing is written to routes.
    ByItsRoute,
}

/// Every kind of step, with pauses in which the next hold is prepared.
fn steps_of_all_kinds() -> Value {
    let matches = json!([{ "headerName": "group", "headerValue": { "exact": "beta" } }]);
    json!([
        { "setCanaryScale": { "replicas": 2 } },
        { "setHeaderRoute": { "name": "beta", "match": matches } },
        { "pause": { "duration": "3s" } },
        { "setMirrorRoute": { "name": "shadow", "percentage": 10, "match": [{ "method": { "exact": "GET" } }] } },
        { "pause": { "duration": "3s" } },
        { "setWeight": 30 },
        { "pause": { "duration": "10s" } },
        { "analysis": { "templates": [{ "templateName": "slow" }] } },
        { "pause": {} },
    ])
}

/// The steps in whose middle the operator is replaced.
const REPLACED_IN: [(i32, Held); 7] = [
    (0, Held::ByItself),
    (1, Held::ByItsRoute),
    (3, Held::ByItsRoute),
    (5, Held::ByItsRoute),
    (6, Held::ByItself),
    (7, Held::ByItself),
    (8, Held::ByItself),
];

/// The Istio example for this instance with these steps, and an analysis of some seconds.
fn application(space: &Space) -> Result<Vec<Value>> {
    let mut manifests = manifests(space, Router::Istio)?;
    manifests.retain(|manifest| manifest["kind"] != "AnalysisTemplate");
    let routing = json!({ "managedRoutes": [{ "name": "beta" }, { "name": "shadow" }] });
    let canary = json!({ "analysis": null, "steps": steps_of_all_kinds(), "trafficRouting": routing });
    let labels = json!({ "argo-rollouts.argoproj.io/controller-instance-id": INSTANCE });
    let change = json!({
        "metadata": { "labels": labels },
        "spec": { "replicas": 3, "strategy": { "canary": canary } },
    });
    manifest::change(&mut manifests, "Rollout", &change)?;
    let prometheus = space.facts.prometheus.as_ref().context("the cluster runs no Prometheus")?;
    let metric = json!({
        "name": "zero", "interval": "2s", "count": 6, "successCondition": "result[0] == 0",
        "provider": { "prometheus": { "address": prometheus, "query": "vector(0)" } },
    });
    manifests.push(json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": { "name": "slow", "labels": labels }, "spec": { "metrics": [metric] },
    }));
    Ok(manifests)
}

/// The operator's release in the namespace of the story, behind the proxy.
struct Operator {
    space: Space,
    proxy: Proxy,
}

impl Operator {
    async fn install(&self, image: &str) -> Result<()> {
        let facts = &self.space.facts;
        let through = &facts.proxy.as_ref().context("the cluster runs no proxy")?.address;
        let values = vec![
            format!("image.repository={image}"),
            format!("instanceId={INSTANCE}"),
            "namespaced=true".to_owned(),
            format!("podAnnotations.linnet\\.test/apiserver={through}"),
            "routeDrainSeconds=1".to_owned(),
        ];
        let release = Release { namespace: self.space.name.clone(), name: "linnet".to_owned(), values };
        release.install().await
    }

    /// Replaces the operator, and waits until only pods of the new build are left.
    async fn replace(&self, (image, is_stamped): (&str, bool)) -> Result<()> {
        self.install(image).await?;
        until("the pods of the other build to go", LIMIT, || async {
            let params = ListParams::default().labels("app.kubernetes.io/name=linnet");
            let pods = self.space.api::<Pod>().list(&params).await?.items;
            let images: BTreeSet<_> = pods.iter().filter_map(image_of).collect();
            let is_done =
                images.len() == 1 && images.iter().all(|found| found.starts_with(&format!("{image}:")));
            Ok(if is_done { Look::Seen(pods) } else { Look::NotYet(format!("{images:?}")) })
        })
        .await?;
        for pod in self
            .space
            .api::<Pod>()
            .list(&ListParams::default().labels("app.kubernetes.io/name=linnet"))
            .await?
        {
            let address =
                pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).context("no address")?;
            let url = format!("http://{address}:8090/metrics");
            let client = reqwest::Client::builder().no_proxy().build()?;
            let text = client.get(url).send().await?.error_for_status()?.text().await?;
            ensure!(text.contains(STAMP) == is_stamped, "{} is another build than {image}", pod.name_any());
        }
        Ok(())
    }

    /// Lets no route be written until [`Self::release`].
    async fn hold(&self) -> Result<()> {
        let matcher = json!({ "writes": true, "namespace": self.space.name, "resources": ["virtualservices"],
                              "userAgent": "linnet" });
        let action = json!({ "do": "answer", "status": 503 });
        self.proxy.add(&json!({ "name": "hold", "match": matcher, "action": action })).await
    }

    async fn release(&self) -> Result<()> {
        self.proxy.reset().await
    }
}

fn image_of(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.containers.first()?.image.clone()
}

/// The pods of the application, and its ReplicaSets.
async fn deployed(space: &Space) -> Result<BTreeSet<String>> {
    let labels = ListParams::default().labels("app=user-service");
    let pods = space.api::<Pod>().list(&labels).await?.items;
    let sets = space.api::<ReplicaSet>().list(&labels).await?.items;
    let pods = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(pods.map(|pod| pod.name_any()).chain(sets.into_iter().map(|set| set.name_any())).collect())
}

async fn step(app: &App, index: i32) -> Result<()> {
    let what = format!("step {index}");
    app.until(&what, LIMIT, |status| status.current_step_index == Some(index)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_build_takes_over_in_the_middle_of_every_kind_of_step() -> Result<()> {
    let space = Space::create("replacement").await?;
    let operator = Operator { proxy: Proxy::of(&space.facts)?, space: space.clone() };
    operator.proxy.reset().await?;
    operator.install(BUILDS[1].0).await?;
    let app = App::deploy(&space, &application(&space)?).await?;
    let traffic = Traffic::once_answered(&Router::Istio.entrance(&space)?, RATE, LIMIT).await?;
    let watch = tokio::spawn(steps::never_skipped_or_repeated(app.clone()));

    app.update("v2", &["--startup=5s"]).await?;
    step(&app, 0).await?;
    operator.hold().await?;
    let hash = app.status().await?.current_pod_hash;
    let mut before = BTreeSet::new();
    for ((index, held), build) in REPLACED_IN.into_iter().zip(BUILDS.into_iter().cycle()) {
        step(&app, index).await?;
        if before.is_empty() && index > 0 {
            before = deployed(&space).await?;
        }
        operator.replace(build).await?;
        let status = app.status().await?;
        println!("step {index}: now {} at step {:?}", build.0, status.current_step_index);
        ensure!(status.current_pod_hash == hash, "another pod hash: {}", status.current_pod_hash);
        if held == Held::ByItsRoute {
            ensure!(
                status.current_step_index == Some(index),
                "{index} ended: {:?}",
                status.current_step_index
            );
            operator.release().await?;
            step(&app, index + 1).await?;
            operator.hold().await?;
        }
        if index == 6 {
            operator.release().await?;
        }
    }
    ensure!(
        deployed(&space).await? == before,
        "deployed again: {:?} were {before:?}",
        deployed(&space).await?
    );
    let runs = space.api::<AnalysisRun>().list(&ListParams::default()).await?;
    ensure!(runs.items.len() == 1, "{} analyses of one step", runs.items.len());
    ensure!(!watch.is_finished(), "{:?}", watch.await?);
    watch.abort();

    app.patch_status(&json!({ "pauseConditions": null })).await?;
    let end = app.phase(RolloutPhase::Healthy, LIMIT).await?;
    ensure!(end.stable_rs == hash, "{} is stable", end.stable_rs);
    let all = traffic.stop().await;
    println!("{all}");
    ensure!(all.lost().is_empty() && all.errors() == 0, "users noticed: {all}");
    space.remove().await
}

//! A thousand malformed or hostile Rollouts beside a good one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::manifest;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::wait::{Look, until};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// How many there are, and how many of them carry a megabyte.
const BAD: usize = 1_000;
const HUGE: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_objects_neither_stop_nor_slow_a_good_one() -> Result<()> {
    operator::shared().await?;
    let space = Space::create("hostile").await?;
    // A thousand of them beside the stories that follow would make those fail as well.
    let (seen, removed) = (story(&space).await, space.remove().await);
    seen.and(removed)
}

async fn story(space: &Space) -> Result<()> {
    let app = App::deploy(space, &good(space)?).await?;
    let alone = slowest(&app, ["v2", "v3", "v4"]).await?;
    let restarts = restarts(&space.client).await?;

    let chart = chart_crd()?;
    permissive(&space.client, &chart).await?;
    let made = create_bad(space).await;
    apply_crd(&space.client, &chart).await?;
    made?;
    let beside = slowest(&app, ["v5", "v6", "v7"]).await?;
    println!("an update alone takes at most {alone:?}, beside {BAD} bad rollouts {beside:?}");
    ensure!(beside <= alone * 2 + Duration::from_millis(500), "{beside:?} is more than twice {alone:?}");

    every_bad_one_is_told(space).await?;
    ensure!(restarts == self::restarts(&space.client).await?, "the operator restarted");
    Ok(())
}

/// The example without analysis, with one short pause.
fn good(space: &Space) -> Result<Vec<Value>> {
    let mut manifests = manifests(space, Router::Nginx)?;
    let steps = json!([{ "setWeight": 20 }, { "pause": { "duration": "2s" } }, { "setWeight": 60 }]);
    let canary = json!({ "analysis": null, "steps": steps });
    manifest::change(&mut manifests, "Rollout", &json!({ "spec": { "strategy": { "canary": canary } } }))?;
    Ok(manifests)
}

/// The slowest of several updates, one after the other: one alone can be slow or quick for reasons of the machine.
async fn slowest(app: &App, versions: [&str; 3]) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    for version in versions {
        slowest = slowest.max(update(app, version).await?);
    }
    Ok(slowest)
}

async fn update(app: &App, version: &str) -> Result<Duration> {
    let start = Instant::now();
    app.update(version, &[]).await?;
    app.phase(RolloutPhase::Healthy, Duration::from_mins(2)).await?;
    Ok(start.elapsed())
}

fn chart_crd() -> Result<Value> {
    let mut documents = manifest::documents(&manifest::repository().join("crds/manifests/rollouts.yaml"))?;
    documents.pop().context("no CRD in crds/manifests/rollouts.yaml")
}

/// The chart's CRD without any schema or check of the subresource `scale`, as an older release or another vendor may have left it.
async fn permissive(client: &Client, chart: &Value) -> Result<()> {
    let mut open = chart.clone();
    let schema =
        json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    *open.pointer_mut("/spec/versions/0/schema").context("a CRD without a schema")? = schema;
    *open.pointer_mut("/spec/versions/0/subresources").context("a CRD without subresources")? =
        json!({ "status": {} });
    apply_crd(client, &open).await
}

async fn apply_crd(client: &Client, crd: &Value) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = crd.pointer("/metadata/name").and_then(Value::as_str).context("a CRD without a name")?;
    api.patch(name, &PatchParams::apply("e2e").force(), &Patch::Apply(crd)).await?;
    // The API server takes a moment to serve a changed schema, and ends all watches of the kind meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}

fn rollouts(space: &Space) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "argoproj.io".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "argoproj.io/v1alpha1".to_owned(),
        kind: "Rollout".to_owned(),
        plural: "rollouts".to_owned(),
    };
    manifest::api(&space.client, &space.name, &resource)
}

async fn create_bad(space: &Space) -> Result<()> {
    let api = rollouts(space);
    let create = |index: usize| {
        let api = api.clone();
        async move {
            let object: DynamicObject = serde_json::from_value(bad(index))?;
            api.create(&PostParams::default(), &object).await.with_context(|| format!("bad rollout {index}"))
        }
    };
    stream::iter(0..BAD).map(create).buffer_unordered(8).try_for_each(|_| async { Ok(()) }).await
}

/// One of a dozen ways to be wrong.
fn bad(index: usize) -> Value {
    let template = json!({
        "metadata": { "labels": { "app": "bad" } },
        "spec": { "containers": [{ "name": "web", "image": "linnet.test/demo:v1" }] },
    });
    let selector = json!({ "matchLabels": { "app": "bad" } });
    let canary = json!({ "canary": {} });
    let mut spec = match index % 12 {
        0 => json!({ "replicas": "many", "selector": selector, "template": template, "strategy": canary }),
        1 => json!({ "replicas": -7, "selector": selector, "template": template, "strategy": canary }),
        2 => {
            json!({ "replicas": 99_999_999_999_i64, "selector": selector, "template": template, "strategy": canary })
        }
        3 => json!({ "selector": selector, "strategy": canary }),
        4 => json!({ "selector": "app=bad", "template": template, "strategy": canary }),
        5 => json!({ "selector": selector, "template": ["not", "a", "template"], "strategy": canary }),
        6 => {
            json!({ "selector": selector, "template": template, "strategy": { "canary": { "steps": [{ "setWeight": 4_000 }] } } })
        }
        7 => {
            json!({ "selector": selector, "template": template, "strategy": { "canary": { "steps": "all" } } })
        }
        8 => {
            json!({ "selector": selector, "template": template, "strategy": { "canary": { "steps": [{ "pause": { "duration": "-3x" } }] } } })
        }
        9 => json!({ "selector": selector, "template": template, "strategy": {} }),
        10 => {
            json!({ "selector": selector, "template": template, "strategy": { "canary": {}, "blueGreen": { "activeService": "x" } } })
        }
        _ => json!(["no", "spec", "at", "all"]),
    };
    if let Some(spec) = spec.as_object_mut().filter(|_| index < HUGE) {
        spec.insert("unknown".to_owned(), json!("x".repeat(1_000_000)));
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": { "name": format!("bad-{index}") }, "spec": spec,
    })
}

/// Each has a condition that says what is wrong, or where that is refused, a Warning event.
async fn every_bad_one_is_told(space: &Space) -> Result<()> {
    let (api, events) = (rollouts(space), space.api::<Event>());
    until("every bad rollout to be told what is wrong", Duration::from_mins(2), || async {
        let mut told: Vec<String> = Vec::new();
        let mut page = ListParams::default().limit(100);
        loop {
            let list = api.list(&page).await?;
            told.extend(list.items.iter().filter(|it| has_condition(it)).map(ResourceExt::name_any));
            match list.metadata.continue_.filter(|it| !it.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => break,
            }
        }
        let by_condition = told.len();
        let warnings = events.list(&ListParams::default().fields("type=Warning")).await?;
        told.extend(warnings.items.into_iter().filter_map(|event| event.involved_object.name));
        let missing: Vec<usize> = (0..BAD).filter(|index| !told.contains(&format!("bad-{index}"))).collect();
        if missing.is_empty() {
            println!("{by_condition} were told by a condition, the others by an event");
            return Ok(Look::Seen(()));
        }
        Ok(Look::NotYet(format!(
            "{} were not told, such as {:?}",
            missing.len(),
            missing.iter().take(12).collect::<Vec<_>>()
        )))
    })
    .await
}

fn has_condition(rollout: &DynamicObject) -> bool {
    let conditions = rollout.data.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition["type"] == "InvalidSpec"
            && condition["message"].as_str().is_some_and(|message| message.len() > 20)
    })
}

async fn restarts(client: &Client) -> Result<i32> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), operator::NAMESPACE);
    let pods = pods.list(&ListParams::default()).await?;
    let statuses = pods.items.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
    Ok(statuses.map(|status| status.restart_count).sum())
}

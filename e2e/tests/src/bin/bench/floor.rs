//! What the API server takes for the two writes that every abort is made of: the verdict, and then the route.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crds::analysis::AnalysisRun;
use crds::names::INSTANCE_ID;
use e2e_tests::story::App;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::fleet::{WEIGHT_ANNOTATION, canary_ingress};

/// The name of the copies that are written to.
const NAME: &str = "floor";

/// Writes a verdict and then a weight, so often, to copies of what a canary under analysis has; each time from the first
/// request to the second answer, after a rest as before an abort: a machine that has to be woken takes longer. No
/// operator that persists its verdict can be faster.
pub(crate) async fn two_writes(app: &App, times: usize, rest: Duration) -> Result<Vec<Duration>> {
    let (runs, ingresses) = (app.space.api::<AnalysisRun>(), app.space.api::<Ingress>());
    let found = runs.list(&ListParams::default()).await?;
    copy(&runs, found.items.into_iter().next().context("no AnalysisRun")?).await?;
    copy(&ingresses, ingresses.get(&canary_ingress(app)).await?).await?;
    let mut durations = Vec::new();
    for round in 0..times {
        let (phase, weight) = if round % 2 == 0 { ("Failed", "0") } else { ("Running", "50") };
        let verdict = Patch::Merge(json!({ "status": { "phase": phase } }));
        let route = Patch::Merge(json!({ "metadata": { "annotations": { WEIGHT_ANNOTATION: weight } } }));
        tokio::time::sleep(rest).await;
        let begin = Instant::now();
        runs.patch(NAME, &PatchParams::default(), &verdict).await?;
        ingresses.patch(NAME, &PatchParams::default(), &route).await?;
        durations.push(begin.elapsed());
    }
    Ok(durations)
}

/// Creates the same object under another name, which is nobody's and which no operator looks at.
async fn copy<K>(api: &Api<K>, mut object: K) -> Result<()>
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    object.meta_mut().resource_version = None;
    object.meta_mut().uid = None;
    object.meta_mut().name = Some(NAME.to_owned());
    object.meta_mut().owner_references = None;
    object.labels_mut().insert(INSTANCE_ID.to_owned(), "nobody".to_owned());
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}

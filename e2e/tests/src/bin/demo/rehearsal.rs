//! Before the story: the operator asks Prometheus for the first version, as it will ask for the others.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::analysis::{AnalysisPhase, AnalysisRun};
use e2e_tests::story::App;
use e2e_tests::wait::{Look, until};
use kube::api::PostParams;
use serde_json::{Value, json};

/// How many times it asks, once a second.
const TIMES: u32 = 60;
/// How many errors in a row it bears: they come every ten seconds.
const ERRORS: u32 = 4;

/// Waits until the metric of the example's template has a value for the running version.
///
/// # Errors
/// When it has none within a minute: Prometheus cannot be reached, or does not scrape the pods.
pub(crate) async fn measure(app: &App, manifests: &[Value], prometheus: &str) -> Result<()> {
    let template = manifests.iter().find(|manifest| manifest["kind"] == "AnalysisTemplate");
    let mut metric = template.and_then(|it| it.pointer("/spec/metrics/0")).context("no metric")?.clone();
    let patient = json!({
        "initialDelay": null, "interval": "1s", "count": TIMES, "consecutiveSuccessLimit": 1,
        "failureLimit": TIMES, "inconclusiveLimit": TIMES, "consecutiveErrorLimit": ERRORS,
    });
    json_patch::merge(&mut metric, &patient);
    let args = json!([
        { "name": "hash", "value": app.status().await?.stable_rs },
        { "name": "prometheus", "value": prometheus },
    ]);
    let run = json!({ "metadata": { "name": "rehearsal" }, "spec": { "args": args, "metrics": [metric] } });
    let runs = app.space.api::<AnalysisRun>();
    runs.create(&PostParams::default(), &serde_json::from_value(run)?).await?;
    let limit = Duration::from_secs(u64::from(TIMES) + 30);
    let status = until("the operator to measure the first version", limit, || async {
        let status = runs.get("rehearsal").await?.status.unwrap_or_default();
        let phase = status.phase;
        Ok(if phase.is_completed() { Look::Seen(status) } else { Look::NotYet(phase.to_string()) })
    })
    .await?;
    let last = status.metric_results.first().and_then(|result| result.measurements.last());
    let last = last.map(|last| if last.message.is_empty() { &last.value } else { &last.message });
    ensure!(
        status.phase == AnalysisPhase::Successful,
        "Prometheus {prometheus} says nothing of the demo's pods (last: {}): the operator must reach it, and it must \
         scrape them at least every 5 s, by their annotation prometheus.io/scrape or by a PodMonitor",
        last.map_or(status.message.as_str(), String::as_str)
    );
    Ok(())
}

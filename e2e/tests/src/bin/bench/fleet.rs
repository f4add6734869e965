//! Canaries at weight 50, each under a background analysis with an interval of one second.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e_tests::manifest::change;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use futures::{StreamExt, TryStreamExt, future};
use k8s_openapi::api::networking::v1::Ingress;
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::json;

use super::backend::Backend;

/// Everything that is waited for happens within this time.
const LIMIT: Duration = Duration::from_mins(2);
/// The weight at which a canary waits for its verdict.
const WEIGHT: i32 = 50;
/// Where a canary Ingress carries its weight.
pub(crate) const WEIGHT_ANNOTATION: &str = "nginx.ingress.kubernetes.io/canary-weight";

/// Canaries that are aborted again and again.
pub(crate) struct Fleet {
    apps: Vec<App>,
    backend: Backend,
    version: usize,
}

impl Fleet {
    /// Deploys the first version of each.
    pub(crate) async fn deploy(space: &Space, backend: &Backend, size: usize) -> Result<Self> {
        let deploy = |index: usize| async move {
            let name = format!("canary-{index}");
            let text = serde_json::to_string(&manifests(space, Router::Nginx)?)?;
            let mut manifests: Vec<serde_json::Value> =
                serde_json::from_str(&text.replace("user-service", &name))?;
            let errors = format!("{name}-errors");
            let analysis = json!({ "templates": [{ "templateName": errors }] });
            let canary = json!({ "analysis": analysis, "steps": [{ "setWeight": WEIGHT }, { "pause": {} }] });
            // The reference lists the pods of every version that is kept, and its aborts wait for that.
            let spec = json!({ "replicas": 1, "revisionHistoryLimit": 1, "strategy": { "canary": canary } });
            let rollout = json!({ "spec": spec });
            change(&mut manifests, "Rollout", &rollout)?;
            let metric = json!({
                "name": "errors", "interval": "1s", "failureLimit": 0, "successCondition": "result[0] < 0.5",
                "provider": { "prometheus": { "address": backend.url(&name), "query": "errors" } },
            });
            let template = json!({ "metadata": { "name": errors }, "spec": { "metrics": [metric] } });
            change(&mut manifests, "AnalysisTemplate", &template)?;
            App::deploy(space, &manifests).await
        };
        let apps = futures::stream::iter(0..size).map(deploy).buffered(4).try_collect().await?;
        Ok(Self { apps, backend: backend.clone(), version: 1 })
    }

    /// Brings every canary to its weight and under analysis, with a version that is good so far.
    pub(crate) async fn update(&mut self) -> Result<()> {
        self.version += 1;
        let version = format!("v{}", self.version);
        future::try_join_all(self.apps.iter().map(|app| async {
            self.backend.turn_good(&app.name);
            app.update(&version, &[]).await?;
            app.until("a canary under analysis", LIMIT, |status| {
                let weight = status.canary.weights.as_ref().map(|weights| weights.canary.weight);
                let run = status.canary.current_background_analysis_run_status.is_some();
                weight == Some(WEIGHT) && run && !status.pause_conditions.is_empty()
            })
            .await
        }))
        .await?;
        Ok(())
    }

    /// The first of the canaries.
    pub(crate) fn first(&self) -> Result<&App> {
        self.apps.first().context("an empty fleet")
    }

    /// Turns canaries bad; the time from each one's first bad answer to its weight 0.
    pub(crate) async fn abort(&self, canaries: &[usize]) -> Result<Vec<Duration>> {
        let apps: Vec<&App> = canaries.iter().filter_map(|index| self.apps.get(*index)).collect();
        let mut watched = Vec::new();
        for app in &apps {
            watched.push(WeightZero::watch(app).await?);
        }
        for app in &apps {
            self.backend.turn_bad(&app.name);
        }
        let times = future::try_join_all(watched.into_iter().map(WeightZero::seen)).await?;
        let mut durations = Vec::new();
        for (app, zero) in apps.iter().zip(times) {
            let told = self.backend.told(&app.name).context("weight 0 before anybody was told")?;
            durations.push(zero.saturating_duration_since(told));
        }
        Ok(durations)
    }
}

/// A watch on a canary Ingress that has shown its first state.
struct WeightZero {
    name: String,
    events: futures::stream::BoxStream<'static, kube::runtime::watcher::Result<Event<Ingress>>>,
}

impl WeightZero {
    async fn watch(app: &App) -> Result<Self> {
        let name = canary_ingress(app);
        let config = Config::default().fields(&format!("metadata.name={name}"));
        let mut events = watcher(app.space.api::<Ingress>(), config).boxed();
        while let Some(event) = events.next().await {
            if matches!(event?, Event::InitDone) {
                break;
            }
        }
        Ok(Self { name, events })
    }

    /// When the API server showed weight 0.
    async fn seen(mut self) -> Result<Instant> {
        let wait = async {
            while let Some(event) = self.events.next().await {
                if let Event::Apply(ingress) = event?
                    && weight(&ingress) == Some("0")
                {
                    return Ok(Instant::now());
                }
            }
            anyhow::bail!("the watch of Ingress {} ended", self.name)
        };
        tokio::time::timeout(LIMIT, wait)
            .await
            .with_context(|| format!("Ingress {} kept its weight", self.name))?
    }
}

/// The name of the Ingress that carries a canary's weight.
pub(crate) fn canary_ingress(app: &App) -> String {
    format!("{0}-{0}-canary", app.name)
}

fn weight(ingress: &Ingress) -> Option<&str> {
    ingress.metadata.annotations.as_ref()?.get(WEIGHT_ANNOTATION).map(String::as_str)
}

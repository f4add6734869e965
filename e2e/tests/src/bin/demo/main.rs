//! The demo: a good version is promoted step by step under live traffic, a bad one is measured and taken back.

mod scene;
mod screen;
mod summary;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::traffic::Traffic;
use e2e_tests::wait::{Look, until};

use scene::Scene;
use screen::{Screen, say};

/// Requests per second: enough that the first step's 5 % are worth measuring.
const RATE: u32 = 200;

#[tokio::main]
async fn main() -> Result<()> {
    let screen = Screen::new();
    say("Installing the operator by its chart: two pods, one of them leading.")?;
    operator::shared().await?;

    let space = Space::create("demo").await?;
    say("Applying examples/canary-nginx: a Rollout, two Services, an Ingress, an AnalysisTemplate.")?;
    let app = App::deploy(&space, &manifests(&space, Router::Nginx)?).await?;
    let entrance = Router::Nginx.entrance(&space)?;
    let traffic = Traffic::start(&entrance, RATE)?;
    until("users to be served", Duration::from_secs(20), || async {
        let tally = traffic.next(50).await?;
        Ok(Look::when(tally.lost().is_empty(), tally.to_string()))
    })
    .await?;
    let start = Instant::now();

    say("\nA good version, v2:  kubectl linnet set image user-service '*=linnet.test/demo:v2'")?;
    let good = Scene::play(&screen, &app, &traffic, ("v2", &[]), RolloutPhase::Healthy).await?;
    say("\nA bad version, v3, that answers one request in three with an error:")?;
    let bad =
        Scene::play(&screen, &app, &traffic, ("v3", &["--error-rate=0.33"]), RolloutPhase::Degraded).await?;

    tokio::time::sleep(Duration::from_secs(1)).await;
    let all = traffic.since(start);
    traffic.stop().await;
    say(&summary::text(&good, &bad, &all))?;
    let verdict = bad.verdict.context("the bad version was not taken back by a verdict")?;
    ensure!(all.lost().is_empty(), "requests were lost: {all}");
    ensure!(
        all.last_of("v3").is_some_and(|last| last < verdict + Duration::from_secs(5)),
        "v3 went on answering"
    );
    space.remove().await
}

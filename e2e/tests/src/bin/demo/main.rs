//! The demo: a good version is promoted step by step under live traffic, a bad one is measured and taken back.
//!
//! It plays on the cluster of the current kubeconfig, be it one of `cargo xtask cluster` or anybody's.

mod crew;
mod ground;
mod rehearsal;
mod scene;
mod screen;
mod summary;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::facts::Facts;
use e2e_tests::space::Space;
use e2e_tests::story::App;
use e2e_tests::traffic::Traffic;
use e2e_tests::wait::{Look, until};

use ground::Ground;
use scene::Scene;
use screen::{Screen, say};

/// Requests per second: enough that the first step's 5 % are worth measuring.
const RATE: u32 = 200;

#[tokio::main]
async fn main() -> Result<()> {
    let ground = Ground::look().await?;
    crew::operator(&ground.client).await?;
    let space = Space::create_on(Facts::default(), ground.client.clone(), "demo").await?;
    let played = tokio::select! {
        played = play(&ground, &space) => played,
        interrupt = tokio::signal::ctrl_c() => interrupt.context("cannot listen for Ctrl-C").and_then(|()| bail!("interrupted")),
    };
    let removed = space.remove().await;
    played.and(removed)
}

async fn play(ground: &Ground, space: &Space) -> Result<()> {
    let screen = Screen::new();
    say(&format!(
        "Applying examples/canary-nginx: a Rollout, two Services, an Ingress, an AnalysisTemplate. Their namespace, {}, \
         is removed at the end.",
        space.name
    ))?;
    let manifests = ground.manifests(space)?;
    let app = match App::deploy(space, &manifests).await {
        Ok(app) => app,
        Err(error) => {
            let state = crew::unready(&space.client, &space.name).await?;
            return Err(error).with_context(|| no_pods(&ground.image, &state));
        }
    };
    let traffic = Traffic::start(&ground.entrance(space).await?, RATE)?;
    until("users to be served", Duration::from_mins(1), || async {
        let tally = traffic.next(50).await?;
        Ok(Look::when(tally.lost().is_empty(), tally.to_string()))
    })
    .await?;
    rehearsal::measure(&app, &manifests, &ground.prometheus).await?;
    let start = Instant::now();

    let image = &ground.image;
    say(&format!("\nA good version, v2:  kubectl linnet set image user-service '*={image}:v2'"))?;
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
    Ok(())
}

fn no_pods(image: &str, state: &str) -> String {
    format!(
        "the application does not run{state}; LINNET_DEMO_IMAGE names its image without the tag (now {image}): build \
         v1, v2 and v3 of it with `docker build --target demo --build-arg VERSION=v1 -t {image}:v1 .` and push them"
    )
}

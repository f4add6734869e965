//! One update from its first pod to its end, watched.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use crds::analysis::{AnalysisPhase, AnalysisRun};
use crds::rollout::{RolloutPhase, RolloutStatus};
use e2e_tests::share::Share;
use e2e_tests::story::App;
use e2e_tests::traffic::Traffic;
use kube::api::ListParams;

use super::screen::{Screen, say};

/// An update ends within this time.
const LIMIT: Duration = Duration::from_mins(3);
/// The data plane obeys within this time of an accepted route.
const SETTLE: Duration = Duration::from_millis(500);

/// What was seen of an update.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    /// The version.
    pub(crate) version: String,
    /// Each weight, with the share of requests that met the version while it was in force.
    pub(crate) shares: Vec<(i32, Share)>,
    /// When an analysis run was seen to have failed.
    pub(crate) verdict: Option<Instant>,
}

impl Scene {
    /// Starts an update and draws it until it reaches `end`.
    pub(crate) async fn play(
        screen: &Screen,
        app: &App,
        traffic: &Traffic,
        (version, args): (&str, &[&str]),
        end: RolloutPhase,
    ) -> Result<Self> {
        let mut scene = Self { version: version.to_owned(), ..Self::default() };
        app.update(version, args).await?;
        let start = Instant::now();
        let mut weight = Weight::default();
        let mut drawn = None;
        while start.elapsed() < LIMIT {
            let rollout = app.rollout().await?;
            let status = rollout.status.unwrap_or_default();
            let is_current = status.observed() == rollout.metadata.generation;
            scene.note_verdict(app).await?;
            weight.follow(&status, traffic, &mut scene);
            let moment = (status.phase, status.current_step_index, status.abort);
            if drawn != Some(moment) {
                say(&format!("\n{}", screen.tree(&app.space.name, &app.name).await?))?;
                drawn = Some(moment);
            }
            if is_current && status.phase == end {
                weight.count(traffic, &mut scene);
                return Ok(scene);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{version} was not {end} within {LIMIT:?}")
    }

    async fn note_verdict(&mut self, app: &App) -> Result<()> {
        if self.verdict.is_none() {
            let runs = app.space.api::<AnalysisRun>().list(&ListParams::default()).await?;
            let failed =
                |run: &AnalysisRun| run.status.as_ref().is_some_and(|it| it.phase == AnalysisPhase::Failed);
            self.verdict = runs.iter().any(failed).then(Instant::now);
        }
        Ok(())
    }
}

/// The weight that is in force, and since when.
#[derive(Debug, Default)]
struct Weight {
    now: Option<(i32, Instant)>,
}

impl Weight {
    /// Counts the requests of a weight when it ends.
    fn follow(&mut self, status: &RolloutStatus, traffic: &Traffic, scene: &mut Scene) {
        let weight = status.canary.weights.as_ref().map_or(0, |weights| weights.canary.weight);
        let Some((before, _)) = self.now else {
            self.now = Some((weight, Instant::now()));
            return;
        };
        if before == weight {
            return;
        }
        self.count(traffic, scene);
        self.now = Some((weight, Instant::now()));
    }

    /// Counts the requests of the weight that is in force.
    fn count(&self, traffic: &Traffic, scene: &mut Scene) {
        let Some((weight, since)) = self.now.filter(|(weight, _)| *weight > 0) else { return };
        let tally = traffic.between(since + SETTLE, Instant::now());
        if !tally.samples.is_empty() {
            scene.shares.push((weight, tally.share(&scene.version)));
        }
    }
}

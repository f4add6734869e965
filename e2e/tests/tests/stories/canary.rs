//! A good version is promoted step by step under live traffic, a bad one is measured and taken back.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::analysis::{AnalysisPhase, AnalysisRun};
use crds::rollout::{RolloutPhase, RolloutStatus};
use e2e_tests::audit::{Entry, Mark};
use e2e_tests::in_force::in_force;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use e2e_tests::traffic::Traffic;
use kube::ResourceExt;
use kube::api::ListParams;

/// Requests per second: 2,000 of them fit into each pause.
const RATE: u32 = 600;
/// How many requests are counted at each step.
const REQUESTS: usize = 2_000;
/// The data plane obeys within this time of an accepted route.
const OBEYS: Duration = Duration::from_secs(5);
/// The workers of a data plane follow what it says of itself within this time.
const SETTLE: Duration = Duration::from_millis(100);
/// The false-alarm probability of all the shares of one update together is 1 in 10,000.
const ALPHA: f64 = 1e-4 / 8.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_promotes_a_good_version_step_by_step() -> Result<()> {
    a_good_version_is_promoted(Router::Nginx).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn istio_promotes_a_good_version_step_by_step() -> Result<()> {
    a_good_version_is_promoted(Router::Istio).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_takes_a_bad_version_back() -> Result<()> {
    a_bad_version_is_taken_back(Router::Nginx).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn istio_takes_a_bad_version_back() -> Result<()> {
    a_bad_version_is_taken_back(Router::Istio).await
}

async fn deploy(router: Router) -> Result<(App, Traffic)> {
    operator::shared().await?;
    let space = Space::create("canary").await?;
    let app = App::deploy(&space, &manifests(&space, router)?).await?;
    let entrance = router.entrance(&space)?;
    Ok((app, Traffic::once_answered(&entrance, RATE, Duration::from_secs(20)).await?))
}

async fn a_good_version_is_promoted(router: Router) -> Result<()> {
    let (app, traffic) = deploy(router).await?;
    let weights: Vec<i32> = app
        .rollout()
        .await?
        .spec
        .strategy
        .canary
        .context("no canary")?
        .steps
        .iter()
        .filter_map(|step| step.set_weight)
        .collect();
    ensure!(weights == [5, 10, 25, 50, 75, 100], "the example's weights are the seeds', not {weights:?}");
    let before = traffic.next(REQUESTS).await?;
    ensure!(before.share("v1").agrees_with(100, ALPHA), "before the update: {before}");

    app.update("v2", &[]).await?;
    for (at, weight) in weights.iter().enumerate() {
        let pause = i32::try_from(at)? * 2 + 1;
        app.until(&format!("the pause at {weight} %"), Duration::from_mins(1), |status| is_at(status, pause))
            .await?;
        obeyed(router, &app, *weight).await?;
        let tally = traffic.next(REQUESTS).await?;
        let status = app.status().await?;
        ensure!(is_at(&status, pause), "the pause ended before {REQUESTS} requests were answered");
        let share = tally.share("v2");
        println!("{router:?} weight {weight}: {:.2} % of {} requests met v2", share.percent(), share.total);
        ensure!(share.agrees_with(u32::try_from(*weight)?, ALPHA), "weight {weight}: {tally}");
        ensure!(tally.errors() == 0, "weight {weight}: {tally}");
    }

    app.phase(RolloutPhase::Healthy, Duration::from_mins(1)).await?;
    obeyed(router, &app, 0).await?;
    let after = traffic.next(REQUESTS).await?;
    ensure!(after.share("v2").agrees_with(100, ALPHA), "after the promotion: {after}");
    let all = traffic.stop().await;
    ensure!(all.lost().is_empty(), "requests were lost: {all}");
    ensure!(all.errors() == 0, "requests failed: {all}");
    println!("{router:?}: {all}");
    app.space.remove().await
}

/// Waits until a weight is in force.
async fn obeyed(router: Router, app: &App, weight: i32) -> Result<()> {
    in_force(router, &app.space, u64::try_from(weight)?, OBEYS).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Whether the pause with this step index is under way.
fn is_at(status: &RolloutStatus, pause: i32) -> bool {
    status.current_step_index == Some(pause) && !status.pause_conditions.is_empty()
}

async fn a_bad_version_is_taken_back(router: Router) -> Result<()> {
    let (app, traffic) = deploy(router).await?;
    let mark = Mark::now(&app.space.facts.audit_log)?;
    app.update("v3", &["--error-rate=0.5"]).await?;
    let status = app.phase(RolloutPhase::Degraded, Duration::from_mins(1)).await?;
    let taken_back = Instant::now();
    ensure!(status.abort, "degraded, but not aborted: {}", status.message);
    ensure!(status.message.contains("analysis phase"), "the message does not say why: {}", status.message);

    let runs = app.space.api::<AnalysisRun>().list(&ListParams::default()).await?.items;
    let failed =
        runs.iter().find(|run| run.status.as_ref().is_some_and(|it| it.phase == AnalysisPhase::Failed));
    let run = failed.context("no analysis run has failed")?;
    obeyed(router, &app, 0).await?;
    let after = traffic.next(REQUESTS).await?;
    ensure!(after.share("v1").agrees_with(100, ALPHA), "after the abort: {after}");
    let all = traffic.stop().await;
    ensure!(all.lost().is_empty(), "requests were lost: {all}");
    ensure!(all.errors() > 0, "the bad version never answered with an error: {all}");
    let last = all.last_of("v3").context("the bad version never answered")?;
    println!(
        "{router:?}: last request to v3 {:?} after Degraded was seen: {all}",
        last.saturating_duration_since(taken_back)
    );

    the_routes_come_right_after_the_verdict(router, &mark.entries()?, &run.name_any())?;
    app.space.remove().await
}

/// Between the verdict (the last status of the run) and weight 0 lies no other write, and less than a second.
fn the_routes_come_right_after_the_verdict(router: Router, log: &[Entry], run: &str) -> Result<()> {
    let route = match router {
        Router::Nginx => "ingresses",
        Router::Istio => "virtualservices",
    };
    let mut writes: Vec<&Entry> = log
        .iter()
        .filter(|entry| {
            entry.is_by(operator::NAMESPACE, operator::RELEASE) && entry.is_write() && entry.code() < 300
        })
        .filter(|entry| entry.resource() != "events" && entry.resource() != "leases")
        .collect();
    // A write that was under way when the verdict was sent may be answered after it: the order of sending counts.
    writes.sort_by_key(|entry| entry.request_received_timestamp);
    let is_verdict = |entry: &Entry| entry.resource() == "analysisruns" && entry.name() == run;
    let at =
        writes.iter().rposition(|entry| is_verdict(entry)).context("the verdict is not in the audit log")?;
    let (_, from_verdict) = writes.split_at(at);
    let (verdict, after) = from_verdict.split_first().context("the verdict is not in the audit log")?;
    let next = after.iter().find(|entry| entry.namespace() == verdict.namespace());
    let next = next.context("nothing was written after the verdict")?;
    ensure!(
        next.resource() == route,
        "the first write after the verdict is {} {}",
        next.verb,
        next.resource()
    );
    let gap = next.stage_timestamp.duration_since(verdict.stage_timestamp);
    println!("{router:?}: verdict to weight 0 at the API server: {gap:?}");
    ensure!(gap.as_millis() < 1_000, "the route was written {gap:?} after the verdict");
    Ok(())
}

//! How much is written: little during an update, nothing at rest, be it healthy or aborted.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::condition::{self, ConditionType};
use crds::rollout::RolloutPhase;
use e2e_tests::audit::{Entry, Mark, counts};
use e2e_tests::manifest;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use serde_json::json;

/// Writes of one update of 5 replicas through NGINX with two weights and two pauses, until it is healthy, beside
/// events. (The reference needs 28.)
const WRITES: usize = 24;
/// Writes from then on until the old pods are gone. (The reference needs 6.)
const AFTERWARDS: usize = 6;
/// How long rest is watched.
const REST: Duration = Duration::from_mins(1);
/// An old ReplicaSet is kept this long; at rest means after that.
const DELAYS: Duration = Duration::from_secs(36);

/// The example with 5 replicas, weights 20 and 60, two pauses of 2 s, and no analysis.
async fn deploy() -> Result<App> {
    operator::shared().await?;
    let space = Space::create("quiet").await?;
    let mut manifests = manifests(&space, Router::Nginx)?;
    let steps = json!([
        { "setWeight": 20 }, { "pause": { "duration": "2s" } },
        { "setWeight": 60 }, { "pause": { "duration": "2s" } },
    ]);
    let canary = json!({ "analysis": null, "steps": steps });
    manifest::change(
        &mut manifests,
        "Rollout",
        &json!({ "spec": { "replicas": 5, "strategy": { "canary": canary } } }),
    )?;
    App::deploy(&space, &manifests).await
}

/// What the operator wrote in a namespace, leases and events apart.
fn writes(log: Vec<Entry>, namespace: &str) -> Vec<Entry> {
    log.into_iter()
        .filter(|entry| entry.is_by(operator::NAMESPACE, operator::RELEASE) && entry.is_write())
        .filter(|entry| entry.namespace() == namespace && entry.resource() != "events")
        .collect()
}

#[tokio::test]
async fn an_update_takes_few_writes_and_rest_takes_none() -> Result<()> {
    let app = deploy().await?;
    let log = &app.space.facts.audit_log;

    let mark = Mark::now(log)?;
    app.update("v2", &[]).await?;
    let status = app.phase(RolloutPhase::Healthy, Duration::from_mins(1)).await?;
    let healthy =
        condition::find(&status.conditions, ConditionType::Healthy).context("no condition Healthy")?;
    let healthy = healthy.last_transition_time.context("a condition without a time")?.get();
    let (entries, later): (Vec<Entry>, Vec<Entry>) =
        mark.entries()?.into_iter().partition(|entry| entry.request_received_timestamp <= healthy);
    let is_event = |entry: &&Entry| entry.namespace() == app.space.name && entry.resource() == "events";
    let events = entries.iter().filter(|entry| entry.is_by(operator::NAMESPACE, operator::RELEASE));
    let events = events.filter(is_event).count();
    let update = writes(entries, &app.space.name);
    // The write that says so comes right after the time that it speaks of.
    let written = update.len() + 1;
    println!("one update: {written} writes {:?}, a last status, and {events} events", counts(&update));
    ensure!(written <= WRITES, "{written} writes: {:?}", counts(&update));

    let mark = Mark::now(log)?;
    tokio::time::sleep(DELAYS).await;
    let afterwards = writes(later.into_iter().chain(mark.entries()?).collect(), &app.space.name);
    let all = update.len() + afterwards.len();
    println!(
        "with all until the old pods are gone: {all} writes, {:?} after the first ones",
        counts(&afterwards)
    );
    ensure!(all <= WRITES + AFTERWARDS, "{all} writes, at last {:?}", counts(&afterwards));
    rest(&app, "after a promotion").await?;

    app.update("v3", &["--never-ready"]).await?;
    app.until("the new pods", Duration::from_secs(20), |status| status.updated_replicas > 0).await?;
    app.patch_status(&json!({ "abort": true })).await?;
    app.phase(RolloutPhase::Degraded, Duration::from_secs(20)).await?;
    tokio::time::sleep(DELAYS).await;
    rest(&app, "after an abort").await?;
    app.space.remove().await
}

/// For a minute, nothing is written by any operator but Leases.
async fn rest(app: &App, when: &str) -> Result<()> {
    let mark = Mark::now(&app.space.facts.audit_log)?;
    tokio::time::sleep(REST).await;
    let is_ours = |entry: &Entry| entry.is_by(operator::NAMESPACE, operator::RELEASE) && entry.is_write();
    let ours: Vec<Entry> = mark.entries()?.into_iter().filter(is_ours).collect();
    let all: BTreeMap<String, usize> = counts(&ours);
    println!("a minute of rest {when}: {all:?}");
    let (leases, others): (Vec<&Entry>, Vec<&Entry>) =
        ours.iter().partition(|entry| entry.resource() == "leases");
    ensure!(others.is_empty(), "{when}, {:?} were written", counts(others));
    ensure!(!leases.is_empty(), "the leader does not renew its lease: the operator does not run");
    Ok(())
}

//! The command line: what each verb does to a rollout, and its exit codes.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::rollout::RolloutPhase;
use e2e_tests::manifest;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::{App, Router, manifests};
use serde_json::{Value, json};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(45);

/// Runs the plugin in the app's namespace.
async fn linnet(app: &App, arguments: &[&str]) -> Result<Output> {
    let plugin = std::env::var("KUBECTL_LINNET").unwrap_or_else(|_| "kubectl-linnet".to_owned());
    let mut command = Command::new(plugin);
    command.args(arguments).args(["--namespace", &app.space.name]);
    command.output().await.with_context(|| format!("cannot run {command:?}"))
}

/// Runs the plugin and returns what it printed; it must exit with `code`.
async fn says(app: &App, arguments: &[&str], code: i32) -> Result<String> {
    let output = linnet(app, arguments).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "{arguments:?} ended with {}: {text}{errors}", output.status);
    Ok(text)
}

/// The example with pauses that only a person ends, and no analysis.
async fn deploy() -> Result<App> {
    operator::shared().await?;
    let space = Space::create("verbs").await?;
    let mut manifests = manifests(&space, Router::Nginx)?;
    let steps = json!([{ "setWeight": 20 }, { "pause": {} }, { "setWeight": 60 }, { "pause": {} }]);
    let canary = json!({ "analysis": null, "steps": steps });
    manifest::change(
        &mut manifests,
        "Rollout",
        &json!({ "spec": { "replicas": 2, "strategy": { "canary": canary } } }),
    )?;
    App::deploy(&space, &manifests).await
}

async fn paused_at(app: &App, index: i32) -> Result<()> {
    let what = format!("the pause at step {index}");
    app.until(&what, LIMIT, |status| {
        status.current_step_index == Some(index) && !status.pause_conditions.is_empty()
    })
    .await
    .map(drop)
}

#[tokio::test]
async fn a_person_steers_a_rollout() -> Result<()> {
    let app = deploy().await?;
    let name = app.name.as_str();
    says(&app, &["status", name], 0).await?;

    says(&app, &["set", "image", name, "*=linnet.test/demo:v2"], 0).await?;
    paused_at(&app, 1).await?;
    let tree = says(&app, &["get", "rollout", name], 0).await?;
    for word in [
        "CanaryPauseStep",
        "revision:2",
        "revision:1",
        "SetWeight:",
        "Waiting for:",
        "linnet.test/demo:v2 (canary)",
    ] {
        ensure!(tree.contains(word), "the tree does not show {word:?}:\n{tree}");
    }
    println!("{tree}");
    says(&app, &["status", name, "--watch", "--timeout", "1s"], 3).await?;

    says(&app, &["promote", name], 0).await?;
    paused_at(&app, 3).await?;
    says(&app, &["abort", name], 0).await?;
    app.phase(RolloutPhase::Degraded, LIMIT).await?;
    says(&app, &["status", name], 2).await?;
    says(&app, &["status", name, "--watch"], 2).await?;

    says(&app, &["retry", "rollout", name], 0).await?;
    paused_at(&app, 1).await?;
    says(&app, &["promote", name, "--full"], 0).await?;
    says(&app, &["status", name, "--watch", "--timeout", "45s"], 0).await?;
    app.phase(RolloutPhase::Healthy, LIMIT).await?;

    let json: Value = serde_json::from_str(&says(&app, &["get", "rollout", name, "-o", "json"], 0).await?)?;
    ensure!(json["phase"] == "Healthy" && json["revisions"][0]["revision"] == 2, "unexpected JSON: {json}");
    let list = says(&app, &["list", "rollouts", "-o", "wide"], 0).await?;
    ensure!(list.lines().count() == 2 && list.contains("MESSAGE"), "unexpected list:\n{list}");
    app.space.remove().await
}

#[tokio::test]
async fn a_pause_by_hand_holds_the_next_step() -> Result<()> {
    let app = deploy().await?;
    let name = app.name.as_str();
    says(&app, &["set", "image", name, "user-service=linnet.test/demo:v2"], 0).await?;
    paused_at(&app, 1).await?;
    says(&app, &["pause", name], 0).await?;
    app.patch_status(&json!({ "pauseConditions": null })).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let status = app.status().await?;
    ensure!(
        status.canary.weights.is_some_and(|weights| weights.canary.weight == 20),
        "the pause did not hold"
    );
    says(&app, &["promote", name], 0).await?;
    paused_at(&app, 3).await?;
    app.space.remove().await
}

#[tokio::test]
async fn what_does_not_exist_is_an_error_of_the_tool() -> Result<()> {
    let app = deploy().await?;
    let output = linnet(&app, &["status", "nobody"]).await?;
    ensure!(output.status.code() == Some(1), "ended with {}", output.status);
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(text.contains("nobody") && text.contains("not found"), "unhelpful: {text}");
    says(&app, &["completion", "bash"], 0).await?;
    app.space.remove().await
}

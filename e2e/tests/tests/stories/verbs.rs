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
    deploy_behind(Router::Nginx).await
}

async fn deploy_behind(router: Router) -> Result<App> {
    operator::shared().await?;
    let space = Space::create("verbs").await?;
    let mut manifests = manifests(&space, router)?;
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

/// Explains through the API server, with the exit code of `status`.
async fn explains(app: &App, code: i32, words: &[&str]) -> Result<()> {
    let name = app.name.as_str();
    let screen = says(app, &["explain", "rollout", name], code).await?;
    ensure!(!screen.contains("Could not be read"), "something could not be read:\n{screen}");
    for word in words {
        ensure!(screen.contains(word), "the explanation does not say {word:?}:\n{screen}");
    }
    let json = says(app, &["explain", "rollout", name, "-o", "json"], code).await?;
    let json: Value = serde_json::from_str(&json)?;
    let status = app.status().await?;
    let is_phase = json.get("phase").and_then(Value::as_str) == Some(status.phase.as_str());
    ensure!(is_phase && json.get("unread") == Some(&json!([])), "unexpected JSON: {json}");
    Ok(())
}

/// `history`, `diff`, `undo` and `explain`, before, during and after an update.
async fn looks_back(router: Router) -> Result<()> {
    let app = deploy_behind(router).await?;
    let name = app.name.as_str();
    explains(&app, 0, &["Safe?  yes"]).await?;
    let same = says(&app, &["diff", name], 0).await?;
    ensure!(same.contains("revisions 1 and 1 do not differ"), "unexpected: {same}");

    says(&app, &["set", "image", name, "*=linnet.test/demo:v2"], 0).await?;
    paused_at(&app, 1).await?;
    explains(&app, 0, &["It waits for", "promote", "abort", "revision 2"]).await?;
    shows_what_changed(&app).await?;

    says(&app, &["abort", name], 0).await?;
    app.phase(RolloutPhase::Degraded, LIMIT).await?;
    explains(&app, 2, &["RolloutAborted", "kubectl-linnet", "retry rollout", "undo --to-revision 1"]).await?;
    returns(&app).await?;
    app.space.remove().await
}

/// `diff` and `history` in the middle of an update from v1 to v2.
async fn shows_what_changed(app: &App) -> Result<()> {
    let name = app.name.as_str();
    let diff = says(app, &["diff", name], 0).await?;
    let without_spaces: Vec<String> = diff.lines().map(|line| line.replace(' ', "")).collect();
    for line in ["-image:linnet.test/demo:v1", "+image:linnet.test/demo:v2"] {
        ensure!(without_spaces.iter().any(|found| found == line), "{diff}");
    }
    let history = says(app, &["history", name], 0).await?;
    ensure!(history.lines().count() == 3 && history.contains("linnet.test/demo:v2"), "{history}");
    Ok(())
}

/// `undo` after an abort, again, and to a revision that is not there.
async fn returns(app: &App) -> Result<()> {
    let name = app.name.as_str();
    says(app, &["undo", name], 0).await?;
    let status = app.phase(RolloutPhase::Healthy, LIMIT).await?;
    ensure!(status.stable_rs == status.current_pod_hash && !status.abort, "undo did not return");
    let again = says(app, &["undo", name, "--to-revision", "3"], 0).await?;
    ensure!(again.contains("already asks for revision 3"), "unexpected: {again}");
    let output = linnet(app, &["undo", name, "--to-revision", "9"]).await?;
    ensure!(output.status.code() == Some(1), "a revision that is not there: {}", output.status);
    Ok(())
}

#[tokio::test]
async fn a_person_looks_back_and_returns() -> Result<()> {
    looks_back(Router::Nginx).await
}

#[tokio::test]
async fn a_person_looks_back_and_returns_behind_istio() -> Result<()> {
    looks_back(Router::Istio).await
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

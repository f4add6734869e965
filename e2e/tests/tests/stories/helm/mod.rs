//! Helm 4 waits for a release with a Rollout: it comes back when the Rollout is healthy, and fails when it is not.

use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crds::rollout::{RolloutPhase, RolloutStatus};
use e2e_tests::manifest::repository;
use e2e_tests::operator;
use e2e_tests::space::Space;
use e2e_tests::story::App;
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::ListParams;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(45);

/// The release `shop` in a namespace of its own.
struct Release {
    app: App,
}

impl Release {
    async fn in_space(prefix: &str) -> Result<Self> {
        operator::shared().await?;
        let space = Space::create(prefix).await?;
        Ok(Self { app: App { space, name: "shop".to_owned() } })
    }

    /// `helm upgrade --install` with these values; how it ended.
    async fn upgrade(&self, wait: &[&str], values: &[&str]) -> Result<Output> {
        let mut helm = Command::new("helm");
        helm.args(["upgrade", "--install", "shop"])
            .arg(repository().join("e2e/tests/tests/stories/helm/chart"));
        helm.args(["--namespace", &self.app.space.name]).args(wait);
        for value in values {
            helm.args([if value.contains('[') { "--set-json" } else { "--set" }, value]);
        }
        helm.output().await.with_context(|| format!("cannot run {helm:?}"))
    }

    async fn succeeds(&self, wait: &[&str], values: &[&str]) -> Result<RolloutStatus> {
        let output = self.upgrade(wait, values).await?;
        ensure!(output.status.success(), "{values:?}: {}", said(&output));
        self.app.status().await
    }

    /// The first version. Helm may look before the operator does, and an object without any status is one that nobody
    /// has to wait for: so the phase has the last word.
    async fn installed(&self) -> Result<()> {
        self.succeeds(&WAIT, &[]).await?;
        self.app.phase(RolloutPhase::Healthy, LIMIT).await.map(drop)
    }

    async fn fails(&self, wait: &[&str], values: &[&str]) -> Result<String> {
        let output = self.upgrade(wait, values).await?;
        ensure!(!output.status.success(), "{values:?} succeeded although {:?}", self.app.status().await?);
        Ok(said(&output))
    }

    async fn replica_sets(&self) -> Result<usize> {
        Ok(self.app.space.api::<ReplicaSet>().list(&ListParams::default()).await?.items.len())
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const WAIT: [&str; 3] = ["--wait", "--timeout", "45s"];
const WAIT_BRIEFLY: [&str; 3] = ["--wait", "--timeout", "8s"];

#[tokio::test]
async fn an_upgrade_comes_back_when_the_new_version_is_healthy() -> Result<()> {
    let version = operator::run(command(&["version", "--short"])).await?;
    ensure!(version.starts_with("v4"), "this story is about Helm 4, not {version}");
    let release = Release::in_space("helm").await?;
    release.installed().await?;
    for version in ["v2", "v3"] {
        let before = release.app.status().await?.stable_rs;
        let status = release.succeeds(&WAIT, &[&format!("version={version}")]).await?;
        ensure!(status.phase == RolloutPhase::Healthy, "{version} came back while {}", status.message);
        ensure!(status.stable_rs != before, "{version} came back before it was promoted");
    }
    release.app.space.remove().await
}

#[tokio::test]
async fn an_upgrade_fails_when_the_new_version_is_bad() -> Result<()> {
    let release = Release::in_space("helm").await?;
    release.installed().await?;
    let start = Instant::now();
    let never_ready = r#"args=["--never-ready"]"#;
    let words = release.fails(&WAIT, &["version=v2", never_ready]).await?;
    ensure!(start.elapsed() < Duration::from_secs(40), "it waited for its timeout: {words}");
    println!("after {:?} Helm said: {words}", start.elapsed());
    release.app.phase(RolloutPhase::Degraded, LIMIT).await?;

    // A spec that cannot be acted on.
    release.fails(&WAIT, &["version=v2", r#"steps=[{"setWeight":110}]"#]).await?;
    release.app.phase(RolloutPhase::Degraded, LIMIT).await?;

    // And back, as a person would do it.
    let status = release.succeeds(&WAIT, &[]).await?;
    ensure!(status.phase == RolloutPhase::Healthy && !status.abort, "{} {}", status.phase, status.message);
    release.app.space.remove().await
}

#[tokio::test]
async fn a_canary_that_waits_for_a_person_is_waited_for() -> Result<()> {
    let release = Release::in_space("helm").await?;
    let steps = r#"steps=[{"setWeight":50},{"pause":{}}]"#;
    release.succeeds(&WAIT, &[steps]).await?;
    let words = release.fails(&WAIT_BRIEFLY, &["version=v2", steps]).await?;
    ensure!(words.contains("deadline exceeded"), "not a timeout: {words}");
    let status = release.app.phase(RolloutPhase::Paused, LIMIT).await?;
    ensure!(!status.abort && status.current_step_index == Some(1), "the canary is gone");
    release.app.space.remove().await
}

#[tokio::test]
async fn another_form_of_the_observed_generation_deploys_nothing() -> Result<()> {
    let release = Release::in_space("helm").await?;
    // What clients of Argo Rollouts want, Helm 4 cannot read: this is why there are forms.
    release.succeeds(&[], &["form="]).await?;
    release.app.phase(RolloutPhase::Healthy, LIMIT).await?;
    let words = release.fails(&WAIT_BRIEFLY, &["form="]).await?;
    println!("with the default form Helm said: {words}");
    let before = (release.app.status().await?.stable_rs, release.replica_sets().await?);
    for form in ["form=integer", "form=omitted"] {
        let status = release.succeeds(&WAIT, &[form]).await?;
        ensure!((status.stable_rs, release.replica_sets().await?) == before, "{form} deployed something");
    }
    release.app.space.remove().await
}

fn command(arguments: &[&str]) -> Command {
    let mut helm = Command::new("helm");
    helm.args(arguments);
    helm
}

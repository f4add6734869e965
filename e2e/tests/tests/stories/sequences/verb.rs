//! What people and tools do to a rollout, each in the form in which their command lines do it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use crds::rollout::{Rollout, RolloutStatus};
use e2e_tests::story::App;
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

/// Pods take requests for this long after they were told to go: data planes learn late.
pub(crate) const GOOD: &str = "--drain=10s";
/// The version never becomes ready.
pub(crate) const BAD: [&str; 2] = ["--never-ready", GOOD];
/// The annotation with the number of a revision.
const REVISION: &str = "rollout.argoproj.io/revision";
/// The label that the operator adds to the template.
const HASH: &str = "rollouts-pod-template-hash";

/// One thing that is done to a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A new version that becomes ready.
    Update,
    /// A new version that never does.
    UpdateToBroken,
    /// The template of the revision before, as its ReplicaSet has it.
    Undo,
    Abort,
    Retry,
    Promote,
    PromoteFull,
    Scale,
    /// `spec.paused`, to and fro.
    Pause,
}

impl Verb {
    /// What is done next: updates and promotions more often than the rest.
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        const ALL: [Verb; 14] = [
            Verb::Update,
            Verb::Update,
            Verb::Update,
            Verb::UpdateToBroken,
            Verb::Undo,
            Verb::Abort,
            Verb::Retry,
            Verb::Promote,
            Verb::Promote,
            Verb::Promote,
            Verb::PromoteFull,
            Verb::Scale,
            Verb::Scale,
            Verb::Pause,
        ];
        ALL.get(random.usize(..ALL.len())).copied().unwrap_or(Self::Update)
    }
}

/// The versions that were asked for, so that a new one is new.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    last: u32,
    /// Those that never become ready.
    pub(crate) broken: BTreeSet<String>,
}

impl Versions {
    /// One that was never asked for before; the manifests have the first.
    pub(crate) fn next(&mut self) -> String {
        self.last += 1;
        format!("v{}", self.last)
    }
}

/// Does it.
pub(crate) async fn act(
    app: &App,
    verb: Verb,
    versions: &mut Versions,
    random: &mut fastrand::Rng,
) -> Result<()> {
    match verb {
        Verb::Update => app.update(&versions.next(), &[GOOD]).await,
        Verb::UpdateToBroken => {
            let version = versions.next();
            versions.broken.insert(version.clone());
            app.update(&version, &BAD).await
        }
        Verb::Undo => undo(app).await,
        Verb::Abort => app.patch_status(&json!({ "abort": true })).await,
        Verb::Retry => app.patch_status(&json!({ "abort": false })).await,
        Verb::Promote => promote(app).await,
        Verb::PromoteFull => promote_full(app).await,
        Verb::Scale => app.patch(&json!({ "spec": { "replicas": random.i32(1..=3) } })).await,
        Verb::Pause => {
            let paused = app.rollout().await?.spec.paused;
            app.patch(&json!({ "spec": { "paused": !paused } })).await
        }
    }
}

/// Ends the pause that there is, or goes to the next step.
async fn promote(app: &App) -> Result<()> {
    let rollout = app.rollout().await?;
    let status = rollout.status.clone().unwrap_or_default();
    if rollout.spec.paused {
        app.patch(&json!({ "spec": { "paused": false } })).await?;
    }
    if !status.pause_conditions.is_empty() {
        return app.patch_status(&json!({ "pauseConditions": null })).await;
    }
    match next_step(&rollout, &status) {
        Some(step) => app.patch_status(&json!({ "pauseConditions": null, "currentStepIndex": step })).await,
        None => Ok(()),
    }
}

fn next_step(rollout: &Rollout, status: &RolloutStatus) -> Option<i32> {
    let steps = rollout.spec.strategy.canary.as_ref()?.steps.len();
    let next = status.current_step_index?.checked_add(1)?;
    (usize::try_from(next).ok()? <= steps).then_some(next)
}

async fn promote_full(app: &App) -> Result<()> {
    let status = app.status().await?;
    if status.current_pod_hash == status.stable_rs {
        return Ok(());
    }
    app.patch_status(&json!({ "promoteFull": true })).await
}

/// Puts the template of the second-newest revision back, with all the defaults that the API server filled in.
async fn undo(app: &App) -> Result<()> {
    let mut sets = app.space.api::<ReplicaSet>().list(&ListParams::default()).await?.items;
    let revision =
        |set: &ReplicaSet| set.annotations().get(REVISION).and_then(|text| text.parse::<u64>().ok());
    sets.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    let Some(before) = sets.get(1) else { return Ok(()) };
    let spec = before.spec.as_ref().context("a ReplicaSet without a spec")?;
    let mut template = serde_json::to_value(&spec.template)?;
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    let patch = json!([{ "op": "replace", "path": "/spec/template", "value": template }]);
    let patch: json_patch::Patch = serde_json::from_value(patch)?;
    app.space
        .api::<Rollout>()
        .patch(&app.name, &PatchParams::default(), &Patch::Json::<()>(patch))
        .await
        .context("cannot put the template before back")?;
    Ok(())
}

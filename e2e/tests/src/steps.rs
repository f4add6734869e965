//! What the steps of an update do while something happens to the operator.

use anyhow::{Result, bail, ensure};
use crds::rollout::Rollout;
use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};

use crate::story::App;

/// Fails as soon as the step index of one update moves otherwise than by one. (The API server shows every version of an
/// object to a watch that is not interrupted, and nobody interrupts this one.)
///
/// # Errors
/// When a step is skipped or repeated, or the watch ends.
pub async fn never_skipped_or_repeated(app: App) -> Result<()> {
    let config = watcher::Config::default().fields(&format!("metadata.name={}", app.name));
    let mut rollouts = watcher(app.space.api::<Rollout>(), config).applied_objects().boxed();
    let mut last: Option<(String, i32)> = None;
    while let Some(rollout) = rollouts.next().await {
        let status = rollout?.status.unwrap_or_default();
        let Some(index) = status.current_step_index else { continue };
        if let Some((hash, before)) = &last
            && *hash == status.current_pod_hash
        {
            ensure!(index == *before || index == before + 1, "the step index went from {before} to {index}");
        }
        last = Some((status.current_pod_hash, index));
    }
    bail!("the watch of the rollout ended")
}

//! `restart`: the wish to have all pods replaced by new ones of the same template.

use anyhow::{Context, Result};
use crds::rollout::Rollout;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::Patch;
use serde_json::{Value, json};

use super::{load, print};
use crate::cli::RestartArgs;
use crate::cluster::{Cluster, as_manager};
use crate::exit::Exit;
use crate::view::age;

/// Writes `spec.restartAt`.
pub(crate) async fn run(cluster: &Cluster, args: &RestartArgs) -> Result<Exit> {
    let name = &args.name;
    load::rollout(cluster, name).await?;
    let after = args.after.unwrap_or_default();
    let after = SignedDuration::try_from(after).context("that is too long to wait")?;
    let api: Api<Rollout> = cluster.api();
    api.patch(name, &as_manager(), &Patch::Merge(patch(Timestamp::now(), after)?))
        .await
        .with_context(|| format!("cannot change rollout {name:?}"))?;
    print::line(&match after.as_secs() {
        0 => format!("rollout '{name}' restarts"),
        seconds => format!("rollout '{name}' restarts in {}", age::seconds(seconds)),
    })
}

/// The patch: whole seconds in UTC, as every client of this API writes them.
fn patch(now: Timestamp, after: SignedDuration) -> Result<Value> {
    let at = now.checked_add(after).context("that is too long to wait")?;
    let at = Timestamp::from_second(at.as_second()).context("that is too long to wait")?;
    Ok(json!({ "spec": { "restartAt": at.to_string() } }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::at_once(0, "2026-11-21T03:00:00Z")]
    #[case::later(90, "2026-11-21T03:01:30Z")]
    fn the_moment(#[case] seconds: i64, #[case] want: &str) {
        let now = "2026-11-21T03:00:00.7Z".parse().unwrap();
        let got = patch(now, SignedDuration::from_secs(seconds)).unwrap();
        assert_eq!(got, json!({ "spec": { "restartAt": want } }));
    }

    #[test]
    fn no_moment() {
        assert!(patch(Timestamp::now(), SignedDuration::MAX).is_err());
    }
}

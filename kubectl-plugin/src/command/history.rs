//! `history` and `diff`: the revisions of a rollout, and what tells two of them apart.

use anyhow::{Context, Result, bail};
use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::Rollout;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::Value;

use super::{load, print};
use crate::cli::{DiffArgs, HistoryArgs};
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::revisions::{self, Revision};
use crate::view::history::{self, Row};
use crate::view::paint::Paint;
use crate::view::unified;

/// Reads a rollout and its revisions, oldest first.
pub(super) async fn read(cluster: &Cluster, name: &str) -> Result<(Rollout, Vec<Revision>)> {
    let rollout = load::rollout(cluster, name).await?;
    // As they are, not through a type: a template may hold what this program does not know.
    let resource = ApiResource::erase::<ReplicaSet>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource);
    let ours = ListParams::default().labels(POD_TEMPLATE_HASH);
    let sets = api.list(&ours).await.with_context(|| format!("cannot read the revisions of {name:?}"))?;
    let sets: Vec<Value> = sets.items.iter().filter_map(|set| serde_json::to_value(set).ok()).collect();
    let uid = rollout.meta().uid.clone().unwrap_or_default();
    Ok((rollout, revisions::of(&uid, &sets)))
}

/// `history`.
pub(crate) async fn run(cluster: &Cluster, args: &HistoryArgs) -> Result<Exit> {
    let (rollout, revisions) = read(cluster, &args.name).await?;
    let now = Timestamp::now();
    let rows: Vec<Row> = revisions.iter().rev().map(|it| Row::of(&rollout, it, now)).collect();
    if print::data(&rows, args.output)? {
        return Ok(Exit::Ok);
    }
    print::text_block(&history::table(&rows))
}

/// `diff [REV] [REV]`.
pub(crate) async fn diff(cluster: &Cluster, args: &DiffArgs, paint: Paint) -> Result<Exit> {
    let (rollout, revisions) = read(cluster, &args.name).await?;
    let (from, to) = sides(&rollout, &revisions, &args.revisions)?;
    let title = |it: &Revision| format!("revision {} ({})", it.number, it.replica_set);
    let texts = (yaml(&from.template)?, yaml(&to.template)?);
    let text = unified::diff((&title(from), &texts.0), (&title(to), &texts.1), paint);
    if text.is_empty() {
        return print::line(&format!("revisions {} and {} do not differ", from.number, to.number));
    }
    print::text_block(&text)
}

/// What is compared: two revisions, one and the current one, or the stable one and the current one.
fn sides<'a>(
    rollout: &Rollout,
    revisions: &'a [Revision],
    numbers: &[i64],
) -> Result<(&'a Revision, &'a Revision)> {
    let status = rollout.status.clone().unwrap_or_default();
    let by_hash = |hash: &str, what: &str| {
        let found = revisions.iter().find(|revision| revision.hash == hash);
        found.with_context(|| format!("rollout {:?} has no {what} revision", rollout.name_any()))
    };
    match numbers {
        [] => Ok((by_hash(&status.stable_rs, "stable")?, by_hash(&status.current_pod_hash, "current")?)),
        [from] => {
            Ok((revisions::pick(revisions, Some(*from))?, by_hash(&status.current_pod_hash, "current")?))
        }
        [from, to] => Ok((revisions::pick(revisions, Some(*from))?, revisions::pick(revisions, Some(*to))?)),
        _ => bail!("more than two revisions cannot be compared"),
    }
}

fn yaml(template: &Value) -> Result<String> {
    serde_saphyr::to_string(template).context("cannot write YAML")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::revisions::tests::replica_set;

    #[rstest]
    #[case::stable_and_current(&[], (2, 3))]
    #[case::one_and_current(&[1], (1, 3))]
    #[case::two(&[3, 1], (3, 1))]
    fn what_is_compared(#[case] numbers: &[i64], #[case] want: (i64, i64)) {
        let status = json!({ "stableRS": "b", "currentPodHash": "c" });
        let rollout = json!({ "metadata": { "name": "web" }, "spec": {}, "status": status });
        let rollout: Rollout = serde_json::from_value(rollout).unwrap();
        let sets = [replica_set(1, "a", "web:1"), replica_set(2, "b", "web:2"), replica_set(3, "c", "web:3")];
        let revisions = revisions::of("u1", &sets);
        let (from, to) = sides(&rollout, &revisions, numbers).unwrap();
        assert_eq!((from.number, to.number), want);
        assert!(sides(&rollout, &revisions, &[7]).is_err());
    }
}

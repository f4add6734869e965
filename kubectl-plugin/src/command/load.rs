//! Reading what belongs to a rollout, once or whenever it changes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use crds::analysis::AnalysisRun;
use crds::rollout::Rollout;
use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::{Expression, Selector};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};

use crate::cluster::Cluster;
use crate::tree::Objects;

/// Reads one rollout; an error that names it when it does not exist.
pub(crate) async fn rollout(cluster: &Cluster, name: &str) -> Result<Rollout> {
    match cluster.api::<Rollout>().get(name).await {
        Ok(rollout) => Ok(rollout),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            bail!("rollout {name:?} not found in namespace {:?}", cluster.namespace)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read rollout {name:?}")),
    }
}

/// Reads one rollout with its ReplicaSets, pods and analysis runs.
pub(crate) async fn objects(cluster: &Cluster, name: &str) -> Result<Objects> {
    let rollout = rollout(cluster, name).await?;
    let pods_of = ListParams::default().labels(&selector(&rollout)?.to_string());
    let (everything, replica_sets, pods) =
        (ListParams::default(), cluster.api::<ReplicaSet>(), cluster.api::<Pod>());
    let runs = cluster.api::<AnalysisRun>();
    let (replica_sets, pods, analysis_runs) =
        tokio::try_join!(replica_sets.list(&pods_of), pods.list(&pods_of), runs.list(&everything))
            .with_context(|| format!("cannot read what belongs to rollout {name:?}"))?;
    Ok(Objects {
        rollout,
        replica_sets: replica_sets.items,
        pods: pods.items,
        analysis_runs: analysis_runs.items,
    })
}

/// Yields whenever the rollout or something that belongs to it may have changed.
pub(crate) async fn changes(cluster: &Cluster, name: &str) -> Result<impl Stream<Item = ()> + Unpin> {
    let rollout = rollout(cluster, name).await?;
    let pods = watcher::Config::default().labels(&selector(&rollout)?.to_string());
    let one = watcher::Config::default().fields(&format!("metadata.name={}", rollout.name_any()));
    Ok(futures::stream::select_all([
        touched(cluster.api::<Rollout>(), one),
        touched(cluster.api::<ReplicaSet>(), pods.clone()),
        touched(cluster.api::<Pod>(), pods),
        touched(cluster.api::<AnalysisRun>(), watcher::Config::default()),
    ]))
}

fn touched<K>(api: Api<K>, config: watcher::Config) -> futures::stream::BoxStream<'static, ()>
where
    K: kube::Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    // An error is not the reader's business: the watch is opened again, and what is shown stays what it was.
    watcher(api, config)
        .default_backoff()
        .touched_objects()
        .into_stream()
        .filter_map(|event| async { event.ok().map(drop) })
        .boxed()
}

/// The labels of the rollout's pods.
fn selector(rollout: &Rollout) -> Result<Selector> {
    let labels: BTreeMap<String, String> =
        rollout.spec.selector.clone().and_then(|selector| selector.match_labels).unwrap_or_default();
    if labels.is_empty() {
        bail!("rollout {:?} has no spec.selector.matchLabels", rollout.name_any());
    }
    Ok(labels.into_iter().map(|(key, value)| Expression::Equal(key, value)).collect())
}

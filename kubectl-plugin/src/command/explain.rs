//! `explain rollout`: what it waits for, what moves it on, and what that rests on.

use anyhow::{Context, Result, bail};
use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use kube::Api;
use kube::api::{DynamicObject, ListParams};

use super::{print, served};
use crate::cli::{ExplainArgs, Output};
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::known::Known;
use crate::view::explain::{Explanation, Look, screen};
use crate::view::paint::Paint;

/// Explains one rollout; the exit code is that of `status`.
pub(crate) async fn run(cluster: &Cluster, args: &ExplainArgs, paint: Paint) -> Result<Exit> {
    let now = Timestamp::now();
    let look = look(cluster, args, now).await?;
    let explanation = Explanation::of(&look, now);
    if matches!(args.output, Some(Output::Json | Output::Yaml)) {
        print::data(&explanation, args.output)?;
    } else {
        print::text_block(&screen::text(&explanation, now, paint))?;
    }
    Ok(Exit::of(explanation.phase))
}

/// Reads what the operator's next decision would look at.
async fn look(cluster: &Cluster, args: &ExplainArgs, now: Timestamp) -> Result<Look> {
    let name = &args.name;
    let rollout = ObjectRef::new(Kind::Rollout, cluster.namespace.as_str(), name.as_str());
    let found = one(cluster, &rollout).await;
    let Some(rollout) = found.with_context(|| format!("cannot read rollout {name:?}"))? else {
        bail!("rollout {name:?} not found in namespace {:?}", cluster.namespace);
    };
    let rollout = serde_json::to_value(rollout).context("cannot understand the rollout")?;
    let mut known = Known::begin(&cluster.namespace, rollout.to_string(), args.route_drain_seconds, now)?;
    let mut unread = Vec::new();
    while let Some(kind) = known.next() {
        let texts = match read(cluster, &known, kind).await {
            Ok(texts) => texts,
            Err(error) => {
                unread.push(format!("{}: {error}", kind.plural()));
                Vec::new()
            }
        };
        known.list(kind, texts.iter().map(String::as_str));
    }
    let snapshot = known.snapshot().with_context(|| format!("rollout {name:?} cannot be looked at"))?;
    Ok(Look { snapshot, abort: Look::who_aborted(&rollout), unread })
}

/// The objects of a kind that may belong to the rollout, as JSON texts.
async fn read(cluster: &Cluster, known: &Known, kind: Kind) -> kube::Result<Vec<String>> {
    let objects = match kind {
        Kind::Service
        | Kind::Ingress
        | Kind::VirtualService
        | Kind::Deployment
        | Kind::SourceReplicaSet
        | Kind::PodTemplate => {
            let mut found = Vec::new();
            for object in known.named(kind) {
                found.extend(one(cluster, &object).await?);
            }
            found
        }
        Kind::ReplicaSet => {
            let ours = ListParams::default().labels(crds::names::POD_TEMPLATE_HASH);
            api(cluster, kind, &cluster.namespace).await?.list(&ours).await?.items
        }
        Kind::ClusterAnalysisTemplate if known.named(kind).is_empty() => Vec::new(),
        Kind::ClusterAnalysisTemplate => {
            api(cluster, kind, "").await?.list(&ListParams::default()).await?.items
        }
        _ => api(cluster, kind, &cluster.namespace).await?.list(&ListParams::default()).await?.items,
    };
    objects.iter().map(|object| serde_json::to_string(object).map_err(kube::Error::SerdeError)).collect()
}

async fn one(cluster: &Cluster, object: &ObjectRef) -> kube::Result<Option<DynamicObject>> {
    api(cluster, object.kind, &object.namespace).await?.get_opt(&object.name).await
}

async fn api(cluster: &Cluster, kind: Kind, namespace: &str) -> kube::Result<Api<DynamicObject>> {
    let resource = served::resource(&cluster.client, kind).await?;
    Ok(if namespace.is_empty() {
        Api::all_with(cluster.client.clone(), &resource)
    } else {
        Api::namespaced_with(cluster.client.clone(), namespace, &resource)
    })
}

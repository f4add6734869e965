//! A rollout that runs, and what it names, read from the cluster. Nothing is written there.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use crds::object_ref::{Kind, ObjectRef};
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::Value;
use simulator::preview::manifest::{Manifest, Place};
use simulator::preview::{Before, Bundle, wanted, workload};

use super::super::served;
use super::{Case, Played, image, input};
use crate::cli::{Connection, SimulateArgs};
use crate::cluster::Cluster;

/// What objects from the cluster name as their place.
const PLACE: &str = "the cluster";

/// The rollout that runs, as it was before the change; the change is in the files, or another image.
pub(super) async fn case(connection: &Connection, args: &SimulateArgs) -> Result<Case> {
    let cluster = Cluster::connect(connection).await?;
    let name = args.name.clone().unwrap_or_default();
    let rollout = ObjectRef::new(Kind::Rollout, &cluster.namespace, &name);
    let Some(live) = read(&cluster.client, &rollout).await? else {
        bail!("rollout {name:?} not found in namespace {:?}", cluster.namespace);
    };
    let mut bundle = Bundle::new(input::manifests(&args.filename, args.recursive)?, &cluster.namespace)?;
    let given: BTreeSet<ObjectRef> = bundle.objects.keys().cloned().collect();
    if !given.contains(&rollout) {
        bundle.add(rollout.clone(), live.clone())?;
    }
    let keeper = workload(&bundle, &rollout).unwrap_or_else(|| rollout.clone());
    if args.set_image.is_empty() && !given.contains(&rollout) && !given.contains(&keeper) {
        bail!(
            "what changes? give a new image with --set-image CONTAINER=IMAGE, or the new manifest of {keeper} with -f"
        );
    }
    add_named(&cluster, &mut bundle, &rollout).await?;
    image::set(&mut bundle, &rollout, &args.set_image)?;
    let before = running(&cluster, &rollout, live).await?;
    Ok(Case { bundle, rollouts: vec![Played { rollout, before: Some(before) }] })
}

/// What runs: the rollout, and the workload that keeps its pod template.
async fn running(cluster: &Cluster, rollout: &ObjectRef, live: Manifest) -> Result<Before> {
    let mut running = Bundle::new(vec![live], &cluster.namespace)?;
    if let Some(object) = workload(&running, rollout)
        && let Some(manifest) = read(&cluster.client, &object).await?
    {
        running.add(object, manifest)?;
    }
    if let Some(manifest) = running.objects.get_mut(rollout) {
        resume(&mut manifest.value);
    }
    Ok(running.objects.into_iter().map(|(object, manifest)| (object, manifest.value)).collect())
}

/// Reads what the rollout names, and what that names, as far as it is there.
async fn add_named(cluster: &Cluster, bundle: &mut Bundle, rollout: &ObjectRef) -> Result<()> {
    let mut tried = BTreeSet::new();
    loop {
        let missing: Vec<ObjectRef> =
            wanted(bundle, rollout).into_iter().filter(|object| !tried.contains(object)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for object in missing {
            if let Some(manifest) = read(&cluster.client, &object).await? {
                bundle.add(object.clone(), manifest)?;
            }
            tried.insert(object);
        }
    }
}

async fn read(client: &Client, object: &ObjectRef) -> Result<Option<Manifest>> {
    let resource = served::resource(client, object.kind).await;
    let resource = resource.with_context(|| format!("cannot read {object}"))?;
    let api: Api<DynamicObject> = if object.namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), &object.namespace, &resource)
    };
    let found = api.get_opt(&object.name).await.with_context(|| format!("cannot read {object}"))?;
    let value = found.map(|found| serde_json::to_value(found).context("cannot understand it")).transpose()?;
    let place = Place { file: PLACE.to_owned(), ..Place::default() };
    Ok(value.map(|value| Manifest { place, value: typed(value, &resource) }))
}

/// The object with its kind, which a server may leave out.
fn typed(mut value: Value, resource: &ApiResource) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.entry("apiVersion").or_insert_with(|| Value::from(resource.api_version.clone()));
        fields.entry("kind").or_insert_with(|| Value::from(resource.kind.clone()));
    }
    value
}

/// Ends a pause by hand: what is asked is what the change does, not what holds it up now.
fn resume(rollout: &mut Value) {
    if let Some(spec) = rollout.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("paused");
    }
}

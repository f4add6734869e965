//! `undo`: the template of an earlier revision becomes the wanted one again.

use anyhow::{Context, Result, bail};
use crds::rollout::{Rollout, WorkloadRef};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch};
use serde_json::{Value, json};

use super::{history, print};
use crate::cli::UndoArgs;
use crate::cluster::{Cluster, as_manager};
use crate::exit::Exit;
use crate::revisions;

/// Where a template is kept.
#[derive(Debug, PartialEq)]
struct Place {
    resource: ApiResource,
    name: String,
    path: &'static str,
}

/// Puts the template of an earlier revision into the rollout, or into the workload that it refers to.
pub(crate) async fn run(cluster: &Cluster, args: &UndoArgs) -> Result<Exit> {
    let name = &args.name;
    let (rollout, revisions) = history::read(cluster, name).await?;
    let target = revisions::pick(&revisions, args.to_revision)?;
    let place = place(&rollout, name)?;
    let api: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &place.resource);
    let kind = &place.resource.kind;
    let found = api.get(&place.name).await.with_context(|| format!("cannot read {kind} {:?}", place.name))?;
    let wanted = serde_json::to_value(found).context("cannot understand it")?;
    if wanted.pointer(place.path).is_some_and(|wanted| crds::template::same(wanted, &target.template)) {
        return print::line(&format!("rollout '{name}' already asks for revision {}", target.number));
    }
    let patch =
        serde_json::from_value(patch(place.path, &target.template)).context("cannot write the patch")?;
    api.patch(&place.name, &as_manager(), &Patch::Json::<()>(patch))
        .await
        .with_context(|| format!("cannot change {kind} {:?}", place.name))?;
    print::line(&format!("rollout '{name}' undone to revision {}", target.number))
}

fn patch(path: &str, template: &Value) -> Value {
    json!([{ "op": "replace", "path": path, "value": template }])
}

fn place(rollout: &Rollout, name: &str) -> Result<Place> {
    let Some(workload) = &rollout.spec.workload_ref else {
        let resource = ApiResource::erase::<Rollout>(&());
        return Ok(Place { resource, name: name.to_owned(), path: "/spec/template" });
    };
    let WorkloadRef { api_version, kind, name, .. } = workload;
    let (plural, path) = match (api_version.as_str(), kind.as_str()) {
        ("apps/v1", "Deployment") => ("deployments", "/spec/template"),
        ("apps/v1", "ReplicaSet") => ("replicasets", "/spec/template"),
        ("v1", "PodTemplate") => ("podtemplates", "/template"),
        _ => bail!("spec.workloadRef names {api_version} {kind}, which keeps no template that is known here"),
    };
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.clone(),
        kind: kind.clone(),
        plural: plural.to_owned(),
    };
    Ok(Place { resource, name: name.clone(), path })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rollout(spec: &Value) -> Rollout {
        serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec })).unwrap()
    }

    fn workload(api_version: &str, kind: &str) -> Value {
        json!({ "workloadRef": { "apiVersion": api_version, "kind": kind, "name": "base" } })
    }

    #[rstest]
    #[case::itself(json!({}), "argoproj.io/v1alpha1 rollouts web /spec/template")]
    #[case::deployment(workload("apps/v1", "Deployment"), "apps/v1 deployments base /spec/template")]
    #[case::replica_set(workload("apps/v1", "ReplicaSet"), "apps/v1 replicasets base /spec/template")]
    #[case::pod_template(workload("v1", "PodTemplate"), "v1 podtemplates base /template")]
    fn where_the_template_is(#[case] spec: Value, #[case] want: &str) {
        let Place { resource, name, path } = place(&rollout(&spec), "web").unwrap();
        assert_eq!(format!("{} {} {name} {path}", resource.api_version, resource.plural), want);
    }

    #[test]
    fn another_workload_is_left_alone() {
        assert!(place(&rollout(&workload("apps/v1", "StatefulSet")), "web").is_err());
    }

    #[test]
    fn the_whole_template_is_replaced() {
        let template = json!({ "spec": { "containers": [] } });
        let want = json!([{ "op": "replace", "path": "/spec/template", "value": template }]);
        assert_eq!(patch("/spec/template", &template), want);
    }
}

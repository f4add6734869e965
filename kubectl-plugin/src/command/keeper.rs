//! The object that keeps the pod template of a rollout, and changes of it there.

use anyhow::{Context, Result, bail};
use crds::object_ref::ObjectRef;
use crds::rollout::WorkloadRef;
use kube::Api;
use kube::api::{DynamicObject, Patch};
use serde_json::{Value, json};

use super::served;
use crate::cluster::{Cluster, as_manager};

/// How often a change is tried while others write the same object: the operator may write a status every second.
const TRIES: usize = 5;

/// The object that keeps the pod template of a rollout, and where in it.
#[derive(Debug, PartialEq)]
pub(super) struct Keeper {
    /// The object.
    pub(super) object: ObjectRef,
    /// Where the template stands, as a JSON pointer.
    pub(super) path: &'static str,
    /// The rollout.
    rollout: ObjectRef,
}

impl Keeper {
    /// The workload that a rollout refers to, else the rollout itself.
    pub(super) fn of(rollout: &ObjectRef, workload: Option<&WorkloadRef>) -> Result<Self> {
        let object = workload.map_or_else(|| Some(rollout.clone()), |it| it.object(&rollout.namespace));
        let found = object.and_then(|object| Some((object.kind.template_path()?, object)));
        let Some((path, object)) = found else {
            let WorkloadRef { api_version, kind, name, .. } = workload.cloned().unwrap_or_default();
            bail!(
                "{rollout}: spec.workloadRef is {kind} {name:?} of {api_version:?}, which is not supported: \
                 name a Deployment or ReplicaSet of \"apps/v1\", or a PodTemplate of \"v1\""
            );
        };
        Ok(Self { object, path, rollout: rollout.clone() })
    }

    /// Whether the rollout keeps its template itself.
    pub(super) fn is_rollout(&self) -> bool {
        self.object == self.rollout
    }

    /// The template's field, such as `spec.template`.
    pub(super) fn field(&self) -> String {
        self.path.trim_start_matches('/').replace('/', ".")
    }

    /// The template of the object as it was read.
    pub(super) fn template<'a>(&self, held: &'a Value) -> Result<&'a Value> {
        held.pointer(self.path)
            .with_context(|| format!("{} has no {}: give it a pod template", self.object, self.field()))
    }

    /// Changes the template by the operations that `edit` makes of the object as it is; `false` if there are none.
    ///
    /// What somebody else writes in between is not undone: the object is read and edited again.
    pub(super) async fn change(
        &self,
        cluster: &Cluster,
        edit: impl Fn(&Value) -> Result<Vec<Value>>,
    ) -> Result<bool> {
        let resource = served::resource(&cluster.client, self.object.kind).await;
        let resource = resource.with_context(|| format!("cannot read {}", self.object))?;
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &self.object.namespace, &resource);
        for _ in 0..TRIES {
            let found = api.get_opt(&self.object.name).await;
            let found = found.with_context(|| format!("cannot read {}", self.object))?;
            let held = serde_json::to_value(found.with_context(|| self.missing())?)
                .with_context(|| format!("cannot understand {}", self.object))?;
            let operations = edit(&held)?;
            if operations.is_empty() {
                return Ok(false);
            }
            let patch =
                serde_json::from_value(locked(&held, operations)).context("cannot write the patch")?;
            match api.patch(&self.object.name, &as_manager(), &Patch::Json::<()>(patch)).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                answer => {
                    answer.with_context(|| format!("cannot change {}", self.object))?;
                    return Ok(true);
                }
            }
        }
        bail!("cannot change {}: somebody else changed it meanwhile, {TRIES} times; try again", self.object)
    }

    fn missing(&self) -> String {
        let Self { object, rollout, .. } = self;
        if self.is_rollout() {
            return format!("{object} does not exist");
        }
        format!(
            "{object} does not exist: create it, or correct spec.workloadRef of {rollout}, which takes its pod \
             template from there"
        )
    }
}

/// The operations, on the condition that the object is still the one that was read.
fn locked(held: &Value, operations: Vec<Value>) -> Value {
    let version = held.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
    let lock = json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version });
    std::iter::once(lock).chain(operations).collect()
}

#[cfg(test)]
mod tests {
    use crds::object_ref::Kind;
    use rstest::rstest;

    use super::*;

    fn rollout() -> ObjectRef {
        ObjectRef::new(Kind::Rollout, "shop", "web")
    }

    fn workload(api_version: &str, kind: &str) -> WorkloadRef {
        let reference = json!({ "apiVersion": api_version, "kind": kind, "name": "base" });
        serde_json::from_value(reference).unwrap()
    }

    #[rstest]
    #[case::itself(None, "Rollout shop/web: spec.template")]
    #[case::deployment(Some(workload("apps/v1", "Deployment")), "Deployment shop/base: spec.template")]
    #[case::replica_set(Some(workload("apps/v1", "ReplicaSet")), "ReplicaSet shop/base: spec.template")]
    #[case::pod_template(Some(workload("v1", "PodTemplate")), "PodTemplate shop/base: template")]
    fn where_the_template_is(#[case] workload: Option<WorkloadRef>, #[case] want: &str) {
        let keeper = Keeper::of(&rollout(), workload.as_ref()).unwrap();
        assert_eq!(format!("{}: {}", keeper.object, keeper.field()), want);
    }

    /// What is changed here is what the operator reads.
    #[rstest]
    #[case::deployment(Kind::Deployment)]
    #[case::replica_set(Kind::SourceReplicaSet)]
    #[case::pod_template(Kind::PodTemplate)]
    fn the_operator_finds_it_there(#[case] kind: Kind) {
        let template = json!({ "spec": { "containers": [] } });
        let path = kind.template_path().unwrap();
        let inner = if path == "/template" { template.clone() } else { json!({ "template": template }) };
        let field = path.split('/').nth(1).unwrap();
        let object = json!({ "metadata": { "name": "base", "namespace": "shop" }, field: inner });
        assert_eq!(object.pointer(path), Some(&template));
        let decoded = engine::object::decode(kind, &object.to_string()).unwrap();
        let engine::object::View::Workload(facts) = decoded.view else { panic!("{kind:?} is no workload") };
        assert_eq!(facts.template.as_ref().map(crds::TemplateText::to_value), Some(template));
    }

    #[rstest]
    #[case::kind("apps/v1", "StatefulSet")]
    #[case::version("v1", "Deployment")]
    fn another_workload_is_refused(#[case] api_version: &str, #[case] kind: &str) {
        let error = Keeper::of(&rollout(), Some(&workload(api_version, kind))).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "Rollout shop/web: spec.workloadRef is {kind} \"base\" of \"{api_version}\", which is not supported: \
                 name a Deployment or ReplicaSet of \"apps/v1\", or a PodTemplate of \"v1\""
            )
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let keeper = Keeper::of(&rollout(), Some(&workload("v1", "PodTemplate"))).unwrap();
        assert_eq!(
            keeper.missing(),
            "PodTemplate shop/base does not exist: create it, or correct spec.workloadRef of Rollout shop/web, which \
             takes its pod template from there"
        );
        let error = keeper.template(&json!({ "spec": {} })).unwrap_err().to_string();
        assert_eq!(error, "PodTemplate shop/base has no template: give it a pod template");
    }

    #[test]
    fn a_change_rests_on_what_was_read() {
        let held = json!({ "metadata": { "resourceVersion": "7" } });
        let operation = json!({ "op": "replace", "path": "/spec/template", "value": {} });
        let lock = json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": "7" });
        assert_eq!(locked(&held, vec![operation.clone()]), json!([lock, operation]));
    }
}

//! `undo`: the template of an earlier revision becomes the wanted one again.

use anyhow::Result;
use crds::object_ref::{Kind, ObjectRef};
use serde_json::{Value, json};

use super::keeper::Keeper;
use super::{history, print};
use crate::cli::UndoArgs;
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::revisions;

/// Puts the template of an earlier revision into the rollout, or into the workload that it refers to.
pub(crate) async fn run(cluster: &Cluster, args: &UndoArgs) -> Result<Exit> {
    let name = &args.name;
    let (rollout, revisions) = history::read(cluster, name).await?;
    let target = revisions::pick(&revisions, args.to_revision)?;
    let reference = ObjectRef::new(Kind::Rollout, cluster.namespace.as_str(), name.as_str());
    let keeper = Keeper::of(&reference, rollout.spec.workload_ref.as_ref())?;
    let has_changed = keeper.change(cluster, |held| operations(&keeper, held, &target.template)).await?;
    let words = if has_changed { "undone to" } else { "already asks for" };
    print::line(&format!("rollout '{name}' {words} revision {}", target.number))
}

/// The replacement of the whole template in `held`, unless it is the wanted one.
fn operations(keeper: &Keeper, held: &Value, wanted: &Value) -> Result<Vec<Value>> {
    let is_wanted = crds::template::same(keeper.template(held)?, wanted);
    let operation = json!({ "op": "replace", "path": keeper.path, "value": wanted });
    Ok(if is_wanted { Vec::new() } else { vec![operation] })
}

#[cfg(test)]
mod tests {
    use crds::rollout::WorkloadRef;
    use rstest::rstest;

    use super::*;

    fn template(image: &str) -> Value {
        json!({ "spec": { "containers": [{ "name": "web", "image": image }] } })
    }

    #[rstest]
    #[case::itself(Value::Null, "/spec/template")]
    #[case::deployment(json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "base" }), "/spec/template")]
    #[case::pod_template(json!({ "apiVersion": "v1", "kind": "PodTemplate", "name": "base" }), "/template")]
    fn the_whole_template_is_replaced(#[case] workload: Value, #[case] path: &str) {
        let workload: Option<WorkloadRef> = serde_json::from_value(workload).unwrap();
        let keeper = Keeper::of(&ObjectRef::new(Kind::Rollout, "shop", "web"), workload.as_ref()).unwrap();
        let held = json!({ "spec": { "template": template("web:2") }, "template": template("web:2") });
        let want = json!({ "op": "replace", "path": path, "value": template("web:1") });
        assert_eq!(operations(&keeper, &held, &template("web:1")).unwrap(), [want]);
        assert!(operations(&keeper, &held, &template("web:2")).unwrap().is_empty());
    }
}

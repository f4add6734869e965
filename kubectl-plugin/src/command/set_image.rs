//! `set image`: another image, and nothing else.

use anyhow::{Result, bail};
use crds::object_ref::{Kind, ObjectRef};
use serde_json::{Value, json};

use super::keeper::Keeper;
use super::{load, print};
use crate::cluster::Cluster;
use crate::exit::Exit;

/// Where a pod template has its containers.
const LISTS: [&str; 2] = ["containers", "initContainers"];

/// Changes the images of containers by name, `*` for all: in the rollout, or in the workload that it refers to.
pub(crate) async fn run(cluster: &Cluster, name: &str, images: &[String]) -> Result<Exit> {
    let wanted = images.iter().map(|text| assignment(text)).collect::<Result<Vec<_>>>()?;
    let rollout = load::rollout(cluster, name).await?;
    let reference = ObjectRef::new(Kind::Rollout, cluster.namespace.as_str(), name);
    let keeper = Keeper::of(&reference, rollout.spec.workload_ref.as_ref())?;
    let has_changed = keeper.change(cluster, |held| operations(&keeper, held, &wanted)).await?;
    print::line(&told(&keeper, name, has_changed))
}

fn told(keeper: &Keeper, name: &str, has_changed: bool) -> String {
    match (has_changed, keeper.is_rollout()) {
        (false, true) => format!("rollout '{name}' already runs that image"),
        (true, true) => format!("rollout '{name}' image updated"),
        (false, false) => format!("rollout '{name}' already runs that image, by way of {}", keeper.object),
        (true, false) => {
            format!("rollout '{name}' image updated in {}, which keeps its pod template", keeper.object)
        }
    }
}

/// The two sides of CONTAINER=IMAGE.
pub(super) fn assignment(text: &str) -> Result<(&str, &str)> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => Ok((container, image)),
        _ => bail!("{text:?} is not CONTAINER=IMAGE"),
    }
}

/// One replacement per container of the template in `held` whose image changes.
pub(super) fn operations(keeper: &Keeper, held: &Value, wanted: &[(&str, &str)]) -> Result<Vec<Value>> {
    let containers = containers(keeper.template(held)?);
    let mut operations = Vec::new();
    for (container, image) in wanted {
        let meant = containers.iter().filter(|it| it.is_meant(container)).collect::<Vec<_>>();
        if meant.is_empty() {
            let there: Vec<&str> = containers.iter().map(|it| it.name).collect();
            let (object, field) = (&keeper.object, keeper.field());
            bail!(
                "{object}: there is no container {container:?} in {field}.spec: there is {}",
                if there.is_empty() { "none at all".to_owned() } else { there.join(", ") }
            );
        }
        let changed = meant.into_iter().filter(|it| it.image != Some(image));
        operations.extend(changed.map(|it| {
            let path = format!("{}/spec/{}/{}/image", keeper.path, it.list, it.index);
            json!({ "op": "add", "path": path, "value": image })
        }));
    }
    Ok(operations)
}

/// A container of a pod template.
struct Container<'a> {
    list: &'static str,
    index: usize,
    name: &'a str,
    image: Option<&'a str>,
}

impl Container<'_> {
    /// Whether a name means this one. A star means the containers that serve, not those that prepare.
    fn is_meant(&self, name: &str) -> bool {
        self.name == name || (name == "*" && self.list == LISTS[0])
    }
}

fn containers(template: &Value) -> Vec<Container<'_>> {
    let of_list = |list| {
        let all = template.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        all.into_iter().flatten().enumerate().map(move |(index, it)| {
            let text = |key: &str| it.get(key).and_then(Value::as_str);
            Container { list, index, name: text("name").unwrap_or_default(), image: text("image") }
        })
    };
    LISTS.into_iter().flat_map(of_list).collect()
}

#[cfg(test)]
mod tests {
    use crds::rollout::WorkloadRef;
    use rstest::rstest;

    use super::*;

    fn keeper(reference: &Value) -> Keeper {
        let workload: Option<WorkloadRef> = serde_json::from_value(reference.clone()).unwrap();
        Keeper::of(&ObjectRef::new(Kind::Rollout, "shop", "web"), workload.as_ref()).unwrap()
    }

    fn itself() -> Keeper {
        keeper(&Value::Null)
    }

    fn deployment() -> Keeper {
        keeper(&json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "base" }))
    }

    fn pod_template() -> Keeper {
        keeper(&json!({ "apiVersion": "v1", "kind": "PodTemplate", "name": "base" }))
    }

    fn template() -> Value {
        json!({ "spec": {
            "initContainers": [{ "name": "prepare", "image": "prepare:1" }],
            "containers": [{ "name": "web", "image": "web:1" }, { "name": "log", "image": "log:1" }] } })
    }

    fn held() -> Value {
        json!({ "spec": { "template": template() }, "template": template() })
    }

    #[rstest]
    #[case::itself(itself(), "web=web:2", &["/spec/template/spec/containers/0/image web:2"])]
    #[case::deployment(deployment(), "log=log:2", &["/spec/template/spec/containers/1/image log:2"])]
    #[case::pod_template(pod_template(), "web=web:2", &["/template/spec/containers/0/image web:2"])]
    #[case::one_that_prepares(itself(), "prepare=p:2", &["/spec/template/spec/initContainers/0/image p:2"])]
    #[case::all_that_serve(itself(), "*=web:1", &["/spec/template/spec/containers/1/image web:1"])]
    #[case::nothing_new(itself(), "log=log:1", &[])]
    fn only_the_named_container_changes(#[case] keeper: Keeper, #[case] wanted: &str, #[case] want: &[&str]) {
        let operations = operations(&keeper, &held(), &[assignment(wanted).unwrap()]).unwrap();
        let words =
            |it: &Value| format!("{} {}", it["path"].as_str().unwrap(), it["value"].as_str().unwrap());
        assert_eq!(operations.iter().map(words).collect::<Vec<_>>(), want);
        assert!(operations.iter().all(|it| it["op"] == "add"));
    }

    #[rstest]
    #[case::itself(
        itself(),
        held(),
        "Rollout shop/web: there is no container \"db\" in spec.template.spec: there is web, log, prepare"
    )]
    #[case::pod_template(
        pod_template(),
        held(),
        "PodTemplate shop/base: there is no container \"db\" in template.spec: there is web, log, prepare"
    )]
    #[case::none_at_all(deployment(), json!({ "spec": { "template": {} } }),
        "Deployment shop/base: there is no container \"db\" in spec.template.spec: there is none at all")]
    #[case::no_template(itself(), json!({ "spec": {} }),
        "Rollout shop/web has no spec.template: give it a pod template")]
    fn what_is_wrong_is_said(#[case] keeper: Keeper, #[case] held: Value, #[case] want: &str) {
        assert_eq!(operations(&keeper, &held, &[("db", "db:2")]).unwrap_err().to_string(), want);
    }

    #[rstest]
    #[case::word("web")]
    #[case::no_image("web=")]
    #[case::no_container("=web:2")]
    fn no_assignment(#[case] text: &str) {
        assert_eq!(assignment(text).unwrap_err().to_string(), format!("{text:?} is not CONTAINER=IMAGE"));
    }

    #[rstest]
    #[case::itself(itself(), true, "rollout 'web' image updated")]
    #[case::itself_already(itself(), false, "rollout 'web' already runs that image")]
    #[case::workload(
        deployment(),
        true,
        "rollout 'web' image updated in Deployment shop/base, which keeps its pod template"
    )]
    #[case::workload_already(
        deployment(),
        false,
        "rollout 'web' already runs that image, by way of Deployment shop/base"
    )]
    fn where_it_was_changed_is_said(#[case] keeper: Keeper, #[case] has_changed: bool, #[case] want: &str) {
        assert_eq!(told(&keeper, "web", has_changed), want);
    }
}

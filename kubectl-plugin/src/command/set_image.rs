//! `set image`: another image, and nothing else.

use anyhow::{Context, Result, bail};
use crds::rollout::Rollout;
use kube::Api;
use kube::api::Patch;
use serde_json::{Value, json};

use super::{load, print};
use crate::cluster::{Cluster, as_manager};
use crate::exit::Exit;

/// Changes the images of containers by name, `*` for all.
pub(crate) async fn run(cluster: &Cluster, name: &str, images: &[String]) -> Result<Exit> {
    let rollout = load::rollout(cluster, name).await?;
    let template = rollout.spec.template.as_ref().map(crds::TemplateText::to_value);
    let Some(template) = template else {
        bail!("rollout {name:?} has no spec.template: set the image on the workload that it refers to");
    };
    let wanted = images.iter().map(|text| assignment(text)).collect::<Result<Vec<_>>>()?;
    let operations = operations(&template, &wanted)?;
    if operations.is_empty() {
        return print::line(&format!("rollout '{name}' already runs that image"));
    }
    let patch: json_patch::Patch =
        serde_json::from_value(Value::Array(operations)).context("cannot write the patch")?;
    let api: Api<Rollout> = cluster.api();
    api.patch(name, &as_manager(), &Patch::Json::<()>(patch))
        .await
        .with_context(|| format!("cannot change the image of rollout {name:?}"))?;
    print::line(&format!("rollout '{name}' image updated"))
}

/// The two sides of CONTAINER=IMAGE.
pub(super) fn assignment(text: &str) -> Result<(&str, &str)> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => Ok((container, image)),
        _ => bail!("{text:?} is not CONTAINER=IMAGE"),
    }
}

/// One replacement per container whose image changes, each on the condition that the container is still the same.
pub(super) fn operations(template: &Value, wanted: &[(&str, &str)]) -> Result<Vec<Value>> {
    let mut operations = Vec::new();
    for (container, image) in wanted {
        let mut found = false;
        for list in ["containers", "initContainers"] {
            let containers = template.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
            for (index, it) in containers.into_iter().flatten().enumerate() {
                let name = it["name"].as_str().unwrap_or_default();
                // A star means the containers that serve, not those that prepare.
                let is_meant = name == *container || (*container == "*" && list == "containers");
                found |= is_meant;
                if is_meant && it["image"].as_str() != Some(image) {
                    let path = format!("/spec/template/spec/{list}/{index}");
                    operations.push(json!({ "op": "test", "path": format!("{path}/name"), "value": name }));
                    operations.push(json!({ "op": "add", "path": format!("{path}/image"), "value": image }));
                }
            }
        }
        if !found {
            bail!("there is no container {container:?} in spec.template");
        }
    }
    Ok(operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Value {
        json!({ "spec": { "containers": [{ "name": "web", "image": "web:1" }, { "name": "log", "image": "log:1" }] } })
    }

    #[test]
    fn only_the_named_container_changes() {
        let got = operations(&template(), &[("web", "web:2")]).unwrap();
        assert_eq!(
            got,
            [
                json!({ "op": "test", "path": "/spec/template/spec/containers/0/name", "value": "web" }),
                json!({ "op": "add", "path": "/spec/template/spec/containers/0/image", "value": "web:2" }),
            ]
        );
    }

    #[test]
    fn the_same_image_is_no_change() {
        assert_eq!(operations(&template(), &[("*", "web:1")]).unwrap().len(), 2);
        assert!(operations(&template(), &[("log", "log:1")]).unwrap().is_empty());
    }

    #[test]
    fn an_unknown_container_is_an_error() {
        assert!(operations(&template(), &[("db", "db:2")]).unwrap_err().to_string().contains("\"db\""));
        assert!(assignment("web").is_err());
    }
}

//! The environment of a container.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, EnvVarSource, Pod, Secret};
use kube::{Api, Client};

use crate::expand::expand;
use crate::quantity;

/// What the node knows beside the pod's own fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) address: Ipv4Addr,
    pub(crate) node_ip: &'a str,
}

/// The variables of `container`, in the order of the spec: `envFrom` first, then `env`.
///
/// # Errors
///
/// A sentence that names the variable and what it refers to; the container must wait for it.
pub(crate) async fn resolve(
    client: &Client,
    facts: Facts<'_>,
    container: &Container,
) -> Result<BTreeMap<String, String>, String> {
    let namespace = facts.pod.metadata.namespace.as_deref().unwrap_or("default");
    let mut values = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let keys = if let Some(map) = &source.config_map_ref {
            config_map(client, namespace, &map.name, map.optional).await?
        } else if let Some(secret) = &source.secret_ref {
            self::secret(client, namespace, &secret.name, secret.optional).await?
        } else {
            continue;
        };
        values.extend(keys.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = one(client, facts, container, variable, &values).await? {
            values.insert(variable.name.clone(), value);
        }
    }
    Ok(values)
}

async fn one(
    client: &Client,
    facts: Facts<'_>,
    container: &Container,
    variable: &EnvVar,
    known: &BTreeMap<String, String>,
) -> Result<Option<String>, String> {
    let Some(source) = &variable.value_from else {
        return Ok(Some(expand(variable.value.as_deref().unwrap_or_default(), known)));
    };
    let name = &variable.name;
    let namespace = facts.pod.metadata.namespace.as_deref().unwrap_or("default");
    let (keys, key, optional) = if let Some(key) = &source.config_map_key_ref {
        (config_map(client, namespace, &key.name, key.optional).await?, &key.key, key.optional)
    } else if let Some(key) = &source.secret_key_ref {
        (secret(client, namespace, &key.name, key.optional).await?, &key.key, key.optional)
    } else {
        return of_pod(facts, container, source).map(Some).map_err(|error| format!("env {name}: {error}"));
    };
    match keys.get(key) {
        Some(value) => Ok(Some(value.clone())),
        None if optional == Some(true) => Ok(None),
        None => Err(format!("env {name}: there is no key {key:?} where it refers to")),
    }
}

/// A value that the pod itself holds.
fn of_pod(facts: Facts<'_>, container: &Container, source: &EnvVarSource) -> Result<String, String> {
    if let Some(field) = &source.field_ref {
        return field_of(facts, &field.field_path)
            .ok_or_else(|| format!("this node does not know the field {:?}", field.field_path));
    }
    let Some(resource) = &source.resource_field_ref else { return Err("it refers to nothing".to_owned()) };
    let resources = container.resources.as_ref();
    let (side, name) = resource.resource.split_once('.').unwrap_or_default();
    let side = match side {
        "limits" => resources.and_then(|resources| resources.limits.as_ref()),
        "requests" => resources.and_then(|resources| resources.requests.as_ref()),
        _ => return Err(format!("{:?} is neither limits nor requests", resource.resource)),
    };
    let quantity = side.and_then(|side| side.get(name)).map_or("0", |quantity| &*quantity.0);
    let divisor = resource.divisor.as_ref().map(|divisor| &*divisor.0).filter(|divisor| *divisor != "0");
    quantity::divide(quantity, divisor.unwrap_or("1"))
        .map(|value| value.to_string())
        .ok_or_else(|| format!("{quantity:?} is not a quantity"))
}

fn field_of(facts: Facts<'_>, path: &str) -> Option<String> {
    let metadata = &facts.pod.metadata;
    let spec = facts.pod.spec.as_ref();
    let text = |value: Option<&String>| Some(value.cloned().unwrap_or_default());
    match path {
        "metadata.name" => text(metadata.name.as_ref()),
        "metadata.namespace" => text(metadata.namespace.as_ref()),
        "metadata.uid" => text(metadata.uid.as_ref()),
        "spec.nodeName" => text(spec?.node_name.as_ref()),
        "spec.serviceAccountName" => {
            Some(spec?.service_account_name.clone().unwrap_or_else(|| "default".to_owned()))
        }
        "status.podIP" | "status.podIPs" => Some(facts.address.to_string()),
        "status.hostIP" | "status.hostIPs" => Some(facts.node_ip.to_owned()),
        _ => {
            let (map, key) = path.strip_suffix("']")?.split_once("['")?;
            let map = match map {
                "metadata.labels" => metadata.labels.as_ref(),
                "metadata.annotations" => metadata.annotations.as_ref(),
                _ => return None,
            };
            text(map.and_then(|map| map.get(key)))
        }
    }
}

async fn config_map(
    client: &Client,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<BTreeMap<String, String>, String> {
    let found = Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(name).await;
    match found.map_err(|error| format!("cannot read configmap {name:?}: {error}"))? {
        Some(map) => Ok(map.data.unwrap_or_default()),
        None if optional == Some(true) => Ok(BTreeMap::new()),
        None => Err(format!("configmap {name:?} not found")),
    }
}

async fn secret(
    client: &Client,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<BTreeMap<String, String>, String> {
    let found = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await;
    match found.map_err(|error| format!("cannot read secret {name:?}: {error}"))? {
        Some(secret) => {
            let data = secret.data.unwrap_or_default().into_iter();
            Ok(data.map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned())).collect())
        }
        None if optional == Some(true) => Ok(BTreeMap::new()),
        None => Err(format!("secret {name:?} not found")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "linnet-0", "namespace": "linnet", "uid": "u-1",
                "labels": { "app.kubernetes.io/name": "linnet" },
            },
            "spec": {
                "nodeName": "n1",
                "containers": [{ "name": "linnet", "resources": { "limits": { "memory": "128Mi", "cpu": "1500m" } } }],
            },
        }))
        .unwrap()
    }

    #[rstest]
    #[case("metadata.name", Some("linnet-0"))]
    #[case("metadata.namespace", Some("linnet"))]
    #[case("metadata.uid", Some("u-1"))]
    #[case("metadata.labels['app.kubernetes.io/name']", Some("linnet"))]
    #[case("metadata.annotations['none']", Some(""))]
    #[case("spec.nodeName", Some("n1"))]
    #[case("spec.serviceAccountName", Some("default"))]
    #[case("status.podIP", Some("10.244.0.9"))]
    #[case("status.hostIP", Some("192.0.2.1"))]
    #[case("spec.priority", None)]
    fn the_downward_api_is_answered(#[case] path: &str, #[case] want: Option<&str>) {
        let pod = pod();
        let facts = Facts { pod: &pod, address: Ipv4Addr::new(10, 244, 0, 9), node_ip: "192.0.2.1" };
        assert_eq!(field_of(facts, path).as_deref(), want);
    }

    #[rstest]
    #[case("limits.memory", None, "134217728")]
    #[case("limits.memory", Some("1Mi"), "128")]
    #[case("limits.cpu", None, "2")]
    #[case("limits.cpu", Some("1m"), "1500")]
    #[case("requests.cpu", None, "0")]
    fn resources_are_divided_and_rounded_up(
        #[case] resource: &str,
        #[case] divisor: Option<&str>,
        #[case] want: &str,
    ) {
        let pod = pod();
        let facts = Facts { pod: &pod, address: Ipv4Addr::LOCALHOST, node_ip: "192.0.2.1" };
        let source =
            json!({ "resourceFieldRef": { "resource": resource, "divisor": divisor.unwrap_or("0") } });
        let source: EnvVarSource = serde_json::from_value(source).unwrap();
        let container = &pod.spec.as_ref().unwrap().containers[0];
        assert_eq!(of_pod(facts, container, &source).unwrap(), want);
    }
}

//! Whether the data plane itself says that it obeys a weight. An accepted write of a route is not yet in force.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::space::Space;
use crate::story::{Router, host};
use crate::wait::{Look, until};

/// Waits until the data plane sends so many percent of the requests of a namespace to the new version.
///
/// # Errors
/// When it does not within `limit`, or does not say.
pub async fn in_force(router: Router, space: &Space, percent: u64, limit: Duration) -> Result<()> {
    let url = match router {
        Router::Nginx => space.facts.traefik.as_ref().map(|traefik| &traefik.configuration),
        Router::Istio => space.facts.istio.as_ref().map(|istio| &istio.routes),
    };
    let url = url.with_context(|| format!("the cluster runs no data plane for {router:?}"))?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    until(&format!("{percent} % to be in force"), limit, || async {
        let answer = client.get(url).send().await?.error_for_status()?.bytes().await?;
        let answer: Value = serde_json::from_slice(&answer).context("the data plane's answer is no JSON")?;
        let seen = match router {
            Router::Nginx => of_traefik(&answer, &space.name),
            Router::Istio => of_envoy(&answer, &host(space)),
        };
        Ok(Look::when(seen == Some(percent), seen))
    })
    .await
}

/// The share that Traefik gives to the Service of the canary Ingress in a namespace.
fn of_traefik(configuration: &Value, namespace: &str) -> Option<u64> {
    let services = configuration["services"].as_object()?;
    let ours = services.iter().filter(|(name, _)| name.starts_with(&format!("{namespace}-")));
    let mut weighted = ours.filter_map(|(_, service)| service.pointer("/weighted/services")?.as_array());
    // Without a canary Ingress there is nothing to weigh.
    weighted.next().map_or(Some(0), |parts| {
        share(parts, |part| part["name"].as_str().is_some_and(|name| name.ends_with("-canary")))
    })
}

/// The share that Envoy gives to the canary Service of a host.
fn of_envoy(dump: &Value, host: &str) -> Option<u64> {
    let configs = dump["configs"].as_array()?.iter();
    let hosts =
        configs.filter_map(|config| config.pointer("/route_config/virtual_hosts")?.as_array()).flatten();
    let is_ours = |found: &&Value| {
        found["domains"].as_array().is_some_and(|domains| domains.iter().any(|domain| domain == host))
    };
    let action = hosts.rev().find(is_ours)?["routes"].as_array()?.last()?.get("route")?;
    let is_canary = |name: &Value| name.as_str().is_some_and(|name| name.contains("-canary."));
    match action.pointer("/weighted_clusters/clusters").and_then(Value::as_array) {
        Some(parts) => share(parts, |part| is_canary(&part["name"])),
        None => Some(if is_canary(&action["cluster"]) { 100 } else { 0 }),
    }
}

/// How many percent the parts that are the canary's have of all.
fn share(parts: &[Value], is_canary: impl Fn(&Value) -> bool) -> Option<u64> {
    let weight = |part: &Value| part["weight"].as_u64().unwrap_or(0);
    let all: u64 = parts.iter().map(weight).sum();
    let canary: u64 = parts.iter().filter(|part| is_canary(part)).map(weight).sum();
    (canary * 100).checked_div(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn traefik_says_what_it_weighs() {
        let weighted = json!({ "weighted": { "services": [
            { "name": "shop-web-80", "weight": 95 }, { "name": "shop-web-80-canary", "weight": 5 } ] } });
        let configuration = json!({ "services": { "shop-web-80-wrr@kubernetesingressnginx": weighted } });
        assert_eq!(of_traefik(&configuration, "shop"), Some(5));
        assert_eq!(of_traefik(&configuration, "other"), Some(0));
    }

    #[test]
    fn envoy_says_what_it_weighs() {
        let dump = |action: Value| {
            json!({ "configs": [{ "route_config": { "virtual_hosts": [
                { "domains": ["web.example"], "routes": [{ "route": action }] } ] } }] })
        };
        let part = |name: &str, weight: u32| json!({ "name": format!("outbound|80||{name}.shop.svc"), "weight": weight });
        let split =
            json!({ "weighted_clusters": { "clusters": [part("web-stable", 75), part("web-canary", 25)] } });
        assert_eq!(of_envoy(&dump(split), "web.example"), Some(25));
        let all = json!({ "cluster": "outbound|80||web-canary.shop.svc" });
        assert_eq!(of_envoy(&dump(all), "web.example"), Some(100));
        assert_eq!(of_envoy(&dump(json!({})), "elsewhere.example"), None);
    }
}

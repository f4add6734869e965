//! Ingress NGINX: an Ingress with the annotation `canary` takes its share of the hosts and paths of another one.

use std::collections::BTreeSet;

use crds::object_ref::Kind;
use crds::rollout::NginxRouting;
use serde_json::Value;

use super::{Proxy, Split, at, list};

/// A host, a path, and the Service behind them.
type Path<'a> = (&'a str, &'a str, &'a str);

/// What goes where behind the Ingresses that a Rollout names.
pub(super) fn splits(
    proxy: &Proxy,
    namespace: &str,
    routing: &NginxRouting,
    services: [&str; 2],
) -> Vec<Split> {
    let prefix = match routing.annotation_prefix.as_str() {
        "" => "nginx.ingress.kubernetes.io",
        prefix => prefix,
    };
    let names = routing.stable_ingresses.iter().chain([&routing.stable_ingress]);
    names
        .filter(|name| !name.is_empty())
        .flat_map(|name| of(proxy, namespace, name, prefix, services))
        .collect()
}

fn of(proxy: &Proxy, namespace: &str, name: &str, prefix: &str, services: [&str; 2]) -> Vec<Split> {
    let Some((ingress, written_at)) = proxy.route(Kind::Ingress, namespace, name) else { return Vec::new() };
    let ours: Vec<Path<'_>> =
        paths(ingress).into_iter().filter(|(_, _, service)| services.contains(service)).collect();
    let mut splits = Vec::new();
    let mut taken = (0, 100, written_at);
    for (_, canary, written_at) in proxy.routes(Kind::Ingress, namespace) {
        if annotation(canary, prefix, "canary") != Some("true") {
            continue;
        }
        let number = |word: &str| annotation(canary, prefix, word).and_then(|text| text.parse::<u64>().ok());
        let total = number("canary-weight-total").unwrap_or(100).max(1);
        let weight = number("canary-weight").unwrap_or(0).min(total);
        let shared: BTreeSet<&str> = paths(canary)
            .into_iter()
            .filter(|(host, path, _)| ours.iter().any(|(h, p, _)| h == host && p == path))
            .map(|(_, _, service)| service)
            .collect();
        if let Some(service) = shared.first() {
            splits.push(Split { service: (*service).to_owned(), weight, total, written_at });
            taken = (weight, total, written_at.max(taken.2));
        }
    }
    let rest: BTreeSet<&str> = ours.iter().map(|(_, _, service)| *service).collect();
    let (weight, total, written_at) = (taken.1 - taken.0, taken.1, taken.2);
    splits.extend(rest.into_iter().map(|service| Split {
        service: service.to_owned(),
        weight,
        total,
        written_at,
    }));
    splits
}

fn annotation<'a>(ingress: &'a Value, prefix: &str, word: &str) -> Option<&'a str> {
    let annotations = ingress.get("metadata")?.get("annotations")?.as_object()?;
    let is_it = |key: &str| key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) == Some(word);
    annotations.iter().find(|(key, _)| is_it(key))?.1.as_str()
}

fn paths(ingress: &Value) -> Vec<Path<'_>> {
    list(ingress, "/spec/rules")
        .iter()
        .flat_map(|rule| {
            let host = rule.get("host").and_then(Value::as_str).unwrap_or_default();
            list(rule, "/http/paths").iter().map(move |path| {
                let place = path.get("path").and_then(Value::as_str).unwrap_or("/");
                let service = at(path, "/backend/service/name").and_then(Value::as_str);
                (host, place, service.unwrap_or_default())
            })
        })
        .collect()
}

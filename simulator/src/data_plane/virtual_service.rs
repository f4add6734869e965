//! Istio: a VirtualService whose routes share their requests between destinations by weight.

use crds::object_ref::Kind;
use crds::rollout::{IstioRouting, ManagedRoute};
use jiff::Timestamp;
use serde_json::Value;

use super::{Proxy, Split, at, list};

/// What goes where through the VirtualServices that a Rollout names.
///
/// Only routes that send to both Services count, and the managed ones: what else stands in the object is its owner's
/// business.
pub(super) fn splits(
    proxy: &Proxy,
    namespace: &str,
    routing: &IstioRouting,
    managed: &[ManagedRoute],
    services: [&str; 2],
) -> Vec<Split> {
    let is_managed = |route: &Value| {
        let name = route.get("name").and_then(Value::as_str);
        managed.iter().any(|managed| name == Some(&managed.name))
    };
    let named = routing.virtual_services.iter().chain(&routing.virtual_service);
    named
        .filter_map(|named| {
            let mut labels = named.name.split('.');
            let name = labels.next()?;
            let place = labels.next().filter(|label| !label.is_empty()).unwrap_or(namespace);
            proxy.route(Kind::VirtualService, place, name)
        })
        .flat_map(|(object, written_at)| {
            let sections = ["/spec/http", "/spec/tls", "/spec/tcp"];
            let routes = sections.into_iter().flat_map(move |section| list(object, section));
            routes.flat_map(move |route| match of(list(route, "/route"), services, written_at) {
                none if none.is_empty() && is_managed(route) => {
                    chosen(list(route, "/route"), services, written_at)
                }
                shares => shares,
            })
        })
        .collect()
}

/// Requests that a managed route chooses: few, but they need somebody who answers.
fn chosen(destinations: &[Value], services: [&str; 2], written_at: Timestamp) -> Vec<Split> {
    let hosts = destinations.iter().filter_map(|one| at(one, "/destination/host")?.as_str());
    let names = hosts.map(|host| host.split('.').next().unwrap_or_default());
    names
        .filter(|name| services.contains(name))
        .map(|name| Split { service: name.to_owned(), weight: 1, total: 100, written_at })
        .collect()
}

fn of(destinations: &[Value], services: [&str; 2], written_at: Timestamp) -> Vec<Split> {
    let alone = if destinations.len() == 1 { 100 } else { 0 };
    let weights: Vec<(&str, u64)> = destinations
        .iter()
        .map(|one| {
            let host = at(one, "/destination/host").and_then(Value::as_str).unwrap_or_default();
            let service = host.split('.').next().unwrap_or_default();
            (service, one.get("weight").and_then(Value::as_u64).unwrap_or(alone))
        })
        .collect();
    if !services.iter().all(|service| weights.iter().any(|(name, _)| name == service)) {
        return Vec::new();
    }
    let total: u64 = weights.iter().map(|(_, weight)| weight).sum();
    let split = |(service, weight): (&str, u64)| Split {
        service: service.to_owned(),
        weight,
        total: total.max(1),
        written_at,
    };
    weights.into_iter().map(split).collect()
}

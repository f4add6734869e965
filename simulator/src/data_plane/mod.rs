//! The data planes: proxies that learn late and unevenly of routes and Services, and where each really sends requests.
//!
//! They read routes on their own, on purpose without the traffic routers of the operator.

mod ingress;
mod virtual_service;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::RolloutSpec;
use engine::object::{Object, View};
use jiff::Timestamp;
use planner::facts::RolloutFacts;
use serde_json::Value;

/// A share of the requests that come in somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The version that answers them; `None` when the Service does not choose one.
    pub hash: Option<String>,
    /// How much of `total`.
    pub weight: u64,
    /// The weight that is all of the requests; above 0.
    pub total: u64,
    /// When the route and the Service were written that say so: the later of both.
    pub written_at: Timestamp,
}

impl Share {
    /// The share in percent, rounded up.
    #[must_use]
    pub fn percent(&self) -> u32 {
        u32::try_from((self.weight.saturating_mul(100)).div_ceil(self.total.max(1))).unwrap_or(u32::MAX)
    }

    /// How many of so many pods the share needs, rounded up.
    #[must_use]
    pub fn pods(&self, replicas: i32) -> i32 {
        let pods = u64::try_from(replicas.max(0)).unwrap_or(0).saturating_mul(self.weight);
        i32::try_from(pods.div_ceil(self.total.max(1))).unwrap_or(i32::MAX)
    }
}

/// A route as a proxy reads it: which Service gets how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    service: String,
    weight: u64,
    total: u64,
    written_at: Timestamp,
}

/// What there is to learn about an object.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// About which object.
    pub(crate) reference: Arc<ObjectRef>,
    /// The object; `None` if it has gone.
    pub(crate) object: Option<Arc<Object>>,
    /// Rises with every change.
    pub(crate) order: u64,
    /// When it was written.
    pub(crate) written_at: Timestamp,
}

/// What a proxy has applied of one object.
#[derive(Clone, Debug)]
struct Applied {
    order: u64,
    object: Option<Arc<Object>>,
    written_at: Timestamp,
}

/// One proxy.
#[derive(Clone, Debug, Default)]
struct Proxy {
    applied: BTreeMap<ObjectRef, Applied>,
}

/// All proxies.
#[derive(Clone, Debug, Default)]
pub struct DataPlane {
    proxies: Vec<Proxy>,
}

impl DataPlane {
    /// So many proxies that know nothing yet.
    pub(crate) fn new(proxies: usize) -> Self {
        Self { proxies: vec![Proxy::default(); proxies.max(1)] }
    }

    /// How many proxies there are.
    #[must_use]
    pub fn proxies(&self) -> usize {
        self.proxies.len()
    }

    /// The objects that any proxy knows.
    pub(crate) fn known(&self) -> BTreeSet<ObjectRef> {
        let is_there = |applied: &Applied| applied.object.is_some();
        let known = self.proxies.iter().flat_map(|proxy| &proxy.applied);
        known.filter(|(_, applied)| is_there(applied)).map(|(object, _)| object.clone()).collect()
    }

    /// A proxy applies what it has learned, unless it has applied something later about the same object.
    pub(crate) fn apply(&mut self, proxy: usize, news: &News) {
        let Some(proxy) = self.proxies.get_mut(proxy) else { return };
        let held = proxy.applied.get(&*news.reference);
        if held.is_none_or(|held| held.order < news.order) {
            let object = news.object.clone();
            // Somebody who puts a label on a route says nothing about its weights.
            let same = held.filter(|held| say_the_same(held.object.as_deref(), object.as_deref()));
            let written_at = same.map_or(news.written_at, |held| held.written_at);
            proxy
                .applied
                .insert((*news.reference).clone(), Applied { order: news.order, object, written_at });
        }
    }

    /// Where a proxy sends the requests to a Rollout: one share per way in and Service with a weight above 0. Empty
    /// where nothing decides between versions.
    #[must_use]
    pub fn shares(&self, proxy: usize, rollout: &RolloutFacts) -> Vec<Share> {
        let Some(proxy) = self.proxies.get(proxy) else { return Vec::new() };
        let spec = rollout.readable_spec();
        let Some(spec) = spec else { return Vec::new() };
        let namespace = &rollout.meta.namespace;
        proxy
            .splits(namespace, spec)
            .into_iter()
            .filter(|split| split.weight > 0 && split.total > 0)
            .map(|split| proxy.share(namespace, &split))
            .collect()
    }

    /// How many percent of the requests each version gets: the highest share over all proxies and ways in.
    #[must_use]
    pub fn effective_weights(&self, rollout: &RolloutFacts) -> BTreeMap<String, u32> {
        let mut weights = BTreeMap::new();
        for share in (0..self.proxies.len()).flat_map(|proxy| self.shares(proxy, rollout)) {
            let percent = share.percent();
            if let Some(hash) = share.hash {
                let held = weights.entry(hash).or_insert(0);
                *held = percent.max(*held);
            }
        }
        weights
    }
}

impl Proxy {
    fn splits(&self, namespace: &str, spec: &RolloutSpec) -> Vec<Split> {
        if let Some(blue_green) = &spec.strategy.blue_green {
            let service = blue_green.active_service.clone();
            return vec![Split { service, weight: 1, total: 1, written_at: Timestamp::MIN }];
        }
        let Some(canary) = &spec.strategy.canary else { return Vec::new() };
        let Some(routing) = &canary.traffic_routing else { return Vec::new() };
        let services = match &canary.ping_pong {
            Some(pair) => [pair.ping_service.as_str(), pair.pong_service.as_str()],
            None => [canary.stable_service.as_str(), canary.canary_service.as_str()],
        };
        let mut splits = Vec::new();
        if let Some(nginx) = &routing.nginx {
            splits.extend(ingress::splits(self, namespace, nginx, services));
        }
        if let Some(istio) = &routing.istio {
            let managed = &routing.managed_routes;
            splits.extend(virtual_service::splits(self, namespace, istio, managed, services));
        }
        splits
    }

    fn share(&self, namespace: &str, split: &Split) -> Share {
        let service = ObjectRef::new(Kind::Service, namespace, &split.service);
        let applied = self.applied.get(&service);
        let hash =
            applied.and_then(|applied| applied.object.as_ref()).and_then(|object| match &object.view {
                View::Service(facts) => facts.selector.get(POD_TEMPLATE_HASH).cloned(),
                _ => None,
            });
        let written_at = applied.map_or(Timestamp::MIN, |applied| applied.written_at).max(split.written_at);
        Share { hash, weight: split.weight, total: split.total, written_at }
    }

    /// The routes of a kind in a namespace, whole, and when they were written.
    fn routes(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = (&str, &Value, Timestamp)> {
        self.applied
            .range(ObjectRef::new(kind, namespace, "")..)
            .take_while(move |(reference, _)| reference.kind == kind && reference.namespace == namespace)
            .filter_map(|(reference, applied)| match &applied.object.as_ref()?.view {
                View::Route(value) => Some((reference.name.as_str(), &**value, applied.written_at)),
                _ => None,
            })
    }

    /// One route, whole, and when it was written.
    fn route(&self, kind: Kind, namespace: &str, name: &str) -> Option<(&Value, Timestamp)> {
        let applied = self.applied.get(&ObjectRef::new(kind, namespace, name))?;
        match &applied.object.as_ref()?.view {
            View::Route(value) => Some((value, applied.written_at)),
            _ => None,
        }
    }
}

/// Whether two versions of a route or a Service send requests to the same places.
fn say_the_same(one: Option<&Object>, other: Option<&Object>) -> bool {
    match (one.map(|one| &one.view), other.map(|other| &other.view)) {
        (Some(View::Route(one)), Some(View::Route(other))) => {
            let same = |path: &str| at(one, path) == at(other, path);
            same("/spec") && same("/metadata/annotations")
        }
        (Some(View::Service(one)), Some(View::Service(other))) => one.selector == other.selector,
        _ => false,
    }
}

/// What stands in an object at a path of fields such as `/spec/rules`: unlike `Value::pointer` it copies none of them.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('/').skip(1).try_fold(value, |value, field| value.get(field))
}

/// The list at such a path; empty when there is none.
fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;

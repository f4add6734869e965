//! What a canary Ingress copies from the stable one.

use std::collections::BTreeMap;

use crds::object_ref::ObjectRef;
use serde_json::{Map, Value, json};

use super::annotations::class;
use crate::RouteError;
use crate::object::{list, text};
use crate::registry::Services;

const BACKEND: &str = "/backend/service/name";

/// The parts of a stable Ingress that its canary Ingress repeats.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// Hosts and paths of the stable Service, with the canary Service as backend.
    rules: Vec<Value>,
    tls: Option<Value>,
    class_name: Option<String>,
    class_annotation: Option<(String, String)>,
}

impl Shape {
    /// Reads it off the stable Ingress.
    ///
    /// Only paths whose backend is the stable Service are copied: a path of another Service would make the canary
    /// Ingress a second route for it.
    pub(super) fn of(object: &ObjectRef, stable: &Value, services: &Services) -> Result<Self, RouteError> {
        let rules: Vec<Value> =
            list(stable, "/spec/rules").iter().filter_map(|rule| canary_rule(rule, services)).collect();
        if rules.is_empty() {
            let service = &services.stable;
            return Err(RouteError::Unfit {
                object: object.clone(),
                path: "spec.rules".to_owned(),
                message: format!("no path has the stable Service {service:?} as its backend: add one"),
            });
        }
        Ok(Self {
            rules,
            tls: stable.pointer("/spec/tls").cloned(),
            class_name: text(stable, "/spec/ingressClassName").map(str::to_owned),
            class_annotation: class(stable),
        })
    }

    /// The annotations that are copied.
    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        self.class_annotation.iter().cloned().collect()
    }

    /// The spec of a new canary Ingress.
    pub(super) fn spec(&self) -> Value {
        let mut spec = Map::new();
        spec.insert("rules".to_owned(), Value::Array(self.rules.clone()));
        spec.extend(self.tls.clone().map(|tls| ("tls".to_owned(), tls)));
        spec.extend(self.class_name.clone().map(|name| ("ingressClassName".to_owned(), name.into())));
        Value::Object(spec)
    }

    /// The keys of a live canary Ingress's spec that differ, as a merge patch.
    pub(super) fn changes(&self, live: &Value) -> Map<String, Value> {
        let mut wanted = vec![("rules", json!(self.rules)), ("tls", self.tls.clone().unwrap_or_default())];
        // Without any class on the stable Ingress, the API server may have given the canary its default one.
        if self.class_name.is_some() || self.class_annotation.is_some() {
            wanted.push(("ingressClassName", json!(self.class_name)));
        }
        wanted
            .into_iter()
            .filter(|(key, value)| {
                live.get("spec").and_then(|spec| spec.get(key)).unwrap_or(&Value::Null) != value
            })
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// Whether requests can come to a canary Ingress: whether it has any path.
pub(super) fn has_paths(live: &Value) -> bool {
    list(live, "/spec/rules").iter().any(|rule| !list(rule, "/http/paths").is_empty())
}

/// The rule with its paths to the stable Service turned to the canary Service; `None` if it has no such path.
fn canary_rule(rule: &Value, services: &Services) -> Option<Value> {
    let mut rule = rule.clone();
    let paths = rule.pointer_mut("/http/paths")?.as_array_mut()?;
    paths.retain(|path| text(path, BACKEND) == Some(services.stable.as_str()));
    for path in paths.iter_mut() {
        if let Some(name) = path.pointer_mut(BACKEND) {
            *name = services.canary.as_str().into();
        }
    }
    if paths.is_empty() { None } else { Some(rule) }
}

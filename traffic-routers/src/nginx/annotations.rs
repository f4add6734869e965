//! The annotations of a canary Ingress: which ones are ours, and what they say.

use std::collections::BTreeMap;

use crds::rollout::NginxRouting;
use serde_json::{Map, Value};

const DEFAULT_PREFIX: &str = "nginx.ingress.kubernetes.io";
const CLASS: &str = "kubernetes.io/ingress.class";

/// What the Rollout wants of its canary Ingresses' annotations.
#[derive(Clone, Debug)]
pub(super) struct Annotations {
    /// Everything but the weight.
    fixed: BTreeMap<String, String>,
    weight_key: String,
    total_key: String,
}

impl Annotations {
    /// Reads the spec's words. The keys that carry the split are ours even if the user sets them, too.
    pub(super) fn new(routing: &NginxRouting, max_weight: Option<i32>) -> Self {
        let prefix = match routing.annotation_prefix.as_str() {
            "" => DEFAULT_PREFIX,
            prefix => prefix,
        };
        let mut fixed = routing.canary_ingress_annotations.clone();
        for (key, value) in &routing.additional_ingress_annotations {
            let key = if key.starts_with(prefix) { key.clone() } else { format!("{prefix}/{key}") };
            fixed.insert(key, value.clone());
        }
        let total_key = format!("{prefix}/canary-weight-total");
        fixed.insert(format!("{prefix}/canary"), "true".to_owned());
        if let Some(total) = max_weight {
            fixed.insert(total_key.clone(), total.to_string());
        }
        Self { fixed, weight_key: format!("{prefix}/canary-weight"), total_key }
    }

    /// The annotations that say `weight`; without a weight, all the others.
    pub(super) fn wanted(&self, weight: Option<u32>) -> BTreeMap<String, String> {
        let mut wanted = self.fixed.clone();
        wanted.extend(weight.map(|weight| (self.weight_key.clone(), weight.to_string())));
        wanted
    }

    /// The weight that a live Ingress says, if it says one.
    pub(super) fn weight(&self, live: &Value) -> Option<u32> {
        annotation(live, &self.weight_key).and_then(|text| text.parse().ok())
    }

    /// What has to change so that `live` has the `wanted` annotations. Others stay, but for a total that is no
    /// longer wanted: it would change what the weight means.
    pub(super) fn changes(&self, live: &Value, wanted: &BTreeMap<String, String>) -> Map<String, Value> {
        let mut changes: Map<String, Value> = wanted
            .iter()
            .filter(|(key, value)| annotation(live, key) != Some(value))
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect();
        if !wanted.contains_key(&self.total_key) && annotation(live, &self.total_key).is_some() {
            changes.insert(self.total_key.clone(), Value::Null);
        }
        changes
    }
}

/// The Ingress class in its old form, as an annotation.
pub(super) fn class(live: &Value) -> Option<(String, String)> {
    annotation(live, CLASS).map(|class| (CLASS.to_owned(), class.to_owned()))
}

fn annotation<'a>(live: &'a Value, key: &str) -> Option<&'a str> {
    live.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

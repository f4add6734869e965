//! Managed routes: entries of `spec.http` that header and mirror steps make, before all others.

use std::collections::BTreeMap;

use crds::rollout::{HeaderMatch, ManagedRule, RouteMatch, StringMatch};
use serde_json::{Map, Value, json};

use super::split::FULL;
use crate::object::{list, text};

/// The managed routes of one VirtualService.
pub(super) struct Managed<'a> {
    /// Their names, in the order in which they are tried.
    pub names: &'a [String],
    /// The Service of the new version.
    pub canary: &'a str,
}

impl Managed<'_> {
    /// Whether an entry of `spec.http` is one of them.
    pub(super) fn owns(&self, entry: &Value) -> bool {
        self.names.iter().any(|name| text(entry, "/name") == Some(name))
    }

    /// The places in `spec.http` of those that share their requests by weight, as mirror routes do.
    pub(super) fn weighted(&self, live: &Value) -> Vec<usize> {
        let entries = list(live, "/spec/http").iter().enumerate();
        entries.filter(|(_, entry)| self.owns(entry) && is_mirror(entry)).map(|(index, _)| index).collect()
    }

    /// The rules that the object holds, in its order. An entry that no step would have written like this is one that
    /// matches nothing, so that it is never what is wanted.
    pub(super) fn observe(&self, live: &Value, primary: &Value) -> Vec<ManagedRule> {
        let entries = list(live, "/spec/http").iter().filter(|entry| self.owns(entry));
        entries
            .map(|entry| {
                let rule = read(entry);
                if without_weights(entry) == without_weights(&self.entry(&rule, primary)) {
                    rule
                } else {
                    ManagedRule::Header { name: rule.name().to_owned(), matches: Vec::new() }
                }
            })
            .collect()
    }

    /// Where the new version is, as `primary` says it, with the port if one is named.
    fn destination(&self, primary: &Value) -> Value {
        let destinations = list(primary, "/route").iter().filter_map(|route| route.get("destination"));
        let host = |destination: &Value| text(destination, "/host").unwrap_or_default().to_owned();
        let mut canaries = destinations.filter(|one| host(one).split('.').next() == Some(self.canary));
        canaries.next().cloned().unwrap_or_else(|| json!({ "host": self.canary }))
    }

    /// The entry that a rule asks for; what it copies goes where the requests of `primary` go.
    pub(super) fn entry(&self, rule: &ManagedRule, primary: &Value) -> Value {
        match rule {
            ManagedRule::Header { name, matches } => json!({
                "name": name,
                "match": matches.iter().map(header).collect::<Vec<_>>(),
                "route": [{ "destination": self.destination(primary), "weight": FULL }],
            }),
            ManagedRule::Mirror { name, matches, percentage } => json!({
                "name": name,
                "match": matches.iter().map(request).collect::<Vec<_>>(),
                "route": list(primary, "/route"),
                "mirror": self.destination(primary),
                "mirrorPercentage": { "value": percentage },
            }),
        }
    }
}

fn is_mirror(entry: &Value) -> bool {
    entry.get("mirror").is_some()
}

fn header(one: &HeaderMatch) -> Value {
    json!({ "headers": { &one.header_name: comparison(one.header_value.as_ref()) } })
}

fn request(one: &RouteMatch) -> Value {
    let mut fields = Map::new();
    if let Some(method) = &one.method {
        fields.insert("method".to_owned(), comparison(Some(method)));
    }
    if let Some(path) = &one.path {
        fields.insert("uri".to_owned(), comparison(Some(path)));
    }
    if !one.headers.is_empty() {
        let headers = one.headers.iter().map(|(name, text)| (name.clone(), comparison(Some(text))));
        fields.insert("headers".to_owned(), Value::Object(headers.collect()));
    }
    Value::Object(fields)
}

/// Without a text, it is enough that there is a value.
fn comparison(text: Option<&StringMatch>) -> Value {
    match text {
        Some(text) if !text.exact.is_empty() => json!({ "exact": text.exact }),
        Some(text) if !text.prefix.is_empty() => json!({ "prefix": text.prefix }),
        Some(text) if !text.regex.is_empty() => json!({ "regex": text.regex }),
        _ => json!({}),
    }
}

/// The rule that an entry seems to stem from.
fn read(entry: &Value) -> ManagedRule {
    let name = text(entry, "/name").unwrap_or_default().to_owned();
    let matches = list(entry, "/match").iter();
    if !is_mirror(entry) {
        return ManagedRule::Header { name, matches: matches.filter_map(read_header).collect() };
    }
    let percentage = entry.pointer("/mirrorPercentage/value").and_then(whole).unwrap_or(100);
    ManagedRule::Mirror { name, matches: matches.map(read_request).collect(), percentage }
}

fn read_header(one: &Value) -> Option<HeaderMatch> {
    let (name, text) = one.get("headers")?.as_object()?.iter().next()?;
    Some(HeaderMatch { header_name: name.clone(), header_value: read_comparison(text) })
}

fn read_request(one: &Value) -> RouteMatch {
    let headers = one.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers = headers.filter_map(|(name, text)| Some((name.clone(), read_comparison(text)?)));
    RouteMatch {
        method: one.get("method").and_then(read_comparison),
        path: one.get("uri").and_then(read_comparison),
        headers: headers.collect::<BTreeMap<_, _>>(),
    }
}

fn read_comparison(value: &Value) -> Option<StringMatch> {
    let of = |kind: &str| value.get(kind).and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = StringMatch { exact: of("exact"), prefix: of("prefix"), regex: of("regex") };
    (text != StringMatch::default()).then_some(text)
}

/// A percentage, which may come back with a fraction of zero.
#[expect(clippy::cast_possible_truncation, reason = "a percentage; anything else is no rule of ours")]
fn whole(value: &Value) -> Option<i32> {
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (0.0..=100.0).contains(&number)).then_some(number as i32)
}

/// An entry as far as rules decide it: weights are the business of the split, and 100 is 100.0.
fn without_weights(entry: &Value) -> Value {
    let mut entry = entry.clone();
    for destination in entry.get_mut("route").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(fields) = destination.as_object_mut() {
            fields.remove("weight");
        }
    }
    if let Some(value) = entry.pointer_mut("/mirrorPercentage/value")
        && let Some(percentage) = whole(value)
    {
        *value = json!(percentage);
    }
    entry
}

#[cfg(test)]
mod tests;

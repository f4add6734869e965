//! Requests per user agent, verb, resource and subresource.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::attributes::Attributes;

/// One line of the counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Count {
    user_agent: String,
    verb: String,
    resource: String,
    subresource: String,
    #[serde(rename = "count")]
    requests: u64,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    by_kind: BTreeMap<(String, String, String, String), u64>,
}

impl Counts {
    /// Counts a request.
    pub(crate) fn add(&mut self, request: &Attributes) {
        let Attributes { user_agent, verb, resource, subresource, .. } = request.clone();
        *self.by_kind.entry((user_agent, verb, resource, subresource)).or_default() += 1;
    }

    /// All lines, sorted.
    pub(crate) fn lines(&self) -> Vec<Count> {
        self.by_kind
            .iter()
            .map(|((user_agent, verb, resource, subresource), count)| Count {
                user_agent: user_agent.clone(),
                verb: verb.clone(),
                resource: resource.clone(),
                subresource: subresource.clone(),
                requests: *count,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_one_kind_are_one_line() {
        let mut counts = Counts::default();
        for name in ["a", "b"] {
            counts.add(&Attributes::read(
                "PATCH",
                &format!("/api/v1/namespaces/x/pods/{name}/status"),
                "",
                "l",
            ));
        }
        counts.add(&Attributes::read("GET", "/api/v1/namespaces/x/pods", "watch=true", "l"));
        let lines: Vec<String> = counts
            .lines()
            .iter()
            .map(|line| format!("{} {}/{} {}", line.verb, line.resource, line.subresource, line.requests))
            .collect();
        assert_eq!(lines, ["patch pods/status 2", "watch pods/ 1"]);
    }
}

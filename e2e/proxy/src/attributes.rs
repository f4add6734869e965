//! What a request to the API server is about, read from its method, path and headers.

use std::fmt;

use serde::Serialize;

/// The attributes that rules, counts and the journal know a request by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attributes {
    /// The first word of the User-Agent header.
    pub(crate) user_agent: String,
    /// The verb in the API's sense: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`,
    /// `deletecollection`; the method in lower case for what is not a resource.
    pub(crate) verb: String,
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// Resource in plural; empty for what is not a resource.
    pub(crate) resource: String,
    /// Subresource, or nothing.
    pub(crate) subresource: String,
    /// Namespace, or nothing.
    pub(crate) namespace: String,
    /// Name, or nothing.
    pub(crate) name: String,
    /// Path without the query.
    pub(crate) path: String,
}

impl Attributes {
    /// Reads a request.
    pub(crate) fn read(method: &str, path: &str, query: &str, user_agent: &str) -> Self {
        let mut attributes = Self {
            user_agent: user_agent.split(' ').next().unwrap_or_default().to_owned(),
            verb: method.to_ascii_lowercase(),
            path: path.to_owned(),
            ..Self::default()
        };
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        attributes.group = match parts.next() {
            Some("api") => String::new(),
            Some("apis") => parts.next().unwrap_or_default().to_owned(),
            _ => return attributes,
        };
        let version = parts.next();
        let rest: Vec<&str> = parts.collect();
        if version.is_none() || rest.is_empty() {
            return attributes;
        }
        attributes.place(&rest);
        verb(method, &attributes.name, query).clone_into(&mut attributes.verb);
        attributes
    }

    fn place(&mut self, parts: &[&str]) {
        let own = |part: Option<&&str>| part.map(|part| (*part).to_owned()).unwrap_or_default();
        let rest = match parts {
            // A namespace itself, or one of its own subresources.
            ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => parts,
            ["namespaces", namespace, rest @ ..] => {
                (*namespace).clone_into(&mut self.namespace);
                rest
            }
            _ => parts,
        };
        self.resource = own(rest.first());
        self.name = own(rest.get(1));
        self.subresource = own(rest.get(2));
    }

    /// Whether the request changes something.
    pub(crate) fn is_write(&self) -> bool {
        matches!(&*self.verb, "create" | "update" | "patch" | "delete" | "deletecollection" | "post" | "put")
    }

    /// Whether the answer is a stream of events.
    pub(crate) fn is_watch(&self) -> bool {
        self.verb == "watch"
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} by {}", self.verb, self.path, self.user_agent)
    }
}

fn verb(method: &str, name: &str, query: &str) -> &'static str {
    let watches = || query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "watch"));
    match method {
        "GET" | "HEAD" if watches() => "watch",
        "GET" | "HEAD" if name.is_empty() => "list",
        "GET" | "HEAD" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if name.is_empty() => "deletecollection",
        "DELETE" => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::get("GET", "/api/v1/namespaces/shop/pods/web-1", "", "get pods/web-1 in shop")]
    #[case::list("GET", "/api/v1/namespaces/shop/pods", "limit=500", "list pods/ in shop")]
    #[case::list_of_all("GET", "/apis/apps/v1/replicasets", "", "list replicasets/ in ")]
    #[case::watch("GET", "/apis/apps/v1/replicasets", "a=b&watch=true", "watch replicasets/ in ")]
    #[case::create("POST", "/apis/apps/v1/namespaces/shop/replicasets", "", "create replicasets/ in shop")]
    #[case::update("PUT", "/apis/apps/v1/namespaces/shop/replicasets/a", "", "update replicasets/a in shop")]
    #[case::patch("PATCH", "/api/v1/nodes/n1", "", "patch nodes/n1 in ")]
    #[case::delete("DELETE", "/api/v1/namespaces/shop/pods/a", "", "delete pods/a in shop")]
    #[case::delete_all("DELETE", "/api/v1/namespaces/shop/pods", "", "deletecollection pods/ in shop")]
    #[case::namespace("GET", "/api/v1/namespaces/shop", "", "get namespaces/shop in ")]
    #[case::namespace_status("PUT", "/api/v1/namespaces/shop/status", "", "update namespaces/shop in ")]
    #[case::namespaces("GET", "/api/v1/namespaces", "", "list namespaces/ in ")]
    #[case::no_resource("GET", "/readyz", "", "get / in ")]
    #[case::discovery("GET", "/apis/apps/v1", "", "get / in ")]
    fn a_request_is_read(#[case] method: &str, #[case] path: &str, #[case] query: &str, #[case] want: &str) {
        let read = Attributes::read(method, path, query, "");
        assert_eq!(format!("{} {}/{} in {}", read.verb, read.resource, read.name, read.namespace), want);
    }

    #[test]
    fn group_subresource_and_user_agent_are_read() {
        let path = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web/status";
        let read = Attributes::read("PATCH", path, "fieldManager=x", "linnet/0.1.0 (linux)");
        assert_eq!(
            (&*read.group, &*read.resource, &*read.subresource, &*read.user_agent),
            ("argoproj.io", "rollouts", "status", "linnet/0.1.0")
        );
        assert!(read.is_write());
        assert!(!Attributes::read("GET", path, "", "").is_write());
    }
}

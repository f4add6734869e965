//! Which routes of a VirtualService carry the weight.

use std::collections::BTreeSet;

use crds::object_ref::ObjectRef;
use crds::rollout::{TcpRoute, TlsRoute};
use planted_bugs::{Bug, planted};
use serde_json::Value;

use super::Chosen;
use super::managed::Managed;
use super::split::has_both;
use crate::RouteError;
use crate::object::list;
use crate::registry::Services;

/// One entry of `spec.http`, `spec.tls` or `spec.tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The list's name.
    pub section: &'static str,
    /// The place in it.
    pub index: usize,
}

/// The chosen routes, and the first reason why there should be more.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selection {
    /// Those that were found, in the order of the object.
    pub entries: BTreeSet<Entry>,
    /// What was named and not found.
    pub problem: Option<RouteError>,
}

/// Finds the routes that the spec names.
///
/// Managed routes are none of them. Without names it is the only HTTP route, else the first one without a name that
/// sends to both Services, so that a route for chosen requests may stand before it. A TLS or TCP route needs no naming if it is the only one of its
/// kind and sends to both Services.
pub(super) fn select(chosen: &Chosen, live: &Value, services: &Services, managed: &Managed<'_>) -> Selection {
    let mut found = Selection { entries: BTreeSet::new(), problem: None };
    let config = &chosen.config;
    for name in &config.routes {
        let is_it = |route: &Value| name_of(route) == name || planted(Bug::WrongRouteOfVirtualService);
        let index = list(live, "/spec/http").iter().position(is_it);
        found.add("http", index, || {
            unfit(
                &chosen.object,
                "spec.http",
                format!("no route is named {name:?}: correct {}.routes", chosen.path),
            )
        });
    }
    for wanted in &config.tls_routes {
        let routes = matching(list(live, "/spec/tls"), |route| is_tls(route, wanted));
        found.add("tls", routes, || {
            let message =
                format!("no route matches port {} and SNI hosts {:?} alone", wanted.port, wanted.sni_hosts);
            unfit(&chosen.object, "spec.tls", format!("{message}: correct {}.tlsRoutes", chosen.path))
        });
    }
    for wanted in &config.tcp_routes {
        let routes = matching(list(live, "/spec/tcp"), |route| is_tcp(route, wanted));
        found.add("tcp", routes, || {
            let message =
                format!("no route matches port {} alone: correct {}.tcpRoutes", wanted.port, chosen.path);
            unfit(&chosen.object, "spec.tcp", message)
        });
    }
    let unnamed_http = if config.routes.is_empty() { default_http(live, services, managed) } else { None };
    found.entries.extend(unnamed_http.map(|index| Entry { section: "http", index }));
    let named = !config.routes.is_empty() || !config.tls_routes.is_empty() || !config.tcp_routes.is_empty();
    if !named {
        found.entries.extend(only(live, "tls", services).into_iter().chain(only(live, "tcp", services)));
        found.check_any(chosen, live, services, managed);
    }
    found
}

impl Selection {
    /// The place of the first chosen HTTP route: what a mirror route copies.
    pub(super) fn primary(&self) -> Option<usize> {
        self.entries.iter().find(|entry| entry.section == "http").map(|entry| entry.index)
    }

    fn add(
        &mut self,
        section: &'static str,
        indexes: impl IntoIterator<Item = usize>,
        problem: impl FnOnce() -> RouteError,
    ) {
        let mut any = false;
        for index in indexes {
            any = true;
            self.entries.insert(Entry { section, index });
        }
        if !any && self.problem.is_none() {
            self.problem = Some(problem());
        }
    }

    /// Sees to it that something was chosen or a problem named, when the spec leaves the choice to the object.
    fn check_any(&mut self, chosen: &Chosen, live: &Value, services: &Services, managed: &Managed<'_>) {
        if !self.entries.is_empty() {
            return;
        }
        if let [(index, _)] = of_user(live, managed).as_slice() {
            // The only candidate: what it lacks is said where it is read.
            self.entries.insert(Entry { section: "http", index: *index });
            return;
        }
        let Services { canary, stable } = services;
        let message = format!(
            "no route without a name sends to both {stable:?} and {canary:?}: name one in {}.routes",
            chosen.path
        );
        self.problem = Some(unfit(&chosen.object, "spec", message));
    }
}

fn default_http(live: &Value, services: &Services, managed: &Managed<'_>) -> Option<usize> {
    let routes = of_user(live, managed);
    let single = routes.len() == 1;
    let is_it = |route: &Value| (single || name_of(route).is_empty()) && has_both(route, services);
    routes.into_iter().find(|(_, route)| is_it(route)).map(|(index, _)| index)
}

/// The HTTP routes that no step made, with their places.
fn of_user<'a>(live: &'a Value, managed: &Managed<'_>) -> Vec<(usize, &'a Value)> {
    list(live, "/spec/http").iter().enumerate().filter(|(_, route)| !managed.owns(route)).collect()
}

fn only(live: &Value, section: &'static str, services: &Services) -> Option<Entry> {
    match list(live, &format!("/spec/{section}")) {
        [route] if has_both(route, services) => Some(Entry { section, index: 0 }),
        _ => None,
    }
}

fn name_of(route: &Value) -> &str {
    route.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn matching(routes: &[Value], wanted: impl Fn(&Value) -> bool) -> Vec<usize> {
    routes.iter().enumerate().filter(|(_, route)| wanted(route)).map(|(index, _)| index).collect()
}

/// Whether all matches of a TLS route are for one port, and together for exactly the wanted server names.
fn is_tls(route: &Value, wanted: &TlsRoute) -> bool {
    let hosts: BTreeSet<&str> = list(route, "/match")
        .iter()
        .flat_map(|one| list(one, "/sniHosts"))
        .filter_map(Value::as_str)
        .collect();
    let wanted_hosts: BTreeSet<&str> = wanted.sni_hosts.iter().map(String::as_str).collect();
    is_port(route, wanted.port) && (wanted_hosts.is_empty() || hosts == wanted_hosts)
}

fn is_tcp(route: &Value, wanted: &TcpRoute) -> bool {
    is_port(route, wanted.port)
}

/// Whether all matches of a route are for one port, and that is the wanted one; 0 stands for any.
fn is_port(route: &Value, wanted: i64) -> bool {
    let ports: BTreeSet<i64> = list(route, "/match")
        .iter()
        .map(|one| one.get("port").and_then(Value::as_i64).unwrap_or(0))
        .collect();
    ports.len() <= 1 && (wanted == 0 || ports.contains(&wanted))
}

fn unfit(object: &ObjectRef, path: &str, message: String) -> RouteError {
    RouteError::Unfit { object: object.clone(), path: path.to_owned(), message }
}

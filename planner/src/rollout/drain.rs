//! What was written is not yet in force: how long pods behind an old route or an old selector are kept.

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{RolloutStatus, RouteWrite};
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::pause::{after, rounded_up};
use super::view::{View, own_block};
use crate::facts::RouteFacts;
use crate::waiting::Waiting;

/// An object that steers traffic, and its version.
type Tracked = (ObjectRef, String);

/// The reason to keep pods that a route or a Service may still send requests to; nothing if all are in force.
pub(crate) fn pending(view: &View<'_>) -> Option<Waiting> {
    unreadable(view).or_else(|| latest(view, routes(view).chain(services(view))))
}

/// The same, where writes are recorded: at rest all requests go to one version, whatever was written last.
pub(crate) fn pending_in_update(view: &View<'_>) -> Option<Waiting> {
    is_recording(view).then(|| pending(view)).flatten()
}

/// The same, for the weights alone.
pub(crate) fn weight_drain(view: &View<'_>) -> Option<Waiting> {
    unreadable(view).or_else(|| latest(view, routes(view)))
}

/// A route that cannot be read may say anything; one that does not exist says nothing.
fn unreadable(view: &View<'_>) -> Option<Waiting> {
    let of = |route: &RouteFacts| {
        let (route, message) = (route.reference.clone(), route.problem.clone()?);
        Some(Waiting::RouteProblem { route, message })
    };
    view.snapshot.routes.iter().filter(|route| !route.is_missing).find_map(of)
}

/// The same, for one Service alone.
pub(crate) fn service_drain(view: &View<'_>, name: &str) -> Option<Waiting> {
    latest(view, services(view).filter(|(object, _)| object.name == name))
}

fn latest(view: &View<'_>, objects: impl Iterator<Item = Tracked>) -> Option<Waiting> {
    objects
        .map(|(object, version)| (until(view, &object, &version), object))
        .filter(|(until, _)| *until > view.now)
        .max_by_key(|(until, _)| *until)
        .map(|(until, route)| Waiting::RouteDraining { route, until })
}

/// When the last write of an object counts as in force. A write that is not recorded counts from now; one that is
/// recorded without a time was in force before anything depended on it. What an earlier process recorded counts from
/// the beginning of this one: its clock may have been another.
fn until(view: &View<'_>, object: &ObjectRef, version: &str) -> Timestamp {
    let written = match recorded(view.status(), &word(view, object)) {
        Some(write) if is_version(write, version) => match write.written_at {
            Some(time) => {
                view.snapshot.tenure.map_or(time.get(), |tenure| tenure.leading_since.max(time.get()))
            }
            None => return Timestamp::MIN,
        },
        _ => view.now,
    };
    let length = SignedDuration::from_secs(i64::from(view.snapshot.settings.route_drain_seconds));
    after(written, length.max(SignedDuration::from_secs(1)))
}

fn recorded<'a>(status: &'a RolloutStatus, word: &str) -> Option<&'a RouteWrite> {
    status.linnet.as_ref()?.routes.iter().find(|write| write.ref_ == word)
}

fn is_version(write: &RouteWrite, version: &str) -> bool {
    write.resource_version == version || planted(Bug::LaterRouteWritesNotDrained)
}

/// Notes the writes that the status has not seen yet.
///
/// At rest all requests go to one version, so nothing drains: an object that somebody else touches then costs no write
/// and, when the next update begins, no time.
pub(crate) fn record(view: &View<'_>, status: &mut RolloutStatus) {
    if !is_recording(view) {
        return;
    }
    let now = (!was_at_rest(view)).then(|| rounded_up(view.now));
    let writes: Vec<RouteWrite> = routes(view)
        .chain(services(view))
        .map(|(object, version)| {
            let word = word(view, &object);
            match recorded(status, &word) {
                Some(write) if is_version(write, &version) => write.clone(),
                _ => RouteWrite { ref_: word, written_at: now, resource_version: version },
            }
        })
        .collect();
    own_block(status).routes = writes;
}

/// Whether writes of routes and Services are recorded: while more than one version may get requests.
fn is_recording(view: &View<'_>) -> bool {
    view.strategy.is_steered() && !view.is_first_deploy() && !(was_at_rest(view) && view.is_promoted())
}

fn was_at_rest(view: &View<'_>) -> bool {
    view.status().current_pod_hash == view.stable_hash()
        && view.revisions.older.iter().all(|set| set.replicas <= 0)
}

fn routes<'v>(view: &'v View<'_>) -> impl Iterator<Item = Tracked> + 'v {
    view.snapshot.routes.iter().filter_map(|route| {
        tracked(view, route.reference.clone(), route.version.as_ref().map(|(_, version)| version))
    })
}

fn services<'v>(view: &'v View<'_>) -> impl Iterator<Item = Tracked> + 'v {
    view.services().into_iter().filter(|name| !name.is_empty()).filter_map(|name| {
        let object = ObjectRef::new(Kind::Service, view.snapshot.rollout.meta.namespace.as_str(), name);
        tracked(view, object, view.service(name).map(|service| &service.meta.resource_version))
    })
}

/// An object with its version; with none if it has gone since it was recorded: proxies learn of that late as well.
fn tracked(view: &View<'_>, object: ObjectRef, version: Option<&String>) -> Option<Tracked> {
    let gone = || recorded(view.status(), &word(view, &object)).map(|_| String::new());
    let version = version.cloned().or_else(gone)?;
    Some((object, version))
}

/// How the status names an object: `Ingress/web-canary`, with the namespace if it is another one.
fn word(view: &View<'_>, object: &ObjectRef) -> String {
    let kind = object.kind.name();
    if object.namespace == view.snapshot.rollout.meta.namespace {
        format!("{kind}/{}", object.name)
    } else {
        format!("{kind}/{}/{}", object.namespace, object.name)
    }
}

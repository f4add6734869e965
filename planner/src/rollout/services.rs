//! Which pods a Service selects, and how the two Services of a canary follow the versions.

use crds::names::{MANAGED_BY_ROLLOUTS, POD_TEMPLATE_HASH};
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::replicas::allowance;
use super::view::{View, available};
use super::{Action, drain};
use crate::event::Event;
use crate::facts::{ReplicaSetFacts, ServiceFacts};
use crate::waiting::Waiting;

/// Whether a Service selects the pods with that hash; a Service that the spec does not name stands in nobody's way.
pub(crate) fn selects(view: &View<'_>, service: &str, hash: &str) -> bool {
    service.is_empty() || view.service(service).is_some_and(|service| selected(service) == hash)
}

/// The hash in a Service's selector; empty without one.
pub(crate) fn selected(service: &ServiceFacts) -> &str {
    service.selector.get(POD_TEMPLATE_HASH).map_or("", String::as_str)
}

/// Points the two Services of a canary at the versions that they stand for.
///
/// The stable Service follows `status.stableRS`. The canary Service selects the new version, and the stable one after
/// an abort, at rest, and while a version that is on its way out would be selected otherwise. Services that take turns
/// swap their roles at a promotion, so that the one of the stable version selects it already; the other one is left
/// alone until the next update.
pub(crate) fn switch(view: &View<'_>, draft: &mut Draft) {
    if view.is_first_deploy() && view.is_routed() && view.revisions.new.is_none() {
        return;
    }
    let stable = view.revisions.stable;
    let is_stable = view.is_promoted() || view.is_aborted() || selects_leaving(view);
    let canary = if is_stable { stable } else { view.revisions.new };
    for (name, set) in [(view.stable_service(), stable), (view.canary_service(), canary)] {
        let is_left = view.takes_turns() && view.is_promoted() && name == view.canary_service();
        if name.is_empty() || is_left {
            continue;
        }
        let Some(set) = set else { continue };
        let Some(service) = view.service(name) else {
            let message = "it does not exist".to_owned();
            draft.wait(Waiting::ServiceNotReady { service: name.to_owned(), message });
            continue;
        };
        if selected(service) == set.hash {
            continue;
        }
        match obstacle(view, service, set) {
            None => draft.act(action(service, set)),
            Some(reason) => draft.wait(reason),
        }
    }
}

/// Whether the canary Service still selects a version that another one has replaced, and that one has no pods yet.
///
/// The pods of the replaced version go, and a proxy may learn of a raised weight before it learns of the Service: it
/// would send requests to nobody. So the Service turns to the stable version meanwhile. One that took its turn selects
/// a version whose pods may have gone long ago.
fn selects_leaving(view: &View<'_>) -> bool {
    let selected = view.service(view.canary_service()).map_or("", selected);
    let set = view.revisions.older.iter().copied().find(|set| set.hash == selected);
    let is_gone = !selected.is_empty() && selected != view.hash() && selected != view.stable_hash();
    let is_leaving = set.is_some() && available(view.revisions.new) == 0;
    let leads_nowhere = view.takes_turns() && is_gone && available(set) == 0;
    let is_left = leads_nowhere && !planted(Bug::SwitchedFromNobody);
    view.is_routed() && !view.reaches_canary() && (is_leaving || is_left)
}

/// Why a Service cannot be pointed at a ReplicaSet now.
fn obstacle(view: &View<'_>, service: &ServiceFacts, set: &ReplicaSetFacts) -> Option<Waiting> {
    let have = available(Some(set));
    let want = needed(view, service, set);
    let name = &service.meta.name;
    if have < want && !planted(Bug::ServiceSwitchedBeforePods) {
        let message = format!("{have} of {want} pods of ReplicaSet {} are available", set.meta.name);
        return Some(Waiting::ServiceNotReady { service: name.clone(), message });
    }
    // Few pods must not inherit the traffic of many: the routes leave first.
    let inherits = *name == view.canary_service() && view.is_routed() && have < view.replicas();
    if inherits
        && !planted(Bug::NewVersionInheritsWeight)
        && is_managed(service)
        && !selected(service).is_empty()
    {
        if view.reaches_canary() {
            let message = "the routes still send requests to it".to_owned();
            return Some(Waiting::ServiceNotReady { service: name.clone(), message });
        }
        if let Some(reason) = drain::weight_drain(view) {
            return Some(reason);
        }
    }
    // What it selected before may have gone, and a proxy must know by then that it does so no longer.
    if view.takes_turns() && *name == view.canary_service() && !planted(Bug::SwitchedFromNobody) {
        return drain::service_drain(view, name);
    }
    None
}

/// How many available pods a version needs before a Service turns to it. A promoted version takes over all requests of
/// the one before: it needs as many pods as that one has, up to the wanted number without what `maxUnavailable`
/// tolerates.
fn needed(view: &View<'_>, service: &ServiceFacts, set: &ReplicaSetFacts) -> i32 {
    if !is_managed(service) {
        return set.replicas.max(1);
    }
    if !view.is_promoted() || service.meta.name != view.stable_service() {
        return 1;
    }
    let serving = view.snapshot.sets().find(|one| one.hash == selected(service));
    let least = view.replicas().saturating_sub(allowance(view).unavailable);
    available(serving).min(least).max(1)
}

fn is_managed(service: &ServiceFacts) -> bool {
    service.meta.annotations.contains_key(MANAGED_BY_ROLLOUTS)
}

/// Points a Service at a version, and marks it as managed.
pub(crate) fn action(service: &ServiceFacts, set: &ReplicaSetFacts) -> Action {
    let name = &service.meta.name;
    let message =
        format!("Switched selector for service '{name}' from '{}' to '{}'", selected(service), set.hash);
    Action::SwitchService {
        name: name.clone(),
        resource_version: service.meta.resource_version.clone(),
        hash: set.hash.clone(),
        events: vec![Event::normal("SwitchService", message)],
    }
}

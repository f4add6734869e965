//! Istio, through the weights of VirtualServices that split between two hosts.
//!
//! Only `route[].weight` of the chosen routes is written, each by its own path, so that all else in the VirtualService
//! survives: matches, retries, faults, the routes before and behind. When managed routes come or go, `spec.http` is
//! written whole, with every other route as it was.

mod managed;
mod select;
mod split;
#[cfg(test)]
mod tests;

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{IstioRouting, IstioVirtualService, TrafficRouting};
use planted_bugs::{Bug, planted};
use serde_json::{Value, json};

use self::managed::Managed;
use self::select::{Entry, Selection, select};
use self::split::{FULL, Split};
use crate::object::{list, resource_version};
use crate::registry::{ROUTING, Services};
use crate::{Edit, Objects, Observation, Owner, RouteError, Target, TrafficRouter};

/// Drives the VirtualServices of one Rollout.
#[derive(Clone, Debug)]
pub struct Istio {
    services: Services,
    chosen: Vec<Chosen>,
    managed: Vec<String>,
}

/// A VirtualService that the spec names, and where the spec does so.
#[derive(Clone, Debug)]
struct Chosen {
    object: ObjectRef,
    config: IstioVirtualService,
    path: String,
}

impl Istio {
    /// Reads the spec's words.
    pub(crate) fn new(
        owner: &Owner,
        services: &Services,
        istio: &IstioRouting,
        routing: &TrafficRouting,
    ) -> Result<Self, RouteError> {
        if routing.max_traffic_weight.is_some_and(|weight| i64::from(weight) != i64::from(FULL)) {
            return Err(RouteError::Spec {
                path: format!("{ROUTING}.maxTrafficWeight"),
                message: "only nginx and plugins have another maximum than 100: remove it to use istio"
                    .to_owned(),
            });
        }
        if istio.destination_rule.is_some() {
            return Err(RouteError::Spec {
                path: format!("{ROUTING}.istio.destinationRule"),
                message:
                    "subsets are not managed by this version: split between the hosts of canaryService and \
                          stableService instead"
                        .to_owned(),
            });
        }
        let managed: Vec<String> = routing.managed_routes.iter().map(|route| route.name.clone()).collect();
        let chosen = chosen(owner, istio)?;
        let mut split = chosen.iter().flat_map(|one| one.config.routes.iter().map(move |name| (one, name)));
        if let Some((one, name)) = split.find(|(_, name)| managed.contains(name)) {
            return Err(RouteError::Spec {
                path: format!("{}.routes", one.path),
                message: format!(
                    "{name:?} is a managed route, which steps make and remove: name another one"
                ),
            });
        }
        Ok(Self { services: services.clone(), chosen, managed })
    }

    fn managed(&self) -> Managed<'_> {
        Managed { names: &self.managed, canary: &self.services.canary }
    }

    fn chosen(&self, route: &ObjectRef) -> Result<&Chosen, RouteError> {
        self.chosen.iter().find(|chosen| chosen.object == *route).ok_or_else(|| RouteError::Spec {
            path: format!("{ROUTING}.istio"),
            message: format!("it does not name {route}"),
        })
    }

    /// The live VirtualService and what of it the spec chooses.
    fn live<'a>(
        &self,
        route: &ObjectRef,
        objects: &'a Objects,
    ) -> Result<(&'a Value, Selection), RouteError> {
        let chosen = self.chosen(route)?;
        let live = objects.get(route).ok_or_else(|| RouteError::NotFound {
            object: route.clone(),
            hint: format!("create it, or correct {}.name", chosen.path),
        })?;
        Ok((live, select(chosen, live, &self.services, &self.managed())))
    }
}

impl TrafficRouter for Istio {
    fn name(&self) -> &'static str {
        "Istio"
    }

    fn routes(&self) -> Vec<ObjectRef> {
        self.chosen.iter().map(|chosen| chosen.object.clone()).collect()
    }

    fn sources(&self, _route: &ObjectRef) -> Vec<ObjectRef> {
        Vec::new()
    }

    fn observe(&self, route: &ObjectRef, objects: &Objects) -> Result<Observation, RouteError> {
        let (live, selection) = self.live(route, objects)?;
        if let Some(problem) = selection.problem {
            return Err(problem);
        }
        let splits: Vec<Split> =
            selection.entries.iter().map(|entry| Split::read(route, live, entry, &self.services)).collect();
        for split in &splits {
            split.check_complete()?;
        }
        let mirrored = self.mirrored(route, live);
        let all = || splits.iter().chain(&mirrored);
        let canary_weight = all().filter_map(Split::share).max();
        let in_shape = canary_weight.is_some_and(|weight| {
            all().all(|split| split.changes(weight).is_ok_and(|changes| changes.is_empty()))
        });
        let primary = selection.primary().and_then(|index| list(live, "/spec/http").get(index));
        let managed = primary.map(|primary| self.managed().observe(live, primary));
        Ok(Observation { canary_weight, in_shape, managed })
    }

    fn edit(&self, route: &ObjectRef, objects: &Objects, target: &Target) -> Result<Edit, RouteError> {
        let (live, selection) = self.live(route, objects)?;
        let weight = target.canary_weight.min(FULL);
        let mut problem = selection.problem.clone();
        let mut operations = vec![json!({
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": resource_version(route, live)?,
        })];
        let http = self.http(route, live, &selection, target);
        for entry in &selection.entries {
            match Split::read(route, live, entry, &self.services).operations(weight) {
                Ok(_) if http.is_some() && entry.section == "http" => {}
                Ok(more) => operations.extend(more),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        for split in self.mirrored(route, live).into_iter().filter(|_| http.is_none()) {
            operations.extend(split.operations(weight).unwrap_or_default());
        }
        operations.extend(http.map(|http| json!({ "op": "replace", "path": "/spec/http", "value": http })));
        let writes = operations.len() > 1;
        if writes && planted(Bug::ForeignFieldsLost) {
            operations.extend(selection.entries.iter().flat_map(|entry| split::foreign_fields(live, entry)));
        }
        if planted(Bug::RoutesWithoutVersion) {
            operations.remove(0);
        }
        match problem {
            // Traffic that can be taken back is; the problem is still there at the next look.
            Some(problem) if weight > 0 || !writes => Err(problem),
            _ if writes => Ok(Edit::JsonPatch(Value::Array(operations))),
            _ => Ok(Edit::Nothing),
        }
    }
}

impl Istio {
    /// The managed routes that share their requests by weight.
    fn mirrored<'a>(&'a self, route: &'a ObjectRef, live: &Value) -> Vec<Split<'a>> {
        let places = self.managed().weighted(live).into_iter();
        places
            .map(|index| Split::read(route, live, &Entry { section: "http", index }, &self.services))
            .collect()
    }

    /// All of `spec.http` as `target` wants it, if its managed routes differ.
    fn http(
        &self,
        route: &ObjectRef,
        live: &Value,
        selection: &Selection,
        target: &Target,
    ) -> Option<Vec<Value>> {
        let managed = self.managed();
        let mut http = list(live, "/spec/http").to_vec();
        let primary = selection.primary()?;
        if managed.observe(live, http.get(primary)?) == target.managed {
            return None;
        }
        for entry in selection.entries.iter().filter(|entry| entry.section == "http") {
            let split = Split::read(route, live, entry, &self.services);
            for change in split.changes(target.canary_weight.min(FULL)).unwrap_or_default() {
                let destination = http.get_mut(entry.index)?.get_mut("route")?.get_mut(change.destination)?;
                destination.as_object_mut()?.insert("weight".to_owned(), json!(change.weight));
            }
        }
        let copied = http.get(primary)?.clone();
        let ours = target.managed.iter().map(|rule| managed.entry(rule, &copied));
        Some(ours.chain(http.into_iter().filter(|entry| !managed.owns(entry))).collect())
    }
}

/// The VirtualServices that the spec names, in its order.
fn chosen(owner: &Owner, routing: &IstioRouting) -> Result<Vec<Chosen>, RouteError> {
    let istio = format!("{ROUTING}.istio");
    let configs: Vec<(String, &IstioVirtualService)> =
        match (&routing.virtual_service, routing.virtual_services.as_slice()) {
            (Some(one), []) => vec![(format!("{istio}.virtualService"), one)],
            (None, []) => {
                let message = "set virtualService or virtualServices".to_owned();
                return Err(RouteError::Spec { path: istio, message });
            }
            (None, many) => many
                .iter()
                .enumerate()
                .map(|(i, one)| (format!("{istio}.virtualServices[{i}]"), one))
                .collect(),
            (Some(_), _) => {
                let message = "virtualService and virtualServices are both set: set one of them".to_owned();
                return Err(RouteError::Spec { path: istio, message });
            }
        };
    let mut all: Vec<Chosen> = Vec::new();
    for (path, config) in configs {
        let object = virtual_service(owner, &config.name);
        let message = if object.name.is_empty() {
            Some("name a VirtualService".to_owned())
        } else if all.iter().any(|other| other.object == object) {
            Some(format!("{object} is named twice: put all its routes into one entry"))
        } else {
            None
        };
        if let Some(message) = message {
            return Err(RouteError::Spec { path: format!("{path}.name"), message });
        }
        all.push(Chosen { object, config: config.clone(), path });
    }
    Ok(all)
}

/// Reads `name`, `name.namespace` and `name.namespace.svc.cluster.local`.
fn virtual_service(owner: &Owner, name: &str) -> ObjectRef {
    let mut labels = name.split('.');
    let name = labels.next().unwrap_or_default();
    let namespace = labels.next().filter(|label| !label.is_empty()).unwrap_or(&owner.namespace);
    ObjectRef::new(Kind::VirtualService, namespace, name)
}

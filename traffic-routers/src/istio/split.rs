//! The split inside one route of a VirtualService.

use crds::object_ref::ObjectRef;
use planted_bugs::{Bug, planted};
use serde_json::{Value, json};

use super::select::Entry;
use crate::RouteError;
use crate::object::{list, text};
use crate::registry::Services;

/// The weights of a route sum to this.
pub(super) const FULL: u32 = 100;

/// Whom a destination serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Canary,
    Stable,
    Other,
}

/// A destination of a route.
#[derive(Clone, Debug, PartialEq)]
struct Destination {
    role: Role,
    /// As it is written, if it is.
    written: Option<Value>,
    /// What it amounts to; `None` if what is written is no weight.
    weight: Option<u32>,
}

/// A weight that has to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The place of the destination in its route.
    pub destination: usize,
    /// What it is to be.
    pub weight: u32,
    /// Whether a weight is written there now.
    pub is_written: bool,
}

/// One route, as its destinations share it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Split<'a> {
    object: &'a ObjectRef,
    services: &'a Services,
    entry: Entry,
    destinations: Vec<Destination>,
}

impl<'a> Split<'a> {
    /// Reads one route. A weight that is left out is 0, or everything if the destination stands alone.
    pub(super) fn read(object: &'a ObjectRef, live: &Value, entry: &Entry, services: &'a Services) -> Self {
        let routes = list(live, &format!("/spec/{}/{}/route", entry.section, entry.index));
        let default = if routes.len() == 1 { FULL } else { 0 };
        let destinations = routes
            .iter()
            .map(|route| {
                let written = route.get("weight").cloned();
                let weight = match &written {
                    Some(value) => value.as_u64().and_then(|weight| u32::try_from(weight).ok()),
                    None => Some(default),
                };
                Destination { role: role(route, services), written, weight }
            })
            .collect();
        Self { object, services, entry: *entry, destinations }
    }

    /// The share of the canary in percent, rounded up; `None` if no destination has any weight.
    pub(super) fn share(&self) -> Option<u32> {
        let sum_of = |wanted: &dyn Fn(Role) -> bool| -> u64 {
            self.destinations
                .iter()
                .filter(|one| wanted(one.role))
                .map(|one| u64::from(one.weight.unwrap_or_default()))
                .sum()
        };
        let (canary, all) = (sum_of(&|role| role == Role::Canary), sum_of(&|_| true));
        if all == 0 { None } else { u32::try_from((canary * u64::from(FULL)).div_ceil(all)).ok() }
    }

    /// Sees to it that both Services are destinations.
    pub(super) fn check_complete(&self) -> Result<(), RouteError> {
        self.place(Role::Stable).and(self.place(Role::Canary)).map(|_| ())
    }

    /// The writes after which the canary has `weight` percent and stable all else.
    pub(super) fn operations(&self, weight: u32) -> Result<Vec<Value>, RouteError> {
        let Entry { section, index } = self.entry;
        let operation = |change: Change| {
            json!({
                "op": if change.is_written { "replace" } else { "add" },
                "path": format!("/spec/{section}/{index}/route/{}/weight", change.destination),
                "value": change.weight,
            })
        };
        Ok(self.changes(weight)?.into_iter().map(operation).collect())
    }

    /// The weights that have to change for it.
    ///
    /// A further destination gets no traffic, or the shares would not be those of the step. A route without the
    /// canary already is at weight 0.
    pub(super) fn changes(&self, weight: u32) -> Result<Vec<Change>, RouteError> {
        let stable = self.place(Role::Stable)?;
        let canary = match self.place(Role::Canary) {
            Ok(place) => Some(place),
            Err(_) if weight == 0 => None,
            Err(error) => return Err(error),
        };
        let wanted = |index: usize| match index {
            _ if Some(index) == canary => weight,
            _ if index == stable => FULL.saturating_sub(weight),
            _ => 0,
        };
        Ok(self
            .destinations
            .iter()
            .enumerate()
            .filter(|(index, one)| one.weight != Some(wanted(*index)))
            .map(|(index, one)| Change {
                destination: index,
                weight: wanted(index),
                is_written: one.written.is_some(),
            })
            .collect())
    }

    /// Where the first destination of that role stands.
    fn place(&self, role: Role) -> Result<usize, RouteError> {
        self.destinations.iter().position(|one| one.role == role).ok_or_else(|| {
            let (word, service) = match role {
                Role::Canary => ("canary", &self.services.canary),
                Role::Stable | Role::Other => ("stable", &self.services.stable),
            };
            let Entry { section, index } = self.entry;
            RouteError::Unfit {
                object: self.object.clone(),
                path: format!("spec.{section}[{index}].route"),
                message: format!("no destination has the {word} Service {service:?} as its host: add one"),
            }
        })
    }
}

/// For a planted bug: removes what somebody else has set in a route.
pub(super) fn foreign_fields(live: &Value, entry: &Entry) -> Vec<Value> {
    let path = format!("/spec/{}/{}", entry.section, entry.index);
    let fields = live.pointer(&path).and_then(Value::as_object).into_iter().flatten();
    fields
        .filter(|(key, _)| !["match", "name", "route"].contains(&key.as_str()))
        .map(|(key, _)| json!({ "op": "remove", "path": format!("{path}/{key}") }))
        .collect()
}

/// Whether a route sends to both Services.
pub(super) fn has_both(route: &Value, services: &Services) -> bool {
    let has = |wanted: Role| list(route, "/route").iter().any(|one| role(one, services) == wanted);
    has(Role::Canary) && has(Role::Stable)
}

/// Whom a destination serves, by the first label of its host.
fn role(route: &Value, services: &Services) -> Role {
    let host = text(route, "/destination/host").unwrap_or_default();
    let roles = if planted(Bug::DestinationsExchanged) {
        (Role::Stable, Role::Canary)
    } else {
        (Role::Canary, Role::Stable)
    };
    match host.split('.').next().unwrap_or_default() {
        label if label == services.canary => roles.0,
        label if label == services.stable => roles.1,
        _ => Role::Other,
    }
}

//! Ingress NGINX and all controllers that obey its canary annotations.
//!
//! Beside each stable Ingress stands a second one, the canary Ingress, which the Rollout owns: the same hosts and
//! paths, the canary Service as backend, and the share in annotations. An absent canary Ingress is a share of 0, so
//! it is created with the first share above 0 and then kept.

mod annotations;
mod shape;
#[cfg(test)]
mod tests;

use crds::names::API_VERSION;
use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::NginxRouting;
use planted_bugs::{Bug, planted};
use serde_json::{Map, Value, json};

use self::annotations::Annotations;
use self::shape::Shape;
use crate::object::{is_controlled_by, resource_version};
use crate::registry::{ROUTING, Services};
use crate::{Edit, Objects, Observation, Owner, RouteError, Target, TrafficRouter};

const SUFFIX: &str = "-canary";
const MAX_NAME: usize = 253;

/// Drives the canary Ingresses of one Rollout.
#[derive(Clone, Debug)]
pub struct Nginx {
    owner: Owner,
    services: Services,
    pairs: Vec<Pair>,
    annotations: Annotations,
}

/// An Ingress of the user, and the one that the Rollout puts beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    stable: ObjectRef,
    canary: ObjectRef,
}

impl Nginx {
    /// Reads the spec's words.
    pub(crate) fn new(
        owner: &Owner,
        services: &Services,
        routing: &NginxRouting,
        max_weight: Option<i32>,
    ) -> Result<Self, RouteError> {
        Ok(Self {
            owner: owner.clone(),
            services: services.clone(),
            pairs: pairs(owner, routing)?,
            annotations: Annotations::new(routing, max_weight),
        })
    }

    fn pair(&self, route: &ObjectRef) -> Result<&Pair, RouteError> {
        self.pairs.iter().find(|pair| pair.canary == *route).ok_or_else(|| RouteError::Spec {
            path: format!("{ROUTING}.nginx"),
            message: format!("no stable Ingress there has {route} beside it"),
        })
    }

    fn shape(&self, pair: &Pair, objects: &Objects) -> Result<Shape, RouteError> {
        let stable = objects.get(&pair.stable).ok_or_else(|| RouteError::NotFound {
            object: pair.stable.clone(),
            hint: format!("create it, or correct the stable Ingress in {ROUTING}.nginx"),
        })?;
        Shape::of(&pair.stable, stable, &self.services)
    }

    fn check_owner(&self, route: &ObjectRef, live: &Value) -> Result<(), RouteError> {
        if is_controlled_by(live, &self.owner.uid) || planted(Bug::ForeignIngressWritten) {
            return Ok(());
        }
        Err(RouteError::Foreign { object: route.clone(), owner: self.owner.name.clone() })
    }

    fn canary_ingress(&self, pair: &Pair, shape: &Shape, weight: u32) -> Value {
        let mut annotations = self.annotations.wanted(Some(weight));
        annotations.extend(shape.annotations());
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": pair.canary.name,
                "namespace": pair.canary.namespace,
                "annotations": annotations,
                "ownerReferences": [{
                    "apiVersion": API_VERSION,
                    "kind": "Rollout",
                    "name": self.owner.name,
                    "uid": self.owner.uid,
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": shape.spec(),
        })
    }

    /// The fields that a live canary Ingress lacks or has wrong, as a merge patch; empty when there are none.
    fn changes(&self, live: &Value, shape: Option<&Shape>, weight: Option<u32>) -> Map<String, Value> {
        let mut wanted = self.annotations.wanted(weight);
        wanted.extend(shape.map(Shape::annotations).unwrap_or_default());
        let annotations = self.annotations.changes(live, &wanted);
        let spec = shape.map(|shape| shape.changes(live)).unwrap_or_default();
        let mut patch = Map::new();
        if !annotations.is_empty() {
            patch.insert("metadata".to_owned(), json!({ "annotations": annotations }));
        }
        if !spec.is_empty() {
            patch.insert("spec".to_owned(), Value::Object(spec));
        }
        patch
    }
}

impl TrafficRouter for Nginx {
    fn name(&self) -> &'static str {
        "Nginx"
    }

    fn routes(&self) -> Vec<ObjectRef> {
        let reach = if planted(Bug::SecondIngressForgotten) { 1 } else { usize::MAX };
        self.pairs.iter().take(reach).map(|pair| pair.canary.clone()).collect()
    }

    fn sources(&self, route: &ObjectRef) -> Vec<ObjectRef> {
        self.pair(route).map(|pair| vec![pair.stable.clone()]).unwrap_or_default()
    }

    fn observe(&self, route: &ObjectRef, objects: &Objects) -> Result<Observation, RouteError> {
        let shape = self.shape(self.pair(route)?, objects)?;
        let Some(live) = objects.get(route) else {
            return Ok(Observation { canary_weight: None, in_shape: true, managed: None });
        };
        self.check_owner(route, live)?;
        let asked = self.annotations.weight(live);
        let in_shape = asked.is_some() && self.changes(live, Some(&shape), asked).is_empty();
        // Without a path no request comes to it, whatever its annotations ask for.
        let canary_weight = if shape::has_paths(live) { asked } else { Some(0) };
        Ok(Observation { canary_weight, in_shape, managed: None })
    }

    fn edit(&self, route: &ObjectRef, objects: &Objects, target: &Target) -> Result<Edit, RouteError> {
        let pair = self.pair(route)?;
        let weight = target.canary_weight;
        if weight == 0 && planted(Bug::CanaryIngressNeverLowered) {
            return Ok(Edit::Nothing);
        }
        let Some(live) = objects.get(route) else {
            if weight == 0 {
                return Ok(Edit::Nothing);
            }
            return Ok(Edit::Create(self.canary_ingress(pair, &self.shape(pair, objects)?, weight)));
        };
        self.check_owner(route, live)?;
        let shape = match self.shape(pair, objects) {
            Ok(shape) => Some(shape),
            // What to copy is not known, but the traffic can be taken back all the same.
            Err(_) if weight == 0 => None,
            Err(error) => return Err(error),
        };
        let mut patch = self.changes(live, shape.as_ref(), Some(weight));
        if patch.is_empty() {
            return Ok(Edit::Nothing);
        }
        let version = resource_version(route, live)?;
        if let Value::Object(metadata) = patch.entry("metadata").or_insert_with(|| json!({}))
            && !planted(Bug::RoutesWithoutVersion)
        {
            metadata.insert("resourceVersion".to_owned(), version.into());
        }
        Ok(Edit::MergePatch(Value::Object(patch)))
    }
}

/// Pairs each stable Ingress with its canary Ingress; an Ingress that is named twice counts once.
fn pairs(owner: &Owner, routing: &NginxRouting) -> Result<Vec<Pair>, RouteError> {
    let spec =
        |field: &str, message: String| RouteError::Spec { path: format!("{ROUTING}.nginx{field}"), message };
    let names = match (routing.stable_ingress.as_str(), routing.stable_ingresses.as_slice()) {
        ("", []) => return Err(spec("", "set stableIngress or stableIngresses".to_owned())),
        ("", names) => names.to_vec(),
        (name, []) => vec![name.to_owned()],
        _ => {
            return Err(spec(
                "",
                "stableIngress and stableIngresses are both set: set one of them".to_owned(),
            ));
        }
    };
    let mut pairs: Vec<Pair> = Vec::new();
    for name in names {
        if name.is_empty() {
            return Err(spec(
                ".stableIngresses",
                "an entry is empty: name an Ingress or remove it".to_owned(),
            ));
        }
        let pair = Pair {
            canary: ObjectRef::new(Kind::Ingress, &owner.namespace, canary_name(&owner.name, &name)),
            stable: ObjectRef::new(Kind::Ingress, &owner.namespace, name),
        };
        match pairs.iter().find(|other| other.canary == pair.canary) {
            Some(other) if *other == pair => {}
            Some(other) => {
                let (a, b, name) = (&other.stable.name, &pair.stable.name, &pair.canary.name);
                let message = format!("{a} and {b} are too long: both get the canary Ingress {name}");
                return Err(spec(".stableIngresses", message));
            }
            None => pairs.push(pair),
        }
    }
    Ok(pairs)
}

/// The name of the canary Ingress beside a stable one, at most 253 characters long.
fn canary_name(rollout: &str, stable: &str) -> String {
    let mut name: String = format!("{rollout}-{stable}").chars().take(MAX_NAME - SUFFIX.len()).collect();
    name.push_str(SUFFIX);
    name
}

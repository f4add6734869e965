//! The objects that were given, by name.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::{Kind, ObjectRef};
use serde_json::{Map, Value};

use super::manifest::{Manifest, Place};
use crate::store::kind_of;

/// The namespace of objects that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// What of an object only the server writes, or what belongs to another incarnation of it.
const FOREIGN: [&str; 7] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "ownerReferences",
    "selfLink",
];

/// Objects, each once, with their namespaces filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    /// The objects.
    pub objects: BTreeMap<ObjectRef, Manifest>,
    /// Kinds of objects that play no part, with how many of them there are.
    pub passed_over: BTreeMap<String, usize>,
}

/// Why objects make no bundle, or not the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An object has no name.
    #[error("{place}: the {kind} has no metadata.name: give it one")]
    NoName {
        /// Where it stands.
        place: Place,
        /// Its kind.
        kind: String,
    },
    /// Two objects have the same name.
    #[error("{second}: {object} stands in {first} already: remove one of them")]
    Twice {
        /// The object.
        object: ObjectRef,
        /// Where it stands first.
        first: Box<Place>,
        /// Where it stands again.
        second: Box<Place>,
    },
    /// There is nothing to play.
    #[error("no Rollout found: there {}; name the file of the Rollout with -f", found(kinds))]
    NoRollout {
        /// What there is instead.
        kinds: Vec<String>,
    },
    /// The wanted Rollout is not there.
    #[error("no Rollout {name:?} found: there is {}", there.join(", "))]
    NotThere {
        /// The name that was asked for.
        name: String,
        /// The names of those that are there.
        there: Vec<String>,
    },
}

fn found(kinds: &[String]) -> String {
    if kinds.is_empty() { "is nothing at all".to_owned() } else { format!("is only {}", kinds.join(", ")) }
}

impl Bundle {
    /// The objects of manifests; those without a namespace are in `namespace`.
    ///
    /// # Errors
    /// If an object has no name, or stands there twice.
    pub fn new(manifests: Vec<Manifest>, namespace: &str) -> Result<Self, BundleError> {
        let mut bundle = Self::default();
        for manifest in manifests {
            let Some(kind) = kind_of(&manifest.value).filter(|kind| plays(*kind, &manifest)) else {
                *bundle.passed_over.entry(manifest.kind().to_owned()).or_default() += 1;
                continue;
            };
            if manifest.name().is_empty() {
                let kind = manifest.kind().to_owned();
                return Err(BundleError::NoName { place: manifest.place, kind });
            }
            bundle.insert(reference(kind, &manifest, namespace), manifest)?;
        }
        Ok(bundle)
    }

    /// Adds one object that was read from elsewhere.
    ///
    /// # Errors
    /// If it stands there already.
    pub fn add(&mut self, object: ObjectRef, manifest: Manifest) -> Result<(), BundleError> {
        self.insert(object, manifest)
    }

    fn insert(&mut self, object: ObjectRef, mut manifest: Manifest) -> Result<(), BundleError> {
        if let Some(first) = self.objects.get(&object) {
            let (first, second) = (Box::new(first.place.clone()), Box::new(manifest.place));
            return Err(BundleError::Twice { object, first, second });
        }
        clean(&mut manifest.value, &object.namespace);
        self.objects.insert(object, manifest);
        Ok(())
    }

    /// The Rollouts to play: all of them, or the one with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn rollouts(&self, name: Option<&str>) -> Result<Vec<ObjectRef>, BundleError> {
        let all: Vec<&ObjectRef> =
            self.objects.keys().filter(|object| object.kind == Kind::Rollout).collect();
        let chosen: Vec<ObjectRef> = all
            .iter()
            .filter(|object| name.is_none_or(|name| object.name == name))
            .copied()
            .cloned()
            .collect();
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        Err(match name {
            Some(name) if !all.is_empty() => BundleError::NotThere {
                name: name.to_owned(),
                there: all.into_iter().map(|object| format!("{:?}", object.name)).collect(),
            },
            _ => BundleError::NoRollout { kinds: self.kinds() },
        })
    }

    fn kinds(&self) -> Vec<String> {
        let known = self.objects.keys().map(|object| object.kind.name().to_owned());
        let kinds: BTreeSet<String> = known.chain(self.passed_over.keys().cloned()).collect();
        kinds.into_iter().collect()
    }
}

/// Whether objects of this kind are put into the virtual cluster: what the operator itself creates is not.
fn plays(kind: Kind, manifest: &Manifest) -> bool {
    let is_made_by_operator =
        matches!(kind, Kind::ReplicaSet | Kind::AnalysisRun | Kind::Event | Kind::Experiment);
    manifest.group() == kind.group() && !is_made_by_operator
}

fn reference(kind: Kind, manifest: &Manifest, namespace: &str) -> ObjectRef {
    let namespace = match (kind, manifest.namespace()) {
        (Kind::ClusterAnalysisTemplate, _) => "",
        (_, "") => namespace,
        (_, own) => own,
    };
    ObjectRef::new(kind, namespace, manifest.name())
}

/// Takes away what belongs to another incarnation of the object.
fn clean(object: &mut Value, namespace: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    fields.remove("status");
    let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.retain(|key, _| !FOREIGN.contains(&key.as_str()));
        if !namespace.is_empty() {
            metadata.insert("namespace".to_owned(), Value::from(namespace));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::manifest::read;

    fn bundle(text: &str) -> Result<Bundle, BundleError> {
        Bundle::new(read("a.yaml", text).unwrap(), "shop")
    }

    const ROLLOUT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web, uid: u}\nstatus: {abort: true}\n";

    #[test]
    fn objects_get_a_namespace_and_lose_their_past() {
        let bundle = bundle(&format!("{ROLLOUT}---\nkind: ConfigMap\nmetadata: {{name: a}}\n")).unwrap();
        let web = ObjectRef::new(Kind::Rollout, "shop", "web");
        let value = &bundle.objects[&web].value;
        assert_eq!(value["metadata"], serde_json::json!({ "name": "web", "namespace": "shop" }));
        assert_eq!(value.get("status"), None);
        assert_eq!(bundle.passed_over, [("ConfigMap".to_owned(), 1)].into());
        assert_eq!(bundle.rollouts(None), Ok(vec![web]));
    }

    #[test]
    fn kinds_of_other_groups_play_no_part() {
        let text = "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualService\nmetadata: {name: a}\n";
        assert!(bundle(text).unwrap().objects.is_empty());
    }

    #[test]
    fn errors_name_the_place() {
        let twice = bundle(&format!("{ROLLOUT}---\n{ROLLOUT}")).unwrap_err();
        assert_eq!(
            twice.to_string(),
            "a.yaml:6: Rollout shop/web stands in a.yaml:1 already: remove one of them"
        );
        let nameless = bundle("apiVersion: v1\nkind: Service\n").unwrap_err();
        assert_eq!(nameless.to_string(), "a.yaml:1: the Service has no metadata.name: give it one");
        let service = bundle("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n").unwrap();
        let none = service.rollouts(None).unwrap_err().to_string();
        assert_eq!(none, "no Rollout found: there is only Service; name the file of the Rollout with -f");
        let other = bundle(ROLLOUT).unwrap().rollouts(Some("shop")).unwrap_err();
        assert_eq!(other.to_string(), "no Rollout \"shop\" found: there is \"web\"");
    }
}

//! Which Rollouts name which objects.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::{Kind, ObjectRef};

/// Which Rollouts name which objects, both ways: a change of an object concerns exactly the Rollouts that name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    named_by: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    names: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    /// Rollouts that may name others by now, because something that they name has changed.
    outdated: BTreeSet<ObjectRef>,
}

impl References {
    /// From now on `rollout` names these objects and no others; returns those that no Rollout names any more.
    pub(crate) fn set(&mut self, rollout: &ObjectRef, objects: BTreeSet<ObjectRef>) -> Vec<ObjectRef> {
        self.outdated.remove(rollout);
        if self.names.get(rollout).map_or(objects.is_empty(), |before| *before == objects) {
            return Vec::new();
        }
        let before = self.names.remove(rollout).unwrap_or_default();
        let mut unnamed = Vec::new();
        for object in before.difference(&objects) {
            if let Some(rollouts) = self.named_by.get_mut(object) {
                rollouts.remove(rollout);
                if rollouts.is_empty() {
                    self.named_by.remove(object);
                    unnamed.push(object.clone());
                }
            }
        }
        for object in objects.difference(&before) {
            self.named_by.entry(object.clone()).or_default().insert(rollout.clone());
        }
        if !objects.is_empty() {
            self.names.insert(rollout.clone(), objects);
        }
        unnamed
    }

    /// An object has changed that names others in turn: what its Rollouts name has to be worked out anew.
    pub(crate) fn outdate(&mut self, object: &ObjectRef) {
        self.outdated.extend(self.named_by.get(object).into_iter().flatten().cloned());
    }

    /// Whether what `rollout` names has to be worked out anew.
    pub(crate) fn is_outdated(&self, rollout: &ObjectRef) -> bool {
        self.outdated.contains(rollout)
    }

    /// The Rollouts that name `object`.
    pub(crate) fn of<'a>(&'a self, object: &ObjectRef) -> impl Iterator<Item = &'a ObjectRef> {
        self.named_by.get(object).into_iter().flatten()
    }

    /// The objects that `rollout` names.
    pub(crate) fn by<'a>(&'a self, rollout: &ObjectRef) -> impl Iterator<Item = &'a ObjectRef> {
        self.names.get(rollout).into_iter().flatten()
    }

    /// Whether any Rollout names `object`.
    pub(crate) fn is_named(&self, object: &ObjectRef) -> bool {
        self.named_by.contains_key(object)
    }

    /// Whether any Rollout names an object of this kind.
    pub(crate) fn names_kind(&self, kind: Kind) -> bool {
        self.named_by
            .range(ObjectRef::new(kind, "", "")..)
            .next()
            .is_some_and(|(object, _)| object.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ObjectRef {
        ObjectRef::new(Kind::Service, "shop", name)
    }

    fn rollout(name: &str) -> ObjectRef {
        ObjectRef::new(Kind::Rollout, "shop", name)
    }

    #[test]
    fn an_object_is_named_until_the_last_rollout_lets_go() {
        let mut references = References::default();
        references.set(&rollout("a"), BTreeSet::from([service("x"), service("y")]));
        references.set(&rollout("b"), BTreeSet::from([service("x")]));
        assert_eq!(references.of(&service("x")).collect::<Vec<_>>(), [&rollout("a"), &rollout("b")]);

        assert_eq!(references.set(&rollout("a"), BTreeSet::from([service("z")])), [service("y")]);
        assert!(references.is_named(&service("x")));
        assert_eq!(references.set(&rollout("b"), BTreeSet::new()), [service("x")]);
        assert!(references.names_kind(Kind::Service) && !references.names_kind(Kind::Ingress));
        assert_eq!(references.by(&rollout("b")).count(), 0);
    }

    #[test]
    fn what_is_named_is_outdated_until_it_is_set_anew() {
        let mut references = References::default();
        references.set(&rollout("a"), BTreeSet::from([service("x")]));
        references.outdate(&service("y"));
        assert!(!references.is_outdated(&rollout("a")));
        references.outdate(&service("x"));
        assert!(references.is_outdated(&rollout("a")));
        references.set(&rollout("a"), BTreeSet::from([service("x")]));
        assert!(!references.is_outdated(&rollout("a")));
    }
}

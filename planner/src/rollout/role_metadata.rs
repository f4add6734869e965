//! Labels and annotations that pods carry only for as long as their version has a role.
//!
//! They are put into the pod template of the ReplicaSet, which restarts no pod, and on the pods that run already. An
//! annotation of the ReplicaSet tells what its role added; an entry leaves it only when no pod has it any more, so
//! whoever comes next knows what is still to be taken away.

use std::collections::BTreeMap;

use crds::metadata::PodTemplateMetadata;
use crds::names::EPHEMERAL_METADATA;
use planted_bugs::{Bug, planted};
use serde_json::Value;

use super::draft::Draft;
use super::objects::insert;
use super::strategy::Strategy;
use super::view::{View, is_counted};
use super::{Action, MetadataChanges};
use crate::facts::{Meta, PodFacts, ReplicaSetFacts, RolloutFacts};
use crate::waiting::Waiting;

/// Labels or annotations.
type Texts = BTreeMap<String, String>;

/// Whether decisions about a Rollout rest on its pods: it wants them to carry metadata of their role, or one of its
/// ReplicaSets still notes such metadata.
pub fn follows_pods<'a>(rollout: &RolloutFacts, mut sets: impl Iterator<Item = &'a ReplicaSetFacts>) -> bool {
    let asks = |spec| Strategy::of(spec).is_some_and(Strategy::asks_for_metadata);
    rollout.spec.as_ref().is_ok_and(asks)
        || sets.any(|set| set.meta.annotations.contains_key(EPHEMERAL_METADATA))
}

/// Puts the metadata of its first role into the template of a ReplicaSet that is about to be created; returns the
/// annotation that notes them.
pub(super) fn begin(view: &View<'_>, template: &mut Value) -> Option<(String, String)> {
    let added = view.strategy.metadata(is_users(view, view.hash())).filter(|added| !is_empty(added))?;
    for (field, texts) in [("labels", &added.labels), ("annotations", &added.annotations)] {
        for (key, text) in texts {
            insert(template, &["metadata", field], key, text);
        }
    }
    Some((EPHEMERAL_METADATA.to_owned(), serde_json::to_string(added).ok()?))
}

/// Brings ReplicaSets and their pods to the metadata of their roles: templates first, so that no pod starts with those
/// of an earlier role.
pub(super) fn follow(view: &View<'_>, draft: &mut Draft) {
    if !follows_pods(&view.snapshot.rollout, view.snapshot.sets()) {
        return;
    }
    let own = &view.template.metadata;
    let sets: Vec<Goal<'_>> = view
        .snapshot
        .sets()
        .filter(|set| !set.meta.deleting)
        .map(|set| Goal::of(view, set, if set.hash == view.hash() { own.clone() } else { <_>::default() }))
        .collect();
    for goal in &sets {
        goal.template(view, draft);
    }
    for goal in &sets {
        goal.pods(view, draft);
    }
}

/// Whether a version is the one that users are sent to, or the first one, which is about to be.
fn is_users(view: &View<'_>, hash: &str) -> bool {
    view.is_first_deploy() || view.stable_hash() == hash
}

/// Where a ReplicaSet and its pods are to come.
struct Goal<'a> {
    set: &'a ReplicaSetFacts,
    /// What its role wants.
    wanted: PodTemplateMetadata,
    /// What roles have added that a pod may still have.
    added: PodTemplateMetadata,
    /// What the user's template has of itself, as far as it is known.
    own: PodTemplateMetadata,
    /// What the template has now.
    held: PodTemplateMetadata,
}

impl<'a> Goal<'a> {
    fn of(view: &View<'_>, set: &'a ReplicaSetFacts, own: PodTemplateMetadata) -> Self {
        let is_new = set.hash == view.hash();
        let is_users = is_users(view, &set.hash);
        let wanted = if is_new || is_users { view.strategy.metadata(is_users).cloned() } else { None };
        let note = set.meta.annotations.get(EPHEMERAL_METADATA);
        Self {
            set,
            wanted: wanted.unwrap_or_default(),
            added: note.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            own,
            held: set.template_metadata.as_deref().cloned().unwrap_or_default(),
        }
    }

    fn template_changes(&self) -> MetadataChanges {
        if planted(Bug::TemplateKeepsEarlierRole) && self.set.template_metadata.is_some() {
            return MetadataChanges::default();
        }
        self.changes(&self.held, &self.own)
    }

    /// What has to be changed so that something that has `held` gets what is wanted and loses what earlier roles added;
    /// where the user's template has a value of its own, that one comes back.
    fn changes(&self, held: &PodTemplateMetadata, own: &PodTemplateMetadata) -> MetadataChanges {
        let (wanted, added) = (&self.wanted, &self.added);
        MetadataChanges {
            labels: texts(&held.labels, &wanted.labels, &added.labels, &own.labels),
            annotations: texts(&held.annotations, &wanted.annotations, &added.annotations, &own.annotations),
        }
    }

    fn template(&self, view: &View<'_>, draft: &mut Draft) {
        let changes = self.template_changes();
        let noted = self.to_note(view);
        let is_noted = self.set.meta.annotations.contains_key(EPHEMERAL_METADATA);
        if changes.is_empty() && noted == self.added && is_noted != is_empty(&noted) {
            return;
        }
        draft.act(Action::PatchTemplateMetadata {
            name: self.set.meta.name.clone(),
            uid: self.set.meta.uid.clone(),
            resource_version: self.set.meta.resource_version.clone(),
            added: (!is_empty(&noted)).then(|| serde_json::to_string(&noted).unwrap_or_default()),
            changes,
        });
    }

    /// What the ReplicaSet is to note: what is wanted, and what a pod may still have of earlier roles.
    fn to_note(&self, view: &View<'_>) -> PodTemplateMetadata {
        let may_have = self.has_pods() && (!self.is_over(view) || self.open_pods(view).next().is_some());
        let mut noted = self.wanted.clone();
        if may_have && !planted(Bug::EarlierRoleForgotten) {
            for (all, added) in
                [(&mut noted.labels, &self.added.labels), (&mut noted.annotations, &self.added.annotations)]
            {
                for (key, text) in added {
                    all.entry(key.clone()).or_insert_with(|| text.clone());
                }
            }
        }
        noted
    }

    fn has_pods(&self) -> bool {
        self.set.replicas > 0 || self.set.current_replicas > 0
    }

    /// Whether no pod starts from an earlier template any more and all that did are known.
    fn is_over(&self, view: &View<'_>) -> bool {
        let known = self.known_pods(view).count();
        view.snapshot.pods.is_some()
            && self.template_changes().is_empty()
            && is_counted(self.set)
            && usize::try_from(self.set.current_replicas).is_ok_and(|there| there <= known)
    }

    fn known_pods<'p>(&'p self, view: &'p View<'_>) -> impl Iterator<Item = &'p PodFacts> {
        let pods = view.snapshot.pods.iter().flatten().map(|pod| &**pod);
        pods.filter(|pod| !pod.meta.deleting && is_controlled(&pod.meta, &self.set.meta.uid))
    }

    /// The pods that do not carry what they should, with what is to be changed.
    fn open_pods<'p>(&'p self, view: &'p View<'_>) -> impl Iterator<Item = (&'p PodFacts, MetadataChanges)> {
        let own = self.held_itself();
        self.known_pods(view)
            .map(move |pod| (pod, self.changes(&metadata(&pod.meta), &own)))
            .filter(|(_, changes)| !changes.is_empty())
    }

    /// What the template has without what roles added: what a pod gets back.
    fn held_itself(&self) -> PodTemplateMetadata {
        let without = |held: &Texts, added: &Texts| {
            held.iter()
                .filter(|(key, text)| added.get(*key) != Some(*text))
                .map(|(key, text)| (key.clone(), text.clone()))
                .collect()
        };
        PodTemplateMetadata {
            labels: without(&self.held.labels, &self.added.labels),
            annotations: without(&self.held.annotations, &self.added.annotations),
        }
    }

    fn pods(&self, view: &View<'_>, draft: &mut Draft) {
        if planted(Bug::PodsKeepEarlierRole) || !self.template_changes().is_empty() {
            return;
        }
        let is_touched = !is_empty(&self.wanted) || !is_empty(&self.added);
        if view.snapshot.pods.is_none() && self.has_pods() && is_touched {
            draft.wait(Waiting::PodsUnread { replica_set: self.set.meta.name.clone() });
        }
        for (pod, changes) in self.open_pods(view) {
            draft.act(Action::PatchPod {
                name: pod.meta.name.clone(),
                uid: pod.meta.uid.clone(),
                resource_version: pod.meta.resource_version.clone(),
                changes,
            });
        }
    }
}

fn texts(held: &Texts, wanted: &Texts, added: &Texts, own: &Texts) -> BTreeMap<String, Option<String>> {
    let missing = wanted
        .iter()
        .filter(|(key, text)| held.get(*key) != Some(*text))
        .map(|(key, text)| (key.clone(), Some(text.clone())));
    let left = added
        .iter()
        .filter(|(key, text)| !wanted.contains_key(*key) && held.get(*key) == Some(*text))
        .filter(|(key, text)| own.get(*key) != Some(*text))
        .map(|(key, _)| (key.clone(), own.get(key).cloned()));
    missing.chain(left).collect()
}

fn is_empty(metadata: &PodTemplateMetadata) -> bool {
    metadata.labels.is_empty() && metadata.annotations.is_empty()
}

fn metadata(meta: &Meta) -> PodTemplateMetadata {
    PodTemplateMetadata { labels: meta.labels.clone(), annotations: meta.annotations.clone() }
}

fn is_controlled(meta: &Meta, uid: &str) -> bool {
    meta.controller.as_ref().is_some_and(|owner| owner.uid == uid)
}

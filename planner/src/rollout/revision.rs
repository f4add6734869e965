//! Which ReplicaSet has which role, and the number of each revision.

use std::collections::BTreeMap;

use crds::names::{REVISION, REVISION_HISTORY, WORKLOAD_GENERATION};
use crds::object_ref::{Kind, ObjectRef};
use planted_bugs::{Bug, planted};

use super::draft::Draft;
use super::objects;
use super::view::{View, stable_hash};
use super::{Action, Snapshot, TemplateIdentity};
use crate::event::Event;
use crate::facts::{Meta, ReplicaSetFacts};

/// The roles of the Rollout's ReplicaSets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revisions<'a> {
    /// The one with the wanted template.
    pub new: Option<&'a ReplicaSetFacts>,
    /// The one that users are sent to; may be the same as `new`.
    pub stable: Option<&'a ReplicaSetFacts>,
    /// All others, the oldest first.
    pub older: Vec<&'a ReplicaSetFacts>,
    /// The revision of the new version: its number, or the one that it will get.
    pub number: i64,
}

/// Gives every ReplicaSet its role.
///
/// The new one is that with an equal template, the one with the expected hash first, then the oldest; else the one
/// with the expected hash, because an admission webhook may have changed its template.
pub(crate) fn find<'a>(snapshot: &'a Snapshot, template: &TemplateIdentity) -> Revisions<'a> {
    let mut sets: Vec<&ReplicaSetFacts> = snapshot.sets().filter(|set| !set.meta.deleting).collect();
    sets.sort_by_key(|set| (number(&set.meta), set.meta.created, set.meta.name.as_str()));
    let equal =
        |set: &&&ReplicaSetFacts| !template.digest.is_empty() && set.template_digest == template.digest;
    let expected = |set: &&&ReplicaSetFacts| set.hash == template.hash;
    let new = sets
        .iter()
        .find(|set| equal(set) && expected(set))
        .or_else(|| sets.iter().find(equal))
        .or_else(|| sets.iter().find(expected))
        .copied();
    let stable_hash = stable_hash(&snapshot.rollout.status);
    let stable = sets.iter().find(|set| set.hash == stable_hash).copied();
    let is = |role: Option<&ReplicaSetFacts>, set: &ReplicaSetFacts| {
        role.is_some_and(|role| role.meta.name == set.meta.name)
    };
    let is_kept = |set: &ReplicaSetFacts| is(stable, set) && !planted(Bug::StableCountedAsOld);
    let older: Vec<_> = sets.iter().copied().filter(|set| !is(new, set) && !is_kept(set)).collect();
    let highest_other =
        sets.iter().filter(|set| !is(new, set)).map(|set| number(&set.meta)).max().unwrap_or(0);
    let number = match new {
        Some(set) if number(&set.meta) > highest_other => number(&set.meta),
        _ => highest_other.saturating_add(1),
    };
    Revisions { new, stable, older, number }
}

/// The revision that an object carries; 0 without one.
pub(crate) fn number(meta: &Meta) -> i64 {
    meta.annotations.get(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Brings ReplicaSet and Rollout to the revision of the wanted template: creates what is missing, numbers anew what
/// was found again. Returns whether the new ReplicaSet is there with its number.
pub(crate) fn settle(view: &View<'_>, draft: &mut Draft) -> bool {
    if view.revisions.new.is_none() && view.spec.paused {
        return false;
    }
    match view.revisions.new {
        Some(set) if number(&set.meta) < view.revisions.number => draft.act(renumber(view, set)),
        _ => {}
    }
    patch_rollout(view, draft);
    if view.revisions.new.is_none() {
        create(view, draft);
    }
    draft.actions.is_empty()
}

/// A ReplicaSet that was found again gets the newest number and remembers the earlier one.
fn renumber(view: &View<'_>, set: &ReplicaSetFacts) -> Action {
    let old = number(&set.meta);
    let mut annotations = BTreeMap::from([(REVISION.to_owned(), Some(view.revisions.number.to_string()))]);
    if old > 0 {
        let history = match set.meta.annotations.get(REVISION_HISTORY) {
            Some(earlier) if !earlier.is_empty() => format!("{earlier},{old}"),
            _ => old.to_string(),
        };
        annotations.insert(REVISION_HISTORY.to_owned(), Some(history));
    }
    Action::PatchReplicaSet {
        name: set.meta.name.clone(),
        uid: set.meta.uid.clone(),
        scale: None,
        annotations,
        events: Vec::new(),
    }
}

fn patch_rollout(view: &View<'_>, draft: &mut Draft) {
    let rollout = &view.snapshot.rollout;
    let number = view.revisions.number;
    let mut annotations = workload_generation(view);
    let mut events = Vec::new();
    if super::revision::number(&rollout.meta) != number {
        annotations.insert(REVISION.to_owned(), Some(number.to_string()));
        events.extend(super::events::first_sight(view.snapshot));
        events.push(Event::normal("RolloutUpdated", format!("Rollout updated to revision {number}")));
    }
    let replicas = view.spec.replicas.is_none().then_some(1);
    if !annotations.is_empty() || replicas.is_some() {
        draft.act(Action::PatchRollout { annotations, replicas, events });
    }
}

/// The annotation that tells which generation of the referenced workload is acted on, if it does not say so yet.
pub(crate) fn workload_generation(view: &View<'_>) -> BTreeMap<String, Option<String>> {
    let held = view.snapshot.rollout.meta.annotations.get(WORKLOAD_GENERATION);
    let wanted = view.workload.map(|workload| workload.meta.generation.to_string());
    let differs = held != wanted.as_ref();
    differs.then(|| (WORKLOAD_GENERATION.to_owned(), wanted)).into_iter().collect()
}

/// Creates the ReplicaSet, or counts a collision if its name is somebody else's.
fn create(view: &View<'_>, draft: &mut Draft) {
    let name = objects::replica_set_name(view.name(), &view.template.hash);
    let reference =
        ObjectRef::new(Kind::ReplicaSet, view.snapshot.rollout.meta.namespace.as_str(), name.as_str());
    if view.snapshot.taken.contains(&reference) {
        draft.status.collision_count = Some(view.status().collision_count.unwrap_or(0).saturating_add(1));
        return;
    }
    let event = Event::normal(
        "NewReplicaSetCreated",
        format!("Created ReplicaSet {name} (revision {})", view.revisions.number),
    );
    let object = objects::replica_set(view);
    draft.act(Action::CreateReplicaSet { name, object, events: vec![event] });
}

//! What the sender of a write may have known.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use engine::object::Object;
use engine::scrutiny::Knowledge;
use jiff::Timestamp;

use crate::store::{Change, Store, Verb};

/// What stands in for what a sender knew and was not true any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// The truth of now.
    AsItIs,
    /// The truth of the beginning of the time that counts.
    AsItWas,
}

/// An object, or that there is none.
type State = Option<Arc<Object>>;

/// The objects of a kind as a sender knew them, if they were so at some time since then.
pub(super) fn objects(
    (store, kind): (&Store, Kind),
    known: &Knowledge,
    since: Timestamp,
    instead: Instead,
) -> Vec<Arc<Object>> {
    let recent = |change: &&Change| change.at >= since;
    let first = store.changes(kind, 0).find(recent).map_or(store.version(), |change| change.version - 1);
    let mut states: BTreeMap<ObjectRef, Vec<State>> = BTreeMap::new();
    for object in store.list_at(kind, first) {
        let reference = ObjectRef::new(kind, &object.meta.namespace, &object.meta.name);
        states.insert(reference, vec![Some(object)]);
    }
    for change in store.changes(kind, first) {
        let state = (change.verb != Verb::Deleted).then(|| Arc::clone(&change.object));
        states.entry((*change.reference).clone()).or_insert_with(|| vec![None]).push(state);
    }
    states
        .into_iter()
        .filter_map(|(object, states)| pick(states, known.versions.get(&object), instead))
        .collect()
}

/// The last of the states that is the known version; if none is, the last or the first of all.
fn pick(mut states: Vec<State>, known: Option<&String>, instead: Instead) -> State {
    let version = |state: &State| state.as_ref().map(|object| object.meta.resource_version.clone());
    let place = states.iter().rposition(|state| version(state).as_ref() == known);
    let place = place.unwrap_or(match instead {
        Instead::AsItIs => states.len() - 1,
        Instead::AsItWas => 0,
    });
    states.swap_remove(place)
}

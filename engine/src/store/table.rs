//! The objects of one kind.

use planted_bugs::{Bug, planted};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::version::{Order, Stamp, order};

/// Namespace and name.
pub(crate) type Key = (String, String);

/// How many deleted incarnations are remembered.
const GRAVES: usize = 1024;

/// Something that a table can hold.
pub(crate) trait Held {
    /// Which version this is.
    fn stamp(&self) -> Stamp;

    /// The uid of the owner by which it is to be found.
    fn controller_uid(&self) -> Option<&str>;

    /// Whether `other`, of the same version, says something else. What it does not keep it does not say.
    fn differs(&self, other: &Self) -> bool;
}

/// How a table learned of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A list, which may be older than what is held.
    List,
    /// A watch.
    Watch,
    /// An answer to a GET or to a write.
    Live,
}

/// What a table did with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The same version was held.
    Same,
    /// It is held now.
    Taken,
    /// A later version is held: nothing changed.
    Overtaken,
    /// A list brought an earlier version than was held, another content of the same one, or what was deleted, and a
    /// list counts: a live read has to decide.
    WentBack,
}

/// The objects of one kind, by name and by controller.
#[derive(Clone, Debug)]
pub(crate) struct Table<T> {
    objects: BTreeMap<Key, T>,
    by_controller: BTreeMap<String, BTreeSet<Key>>,
    graves: VecDeque<String>,
    /// What the list that is under way has brought.
    listing: Option<BTreeSet<Key>>,
    complete: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            by_controller: BTreeMap::new(),
            graves: VecDeque::new(),
            listing: None,
            complete: false,
        }
    }
}

impl<T: Held> Table<T> {
    /// Takes an object unless that version or a later one is held, or its incarnation was deleted.
    ///
    /// A list or a live answer that shows the version that is held with another content tells that the store of the
    /// server was restored from a backup and has counted up again: what it shows is taken.
    pub(crate) fn apply(&mut self, key: Key, next: T, origin: Origin) -> Change {
        let stamp = next.stamp();
        if let Some(brought) = self.listing.as_mut().filter(|_| origin == Origin::List) {
            brought.insert(key.clone());
        }
        let is_back = origin == Origin::List && self.rise(&stamp.uid);
        if self.graves.contains(&stamp.uid) {
            return Change::Overtaken;
        }
        let held = self.objects.get(&key);
        let order = held.map(|held| order(&held.stamp(), &stamp));
        let is_another = order == Some(Order::Same)
            && origin != Origin::Watch
            && held.is_some_and(|held| held.differs(&next));
        match (order, origin) {
            (Some(Order::Same), _) if !is_another => return Change::Same,
            (Some(Order::Earlier), Origin::Watch) if planted(Bug::OwnWritesForgotten) => {}
            (Some(Order::Earlier), Origin::Watch | Origin::Live) => return Change::Overtaken,
            _ => {}
        }
        self.unindex(&key);
        if let Some(uid) = next.controller_uid() {
            self.by_controller.entry(uid.to_owned()).or_default().insert(key.clone());
        }
        self.objects.insert(key, next);
        let went_back = order == Some(Order::Earlier) && !planted(Bug::OwnWritesForgotten);
        if went_back || is_back || (is_another && origin == Origin::List) {
            Change::WentBack
        } else {
            Change::Taken
        }
    }

    /// Forgets that an incarnation was deleted; returns whether it was. The server that lists it is behind, or its
    /// store was restored from a backup.
    fn rise(&mut self, uid: &str) -> bool {
        let before = self.graves.len();
        self.graves.retain(|grave| grave != uid);
        self.graves.len() < before
    }

    /// Buries the incarnation `uid`; returns whether it was held.
    pub(crate) fn bury(&mut self, key: &Key, uid: &str) -> bool {
        if !self.graves.iter().any(|grave| grave == uid) {
            self.graves.push_back(uid.to_owned());
            if self.graves.len() > GRAVES {
                self.graves.pop_front();
            }
        }
        self.objects.get(key).is_some_and(|held| held.stamp().uid == uid) && self.remove(key).is_some()
    }

    /// Removes what is held under this name.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<T> {
        self.unindex(key);
        self.objects.remove(key)
    }

    fn unindex(&mut self, key: &Key) {
        let Some(uid) = self.objects.get(key).and_then(Held::controller_uid) else { return };
        if let Some(keys) = self.by_controller.get_mut(uid) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_controller.remove(uid);
            }
        }
    }

    /// A list begins. What is held counts until the list is complete.
    pub(crate) fn begin_list(&mut self) {
        if planted(Bug::RelistTakenForDeletion) {
            self.objects.clear();
            self.by_controller.clear();
        }
        self.listing = Some(BTreeSet::new());
    }

    /// The list is complete. What it did not bring is still held, and named in the answer: it was deleted, or the
    /// list is older than it.
    pub(crate) fn end_list(&mut self) -> Vec<Key> {
        self.complete = true;
        let Some(brought) = self.listing.take() else { return Vec::new() };
        self.objects.keys().filter(|key| !brought.contains(*key)).cloned().collect()
    }

    /// Whether a list has ever been completed.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The object of that name.
    pub(crate) fn get(&self, key: &Key) -> Option<&T> {
        self.objects.get(key)
    }

    /// The object of that name, to be changed in place.
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut T> {
        self.objects.get_mut(key)
    }

    /// The objects whose controller has this uid, by name.
    pub(crate) fn controlled_by(&self, uid: &str) -> impl Iterator<Item = &T> {
        self.by_controller.get(uid).into_iter().flatten().filter_map(|key| self.objects.get(key))
    }

    /// The objects that `uid` controls, with their names.
    pub(crate) fn entries_of(&self, uid: &str) -> impl Iterator<Item = (&Key, &T)> {
        let keys = self.by_controller.get(uid).into_iter().flatten();
        keys.filter_map(|key| self.objects.get_key_value(key))
    }

    /// The objects of a namespace.
    pub(crate) fn of_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a T> {
        let from = (namespace.to_owned(), String::new());
        let entries = self.objects.range(from..).take_while(move |((of, _), _)| of == namespace);
        entries.map(|(_, object)| object)
    }

    /// All names.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    /// All objects.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.objects.values()
    }

    /// How many objects are held.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Thing(&'static str, u64, Option<&'static str>);

    impl Held for Thing {
        fn stamp(&self) -> Stamp {
            Stamp { uid: self.0.to_owned(), resource_version: self.1.to_string(), created: None }
        }

        fn controller_uid(&self) -> Option<&str> {
            self.2
        }

        fn differs(&self, other: &Self) -> bool {
            self.2 != other.2
        }
    }

    fn key(name: &str) -> Key {
        ("shop".to_owned(), name.to_owned())
    }

    fn table(things: &[(&str, Thing)]) -> Table<Thing> {
        let mut table = Table::default();
        table.begin_list();
        for (name, thing) in things {
            table.apply(key(name), thing.clone(), Origin::List);
        }
        table.end_list();
        table
    }

    #[test]
    fn a_watch_never_goes_back_in_time() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        assert_eq!(table.apply(key("a"), Thing("u", 12, None), Origin::Live), Change::Taken);
        assert_eq!(table.apply(key("a"), Thing("u", 11, None), Origin::Watch), Change::Overtaken);
        assert_eq!(table.apply(key("a"), Thing("u", 12, None), Origin::Watch), Change::Same);
        assert_eq!(table.get(&key("a")), Some(&Thing("u", 12, None)));
    }

    #[test]
    fn a_live_answer_with_another_content_of_the_same_version_is_taken() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        assert_eq!(table.apply(key("a"), Thing("u", 10, Some("o")), Origin::Watch), Change::Same);
        assert_eq!(table.apply(key("a"), Thing("u", 10, Some("o")), Origin::Live), Change::Taken);
        assert_eq!(table.apply(key("a"), Thing("u", 10, Some("o")), Origin::Live), Change::Same);
        assert_eq!(table.get(&key("a")), Some(&Thing("u", 10, Some("o"))));
    }

    #[test]
    fn a_list_with_another_content_of_the_same_version_is_taken_and_doubted() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        table.begin_list();
        assert_eq!(table.apply(key("a"), Thing("u", 10, Some("o")), Origin::List), Change::WentBack);
        assert_eq!(table.apply(key("a"), Thing("u", 10, Some("o")), Origin::List), Change::Same);
        assert_eq!(table.end_list(), []);
        assert_eq!(table.controlled_by("o").count(), 1);
    }

    #[test]
    fn a_list_counts_even_if_it_is_older() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        table.begin_list();
        assert_eq!(table.apply(key("a"), Thing("u", 7, None), Origin::List), Change::WentBack);
        assert_eq!(table.end_list(), []);
        assert_eq!(table.get(&key("a")), Some(&Thing("u", 7, None)));
    }

    #[test]
    fn what_a_list_does_not_bring_is_held_and_named() {
        let mut table =
            table(&[("a", Thing("u", 1, None)), ("b", Thing("v", 2, None)), ("c", Thing("w", 3, Some("o")))]);
        table.begin_list();
        table.apply(key("a"), Thing("u", 1, None), Origin::List);
        table.apply(key("d"), Thing("x", 9, None), Origin::Live);
        assert_eq!(table.len(), 4, "what is held counts until the list is complete");
        assert_eq!(table.end_list(), [key("b"), key("c"), key("d")]);
        assert_eq!(table.len(), 4, "the list may be older than they are");
    }

    #[test]
    fn a_deleted_incarnation_does_not_come_back_with_a_late_answer() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        assert!(table.bury(&key("a"), "u"));
        assert_eq!(table.apply(key("a"), Thing("u", 9, None), Origin::Live), Change::Overtaken);
        assert_eq!(table.apply(key("a"), Thing("v", 11, None), Origin::Watch), Change::Taken);
        assert!(!table.bury(&key("a"), "u"), "a late delete of the old incarnation spares the new one");
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_deleted_incarnation_is_back_when_a_list_brings_it() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        table.bury(&key("a"), "u");
        table.begin_list();
        assert_eq!(table.apply(key("a"), Thing("u", 8, None), Origin::List), Change::WentBack);
        assert_eq!(table.end_list(), []);
        assert_eq!(table.apply(key("a"), Thing("u", 9, None), Origin::Watch), Change::Taken);
    }

    #[test]
    fn objects_are_found_by_their_controller() {
        let mut table = table(&[("a", Thing("u", 1, Some("o"))), ("b", Thing("v", 2, Some("p")))]);
        assert_eq!(table.controlled_by("o").collect::<Vec<_>>(), [&Thing("u", 1, Some("o"))]);
        table.apply(key("a"), Thing("u", 3, Some("p")), Origin::Watch);
        assert_eq!(table.controlled_by("o").count(), 0);
        assert_eq!(table.controlled_by("p").count(), 2);
        table.remove(&key("a"));
        assert_eq!(table.controlled_by("p").count(), 1);
    }
}

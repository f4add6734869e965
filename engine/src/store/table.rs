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
    /// A list brought an earlier version than was held, and a list counts: a live read has to decide.
    WentBack,
}

/// The objects of one kind, by name and by controller.
#[derive(Debug)]
pub(crate) struct Table<T> {
    objects: BTreeMap<Key, T>,
    by_controller: BTreeMap<String, BTreeSet<Key>>,
    graves: VecDeque<String>,
    listing: Option<Listing>,
    complete: bool,
}

/// A list that is under way.
#[derive(Debug, Default)]
struct Listing {
    brought: BTreeSet<Key>,
    answered: BTreeSet<Key>,
}

/// What a completed list ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Held before, not brought: gone, and to be removed.
    pub(crate) gone: Vec<Key>,
    /// Not brought, but an answer showed it while the list was under way: a live read has to decide.
    pub(crate) doubtful: Vec<Key>,
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
    /// Takes an object unless a later version is held or its incarnation was deleted.
    pub(crate) fn apply(&mut self, key: Key, next: T, origin: Origin) -> Change {
        let stamp = next.stamp();
        self.note_listing(&key, origin);
        if self.graves.contains(&stamp.uid) {
            return Change::Overtaken;
        }
        let order = self.objects.get(&key).map(|held| order(&held.stamp(), &stamp));
        match (order, origin) {
            (Some(Order::Same), _) => return Change::Same,
            (Some(Order::Earlier), Origin::Watch) if planted(Bug::OwnWritesForgotten) => {}
            (Some(Order::Earlier), Origin::Watch | Origin::Live) => return Change::Overtaken,
            (None | Some(Order::Later | Order::Earlier), _) => {}
        }
        self.unindex(&key);
        if let Some(uid) = next.controller_uid() {
            self.by_controller.entry(uid.to_owned()).or_default().insert(key.clone());
        }
        self.objects.insert(key, next);
        let is_noticed = !planted(Bug::OwnWritesForgotten);
        if order == Some(Order::Earlier) && is_noticed { Change::WentBack } else { Change::Taken }
    }

    fn note_listing(&mut self, key: &Key, origin: Origin) {
        if let Some(listing) = &mut self.listing {
            match origin {
                Origin::List => listing.brought.insert(key.clone()),
                Origin::Watch | Origin::Live => listing.answered.insert(key.clone()),
            };
        }
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
        let answered = self.listing.take().map(|listing| listing.answered).unwrap_or_default();
        self.listing = Some(Listing { brought: BTreeSet::new(), answered });
    }

    /// The list is complete. What it did not bring is still held, and named in the answer.
    pub(crate) fn end_list(&mut self) -> Missing {
        self.complete = true;
        let Some(listing) = self.listing.take() else { return Missing::default() };
        let unseen = self.objects.keys().filter(|key| !listing.brought.contains(*key)).cloned();
        let (doubtful, gone) = unseen.partition(|key| listing.answered.contains(key));
        Missing { gone, doubtful }
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
    fn a_list_counts_even_if_it_is_older() {
        let mut table = table(&[("a", Thing("u", 10, None))]);
        table.begin_list();
        assert_eq!(table.apply(key("a"), Thing("u", 7, None), Origin::List), Change::WentBack);
        assert_eq!(table.end_list(), Missing::default());
        assert_eq!(table.get(&key("a")), Some(&Thing("u", 7, None)));
    }

    #[test]
    fn what_a_list_does_not_bring_is_gone_unless_an_answer_showed_it_meanwhile() {
        let mut table =
            table(&[("a", Thing("u", 1, None)), ("b", Thing("v", 2, None)), ("c", Thing("w", 3, Some("o")))]);
        table.begin_list();
        table.apply(key("a"), Thing("u", 1, None), Origin::List);
        table.apply(key("d"), Thing("x", 9, None), Origin::Live);
        assert_eq!(table.len(), 4, "what is held counts until the list is complete");
        let missing = table.end_list();
        assert_eq!(missing.gone, [key("b"), key("c")]);
        assert_eq!(missing.doubtful, [key("d")]);
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

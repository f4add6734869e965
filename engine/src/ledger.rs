//! Own writes that the stores have not shown yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use crate::store::version::{Stamp, is_at_least};
use crate::time::after;

/// How long the watch may take to show a write before a live read decides.
const PATIENCE: Duration = Duration::from_secs(5);

/// One write whose result a store has not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What the write returned; `None` when its outcome is unknown.
    written: Option<Stamp>,
    /// For whom it was written.
    owner: ObjectRef,
    /// When a live read decides; `None` while one is under way.
    read_at: Option<Timestamp>,
    /// How many live reads have failed.
    failures: u32,
}

/// Own writes that the stores have not shown yet, by object.
///
/// The answer to a write is fed to the store at once, and the store does not go back to an earlier version. So an
/// entry is rare: the outcome of a write is unknown, a list contradicts an answer, or versions cannot be ordered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<ObjectRef, Entry>,
    /// Objects whose entry has ended, and for whom they were written: somebody may have waited for that.
    ended: BTreeSet<ObjectRef>,
}

impl Ledger {
    /// A write of `object` for `owner` returned `written`, and the store does not show it.
    pub(crate) fn wrote(&mut self, object: ObjectRef, owner: ObjectRef, written: Stamp, now: Timestamp) {
        let read_at = Some(after(now, PATIENCE));
        self.entries.insert(object, Entry { written: Some(written), owner, read_at, failures: 0 });
    }

    /// What a write of `object` for `owner` did is unknown: a live read decides, at once.
    pub(crate) fn doubt(&mut self, object: ObjectRef, owner: ObjectRef, now: Timestamp) {
        self.entries.insert(object, Entry { written: None, owner, read_at: Some(now), failures: 0 });
    }

    /// The store shows this version of `object`. A live read ends every doubt.
    pub(crate) fn shown(&mut self, object: &ObjectRef, shown: &Stamp, live: bool) {
        let ended = self.entries.get(object).is_some_and(|entry| match &entry.written {
            None => live,
            Some(written) => live || written.uid != shown.uid || is_at_least(shown, written),
        });
        if ended {
            self.gone(object);
        }
    }

    /// `object` does not exist: a watch or a live read said so.
    pub(crate) fn gone(&mut self, object: &ObjectRef) {
        if let Some(entry) = self.entries.remove(object) {
            self.ended.extend([object.clone(), entry.owner]);
        }
    }

    /// A list of this kind is complete: what it shows is what counts. Doubts stay until their live read.
    pub(crate) fn relisted(&mut self, kind: Kind) {
        let is_shown =
            |(object, entry): &(&ObjectRef, &Entry)| object.kind == kind && entry.written.is_some();
        let shown: Vec<ObjectRef> =
            self.entries.iter().filter(is_shown).map(|(object, _)| object.clone()).collect();
        for object in shown {
            self.gone(&object);
        }
    }

    /// The objects about which there is no doubt any more since the last call, and for whom they were written.
    pub(crate) fn take_ended(&mut self) -> BTreeSet<ObjectRef> {
        std::mem::take(&mut self.ended)
    }

    /// Whether the store is behind an own write of `object`.
    pub(crate) fn is_behind(&self, object: &ObjectRef) -> bool {
        self.entries.contains_key(object)
    }

    /// The objects that were written for `owner` and that the stores do not show.
    pub(crate) fn of<'a>(&'a self, owner: &'a ObjectRef) -> impl Iterator<Item = &'a ObjectRef> {
        self.entries.iter().filter(move |(_, entry)| entry.owner == *owner).map(|(object, _)| object)
    }

    /// For whom `object` was written.
    pub(crate) fn owner(&self, object: &ObjectRef) -> Option<&ObjectRef> {
        self.entries.get(object).map(|entry| &entry.owner)
    }

    /// The objects whose live read is due; from now on it is under way.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<ObjectRef> {
        let due = self.entries.iter_mut().filter(|(_, entry)| entry.read_at.is_some_and(|at| at <= now));
        due.map(|(object, entry)| {
            entry.read_at = None;
            object.clone()
        })
        .filter(|_| !planted(Bug::DoubtNeverSettled))
        .collect()
    }

    /// The live read of `object` brought no answer: again later.
    pub(crate) fn read_failed(&mut self, object: &ObjectRef, now: Timestamp, retry_after: Option<Duration>) {
        if let Some(entry) = self.entries.get_mut(object) {
            let wait = Duration::from_millis(50).saturating_mul(1 << entry.failures.min(9));
            entry.failures = entry.failures.saturating_add(1);
            entry.read_at = Some(after(now, retry_after.map_or(wait, |asked| asked.max(wait))));
        }
    }

    /// When the next live read is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.entries.values().filter_map(|entry| entry.read_at).min()
    }

    /// How many writes the stores have not shown.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn object() -> ObjectRef {
        ObjectRef::new(Kind::ReplicaSet, "shop", "web-1")
    }

    fn owner() -> ObjectRef {
        ObjectRef::new(Kind::Rollout, "shop", "web")
    }

    fn stamp(uid: &str, version: &str) -> Stamp {
        Stamp { uid: uid.to_owned(), resource_version: version.to_owned(), created: None }
    }

    fn at(seconds: u64) -> Timestamp {
        after(NOW, Duration::from_secs(seconds))
    }

    #[rstest]
    #[case::an_older_version_does_not_end_it("u", "9", false, true)]
    #[case::the_version_itself_ends_it("u", "10", false, false)]
    #[case::a_later_version_ends_it("u", "11", false, false)]
    #[case::a_version_that_is_no_number_does_not_end_it("u", "x", false, true)]
    #[case::another_incarnation_ends_it("v", "3", false, false)]
    #[case::a_live_read_ends_it("u", "9", true, false)]
    fn an_entry_with_a_version(
        #[case] uid: &str,
        #[case] version: &str,
        #[case] live: bool,
        #[case] behind: bool,
    ) {
        let mut ledger = Ledger::default();
        ledger.wrote(object(), owner(), stamp("u", "10"), NOW);
        ledger.shown(&object(), &stamp(uid, version), live);
        assert_eq!(ledger.is_behind(&object()), behind);
        assert_eq!(ledger.of(&owner()).count(), usize::from(behind));
        let told = if behind { BTreeSet::new() } else { BTreeSet::from([object(), owner()]) };
        assert_eq!(ledger.take_ended(), told);
    }

    #[test]
    fn a_doubt_is_ended_only_by_a_live_read() {
        let mut ledger = Ledger::default();
        ledger.doubt(object(), owner(), NOW);
        ledger.shown(&object(), &stamp("u", "99"), false);
        ledger.relisted(Kind::ReplicaSet);
        assert!(ledger.is_behind(&object()));
        assert_eq!(ledger.take_due(NOW), [object()]);
        assert!(ledger.take_due(at(60)).is_empty(), "one read at a time");
        ledger.read_failed(&object(), NOW, Some(Duration::from_secs(2)));
        assert_eq!(ledger.next(), Some(at(2)));
        ledger.shown(&object(), &stamp("u", "7"), true);
        assert_eq!(ledger.len(), 0);
    }

    #[test]
    fn after_five_seconds_a_live_read_decides() {
        let mut ledger = Ledger::default();
        ledger.wrote(object(), owner(), stamp("u", "10"), NOW);
        assert!(ledger.take_due(at(4)).is_empty());
        assert_eq!(ledger.take_due(at(5)), [object()]);
        ledger.gone(&object());
        assert!(!ledger.is_behind(&object()));
    }

    #[test]
    fn a_completed_list_ends_the_entries_of_its_kind() {
        let mut ledger = Ledger::default();
        ledger.wrote(object(), owner(), stamp("u", "10"), NOW);
        ledger.relisted(Kind::Service);
        assert!(ledger.is_behind(&object()));
        ledger.relisted(Kind::ReplicaSet);
        assert!(!ledger.is_behind(&object()));
    }
}

//! What goes with its owner.

use std::collections::BTreeSet;
use std::sync::Arc;

use crds::object_ref::ObjectRef;
use jiff::Timestamp;

use super::draft::Draft;
use super::entry::{Entry, Owner};
use super::metadata::Wanted;
use super::{KINDS, Store};

impl Store {
    /// Does the garbage collector's work until nothing is left of it: what has lost its last owner goes, and of
    /// several owners those that are gone are forgotten. Returns how many objects were written.
    pub fn collect_garbage(&mut self, now: Timestamp) -> usize {
        let mut written = 0;
        while std::mem::take(&mut self.untidy) {
            for (reference, owners) in self.bereaved() {
                if owners.is_empty() {
                    written += usize::from(self.delete(&reference, now));
                } else if let Some(entry) = self.entries.get(&*reference) {
                    let wanted = Wanted { owners, ..Wanted::of(entry) };
                    let draft = Draft { metadata: Some(wanted), ..Draft::default() };
                    written += usize::from(self.amend(&reference, draft, now).is_ok());
                }
            }
        }
        written
    }

    /// Whether the garbage collector has something to look at.
    #[must_use]
    pub const fn is_untidy(&self) -> bool {
        self.untidy
    }

    /// The objects that name an owner who is gone, with the owners that remain.
    fn bereaved(&self) -> Vec<(Arc<ObjectRef>, Vec<Owner>)> {
        let alive: BTreeSet<&str> =
            self.entries.values().map(|entry| entry.object.meta.uid.as_str()).collect();
        let remaining = |entry: &Entry| -> Vec<Owner> {
            let lives = |owner: &&Owner| !is_kept(owner) || alive.contains(owner.uid.as_str());
            entry.rest.owners.iter().filter(lives).cloned().collect()
        };
        self.entries
            .iter()
            .filter(|(_, entry)| !entry.rest.owners.is_empty() && !entry.object.meta.deleting)
            .map(|(reference, entry)| (reference, entry, remaining(entry)))
            .filter(|(_, entry, owners)| owners.len() < entry.rest.owners.len())
            .map(|(reference, _, owners)| (Arc::clone(reference), owners))
            .collect()
    }
}

/// Whether the owner is of a kind that the store keeps; of others nobody knows that they are gone.
fn is_kept(owner: &Owner) -> bool {
    KINDS.iter().any(|kind| kind.name() == owner.kind)
}

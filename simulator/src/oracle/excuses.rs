//! What others do, and what an operator is therefore not blamed for.

use crds::object_ref::{Kind, ObjectRef};
use engine::object::View;
use jiff::Timestamp;

use super::steps::Steps;
use super::{Judge, ON_THE_WAY};
use crate::scenario::Deed;
use crate::store::Store;

impl Judge {
    /// From now on an operator's clock runs at this speed, in percent.
    pub(crate) fn clock_runs_at(&mut self, percent: u32) {
        self.steps.runs_at(percent);
    }

    /// From now on another clock measures what was begun by the one before, and the two differ.
    pub(crate) fn clock_changes(&mut self) {
        self.steps.clock_changes();
    }

    /// An answer may come only then, or never: steps take as much longer.
    pub(crate) fn answers_late(&mut self, until: Timestamp) {
        self.steps.disturb(until);
    }

    /// Something goes wrong until then.
    pub(crate) fn disturb(&mut self, until: Timestamp) {
        self.steps.disturb(until);
        self.disturbed = Some(self.disturbed.map_or(until, |before| before.max(until)));
    }

    /// A person is about to act.
    pub(crate) fn act(&mut self, deed: &Deed, store: &Store, (rollout, now): (&ObjectRef, Timestamp)) {
        if let Some(View::Rollout(facts)) = store.get(rollout).map(|object| &object.view) {
            self.intents.act(deed, facts);
        }
        if matches!(deed, Deed::Apply(_) | Deed::Merge { .. } | Deed::Delete(_) | Deed::MakeAnew) {
            self.excuse_all(now);
        }
    }

    /// A kind is not served until then.
    pub(crate) fn unserved(&mut self, kind: Kind, until: Timestamp) {
        self.truth.unserved(kind, until);
    }

    /// Proxies may take longer than was promised to an operator.
    pub(crate) fn hurry(&mut self, now: Timestamp) {
        self.traffic.hurry(now);
    }

    /// Somebody else has changed what serves requests: what is missing now is not the operator's doing.
    pub(crate) fn excuse_all(&mut self, now: Timestamp) {
        self.excused = Some(now);
        self.traffic.excuse(now);
        self.steps.excuse();
        self.intents.forget();
    }

    /// Somebody else has made an object unreadable: what was decided just before rests on what it said then.
    pub(crate) fn made_unreadable(&mut self, now: Timestamp) {
        self.excused = Some(now);
    }

    /// Somebody else has given an object back what it said before it became unreadable: a route also its weight of then.
    pub(crate) fn mended(&mut self, object: &ObjectRef, now: Timestamp) {
        if matches!(object.kind, Kind::Ingress | Kind::VirtualService) {
            self.traffic.excuse(now);
        }
    }

    /// Whether a write may have been decided before somebody else took away what it rests on.
    pub(crate) fn is_excused(&self, now: Timestamp) -> bool {
        self.excused.is_some_and(|since| now.saturating_sub(ON_THE_WAY).is_ok_and(|bound| bound <= since))
    }

    /// A process stands still until then: for a moment afterwards it decides on what it knew before.
    pub(crate) fn stands_still(&mut self, from: Timestamp, until: Timestamp) {
        self.truth.stands_still(from, until);
    }

    /// The store went back in time: what was learned from what was lost does not count.
    pub(crate) fn restored(&mut self, now: Timestamp) {
        self.restored_at = Some(now);
        self.excuse_all(now);
        self.traffic.restored();
        self.truth.restart(now);
        self.verdicts.restored();
        self.steps = Steps::default();
        self.steps.excuse();
    }

    /// Our own block of the status was taken away: attempts are counted anew.
    pub(crate) fn forget_attempts(&mut self) {
        self.pruned = true;
        self.intents.forget();
        self.steps.excuse();
    }
}

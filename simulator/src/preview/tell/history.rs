//! The changes that concern one Rollout, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{RolloutSpec, RolloutStatus};
use engine::object::{Object, View};
use jiff::Timestamp;
use planner::facts::{AnalysisRunFacts, ReplicaSetFacts};
use serde_json::Value;

use crate::outcome::{Entry, Happened};
use crate::store::{Change, Store, Verb};

/// What was played, as far as it can be seen from outside.
#[derive(Clone, Copy, Debug)]
pub(in crate::preview) struct Played<'a> {
    /// The store, with all its changes.
    pub store: &'a Store,
    /// What happened beside the store.
    pub timeline: &'a [Entry],
    /// When the story began, which is when the new version was applied.
    pub began: Timestamp,
    /// The Rollout.
    pub rollout: &'a ObjectRef,
    /// The objects that carry its weight.
    pub routes: &'a [ObjectRef],
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) enum Event<'a> {
    /// The status is another.
    Status(&'a RolloutStatus),
    /// A ReplicaSet is another.
    ReplicaSet(&'a ReplicaSetFacts),
    /// A ReplicaSet has gone.
    ReplicaSetGone(&'a str),
    /// An analysis run is another.
    Run(&'a AnalysisRunFacts),
    /// A route object is another; nothing if it has gone.
    Route(&'a ObjectRef, Option<&'a Value>),
    /// A proxy splits the traffic in another way.
    Traffic(usize, &'a BTreeMap<String, u32>),
    /// A person did something.
    Act(&'a str),
}

/// When something happened, and what.
#[derive(Clone, Debug)]
pub(super) struct Happening<'a> {
    /// Seconds after the new version was applied; negative before.
    pub seconds: f64,
    /// What.
    pub event: Event<'a>,
}

impl<'a> Played<'a> {
    /// The Rollout at the end.
    pub(super) fn last_rollout(&self) -> Option<(&'a RolloutSpec, &'a RolloutStatus)> {
        facts(self.store.get(self.rollout)?)
    }

    /// Everything that concerns the Rollout, in order.
    pub(super) fn happenings(&self) -> Vec<Happening<'a>> {
        let uid = self.store.get(self.rollout).map(|object| object.meta.uid.as_str()).unwrap_or_default();
        let mut kinds: BTreeSet<Kind> = self.routes.iter().map(|route| route.kind).collect();
        kinds.extend([Kind::Rollout, Kind::ReplicaSet, Kind::AnalysisRun]);
        let mut changes: Vec<&'a Change> =
            kinds.into_iter().flat_map(|kind| self.store.changes(kind, 0)).collect();
        changes.sort_by_key(|change| change.version);
        let mut happenings: Vec<Happening<'a>> = changes
            .into_iter()
            .filter_map(|change| {
                Some(Happening { seconds: self.seconds(change.at), event: self.event(change, uid)? })
            })
            .collect();
        happenings.extend(self.timeline.iter().filter_map(|entry| self.beside(entry)));
        // The sort is stable: what the store saw at the same time comes first.
        happenings.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        happenings
    }

    fn event(&self, change: &'a Change, uid: &str) -> Option<Event<'a>> {
        let object: &'a Arc<Object> = &change.object;
        let is_owned = object.meta.controller.as_ref().is_some_and(|owner| owner.uid == uid);
        let is_gone = change.verb == Verb::Deleted;
        match &object.view {
            View::Rollout(rollout) if *change.reference == *self.rollout => {
                Some(Event::Status(&rollout.status))
            }
            View::ReplicaSet(_) if is_owned && is_gone => Some(Event::ReplicaSetGone(&object.meta.name)),
            View::ReplicaSet(set) if is_owned => Some(Event::ReplicaSet(set)),
            View::AnalysisRun(run) if is_owned && !is_gone => Some(Event::Run(run)),
            View::Route(value) if self.routes.contains(&change.reference) => {
                Some(Event::Route(&change.reference, (!is_gone).then_some(&**value)))
            }
            _ => None,
        }
    }

    fn beside(&self, entry: &'a Entry) -> Option<Happening<'a>> {
        let ours = format!("{}/{}", self.rollout.namespace, self.rollout.name);
        let event = match &entry.what {
            Happened::Weights { rollout, proxy, weights } if *rollout == ours => {
                Event::Traffic(*proxy, weights)
            }
            Happened::Act { text } => Event::Act(deed(text)?),
            _ => return None,
        };
        Some(Happening { seconds: rounded(i64::try_from(entry.at_ms).ok()?), event })
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        self.seconds_at(at.as_millisecond())
    }

    /// Seconds after the beginning of a time in milliseconds of the epoch.
    pub(super) fn seconds_at(&self, millisecond: i64) -> f64 {
        rounded(millisecond - self.began.as_millisecond())
    }
}

/// What a person did, in words; nothing for what needs none.
fn deed(text: &str) -> Option<&'static str> {
    if text.starts_with("Promote") { Some("the person promotes") } else { None }
}

/// The spec and status of a Rollout; nothing if its spec cannot be read.
pub(super) fn facts(object: &Object) -> Option<(&RolloutSpec, &RolloutStatus)> {
    match &object.view {
        View::Rollout(rollout) => Some((rollout.spec.as_ref().ok()?, &rollout.status)),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a play fit into 53 bits")]
fn rounded(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

//! A plan in the making.

use crds::rollout::RolloutStatus;
use jiff::Timestamp;
use planted_bugs::{Bug, planted};

use super::{Action, Plan, Snapshot};
use crate::event::Event;
use crate::waiting::Waiting;

/// A plan in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    now: Timestamp,
    /// What to do next, in order.
    pub actions: Vec<Action>,
    /// The status that the Rollout is to have.
    pub status: RolloutStatus,
    /// What to tell people once that status is written.
    pub events: Vec<Event>,
    /// Why the rollout does not go on.
    waiting: Vec<Waiting>,
    /// When to look again.
    wake_at: Option<Timestamp>,
}

impl Draft {
    /// Begins with the status as it was last seen.
    pub(crate) fn new(snapshot: &Snapshot, now: Timestamp) -> Self {
        Self {
            now,
            actions: Vec::new(),
            status: snapshot.rollout.status.clone(),
            events: Vec::new(),
            waiting: Vec::new(),
            wake_at: None,
        }
    }

    /// Adds an action.
    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Adds a reason to wait, unless it is already there, and looks again when it ends.
    pub(crate) fn wait(&mut self, reason: Waiting) {
        match &reason {
            Waiting::PauseEnds { .. } if planted(Bug::EndOfPauseNotNoticed) => {}
            Waiting::PauseEnds { at: until }
            | Waiting::RestartDue { at: until }
            | Waiting::PodKept { until, .. }
            | Waiting::RouteDraining { until, .. }
            | Waiting::ScaleDownDelay { until, .. }
            | Waiting::WorkloadKept { until, .. } => self.wake(*until),
            _ => {}
        }
        if !self.waiting.contains(&reason) {
            self.waiting.push(reason);
        }
    }

    /// Asks to be looked at again at that time, or earlier; what has passed is no reason to look again.
    pub(crate) fn wake(&mut self, at: Timestamp) {
        if at > self.now {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// Ends the making.
    pub(crate) fn into_plan(mut self) -> Plan {
        if self.waiting.is_empty() && self.actions.is_empty() {
            self.waiting.push(Waiting::AtRest);
        }
        Plan {
            actions: self.actions,
            status: self.status,
            events: self.events,
            waiting: self.waiting,
            wake_at: self.wake_at,
        }
    }
}

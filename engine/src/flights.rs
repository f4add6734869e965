//! Requests that are on their way, and what they are for.

use std::collections::{BTreeMap, BTreeSet};

use crds::object_ref::ObjectRef;
use jiff::Timestamp;
use planner::event::Event;

use crate::class::{Class, Nature};
use crate::effect::{RequestId, Urgency};
use crate::store::version::Stamp;

/// One request that is on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// The Rollout or AnalysisRun that it serves.
    pub(crate) key: ObjectRef,
    /// The object that it reads or writes.
    pub(crate) object: ObjectRef,
    /// Whether it writes.
    pub(crate) nature: Nature,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// The version that was held when it was sent.
    pub(crate) before: Option<Stamp>,
    /// When it was sent.
    pub(crate) sent_at: Timestamp,
    /// Whether the store of the server has gone back since then: what the answer shows may be no more.
    pub(crate) is_outlived: bool,
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// A live read that a decision or a conflict asked for.
    Read,
    /// A live read that ends an entry of the ledger.
    Settle,
    /// An action of a plan.
    Act {
        /// What was done, for the log.
        word: &'static str,
        /// What people are told when it was accepted.
        events: Vec<Event>,
    },
    /// The status of a Rollout.
    Status {
        /// What people are told when it was accepted.
        events: Vec<Event>,
        /// Whether it only says that the spec cannot be carried out.
        is_refusal: bool,
    },
    /// The status of an AnalysisRun.
    RunStatus {
        /// What people are told when it was accepted.
        events: Vec<Event>,
        /// The metrics whose answers are in that status.
        consumed: BTreeSet<String>,
    },
    /// The deletion of an AnalysisRun that has outlived its time.
    RunDelete,
    /// A Secret that an AnalysisRun asks for.
    Secret,
    /// An Event; nobody waits for it.
    Event,
}

impl Purpose {
    /// Which others a request for that lets pass, as part of an operation that takes requests back or does not.
    pub(crate) const fn urgency(&self, takes_back: bool) -> Urgency {
        match self {
            Self::Event | Self::Status { is_refusal: true, .. } => Urgency::News,
            _ if takes_back => Urgency::Urgent,
            _ => Urgency::Work,
        }
    }
}

/// All requests that are on their way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flights {
    next: u64,
    open: BTreeMap<RequestId, Flight>,
}

impl Flights {
    /// Remembers a request; returns its name.
    pub(crate) fn start(&mut self, flight: Flight) -> RequestId {
        self.next += 1;
        let id = RequestId(self.next);
        self.open.insert(id, flight);
        id
    }

    /// The request has been answered.
    pub(crate) fn land(&mut self, id: RequestId) -> Option<Flight> {
        self.open.remove(&id)
    }

    /// The store of the server went back: the answer to whatever is on its way may be older than that.
    pub(crate) fn outlive(&mut self) {
        for flight in self.open.values_mut() {
            flight.is_outlived = true;
        }
    }

    /// How many requests are on their way.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

/// The requests of one Rollout or AnalysisRun that belong together: nothing is planned until all are answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operation {
    /// Those that are on their way.
    pub(crate) pending: BTreeSet<RequestId>,
    /// Objects that have to be read live because of a conflict.
    pub(crate) reread: BTreeSet<ObjectRef>,
    /// Whether such a read is what is on its way.
    pub(crate) conflicted: bool,
    /// Whether they take requests back to where they are safe, or say that this is due.
    pub(crate) takes_back: bool,
    /// The failure that decides when to try again.
    pub(crate) failure: Option<Class>,
}

impl Operation {
    /// Notes a failure; the one that needs the longest pause counts.
    pub(crate) fn fail(&mut self, class: Class) {
        if self.failure.is_none_or(|held| gravity(class) >= gravity(held)) {
            self.failure = Some(class);
        }
    }
}

const fn gravity(class: Class) -> u8 {
    match class {
        Class::Conflict | Class::NotFound | Class::AlreadyExists | Class::Protected => 0,
        Class::Unknown => 1,
        Class::Transient { retry_after: None } => 2,
        Class::Transient { retry_after: Some(_) } => 3,
        Class::Invalid => 4,
        Class::Forbidden => 5,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn status(is_refusal: bool) -> Purpose {
        Purpose::Status { events: Vec::new(), is_refusal }
    }

    #[rstest]
    #[case::a_route_of_an_abort(Purpose::Read, true, Urgency::Urgent)]
    #[case::a_step(Purpose::Read, false, Urgency::Work)]
    #[case::where_an_update_stands(status(false), false, Urgency::Work)]
    #[case::a_spec_that_cannot_be_carried_out(status(true), false, Urgency::News)]
    #[case::an_event_about_an_abort(Purpose::Event, true, Urgency::News)]
    fn who_lets_whom_pass(#[case] purpose: Purpose, #[case] takes_back: bool, #[case] want: Urgency) {
        assert_eq!(purpose.urgency(takes_back), want);
    }
}

//! Everything that can be planned on the virtual clock.

use analysis::provider::{Answer as MetricAnswer, TransportError};
use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{QuestionId, Request, RequestId};
use engine::input::Answer;
use engine::scrutiny::Knowledge;
use jiff::Timestamp;

use crate::controllers::PodEvent;
use crate::data_plane::News;
use crate::process::Address;

/// Something that is planned.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A process starts.
    Start(usize),
    /// A request reaches the server.
    Arrive(Box<Arrival>),
    /// An answer reaches the process.
    Answer { to: Address, id: RequestId, answer: Box<Answer> },
    /// A watch has something to deliver.
    Deliver { to: Address, kind: Kind },
    /// Of what a watch has held back, only the last state of each object is left.
    Collapse { to: Address, kind: Kind },
    /// A kind is served again.
    Served(Kind),
    /// A timer runs out.
    Tick(Address),
    /// A metric backend answers.
    Measured { to: Address, id: QuestionId, outcome: Box<Result<MetricAnswer, TransportError>> },
    /// A process looks at the Lease.
    Lease(Address),
    /// Something about pods.
    Pod(PodEvent),
    /// The garbage collector looks.
    Collect,
    /// A proxy applies what it has learned.
    Apply(Box<Learned>),
    /// A person acts: the place of the act.
    Act(usize),
    /// The autoscaler looks.
    Autoscale,
    /// A fault strikes: its place.
    Strike(usize),
    /// What a fault has changed is put back.
    Restore(Box<ObjectRef>, Box<serde_json::Value>),
    /// An object that took a name of ours is taken away again.
    Leave(Box<ObjectRef>),
    /// A `GitOps` tool looks: the fault's place, how often, and until when.
    Revert { fault: usize, period_ms: u64, until: Timestamp },
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Who sent it.
    pub(crate) from: Address,
    /// Its name.
    pub(crate) id: RequestId,
    /// The request.
    pub(crate) request: Request,
    /// When it was decided.
    pub(crate) sent_at: Timestamp,
    /// What a write was decided on.
    pub(crate) known: Option<Box<Knowledge>>,
    /// Whether it was allowed to leave; if not, the Lease counts when it does.
    pub(crate) left: bool,
}

/// What a proxy learns.
#[derive(Clone, Debug)]
pub(crate) struct Learned {
    /// Which proxy.
    pub(crate) proxy: usize,
    /// What.
    pub(crate) news: News,
}

impl Happening {
    /// Whether it goes on for ever by itself: a cluster in which nothing else is planned is at rest.
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self, Self::Lease(_))
    }

    /// The process that it is meant for.
    pub(crate) fn address(&self) -> Option<Address> {
        match self {
            Self::Answer { to, .. }
            | Self::Deliver { to, .. }
            | Self::Collapse { to, .. }
            | Self::Measured { to, .. }
            | Self::Tick(to)
            | Self::Lease(to) => Some(*to),
            _ => None,
        }
    }

    /// A number for the trace.
    pub(crate) const fn mark(&self) -> u64 {
        match self {
            Self::Start(_) => 1,
            Self::Arrive(_) => 2,
            Self::Answer { .. } => 3,
            Self::Deliver { .. } => 4,
            Self::Collapse { .. } => 5,
            Self::Served(_) => 6,
            Self::Tick(_) => 7,
            Self::Measured { .. } => 8,
            Self::Lease(_) => 9,
            Self::Pod(_) => 10,
            Self::Collect => 11,
            Self::Apply(_) => 12,
            Self::Act(_) => 13,
            Self::Strike(_) => 14,
            Self::Restore(..) => 15,
            Self::Revert { .. } => 16,
            Self::Autoscale => 17,
            Self::Leave(_) => 18,
        }
    }
}

//! What can go wrong: every fault that a scenario can name, with its parameters.

mod part;
mod table;

use crds::object_ref::Kind;
use serde::{Deserialize, Serialize};

pub use part::{CrashMoment, Edit, Target, Version, WatchEnd};
pub use table::FaultKind;

use crate::scenario::{MetricAnswer, When};

/// One fault, and when it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// When it strikes.
    pub when: When,
    /// What it does.
    pub harm: Harm,
}

/// What a fault does. Durations are virtual milliseconds; a `kind` that is left out means every watched kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Harm {
    /// F1: the process that acts dies and starts again with empty memory.
    Crash {
        /// Whether the write at which it dies is still carried out. Without a write as trigger it makes no difference.
        moment: CrashMoment,
        /// How long until it runs again.
        down_ms: u64,
    },
    /// F2: the process starts again and its lists come from an API server that is behind.
    RestartStale {
        /// By how many versions of the store.
        back: u64,
        /// The kind whose list is old; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// How long until it runs again.
        down_ms: u64,
    },
    /// F2: a watch lists again, at an older version, while the process goes on.
    RelistStale {
        /// By how many versions of the store.
        back: u64,
        /// The kind; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
    },
    /// F3: for a while nothing is delivered, then only the last state of each object; what came and went is never seen.
    MissEvents {
        /// The kind; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// For how long.
        for_ms: u64,
    },
    /// F4: watches are slow, so that own writes are not seen for a while.
    SlowWatch {
        /// The kind; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// By how much.
        lag_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// F5: somebody else changes an object just before each of the next writes to it.
    Conflicts {
        /// How many writes meet that.
        count: u32,
    },
    /// F6: the server refuses requests without carrying them out.
    Refuse {
        /// The HTTP status: 429, 500, 503 or 504.
        status: u16,
        /// When it wants to be asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
        /// How many requests.
        count: u32,
    },
    /// F6: writes never arrive, and nobody knows.
    LoseRequests {
        /// How many.
        count: u32,
    },
    /// F6: writes are carried out, but their answers are lost.
    LoseAnswers {
        /// How many.
        count: u32,
    },
    /// F7: a watch ends.
    BreakWatch {
        /// The kind; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// How it ends.
        how: WatchEnd,
    },
    /// F8: the store does not answer for a while.
    StoreDown {
        /// For how long.
        for_ms: u64,
    },
    /// F8: the store is restored from a backup: versions go back, and what was written since is lost.
    StoreRestored {
        /// By how many versions.
        back: u64,
    },
    /// F9: the leading process stands still between a decision and its writes; meanwhile another may take over.
    Standstill {
        /// For how long.
        for_ms: u64,
    },
    /// F10: the clock of the leading process is set, or runs at another speed from now on.
    Clock {
        /// By how much it is set; negative: back.
        jump_ms: i64,
        /// Its speed in percent of the real one; 100 is right.
        rate_percent: u32,
    },
    /// F11: the metric backend answers in another way than its script says.
    Metrics {
        /// How.
        answer: MetricAnswer,
        /// To how many questions.
        count: u32,
    },
    /// F12: an object is deleted by somebody else.
    Delete {
        /// Which.
        target: Target,
        /// Whether the same is created again at once, with another uid.
        recreate: bool,
    },
    /// F12: the next object of a kind that an operator creates finds its name taken by an object that is not ours.
    Squat {
        /// The kind: `ReplicaSet` or `Ingress`.
        kind: Kind,
        /// How long the other object stays.
        for_ms: u64,
    },
    /// F13: an object is edited by somebody else.
    Edit {
        /// How.
        edit: Edit,
    },
    /// F14: a `GitOps` tool puts every object back to what its manifest says, again and again.
    Revert {
        /// How often.
        period_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// F15: a proxy applies what it learns late.
    SlowProxy {
        /// Which one, from 0; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proxy: Option<usize>,
        /// By how much.
        lag_ms: u64,
        /// For how long.
        for_ms: u64,
    },
    /// F16: the server denies writes: rights are missing, a quota, a webhook, a namespace that goes.
    Deny {
        /// The kind; left out: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// The HTTP status: 403, 404 or 422.
        status: u16,
        /// For how long.
        for_ms: u64,
    },
    /// F17: an older CRD drops the fields that it does not know: our own block of the status.
    PruneStatus,
    /// F17: a kind is not served for a while.
    KindMissing {
        /// The kind.
        kind: Kind,
        /// For how long.
        for_ms: u64,
    },
    /// F18: pods of a version stop being ready.
    BreakPods {
        /// Of which version.
        version: Version,
        /// How many of them, in percent.
        percent: u32,
        /// For how long.
        for_ms: u64,
    },
    /// F19: many other Rollouts change at once, and the process takes its time for each input.
    Crowd {
        /// How many others.
        rollouts: u32,
    },
    /// F20: an object can no longer be read.
    Malform {
        /// Which.
        target: Target,
        /// For how long; then it is as it was.
        for_ms: u64,
    },
    /// F21: the metric backend hangs, and answers late or not at all.
    HangMetrics {
        /// After how long an answer comes; longer than the question's timeout: none.
        delay_ms: u64,
        /// To how many questions.
        count: u32,
    },
    /// F22: the operator starts anew on what another implementation left: without our own block of the status, and
    /// with another hash of the steps.
    TakeOver {
        /// How long nobody acts.
        down_ms: u64,
    },
}

impl Harm {
    /// The row of the fault table that this belongs to.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Crash { .. } => FaultKind::F1,
            Self::RestartStale { .. } | Self::RelistStale { .. } => FaultKind::F2,
            Self::MissEvents { .. } => FaultKind::F3,
            Self::SlowWatch { .. } => FaultKind::F4,
            Self::Conflicts { .. } => FaultKind::F5,
            Self::Refuse { .. } | Self::LoseRequests { .. } | Self::LoseAnswers { .. } => FaultKind::F6,
            Self::BreakWatch { .. } => FaultKind::F7,
            Self::StoreDown { .. } | Self::StoreRestored { .. } => FaultKind::F8,
            Self::Standstill { .. } => FaultKind::F9,
            Self::Clock { .. } => FaultKind::F10,
            Self::Metrics { .. } => FaultKind::F11,
            Self::Delete { .. } | Self::Squat { .. } => FaultKind::F12,
            Self::Edit { .. } => FaultKind::F13,
            Self::Revert { .. } => FaultKind::F14,
            Self::SlowProxy { .. } => FaultKind::F15,
            Self::Deny { .. } => FaultKind::F16,
            Self::PruneStatus | Self::KindMissing { .. } => FaultKind::F17,
            Self::BreakPods { .. } => FaultKind::F18,
            Self::Crowd { .. } => FaultKind::F19,
            Self::Malform { .. } => FaultKind::F20,
            Self::HangMetrics { .. } => FaultKind::F21,
            Self::TakeOver { .. } => FaultKind::F22,
        }
    }

    /// For how long it goes on, in virtual milliseconds; 0 if it is over at once.
    #[must_use]
    pub const fn lasts_ms(&self) -> u64 {
        match self {
            Self::Crash { down_ms, .. } | Self::RestartStale { down_ms, .. } | Self::TakeOver { down_ms } => {
                *down_ms
            }
            Self::MissEvents { for_ms, .. }
            | Self::SlowWatch { for_ms, .. }
            | Self::StoreDown { for_ms }
            | Self::Standstill { for_ms }
            | Self::Revert { for_ms, .. }
            | Self::SlowProxy { for_ms, .. }
            | Self::Deny { for_ms, .. }
            | Self::KindMissing { for_ms, .. }
            | Self::BreakPods { for_ms, .. }
            | Self::Malform { for_ms, .. }
            | Self::Squat { for_ms, .. }
            | Self::BreakWatch { how: WatchEnd::Silent { for_ms }, .. } => *for_ms,
            Self::HangMetrics { delay_ms, .. } => *delay_ms,
            Self::Crowd { .. } => 60_000,
            Self::RelistStale { .. }
            | Self::Conflicts { .. }
            | Self::Refuse { .. }
            | Self::LoseRequests { .. }
            | Self::LoseAnswers { .. }
            | Self::BreakWatch { .. }
            | Self::StoreRestored { .. }
            | Self::Clock { .. }
            | Self::Metrics { .. }
            | Self::Delete { .. }
            | Self::Edit { .. }
            | Self::PruneStatus => 0,
        }
    }

    /// Whether an abort has to be carried out also while it goes on: a spec that cannot be read does not block it.
    #[must_use]
    pub const fn leaves_aborts_alone(&self) -> bool {
        matches!(self, Self::Malform { target: Target::Rollout | Target::Neighbour, .. })
    }

    /// Whether a run with this fault still has to end where the run without it ends.
    ///
    /// Faults that only disturb must not leave a trace; those that change what is wanted, what is measured or what
    /// exists may. Those still have to keep every other oracle.
    #[must_use]
    pub const fn leaves_the_end_alone(&self) -> bool {
        !matches!(
            self,
            Self::StoreRestored { .. }
                | Self::Metrics { .. }
                | Self::HangMetrics { .. }
                | Self::Delete { .. }
                | Self::Squat { .. }
                | Self::Edit { edit: Edit::ScaleRollout { .. } | Edit::SetImage { .. } }
                | Self::Revert { .. }
                | Self::BreakPods { .. }
                | Self::Clock { .. }
        )
    }
}

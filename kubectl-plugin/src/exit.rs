//! Exit codes: what a script learns without reading a word.

use std::io::Write;
use std::process::ExitCode;

use crds::rollout::RolloutPhase;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done; for `status` and `explain`, the rollout is healthy (or on its way, when nobody waits for it).
    Ok,
    /// 2: the rollout is degraded or was aborted.
    Degraded,
    /// 3: it took longer than `--timeout`.
    Timeout,
    /// 4: a simulated update never ends.
    NeverEnds,
    /// 5: the operator would refuse the spec of a simulated rollout.
    Refused,
    /// 6: a simulation lacks objects, and `--strict` forbids to assume them.
    Gaps,
}

impl Exit {
    /// How a command ends that only looks at a rollout of this phase.
    pub(crate) const fn of(phase: RolloutPhase) -> Self {
        match phase {
            RolloutPhase::Degraded => Self::Degraded,
            RolloutPhase::Healthy
            | RolloutPhase::Progressing
            | RolloutPhase::Paused
            | RolloutPhase::Unknown => Self::Ok,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => Self::SUCCESS,
            Exit::Degraded => Self::from(2),
            Exit::Timeout => Self::from(3),
            Exit::NeverEnds => Self::from(4),
            Exit::Refused => Self::from(5),
            Exit::Gaps => Self::from(6),
        }
    }
}

/// Prints what clap has to say: help and version are no errors; everything else is 1.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is not worth another error.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

/// Prints an error of the tool with its causes; 1.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
    ExitCode::from(1)
}

//! The pod's phase, from the states of its containers.

use crate::lifecycle::restart::Policy;
use crate::lifecycle::state::{ContainerState, Run};

/// `status.phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Some container has not run yet.
    Pending,
    /// All have run, and some run or will run again.
    Running,
    /// All ended with code 0, for good.
    Succeeded,
    /// All ended, one at least with another code, for good.
    Failed,
}

impl Phase {
    /// The word of the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether the pod will never run again.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The phase of a pod with these containers.
///
/// A container that waits after an earlier run counts as stopped, not as waiting: a crash loop is `Running`.
pub(crate) fn of(init: &[ContainerState], main: &[ContainerState], policy: Policy) -> Phase {
    if init.iter().any(|container| container.has_failed() && policy == Policy::Never) {
        return Phase::Failed;
    }
    if !init.iter().all(ContainerState::is_initialized) {
        return Phase::Pending;
    }
    let waits =
        |container: &ContainerState| matches!(container.run, Run::Waiting { .. }) && container.last.is_none();
    if main.iter().any(waits) {
        return Phase::Pending;
    }
    let runs = |container: &ContainerState| matches!(container.run, Run::Running { .. });
    if main.iter().any(runs) || policy == Policy::Always {
        return Phase::Running;
    }
    let codes: Vec<Option<i32>> = main.iter().map(ContainerState::code).collect();
    if codes.iter().all(|code| *code == Some(0)) {
        return Phase::Succeeded;
    }
    if policy == Policy::Never && codes.iter().all(Option::is_some) {
        return Phase::Failed;
    }
    Phase::Running
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;
    use crate::lifecycle::exit::{Ending, Exit};

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn exit(code: i32) -> Exit {
        Exit { ending: Ending::exited(code), began: AT, ended: AT }
    }

    fn container(run: Run, last: Option<Exit>) -> ContainerState {
        ContainerState { run, last, ..ContainerState::new("web", "demo", false) }
    }

    fn waiting() -> Run {
        Run::Waiting { reason: "ContainerCreating", message: String::new() }
    }

    #[rstest]
    #[case::nothing_ran_yet(vec![container(waiting(), None)], Policy::Always, Phase::Pending)]
    #[case::one_of_two_runs(
        vec![container(Run::Running { since: AT }, None), container(waiting(), None)],
        Policy::Always,
        Phase::Pending
    )]
    #[case::all_run(vec![container(Run::Running { since: AT }, None)], Policy::Always, Phase::Running)]
    #[case::crash_loop(vec![container(waiting(), Some(exit(1)))], Policy::Always, Phase::Running)]
    #[case::done(vec![container(Run::Exited(exit(0)), None)], Policy::Never, Phase::Succeeded)]
    #[case::failed(vec![container(Run::Exited(exit(3)), None)], Policy::Never, Phase::Failed)]
    #[case::will_run_again(vec![container(Run::Exited(exit(3)), None)], Policy::OnFailure, Phase::Running)]
    #[case::always_runs_again(vec![container(Run::Exited(exit(0)), None)], Policy::Always, Phase::Running)]
    fn containers_decide(#[case] main: Vec<ContainerState>, #[case] policy: Policy, #[case] want: Phase) {
        assert_eq!(of(&[], &main, policy), want);
    }

    #[rstest]
    #[case::before_the_init_container_ended(container(Run::Running { since: AT }, None), Phase::Pending)]
    #[case::after_it_failed_for_good(container(Run::Exited(exit(1)), None), Phase::Failed)]
    #[case::after_it_succeeded(container(Run::Exited(exit(0)), None), Phase::Running)]
    fn init_containers_come_first(#[case] init: ContainerState, #[case] want: Phase) {
        let main = vec![container(Run::Running { since: AT }, None)];
        assert_eq!(of(&[init], &main, Policy::Never), want);
    }
}

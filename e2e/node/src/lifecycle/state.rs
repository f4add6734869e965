//! The state of one pod, and what an event makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;

use crate::lifecycle::exit::{Ending, Exit};
use crate::lifecycle::phase::{self, Phase};
use crate::lifecycle::restart::Policy;

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Run {
    /// Not running, for this reason.
    Waiting {
        /// The kubelet's word, such as `ContainerCreating` or `CrashLoopBackOff`.
        reason: &'static str,
        /// More words; may be empty.
        message: String,
    },
    /// Running since then.
    Running {
        /// When it was started.
        since: Timestamp,
    },
    /// Ended.
    Exited(Exit),
}

/// One container as its status shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerState {
    pub(crate) name: String,
    pub(crate) image: String,
    /// An init container that keeps running (`restartPolicy: Always`).
    pub(crate) sidecar: bool,
    pub(crate) run: Run,
    /// How the run before this one ended.
    pub(crate) last: Option<Exit>,
    pub(crate) restarts: i32,
    /// The startup probe has passed, or there is none.
    pub(crate) started: bool,
    /// The readiness probe passes.
    pub(crate) ready: bool,
}

/// Which container of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// An init container, by position.
    Init(usize),
    /// A container, by position.
    Main(usize),
}

/// What happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It cannot run for now.
    Waiting {
        /// The kubelet's word.
        reason: &'static str,
        /// More words.
        message: String,
    },
    /// It runs.
    Started,
    /// Its startup probe passed.
    Passed,
    /// Its readiness changed.
    Ready(bool),
    /// It ended.
    Exited(Ending),
}

/// What happened to a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has an address.
    Address(Ipv4Addr),
    /// Something happened to one of its containers.
    Container(Slot, Change),
    /// These of its readiness gates are met.
    Gates(BTreeSet<String>),
    /// Its deletion was asked for.
    Terminating,
}

/// A condition and since when it has its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) holds: bool,
    pub(crate) since: Timestamp,
    /// Reason and message while it does not hold.
    pub(crate) why: Option<(&'static str, String)>,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodState {
    pub(crate) policy: Policy,
    pub(crate) gates: Vec<String>,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) began: Timestamp,
    pub(crate) init: Vec<ContainerState>,
    pub(crate) main: Vec<ContainerState>,
    pub(crate) met: BTreeSet<String>,
    pub(crate) terminating: bool,
    pub(crate) conditions: BTreeMap<&'static str, Condition>,
}

impl ContainerState {
    /// A container that is being created.
    pub(crate) fn new(name: &str, image: &str, sidecar: bool) -> Self {
        Self {
            name: name.to_owned(),
            image: image.to_owned(),
            sidecar,
            run: Run::Waiting { reason: "ContainerCreating", message: String::new() },
            last: None,
            restarts: 0,
            started: false,
            ready: false,
        }
    }

    /// Its exit code, while it is ended.
    pub(crate) fn code(&self) -> Option<i32> {
        match &self.run {
            Run::Exited(exit) => Some(exit.ending.code),
            Run::Waiting { .. } | Run::Running { .. } => None,
        }
    }

    /// Whether no run of it has begun.
    pub(crate) fn never_ran(&self) -> bool {
        self.last.is_none() && matches!(self.run, Run::Waiting { .. })
    }

    /// Whether it has ended with another code than 0.
    pub(crate) fn has_failed(&self) -> bool {
        self.code().is_some_and(|code| code != 0)
    }

    /// Whether, as an init container, it lets the next one go ahead.
    pub(crate) fn is_initialized(&self) -> bool {
        self.code() == Some(0) || (self.sidecar && self.started)
    }

    fn apply(&mut self, change: Change, now: Timestamp) {
        match change {
            Change::Waiting { reason, message } => {
                self.remember();
                self.run = Run::Waiting { reason, message };
            }
            Change::Started => {
                self.attempt();
                self.run = Run::Running { since: now };
            }
            Change::Passed => self.started = true,
            Change::Ready(ready) => self.ready = ready && matches!(self.run, Run::Running { .. }),
            Change::Exited(ending) => {
                let began = match self.run {
                    Run::Running { since } => since,
                    // It could not even be started: an attempt of its own.
                    Run::Waiting { .. } | Run::Exited(_) => {
                        self.attempt();
                        now
                    }
                };
                self.run = Run::Exited(Exit { ending, began, ended: now });
                self.started = false;
                self.ready = false;
            }
        }
    }

    /// Counts a run after an earlier one as a restart.
    fn attempt(&mut self) {
        self.remember();
        if self.last.is_some() {
            self.restarts += 1;
        }
    }

    fn remember(&mut self) {
        if let Run::Exited(exit) = &self.run {
            self.last = Some(exit.clone());
        }
    }
}

impl PodState {
    /// A pod that has just been seen.
    pub(crate) fn new(
        policy: Policy,
        gates: Vec<String>,
        init: Vec<ContainerState>,
        main: Vec<ContainerState>,
        now: Timestamp,
    ) -> Self {
        let mut state = Self {
            policy,
            gates,
            address: None,
            began: now,
            init,
            main,
            met: BTreeSet::new(),
            terminating: false,
            conditions: BTreeMap::new(),
        };
        state.settle(now);
        state
    }

    /// Takes in one event.
    pub(crate) fn apply(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Address(address) => self.address = Some(address),
            Event::Container(slot, change) => {
                let container = match slot {
                    Slot::Init(index) => self.init.get_mut(index),
                    Slot::Main(index) => self.main.get_mut(index),
                };
                if let Some(container) = container {
                    container.apply(change, now);
                }
            }
            Event::Gates(met) => self.met = met,
            Event::Terminating => self.terminating = true,
        }
        self.settle(now);
    }

    /// The pod's phase.
    pub(crate) fn phase(&self) -> Phase {
        if self.is_over() {
            // It will not run again, whatever its policy says.
            return phase::of(&self.init, &self.main, Policy::Never);
        }
        phase::of(&self.init, &self.main, self.policy)
    }

    /// Whether its deletion was asked for and all its containers have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.terminating && self.main.iter().all(|container| container.code().is_some())
    }

    /// Whether the pod takes traffic.
    pub(crate) fn is_ready(&self) -> bool {
        self.conditions.get("Ready").is_some_and(|condition| condition.holds)
    }

    /// Brings the conditions in line with everything else; a time moves only when its status does.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let unready: Vec<&str> =
            self.main.iter().filter(|container| !container.ready).map(|container| &*container.name).collect();
        let containers = if self.phase().is_final() {
            Some(("PodCompleted", String::new()))
        } else if self.terminating {
            Some(("ContainersNotReady", "the pod is being deleted".to_owned()))
        } else if unready.is_empty() {
            None
        } else {
            Some(("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))))
        };
        let unmet: Vec<&str> =
            self.gates.iter().filter(|gate| !self.met.contains(*gate)).map(String::as_str).collect();
        let ready = containers.clone().or_else(|| {
            let message = || format!("readiness gates that are not met: [{}]", unmet.join(" "));
            (!unmet.is_empty()).then(|| ("ReadinessGatesNotReady", message()))
        });
        let incomplete: Vec<&str> = self
            .init
            .iter()
            .filter(|container| !container.is_initialized())
            .map(|container| &*container.name)
            .collect();
        let initialized = (!incomplete.is_empty()).then(|| {
            let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
            ("ContainersNotInitialized", message)
        });
        let networked = self.address.is_none().then(|| ("NoAddress", String::new()));
        for (kind, why) in [
            ("PodReadyToStartContainers", networked),
            ("Initialized", initialized),
            ("ContainersReady", containers),
            ("Ready", ready),
        ] {
            self.note(kind, why, now);
        }
    }

    fn note(&mut self, kind: &'static str, why: Option<(&'static str, String)>, now: Timestamp) {
        let holds = why.is_none();
        let since = match self.conditions.get(kind) {
            Some(known) if known.holds == holds => known.since,
            _ => now,
        };
        self.conditions.insert(kind, Condition { holds, since, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).unwrap()
    }

    fn pod(gates: &[&str]) -> PodState {
        let gates = gates.iter().map(|gate| (*gate).to_owned()).collect();
        let main = vec![ContainerState::new("web", "linnet.test/demo:v1", false)];
        PodState::new(Policy::Always, gates, vec![], main, at(0))
    }

    fn web(change: Change) -> Event {
        Event::Container(Slot::Main(0), change)
    }

    #[test]
    fn a_pod_goes_from_pending_over_running_to_ready() {
        let mut pod = pod(&[]);
        assert_eq!((pod.phase(), pod.is_ready()), (Phase::Pending, false));
        pod.apply(Event::Address(Ipv4Addr::new(10, 244, 0, 1)), at(1));
        pod.apply(web(Change::Started), at(2));
        assert_eq!((pod.phase(), pod.is_ready()), (Phase::Running, false));
        pod.apply(web(Change::Passed), at(3));
        pod.apply(web(Change::Ready(true)), at(4));
        assert!(pod.is_ready());
        assert_eq!(pod.conditions.get("Ready").unwrap().since, at(4));
        assert_eq!(pod.conditions.get("PodReadyToStartContainers").unwrap().since, at(1));
    }

    #[test]
    fn a_readiness_gate_holds_ready_back_until_somebody_meets_it() {
        let mut pod = pod(&["example.test/routed"]);
        pod.apply(web(Change::Started), at(1));
        pod.apply(web(Change::Ready(true)), at(2));
        assert!(pod.conditions.get("ContainersReady").unwrap().holds);
        assert!(!pod.is_ready());
        pod.apply(Event::Gates(BTreeSet::from(["example.test/routed".to_owned()])), at(3));
        assert!(pod.is_ready());
    }

    #[test]
    fn deletion_takes_readiness_at_once_while_the_container_runs_on() {
        let mut pod = pod(&[]);
        pod.apply(web(Change::Started), at(1));
        pod.apply(web(Change::Ready(true)), at(2));
        pod.apply(Event::Terminating, at(5));
        assert!(!pod.is_ready());
        assert_eq!(pod.phase(), Phase::Running);
        assert_eq!(pod.conditions.get("Ready").unwrap().since, at(5));
        pod.apply(web(Change::Exited(Ending::completed())), at(6));
        assert_eq!(pod.phase(), Phase::Succeeded);
    }

    #[test]
    fn a_crash_loop_counts_restarts_and_keeps_the_last_ending() {
        let mut pod = pod(&[]);
        pod.apply(web(Change::Started), at(1));
        pod.apply(web(Change::Ready(true)), at(1));
        pod.apply(web(Change::Exited(Ending::exited(7))), at(2));
        assert!(!pod.is_ready());
        pod.apply(web(Change::Started), at(3));
        pod.apply(web(Change::Exited(Ending::exited(8))), at(4));
        let reason = "CrashLoopBackOff";
        pod.apply(web(Change::Waiting { reason, message: String::new() }), at(5));
        let container = &pod.main[0];
        assert_eq!(container.restarts, 1);
        assert_eq!(container.last.as_ref().unwrap().ending.code, 8);
        assert_eq!(container.last.as_ref().unwrap().began, at(3));
        assert_eq!(pod.phase(), Phase::Running);
    }

    #[test]
    fn a_command_that_cannot_start_counts_each_attempt() {
        let mut pod = pod(&[]);
        for second in 1..=3 {
            pod.apply(web(Change::Exited(Ending::not_started("no such file"))), at(second));
            let reason = "CrashLoopBackOff";
            pod.apply(web(Change::Waiting { reason, message: String::new() }), at(second));
        }
        assert_eq!(pod.main[0].restarts, 2);
        assert_eq!(pod.main[0].last.as_ref().unwrap().ending.reason, "StartError");
    }

    #[test]
    fn readiness_reported_late_does_not_revive_an_ended_container() {
        let mut pod = pod(&[]);
        pod.apply(web(Change::Started), at(1));
        pod.apply(web(Change::Exited(Ending::exited(1))), at(2));
        pod.apply(web(Change::Ready(true)), at(3));
        assert!(!pod.is_ready());
    }
}

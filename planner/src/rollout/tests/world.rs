//! A cluster in memory: it carries out what is planned, its pods take a while, and it watches what users get.

mod writes;

use std::collections::{BTreeMap, BTreeSet};

use crds::analysis::AnalysisPhase;
use crds::names::POD_TEMPLATE_HASH;
use crds::rollout::RolloutStatus;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::event::Event;
use crate::facts::{ReplicaSetFacts, RouteFacts};
use crate::fixture;
use crate::invariants;
use crate::rollout::{Action, Plan, Snapshot, is_urgent, plan};

/// How long a route may go on sending requests to where it sent them before.
const PROPAGATION: SignedDuration = SignedDuration::from_secs(2);
/// How long counts alone may wait to be written.
const CALM: SignedDuration = SignedDuration::from_secs(1);

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) snapshot: Snapshot,
    /// Every write, in words.
    pub(super) writes: Vec<String>,
    pub(super) events: Vec<Event>,
    /// Every status that was written.
    pub(super) statuses: Vec<RolloutStatus>,
    /// When each pod of a ReplicaSet is available.
    pods: BTreeMap<String, Vec<Timestamp>>,
    /// Pods of these versions never become available.
    pub(super) broken: Vec<String>,
    pub(super) startup: SignedDuration,
    version: u64,
    counts_written: Timestamp,
    /// What the data plane may still do: until when, which hash may get requests.
    reaches: Vec<(Timestamp, String)>,
    /// Versions that have no pods because the user wants none.
    emptied: BTreeSet<String>,
    pub(super) last: Option<Plan>,
    /// Phase that new analysis runs get.
    pub(super) verdict: AnalysisPhase,
}

impl World {
    pub(super) fn new(canary: &Value) -> Self {
        Self::with(&json!({ "canary": canary }))
    }

    /// A Rollout with that `spec.strategy`.
    pub(super) fn with(strategy: &Value) -> Self {
        Self {
            now: fixture::start(),
            snapshot: fixture::created_with(strategy),
            writes: Vec::new(),
            events: Vec::new(),
            statuses: Vec::new(),
            pods: BTreeMap::new(),
            broken: Vec::new(),
            startup: SignedDuration::from_millis(300),
            version: 1,
            counts_written: fixture::start() - SignedDuration::from_secs(10),
            reaches: Vec::new(),
            emptied: BTreeSet::new(),
            last: None,
            verdict: AnalysisPhase::Running,
        }
    }

    pub(super) fn status(&mut self) -> &mut RolloutStatus {
        &mut self.snapshot.rollout.status
    }

    pub(super) fn set(&self, version: &str) -> Option<&ReplicaSetFacts> {
        self.snapshot.sets().find(|set| set.hash == format!("hash-{version}"))
    }

    /// The user applies another version.
    pub(super) fn apply_version(&mut self, version: &str) {
        let mut spec = self.snapshot.rollout.spec.clone().unwrap();
        spec.template = fixture::spec(version, &json!({})).template;
        self.snapshot.rollout.spec = Ok(spec);
        self.snapshot.rollout.meta.generation += 1;
        self.snapshot.template = Some(fixture::template(version));
    }

    /// Somebody gives the referenced workload the template of another version.
    pub(super) fn change_workload(&mut self, version: &str) {
        let workload = self.snapshot.workload.as_mut().unwrap();
        workload.meta.generation += 1;
        workload.template = fixture::spec(version, &json!({})).template;
        self.snapshot.template = Some(fixture::template(version));
    }

    pub(super) fn scale_to(&mut self, replicas: i32) {
        if let Ok(spec) = &mut self.snapshot.rollout.spec {
            spec.replicas = Some(replicas);
        }
        self.snapshot.rollout.meta.generation += 1;
    }

    /// Plans and carries out until nothing moves any more, or until `limit` has passed. Returns whether it rests.
    pub(super) fn run(&mut self, limit: SignedDuration) -> bool {
        let end = self.now + limit;
        for _ in 0..5_000 {
            let Some(next) = self.round() else { continue };
            match next {
                Some(next) if next <= end => self.now = next.max(self.now),
                Some(_) => {
                    self.now = end;
                    self.observe_pods();
                    return false;
                }
                None => return true,
            }
            self.observe_pods();
        }
        panic!(
            "no end after 5,000 rounds; last writes {:?}",
            &self.writes[self.writes.len().saturating_sub(20)..]
        );
    }

    /// One plan and what follows at once.
    pub(super) fn step(&mut self) {
        let _ = self.round();
    }

    /// One plan. `None` if something was written; else when something happens next, if ever.
    #[expect(clippy::option_option, reason = "nothing to do now, and perhaps never")]
    fn round(&mut self) -> Option<Option<Timestamp>> {
        self.observe_pods();
        let plan = self.checked_plan();
        let urgent = is_urgent(&self.snapshot.rollout.status, &plan.status);
        let differs = self.snapshot.rollout.status != plan.status;
        let mut next = plan.wake_at.into_iter().chain(self.next_pod()).min();
        self.last = Some(plan.clone());
        if !plan.actions.is_empty() {
            let weights = plan.actions.iter().take_while(|action| matches!(action, Action::SetWeight { .. }));
            for action in plan.actions.iter().take(weights.count().max(1)) {
                self.carry_out(action);
            }
            return None;
        }
        if differs && (urgent || self.now >= self.counts_written + CALM) {
            self.writes.push("patch rollouts/status".to_owned());
            self.take_turns(&plan.status);
            self.statuses.push(plan.status.clone());
            self.snapshot.rollout.status = plan.status;
            self.counts_written = self.now;
            self.bump_rollout();
            self.tell(&plan.events);
            return None;
        }
        if differs {
            let calm = self.counts_written + CALM;
            next = Some(next.map_or(calm, |next| next.min(calm)));
        } else {
            assert!(plan.events.is_empty(), "events without a change: {:?}", plan.events);
        }
        Some(next)
    }

    /// Services that swap their roles swap what the routes say about them.
    fn take_turns(&mut self, new: &RolloutStatus) {
        if new.canary.stable_ping_pong != self.snapshot.rollout.status.canary.stable_ping_pong {
            for route in &mut self.snapshot.routes {
                route.canary_weight = route.canary_weight.map(|weight| 100 - weight);
            }
        }
    }

    fn checked_plan(&self) -> Plan {
        let first = plan(&self.snapshot, self.now);
        assert_eq!(first, plan(&self.snapshot, self.now), "equal snapshots, other plans");
        let violations = invariants::check(&self.snapshot, &first);
        assert!(violations.is_empty(), "{violations:?}\n{first:#?}\nlast writes {:?}", self.writes);
        self.check_users();
        first
    }

    /// No version that may still get requests is without pods.
    fn check_users(&self) {
        for (_, hash) in self.reaches.iter().filter(|(until, _)| *until > self.now) {
            let version = hash.trim_start_matches("hash-");
            let set = self.snapshot.replica_sets.iter().find(|set| set.hash == *hash);
            let available = set.map_or(0, |set| set.available_replicas);
            assert!(
                available > 0
                    || self.broken.iter().any(|broken| broken == version)
                    || self.emptied.contains(hash),
                "{hash} may get requests and has no pods; writes {:?}",
                self.writes
            );
        }
    }

    /// Notes where requests may go: from now on, and for a while when that ends.
    fn note_reach(&mut self) {
        let far = Timestamp::MAX;
        for (until, _) in &mut self.reaches {
            if *until == far {
                *until = self.now + PROPAGATION;
            }
        }
        let selected = |name: &str| {
            self.snapshot
                .services
                .get(name)
                .and_then(|service| service.selector.get(POD_TEMPLATE_HASH))
                .cloned()
        };
        let weight = self.snapshot.routes.iter().filter_map(|route| route.canary_weight).max().unwrap_or(0);
        let reaches_canary = self.snapshot.routes.iter().any(RouteFacts::reaches_canary);
        let canary = self.snapshot.rollout.spec.as_ref().ok().and_then(|spec| spec.strategy.canary.as_ref());
        let role = self.snapshot.rollout.status.canary.stable_ping_pong;
        let [stable, new] = canary.map_or([""; 2], |canary| canary.services(role));
        let reached = [
            selected("web-active"),
            selected(new).filter(|_| reaches_canary),
            selected(stable).filter(|_| weight < 100),
        ];
        for hash in reached.into_iter().flatten() {
            if self.wants_no_pods() {
                self.emptied.insert(hash.clone());
            }
            self.reaches.push((far, hash));
        }
        let now = self.now;
        self.reaches.retain(|(until, _)| *until > now);
    }

    /// Whether the user has scaled to 0.
    fn wants_no_pods(&self) -> bool {
        self.snapshot.rollout.spec.as_ref().is_ok_and(|spec| spec.replicas == Some(0))
    }

    fn tell(&mut self, events: &[Event]) {
        self.events.extend(events.iter().cloned());
    }

    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn bump_rollout(&mut self) {
        let version = self.next_version();
        self.snapshot.rollout.meta.resource_version = version;
    }

    /// All runs that are under way come to that verdict.
    pub(super) fn answer(&mut self, phase: AnalysisPhase) {
        for run in self.snapshot.analysis_runs.iter_mut().filter(|run| !run.status.phase.is_completed()) {
            run.status.phase = phase;
        }
    }

    /// All pods of a version die, and come back after two seconds.
    pub(super) fn crash(&mut self, hash: &str) {
        let sets = self.snapshot.replica_sets.iter().filter(|set| set.hash == hash);
        for set in sets {
            self.emptied.insert(set.hash.clone());
            for pod in self.pods.get_mut(&set.meta.name).into_iter().flatten() {
                *pod = (*pod).max(self.now + SignedDuration::from_secs(2));
            }
        }
    }

    /// All pods of a version die; they come back if they can.
    pub(super) fn lose(&mut self, hash: &str) {
        self.crash(hash);
        let is_broken = self.broken.iter().any(|broken| hash.ends_with(broken.as_str()));
        let sets = self.snapshot.replica_sets.iter().filter(|set| set.hash == hash && is_broken);
        for set in sets {
            for pod in self.pods.get_mut(&set.meta.name).into_iter().flatten() {
                *pod = Timestamp::MAX;
            }
        }
    }

    /// Lets the pods that never became available begin anew.
    pub(super) fn heal(&mut self) {
        let at = self.now + self.startup;
        for pod in self.pods.values_mut().flatten() {
            *pod = (*pod).min(at);
        }
    }

    /// Lets pods come and go; a ReplicaSet that shrinks loses pods that are not available first.
    fn observe_pods(&mut self) {
        for set in &mut self.snapshot.replica_sets {
            let pods = self.pods.entry(set.meta.name.clone()).or_default();
            let want = usize::try_from(set.replicas).unwrap();
            let version = set.hash.trim_start_matches("hash-");
            let is_broken = self.broken.iter().any(|broken| broken == version);
            let at = if is_broken { Timestamp::MAX } else { self.now + self.startup };
            pods.sort();
            // Each pod of a batch takes a little longer than the one before.
            while pods.len() < want {
                let late = SignedDuration::from_millis(20 * i64::try_from(pods.len()).unwrap());
                pods.push(at.checked_add(late).unwrap_or(at));
            }
            pods.truncate(want);
            let available = pods.iter().filter(|at| **at <= self.now).count();
            set.current_replicas = set.replicas;
            set.available_replicas = i32::try_from(available).unwrap();
            set.ready_replicas = set.available_replicas;
            set.observed_generation = set.meta.generation;
            if available > 0 && set.replicas > 0 {
                self.emptied.remove(&set.hash);
            }
        }
    }

    fn next_pod(&self) -> Option<Timestamp> {
        self.pods.values().flatten().copied().filter(|at| *at > self.now && *at < Timestamp::MAX).min()
    }
}

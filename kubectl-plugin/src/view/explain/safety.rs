//! Is it safe, and if not: how does one get back?

use crds::analysis::AnalysisPhase;
use crds::names::POD_TEMPLATE_HASH;
use planner::facts::{AnalysisRunFacts, ReplicaSetFacts};
use planner::rollout::{Snapshot, current_runs};
use serde::Serialize;

use super::{Move, command};

/// Whether users are safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Verdict {
    /// Nobody is served by a version that has not proved itself, and enough pods are there.
    Yes,
    /// Some users are served by the new version, and nothing speaks against it.
    SoFar,
    /// Something speaks against it.
    No,
}

/// Whether users are safe, why, and the way back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Safety {
    /// Whether they are.
    pub(crate) verdict: Verdict,
    /// Why, one reason per sentence; what speaks against it comes first.
    pub(crate) why: Vec<String>,
    /// The way back, unless there is none or it has been taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) back: Option<Move>,
}

/// One of the two versions of an update.
pub(super) struct Side<'a> {
    /// Its hash.
    pub(super) hash: &'a str,
    /// Its ReplicaSet, if there is one.
    pub(super) set: Option<&'a ReplicaSetFacts>,
}

impl<'a> Side<'a> {
    /// The stable version.
    pub(super) fn stable(snapshot: &'a Snapshot) -> Self {
        Self::of(snapshot, &snapshot.rollout.status.stable_rs)
    }

    /// The version that the spec asks for.
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self::of(snapshot, &snapshot.rollout.status.current_pod_hash)
    }

    fn of(snapshot: &'a Snapshot, hash: &'a str) -> Self {
        Self { hash, set: snapshot.sets().find(|set| !hash.is_empty() && set.hash == hash) }
    }

    /// Pods wanted, and how many of these are available.
    fn pods(&self) -> (i32, i32) {
        self.set.map_or((0, 0), |set| (set.replicas, set.available_replicas))
    }

    fn name(&self) -> &str {
        self.set.map_or("(no ReplicaSet)", |set| set.meta.name.as_str())
    }
}

impl Safety {
    /// Judges a rollout by who is served by what.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let (stable, new) = (Side::stable(snapshot), Side::new(snapshot));
        if stable.hash.is_empty() {
            let why = "this is the first version: there is no other one to go back to".to_owned();
            return Self { verdict: Verdict::SoFar, why: vec![why], back: None };
        }
        if stable.hash == new.hash {
            return at_rest(snapshot, &stable);
        }
        let share = share(snapshot, &stable, &new);
        if snapshot.rollout.status.abort {
            return taken_back(share, &stable);
        }
        under_way(snapshot, share, &stable, &new)
    }
}

/// The new version is the stable one.
fn at_rest(snapshot: &Snapshot, stable: &Side<'_>) -> Safety {
    let (_, have) = stable.pods();
    let want = snapshot.rollout.spec.as_ref().ok().and_then(|spec| spec.replicas).unwrap_or(1);
    let name = stable.name();
    let back = Move { to: "return to the version before", command: command(snapshot, "undo") };
    let (verdict, why) = if have < want {
        (Verdict::No, format!("only {have} of {want} pods of the stable version {name} are available"))
    } else {
        (Verdict::Yes, format!("the stable version {name} serves everybody, {have} of {want} pods available"))
    };
    Safety { verdict, why: vec![why], back: Some(back) }
}

/// The update was aborted.
fn taken_back(share: u32, stable: &Side<'_>) -> Safety {
    let (want, have) = stable.pods();
    let name = stable.name();
    let (verdict, why) = if share > 0 {
        (Verdict::No, format!("the update is being taken back: {share} % still goes to the new version"))
    } else if have == 0 {
        (Verdict::No, format!("the update was taken back, but no pod of {name} is available"))
    } else {
        let why =
            format!("every request is back on the stable version {name}, {have} of {want} pods available");
        (Verdict::Yes, why)
    };
    Safety { verdict, why: vec![why], back: None }
}

/// An update is under way.
fn under_way(snapshot: &Snapshot, share: u32, stable: &Side<'_>, new: &Side<'_>) -> Safety {
    let back = Some(Move {
        to: "take every request back to the stable version",
        command: command(snapshot, "abort"),
    });
    let against = against(snapshot, share, stable, new);
    let served = if share == 0 {
        format!("no request reaches the new version {}", new.name())
    } else {
        let (want, have) = new.pods();
        let name = new.name();
        format!("{share} % of the requests go to the new version {name}, {have} of {want} pods available")
    };
    let verdict = match (against.is_empty(), share) {
        (false, _) => Verdict::No,
        (true, 0) => Verdict::Yes,
        (true, _) => Verdict::SoFar,
    };
    Safety { verdict, why: against.into_iter().chain([served]).collect(), back }
}

/// What speaks against leaving it as it is.
fn against(snapshot: &Snapshot, share: u32, stable: &Side<'_>, new: &Side<'_>) -> Vec<String> {
    let mut reasons: Vec<String> =
        current_runs(snapshot).all().filter(|_| share > 0).filter_map(complaint).collect();
    if share > 0 && new.pods().1 == 0 {
        reasons.push(format!("no pod of the new version {} is available", new.name()));
    }
    if share < 100 && stable.pods().1 == 0 {
        reasons.push(format!("no pod of the stable version {} is available", stable.name()));
    }
    reasons
}

/// What an analysis run has against the new version.
fn complaint(run: &AnalysisRunFacts) -> Option<String> {
    let phase = run.status.phase;
    if matches!(phase, AnalysisPhase::Failed | AnalysisPhase::Error | AnalysisPhase::Inconclusive) {
        return Some(format!("analysis run {} is {phase}", run.meta.name));
    }
    let bad = run.status.metric_results.iter().find(|metric| {
        let last = metric.measurements.last().map(|measurement| measurement.phase);
        !metric.dry_run && matches!(last, Some(AnalysisPhase::Failed | AnalysisPhase::Error))
    })?;
    Some(format!("the last measurement of {} in analysis run {} is bad", bad.name, run.meta.name))
}

/// How many percent of the requests go to the new version: as routes ask for, as the active Service selects, or as
/// the available pods amount to.
fn share(snapshot: &Snapshot, stable: &Side<'_>, new: &Side<'_>) -> u32 {
    let spec = snapshot.rollout.readable_spec();
    let strategy = spec.map(|spec| &spec.strategy);
    let blue_green = strategy.filter(|strategy| strategy.canary.is_none());
    if let Some(strategy) = blue_green.and_then(|strategy| strategy.blue_green.as_ref()) {
        let active = snapshot.services.get(&strategy.active_service);
        let selected = active.and_then(|service| service.selector.get(POD_TEMPLATE_HASH));
        return if selected.is_some_and(|hash| hash == new.hash) { 100 } else { 0 };
    }
    let routing = strategy.and_then(|strategy| strategy.canary.as_ref()?.traffic_routing.as_ref());
    let (part, whole) = if let Some(routing) = routing {
        let weight = snapshot.routes.iter().filter_map(|route| route.canary_weight).max().unwrap_or(0);
        (weight, routing.max_traffic_weight.and_then(|max| u32::try_from(max).ok()).unwrap_or(100))
    } else {
        let pods = |side: &Side<'_>| u32::try_from(side.pods().1).unwrap_or(0);
        (pods(new), pods(new).saturating_add(pods(stable)))
    };
    part.saturating_mul(100).div_ceil(whole.max(1))
}

//! S9 and S11 where they are about the process that writes: what it cannot have seen, and since when it leads.

use crds::names::POD_TEMPLATE_HASH;
use crds::object_ref::Kind;
use engine::effect::{Call, Request};
use engine::object::View;
use jiff::Timestamp;
use planner::facts::{AnalysisRunFacts, RolloutFacts};

use crate::clock::after_ms;
use crate::store::Store;
use crate::world::scaled_to;

/// How exactly the times of measurements are kept.
const CUT_MS: u64 = 1;

/// S9: a write that is about to be carried out although somebody has changed the object since it was decided, so that
/// it may undo what it was not decided on. Of a ReplicaSet only the size counts: everything else moves with its pods.
pub(super) fn overwritten(request: &Request, sent_at: Timestamp, store: &Store) -> Option<String> {
    let object = &request.object;
    let is_about_all = match &request.call {
        Call::MergePatch(_) | Call::MergePatchStatus(_) => true,
        Call::JsonPatch(patch) if scaled_to(patch).is_some() => false,
        Call::JsonPatch(_) if matches!(object.kind, Kind::Ingress | Kind::VirtualService) => true,
        Call::JsonPatch(_)
        | Call::Get
        | Call::List { .. }
        | Call::Create(_)
        | Call::Delete { .. }
        | Call::Evict { .. } => return None,
    };
    let of_it = || store.changes(object.kind, store.compacted()).rev().filter(|it| *it.reference == *object);
    let is_later = of_it().next().is_some_and(|last| last.at > sent_at);
    if !is_later {
        return None;
    }
    if is_about_all {
        return Some(format!("{object} is written although it has changed since that was decided"));
    }
    let size = |view: &View| match view {
        View::ReplicaSet(set) => Some(set.replicas),
        View::Workload(workload) => Some(workload.replicas),
        _ => None,
    };
    let decided_on = of_it().find(|it| it.at <= sent_at).and_then(|it| size(&it.object.view))?;
    let found = store.get(object).and_then(|held| size(&held.view))?;
    (decided_on != found).then(|| {
        format!(
            "{object} is scaled although it has {found} pods since, not {decided_on} as when that was decided"
        )
    })
}

/// S11: a running analysis of a Rollout whose measurements are all older than the term of the process that writes: what
/// they say may be outdated. One that has never measured does not count.
pub(super) fn unmeasured<'a>(facts: &RolloutFacts, since: Timestamp, store: &'a Store) -> Option<&'a str> {
    let mut runs = store.list(Kind::AnalysisRun).filter_map(|object| match &object.view {
        View::AnalysisRun(run) => Some(&**run),
        _ => None,
    });
    let is_its = |run: &&AnalysisRunFacts| {
        run.meta.controller.as_ref().is_some_and(|owner| owner.uid == facts.meta.uid)
            && run.meta.labels.get(POD_TEMPLATE_HASH) == Some(&facts.status.current_pod_hash)
            && !run.status.phase.is_completed()
            && !run.meta.deleting
    };
    let is_outdated = |run: &AnalysisRunFacts| {
        let measured = run.status.metric_results.iter().flat_map(|metric| &metric.measurements);
        let last = measured.filter_map(|measurement| measurement.finished_at).max();
        last.is_some_and(|last| after_ms(last.get(), CUT_MS) < since)
    };
    runs.find(|run| is_its(run) && is_outdated(run)).map(|run| run.meta.name.as_str())
}

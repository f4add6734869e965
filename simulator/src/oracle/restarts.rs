//! Restarts: who is evicted, how many may be missing because of it, and when it is over.

use crds::IntOrString;
use crds::condition::{self, ConditionType};
use crds::object_ref::Kind;
use engine::effect::Call;
use engine::object::{Object, View};
use jiff::Timestamp;
use planner::facts::{Meta, ReplicaSetFacts, RolloutFacts};

use super::{Commit, rollouts};
use crate::controllers::Nodes;
use crate::outcome::Rule;
use crate::roles;
use crate::store::Store;

/// What speaks against the eviction of a pod, of a Rollout that wants, or has just wanted, so many pods.
pub(crate) fn evicted(
    pod: &Object,
    store: &Store,
    nodes: &Nodes,
    (wanted, now): (&dyn Fn(&RolloutFacts) -> i32, Timestamp),
) -> Vec<(Rule, String)> {
    let name = &pod.meta.name;
    let Some(facts) = rollouts(store).find(|facts| is_of(facts, &pod.meta, store)) else {
        return vec![(Rule::S8, format!("pod {name} is evicted, which no Rollout controls"))];
    };
    if !is_older(facts, &pod.meta) || facts.status.restarted_at == restart_at(facts) {
        return vec![(Rule::S8, format!("pod {name} is evicted, which no restart asks for"))];
    }
    let is_ready = matches!(&pod.view, View::Pod(facts) if facts.ready_since.is_some());
    let missing: i32 = roles::sets(store, facts)
        .map(|set| (set.replicas - nodes.counts(&set.meta.uid, now).earned).max(0))
        .sum();
    let most = most_missing(facts, wanted(facts));
    // A pod that serves nobody is missed by nobody.
    let is_one_too_many = is_ready && missing >= most;
    let message = format!("pod {name} is evicted while {missing} pods are missing of at most {most}");
    is_one_too_many.then_some((Rule::S1, message)).into_iter().collect()
}

/// S13: a restart that is said to be over although pods are left that are older.
pub(super) fn ended_early(commit: &Commit<'_>, store: &Store) -> Vec<String> {
    let (Call::MergePatchStatus(_), Some(View::Rollout(before))) =
        (&commit.request.call, commit.before.map(|object| &object.view))
    else {
        return Vec::new();
    };
    let Some(View::Rollout(after)) = store.get(&commit.request.object).map(|object| &object.view) else {
        return Vec::new();
    };
    let update = |facts: &RolloutFacts| {
        let attempt = facts.status.linnet.as_ref().and_then(|own| own.attempt);
        (facts.status.current_pod_hash.clone(), facts.status.current_step_hash.clone(), attempt)
    };
    // Another update makes other pods.
    if before.status.restarted_at == after.status.restarted_at || update(before) != update(after) {
        return Vec::new();
    }
    let old = store.list(Kind::Pod).filter(|pod| !pod.meta.deleting);
    // A ReplicaSet that wants no pods any more is about to delete its old ones anyway.
    let stays = |pod: &Meta| set_of(after, pod, store).is_some_and(|set| set.replicas > 0);
    let old = old.filter(|pod| stays(&pod.meta) && is_older(after, &pod.meta));
    old.map(|pod| format!("{}: the restart is over, but {} is older", after.meta.name, pod.meta.name))
        .collect()
}

/// L1: restarts that are not over at rest although nobody holds them up.
pub(super) fn unfinished(store: &Store) -> Vec<String> {
    let is_open = |facts: &&RolloutFacts| {
        let is_invalid = condition::find(&facts.status.conditions, ConditionType::InvalidSpec).is_some();
        let is_held = facts.spec.as_ref().is_ok_and(|spec| spec.paused);
        let is_asked = restart_at(facts).is_some() && restart_at(facts) != facts.status.restarted_at;
        is_asked && !is_held && !is_invalid && !facts.status.stable_rs.is_empty()
    };
    rollouts(store).filter(is_open).map(|facts| format!("{} was never restarted", facts.meta.name)).collect()
}

fn restart_at(facts: &RolloutFacts) -> Option<crds::Time> {
    facts.spec.as_ref().ok()?.restart_at
}

fn is_older(facts: &RolloutFacts, pod: &Meta) -> bool {
    restart_at(facts).is_some_and(|at| pod.created.is_some_and(|made| made < at.get()))
}

fn is_of(facts: &RolloutFacts, pod: &Meta, store: &Store) -> bool {
    set_of(facts, pod, store).is_some()
}

/// The ReplicaSet of the Rollout that a pod belongs to.
fn set_of<'a>(facts: &'a RolloutFacts, pod: &Meta, store: &'a Store) -> Option<&'a ReplicaSetFacts> {
    let owner = pod.controller.as_ref()?;
    roles::sets(store, facts).find(|set| set.meta.uid == owner.uid)
}

/// `maxUnavailable` of so many pods, 25 % without one, rounded down; but one may always be missing.
fn most_missing(facts: &RolloutFacts, wanted: i32) -> i32 {
    let Ok(spec) = &facts.spec else { return 0 };
    let asked = match (&spec.strategy.canary, &spec.strategy.blue_green) {
        (Some(canary), _) => canary.max_unavailable.clone(),
        (None, Some(blue_green)) => blue_green.max_unavailable.clone(),
        (None, None) => None,
    };
    let asked = asked.unwrap_or_else(|| IntOrString::from("25%"));
    let pods = asked.of(i64::from(wanted), false).unwrap_or(0);
    i32::try_from(pods).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use crds::names::POD_TEMPLATE_HASH;
    use crds::object_ref::ObjectRef;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::{START, after_ms};

    /// A Rollout of three pods that asks for a restart two seconds after it began, and one of its pods.
    fn store(restarted: bool, born_ms: u64) -> Store {
        store_with(3, restarted, born_ms)
    }

    /// The same with another size of its ReplicaSet.
    fn store_with(wanted: i32, restarted: bool, born_ms: u64) -> Store {
        let at = crds::Time::from(after_ms(START, 2000));
        let mut store = Store::new();
        let rollout = json!({
            "kind": "Rollout", "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "replicas": 3, "restartAt": at, "strategy": { "canary": {} },
                "selector": { "matchLabels": { "app": "web" } },
                "template": { "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "web", "image": "web:1" }] } } },
        });
        let rollout = store.apply(&rollout, START).unwrap();
        let status =
            json!({ "stableRS": "a", "currentPodHash": "a", "restartedAt": restarted.then_some(at) });
        store.merge(&rollout, &json!({ "status": status }), true, START);
        let labels = json!({ "app": "web", POD_TEMPLATE_HASH: "a" });
        let set = json!({
            "kind": "ReplicaSet",
            "metadata": { "name": "web-a", "namespace": "shop", "labels": labels,
                "ownerReferences": owner("Rollout", &rollout, &store) },
            "spec": { "replicas": wanted, "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels } } },
        });
        let set = store.apply(&set, START).unwrap();
        let pod = json!({ "kind": "Pod", "metadata": { "name": "web-a-1", "namespace": "shop",
            "labels": labels, "ownerReferences": owner("ReplicaSet", &set, &store) } });
        store.apply(&pod, after_ms(START, born_ms)).unwrap();
        store
    }

    fn owner(kind: &str, object: &ObjectRef, store: &Store) -> Value {
        json!([{ "apiVersion": "v1", "kind": kind, "name": object.name, "controller": true,
            "uid": store.get(object).unwrap().meta.uid }])
    }

    fn pod(store: &Store, is_ready: bool) -> Object {
        let mut pod = (**store.list(Kind::Pod).next().unwrap()).clone();
        if let View::Pod(facts) = &mut pod.view {
            facts.ready_since = is_ready.then_some(START);
        }
        pod
    }

    #[rstest]
    #[case::as_asked(false, 0, false, None)]
    #[case::one_that_serves_while_all_are_missing(false, 0, true, Some(Rule::S1))]
    #[case::it_is_over(true, 0, false, Some(Rule::S8))]
    #[case::younger_than_the_restart(false, 2000, false, Some(Rule::S8))]
    fn who_may_be_evicted(
        #[case] restarted: bool,
        #[case] born_ms: u64,
        #[case] is_ready: bool,
        #[case] want: Option<Rule>,
    ) {
        let store = store(restarted, born_ms);
        // The nodes know of no pod at all: three are missing.
        let found = evicted(&pod(&store, is_ready), &store, &Nodes::default(), (&|_| 3, START));
        assert_eq!(found.first().map(|(rule, _)| *rule), want, "{found:?}");
    }

    #[test]
    fn a_foreign_pod_is_nobodys_to_evict() {
        let mut store = store(false, 0);
        let rollout = ObjectRef::new(Kind::Rollout, "shop", "web");
        let pod = pod(&store, false);
        store.remove(&rollout, START);
        let found = evicted(&pod, &store, &Nodes::default(), (&|_| 3, START));
        assert_eq!(found.first().map(|(rule, _)| *rule), Some(Rule::S8));
    }

    #[rstest]
    #[case::still_asked_for(false, 1)]
    #[case::over(true, 0)]
    fn what_is_left_at_rest(#[case] restarted: bool, #[case] want: usize) {
        assert_eq!(unfinished(&store(restarted, 0)).len(), want);
    }

    #[rstest]
    #[case::an_old_pod_is_left(3, 0, 1)]
    #[case::all_are_younger(3, 2000, 0)]
    #[case::an_old_pod_is_about_to_go(0, 0, 0)]
    fn an_end(#[case] wanted: i32, #[case] born_ms: u64, #[case] want: usize) {
        let before = store_with(wanted, false, born_ms);
        let object = ObjectRef::new(Kind::Rollout, "shop", "web");
        let after = store_with(wanted, true, born_ms);
        let call = Call::MergePatchStatus(Value::Null);
        let request = engine::effect::Request { object: object.clone(), call };
        let before = before.get(&object).cloned();
        let commit =
            Commit { request: &request, before: before.as_deref(), at_ms: 0, now: START, leads_since: None };
        assert_eq!(ended_early(&commit, &after).len(), want);
    }
}

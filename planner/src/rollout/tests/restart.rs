//! `spec.restartAt`: which pods go, in which order, and how many may be missing.

mod shop;

use jiff::SignedDuration;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use self::shop::Shop;
use super::world::World;
use crate::fixture;
use crate::rollout::{Action, Kept, plan};
use crate::waiting::Waiting;

fn canary() -> Value {
    json!({ "canary": {} })
}

#[rstest]
#[case::a_quarter(8, canary(), None, 2)]
#[case::a_number(5, canary(), Some(json!(3)), 3)]
#[case::a_percentage_rounds_down(5, canary(), Some(json!("50%")), 2)]
#[case::digits_are_a_percentage(10, canary(), Some(json!("30")), 3)]
#[case::none_is_one(5, canary(), Some(json!(0)), 1)]
#[case::a_single_pod(1, canary(), None, 1)]
#[case::a_single_pod_and_none_may_be_missing(1, canary(), Some(json!(0)), 1)]
#[case::blue_green(8, fixture::blue_green(&json!({})), None, 2)]
#[case::blue_green_with_a_number(4, fixture::blue_green(&json!({})), Some(json!(3)), 3)]
#[case::more_than_there_are(2, canary(), Some(json!(9)), 2)]
fn so_many_are_missing_at_most(
    #[case] replicas: i32,
    #[case] strategy: Value,
    #[case] max_unavailable: Option<Value>,
    #[case] want: i32,
) {
    let mut shop = Shop::new(replicas, &strategy);
    if let Some(value) = &max_unavailable {
        shop.allow(value);
    }
    shop.ask(shop.now);
    let last = shop.run();
    assert!(shop.is_over(), "{:?}", last.waiting);
    assert_eq!(shop.gone.len(), usize::try_from(replicas).unwrap());
    assert_eq!(shop.missed, want, "{:?}", shop.gone);
    assert_eq!(last.waiting, [Waiting::AtRest]);
}

#[test]
fn no_pods_are_restarted_at_once() {
    let mut shop = Shop::new(0, &canary());
    shop.ask(shop.now);
    shop.run();
    assert!(shop.is_over() && shop.gone.is_empty());
}

#[test]
fn a_restart_that_is_to_come_is_waited_for_and_nobody_calls_it_a_restart_yet() {
    let mut shop = Shop::new(3, &canary());
    let at = shop.now + SignedDuration::from_hours(1);
    shop.ask(at);
    shop.snapshot.pods = None;
    let plan = shop.plan();
    assert_eq!((plan.actions.as_slice(), plan.wake_at), ([].as_slice(), Some(at)));
    assert_eq!(plan.waiting, [Waiting::RestartDue { at }]);
    assert_eq!((plan.status.phase.as_str(), plan.status.message.as_str()), ("Healthy", ""));
    shop.now = at;
    let plan = shop.plan();
    assert_eq!(plan.waiting, [Waiting::PodsUnread { replica_set: "web-hash-v1".to_owned() }]);
    assert_eq!(plan.status.message, "rollout is restarting");
    assert_eq!(plan.status.restarted_at, None);
}

#[test]
fn a_pod_is_as_old_as_its_creation_and_one_of_the_same_second_stays() {
    let mut shop = Shop::new(3, &canary());
    let pods = shop.snapshot.pods.as_mut().unwrap();
    pods[1].meta.created = Some(shop.now);
    shop.ask(shop.now);
    shop.run();
    assert_eq!(shop.gone, ["web-hash-v1-1", "web-hash-v1-3"]);
    assert!(shop.is_over());
}

/// Whoever wrote since when a pod is ready may have a clock that is ahead.
#[test]
fn a_clock_that_is_behind_delays_no_restart() {
    let mut shop = Shop::new(2, &canary());
    let pods = shop.snapshot.pods.as_mut().unwrap();
    pods[0].meta.created = Some(shop.now);
    pods[0].ready_since = Some(shop.now + SignedDuration::from_hours(1));
    shop.ask(shop.now);
    let plan = shop.plan();
    assert!(matches!(plan.actions.as_slice(), [Action::EvictPod { .. }]), "{plan:?}");
}

#[test]
fn a_pod_that_is_not_available_goes_first_and_is_missed_by_nobody() {
    let mut shop = Shop::new(3, &canary());
    shop.ask(shop.now);
    let pods = shop.snapshot.pods.as_mut().unwrap();
    for place in [1, 2] {
        pods[place].ready_since = None;
    }
    shop.snapshot.replica_sets[0].available_replicas = 1;
    let next = |shop: &Shop| match shop.plan().actions.first() {
        Some(Action::EvictPod { name, .. }) => Some(name.clone()),
        _ => None,
    };
    assert_eq!(next(&shop).as_deref(), Some("web-hash-v1-2"));
    shop.snapshot.pods.as_mut().unwrap().remove(1);
    shop.snapshot.replica_sets[0].current_replicas = 2;
    assert_eq!(next(&shop).as_deref(), Some("web-hash-v1-3"));
    shop.snapshot.pods.as_mut().unwrap().remove(1);
    shop.snapshot.replica_sets[0].current_replicas = 1;
    assert_eq!(next(&shop), None, "two are missing");
}

/// A weight that was just raised is not yet in force everywhere: a proxy would soon send the version more requests than
/// the pods that are left were meant for.
#[test]
fn no_pod_goes_while_a_weight_is_not_in_force() {
    let mut world = World::new(&fixture::routed(&json!([{ "setWeight": 60 }, { "pause": {} }])));
    assert!(world.run(SignedDuration::from_mins(5)));
    world.apply_version("v2");
    world.run(SignedDuration::from_secs(4));
    assert_eq!(world.snapshot.routes[0].canary_weight, Some(60));
    let mut shop = Shop::of(world);
    shop.now += SignedDuration::from_secs(1);
    shop.ask(shop.now);
    let plan = shop.plan();
    let is_eviction = |action: &Action| matches!(action, Action::EvictPod { .. });
    assert!(!plan.actions.iter().any(is_eviction), "{:?}", plan.actions);
    let is_draining = |reason: &Waiting| matches!(reason, Waiting::RouteDraining { .. });
    assert!(plan.waiting.iter().any(is_draining), "{:?}", plan.waiting);
    shop.now += SignedDuration::from_secs(5);
    assert!(shop.plan().actions.first().is_some_and(is_eviction));
}

/// What the counts of the ReplicaSet and the pods themselves say differs for a while.
#[rstest]
#[case::the_counts_are_late(2, true)]
#[case::the_pods_are_late(3, false)]
fn the_worse_of_counts_and_pods_holds(#[case] counted: i32, #[case] is_ready: bool) {
    let mut shop = Shop::new(3, &canary());
    shop.ask(shop.now);
    let now = shop.now;
    shop.snapshot.replica_sets[0].available_replicas = counted;
    let pod = &mut shop.snapshot.pods.as_mut().unwrap()[0];
    pod.meta.created = Some(now);
    pod.ready_since = is_ready.then_some(now);
    let plan = shop.plan();
    assert_eq!(plan.actions, []);
    assert!(plan.waiting.contains(&Waiting::PodsRestarting { left: 2 }), "{:?}", plan.waiting);
}

#[test]
fn a_pod_counts_again_when_it_has_been_ready_for_long_enough() {
    let mut shop = Shop::new(3, &canary());
    shop.ask(shop.now);
    let now = shop.now;
    shop.snapshot.replica_sets[0].min_ready_seconds = 10;
    let pod = &mut shop.snapshot.pods.as_mut().unwrap()[0];
    pod.meta.created = Some(now);
    pod.ready_since = Some(now);
    let plan = shop.plan();
    assert_eq!((plan.actions.len(), plan.wake_at), (0, Some(now + SignedDuration::from_secs(10))));
    shop.now += SignedDuration::from_secs(10);
    assert!(matches!(shop.plan().actions.as_slice(), [Action::EvictPod { .. }]));
}

#[test]
fn no_pod_goes_while_more_seem_to_serve_than_there_are() {
    let mut shop = Shop::new(3, &canary());
    shop.ask(shop.now);
    // The user has scaled down, and nobody has heard yet that one of the three pods has gone.
    shop.snapshot.rollout.spec.as_mut().unwrap().replicas = Some(2);
    let set = &mut shop.snapshot.replica_sets[0];
    (set.replicas, set.current_replicas, set.available_replicas) = (2, 2, 2);
    let plan = shop.plan();
    assert_eq!(plan.waiting, [Waiting::PodsUnread { replica_set: "web-hash-v1".to_owned() }]);
    shop.snapshot.pods.as_mut().unwrap().pop();
    assert!(matches!(shop.plan().actions[..], [Action::EvictPod { .. }]));
}

#[test]
fn a_pod_that_is_kept_is_passed_over_until_its_time_and_said_to_be() {
    let mut shop = Shop::new(2, &canary());
    shop.ask(shop.now);
    let until = shop.now + SignedDuration::from_secs(30);
    let keep = |shop: &mut Shop, pod: &str| {
        let kept = Kept { until, message: "the budget".to_owned() };
        shop.snapshot.kept.insert(format!("uid-{pod}"), kept);
    };
    keep(&mut shop, "web-hash-v1-1");
    let plan = shop.plan();
    assert!(matches!(plan.actions.as_slice(), [Action::EvictPod { name, .. }] if name == "web-hash-v1-2"));
    keep(&mut shop, "web-hash-v1-2");
    let plan = shop.plan();
    assert_eq!((plan.actions.len(), plan.wake_at), (0, Some(until)));
    let kept = |pod: &str| Waiting::PodKept { pod: pod.to_owned(), message: "the budget".to_owned(), until };
    let left = Waiting::PodsRestarting { left: 2 };
    assert_eq!(plan.waiting, [left, kept("web-hash-v1-1"), kept("web-hash-v1-2")]);
    shop.now = until;
    assert!(
        matches!(shop.plan().actions.as_slice(), [Action::EvictPod { name, .. }] if name == "web-hash-v1-1")
    );
}

#[test]
fn a_person_who_holds_the_rollout_holds_its_restart_too() {
    let mut shop = Shop::new(2, &canary());
    shop.ask(shop.now);
    if let Ok(spec) = &mut shop.snapshot.rollout.spec {
        spec.paused = true;
    }
    let plan = shop.plan();
    assert_eq!((plan.actions.len(), plan.status.restarted_at), (0, None));
    assert_eq!(plan.waiting, [Waiting::PausedByUser]);
}

#[test]
fn versions_go_in_the_order_stable_new_older() {
    let mut world = World::with(&fixture::blue_green(&json!({ "autoPromotionEnabled": false })));
    world.run(SignedDuration::from_mins(5));
    world.apply_version("v2");
    world.run(SignedDuration::from_mins(5));
    let mut shop = Shop::of(world);
    // A version before both of them that is kept for a while.
    let mut older = fixture::replica_set("v0", 0, 1);
    let deadline = (shop.now + SignedDuration::from_hours(1)).to_string();
    older.meta.annotations.insert("scale-down-deadline".to_owned(), deadline);
    shop.snapshot.replica_sets.push(older);
    shop.bring_pods();
    shop.now += SignedDuration::from_mins(1);
    shop.ask(shop.now);
    shop.run();
    assert!(shop.is_over());
    let versions: Vec<&str> = shop.gone.iter().filter_map(|pod| pod.rsplit('-').nth(1)).collect();
    let want = [["v1"; 5].as_slice(), &["v2"; 5], &["v0"]].concat();
    assert_eq!(versions, want);
    assert_eq!(shop.missed, 1);
}

#[test]
fn another_template_takes_the_place_of_a_restart_that_was_due() {
    let mut shop = Shop::new(2, &canary());
    shop.ask(shop.now);
    let asked = shop.snapshot.rollout.spec.as_ref().unwrap().restart_at;
    let status = begun_anew(&mut shop);
    assert_eq!(status.restarted_at, asked);
    let mut shop = Shop::new(2, &canary());
    shop.ask(shop.now + SignedDuration::from_mins(1));
    let status = begun_anew(&mut shop);
    assert_eq!(status.restarted_at, None, "what is to come stays");
}

/// The status of an update to a version whose ReplicaSet is there already.
fn begun_anew(shop: &mut Shop) -> crds::rollout::RolloutStatus {
    let mut world = World::new(&json!({}));
    world.snapshot = shop.snapshot.clone();
    world.snapshot.pods = None;
    world.now = shop.now;
    world.apply_version("v2");
    shop.snapshot.rollout = world.snapshot.rollout.clone();
    shop.snapshot.template = world.snapshot.template.clone();
    shop.snapshot.replica_sets.push(fixture::replica_set("v2", 2, 0));
    shop.snapshot.rollout.meta.annotations.insert(crds::names::REVISION.to_owned(), "2".to_owned());
    let plan = plan(&shop.snapshot, shop.now);
    assert_eq!(plan.actions, []);
    assert_eq!(plan.status.current_pod_hash, "hash-v2");
    plan.status
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is missing and known, no plan breaks the invariants, and a restart ends only when no old pod is left.
    #[test]
    fn a_restart_never_ends_early_nor_takes_too_many(
        replicas in 1_i32..6,
        max in 0_i32..4,
        ready in proptest::collection::vec(any::<bool>(), 6),
        old in proptest::collection::vec(any::<bool>(), 6),
        counted in 0_i32..6,
    ) {
        let mut shop = Shop::new(replicas, &canary());
        shop.allow(&json!(max));
        shop.ask(shop.now);
        let now = shop.now;
        let pods = shop.snapshot.pods.as_mut().unwrap();
        for (pod, (ready, old)) in pods.iter_mut().zip(ready.iter().zip(&old)) {
            if !ready { pod.ready_since = None; }
            if !old { pod.meta.created = Some(now); }
        }
        let left = pods.iter().filter(|pod| pod.meta.created < Some(now)).count();
        shop.snapshot.replica_sets[0].available_replicas = counted.min(replicas);
        let plan = shop.plan();
        let is_over = plan.actions.is_empty() && plan.status.restarted_at.is_some();
        prop_assert_eq!(is_over, left == 0);
    }
}

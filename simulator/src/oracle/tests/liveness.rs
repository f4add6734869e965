//! What never comes to its end, or to another one.

use super::*;

#[test]
fn l1_it_takes_too_long() {
    let scenario =
        Scenario { end: End { settle_ms: 500, quiet_ms: 0 }, ..named("canary-nginx/steps").unwrap() };
    let start = named("canary-nginx/steps").unwrap();
    let prepared = Prepared::new(&start).unwrap();
    let mut world = World::with(&prepared, 0, &[]);
    while world.step() {}
    assert_eq!(world.violations(), []);
    let hurried = Arc::new(Prepared {
        scenario,
        rollout: prepared.rollout.clone(),
        shows_pods: prepared.shows_pods,
        base: prepared.base.clone(),
    });
    let outcome = hurried.play(0, &[]);
    assert_eq!(outcome.violations[0].rule, Rule::L1, "{:?}", outcome.violations);
}

#[test]
fn l1_an_act_never_gets_its_moment() {
    let mut scenario = named("canary-nginx/steps").unwrap();
    scenario.acts.push(crate::scenario::Act {
        when: crate::scenario::When::Step { index: 17, plus_ms: 0 },
        deed: Deed::Promote,
    });
    let outcome = Prepared::new(&scenario).unwrap().play(0, &[]);
    assert_eq!(outcome.violations[0].rule, Rule::L1, "{:?}", outcome.violations);
}

#[test]
fn l2_an_abort_is_not_finished() {
    let mut world = world("canary-nginx/abort");
    while world.step() {}
    assert_eq!(ending::unfinished_aborts(world.store(), world.data_plane()), Vec::<String>::new());
    let mut plane = world.data_plane().clone();
    let mut store = world.store().clone();
    let route = object(Kind::Ingress, "web-web-canary");
    let weight =
        json!({ "metadata": { "annotations": { "nginx.ingress.kubernetes.io/canary-weight": "10" } } });
    store.merge(&route, &weight, false, world.now());
    let service = object(Kind::Service, "web-canary");
    let hash = facts(&world).status.current_pod_hash;
    let selector = json!({ "spec": { "selector": { POD_TEMPLATE_HASH: hash } } });
    store.merge(&service, &selector, false, world.now());
    for changed in [route, service] {
        let (object, written_at) = (store.get(&changed).cloned(), world.now());
        let reference = Arc::new(changed);
        plane.apply(0, &News { reference, object, order: u64::MAX, written_at });
    }
    let found = ending::unfinished_aborts(&store, &plane);
    assert_eq!(found, ["web: the aborted version still gets 10 %"]);
}

#[test]
fn l2_an_abort_takes_too_long() {
    let mut world = world("canary-nginx/steps");
    until(&mut world, is_at(3));
    world.stand_still_for(8_000);
    world.forge_status(&json!({ "abort": true }));
    while world.step() && world.violations().is_empty() {}
    assert_eq!(rules(&world), [Rule::L2], "{:?}", world.violations());
}

#[test]
fn l3_it_waits_for_nobody() {
    let mut world = world("canary-nginx/steps");
    while !world.is_on_trial() {
        assert!(world.step());
    }
    world.forge_status(&json!({ "phase": "Progressing" }));
    assert_eq!(world.stuck().len(), 1);
}

#[test]
fn the_end_is_another_one() {
    let prepared = Prepared::new(&named("canary-nginx/steps").unwrap()).unwrap();
    let reference = prepared.play(0, &[]).end;
    assert_eq!(prepared.play_against(&reference, 1, &[]).violations, []);
    let other = Prepared::new(&named("canary-nginx/abort").unwrap()).unwrap();
    let found = other.play_against(&reference, 1, &[]);
    assert!(found.violations.iter().all(|violation| violation.rule == Rule::End), "{:?}", found.violations);
    assert!(!found.violations.is_empty());
}

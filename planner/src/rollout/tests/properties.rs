//! Random updates come to an end, and every plan on the way keeps the rules.

use crds::analysis::{AnalysisPhase, AnalysisTemplateSpec};
use crds::names::POD_TEMPLATE_HASH;
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::World;
use crate::facts::TemplateFacts;
use crate::fixture;

/// What a person does, and how long they wait before.
#[derive(Clone, Debug)]
enum Deed {
    Apply(u8),
    Scale(i32),
    Abort,
    Retry,
    Resume,
    Skip,
    PromoteFull,
    Pause(bool),
    Break(u8),
    Crash(u8),
    Touch,
    Verdict(AnalysisPhase),
}

fn deed() -> impl Strategy<Value = (u16, Deed)> {
    let deed = prop_oneof![
        4 => (1..5u8).prop_map(Deed::Apply),
        2 => (0..12i32).prop_map(Deed::Scale),
        2 => Just(Deed::Abort),
        2 => Just(Deed::Retry),
        3 => Just(Deed::Resume),
        1 => Just(Deed::Skip),
        1 => Just(Deed::PromoteFull),
        1 => any::<bool>().prop_map(Deed::Pause),
        1 => (1..5u8).prop_map(Deed::Break),
        2 => (1..5u8).prop_map(Deed::Crash),
        1 => Just(Deed::Touch),
        2 => prop::sample::select(vec![
            AnalysisPhase::Successful,
            AnalysisPhase::Failed,
            AnalysisPhase::Error,
            AnalysisPhase::Inconclusive,
        ])
        .prop_map(Deed::Verdict),
    ];
    (0..20_000u16, deed)
}

fn analysis() -> Value {
    json!({ "templates": [{ "templateName": "errors" }] })
}

fn template() -> TemplateFacts {
    let metric = json!({ "name": "errors", "provider": { "prometheus": { "query": "up" } } });
    let spec: AnalysisTemplateSpec = serde_json::from_value(json!({ "metrics": [metric] })).unwrap();
    TemplateFacts { meta: fixture::meta("errors", "uid-errors"), spec: Ok(spec) }
}

fn step() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0..=100u8).prop_map(|weight| json!({ "setWeight": weight })),
        2 => (0..4u8).prop_map(|seconds| json!({ "pause": { "duration": seconds } })),
        1 => Just(json!({ "pause": {} })),
        1 => Just(json!({ "analysis": analysis() })),
    ]
}

/// A step that needs a router.
fn routed_step() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..=100u8).prop_map(|weight| json!({ "setCanaryScale": { "weight": weight } })),
        (1..8u8).prop_map(|replicas| json!({ "setCanaryScale": { "replicas": replicas } })),
        Just(json!({ "setCanaryScale": { "matchTrafficWeight": true } })),
    ]
}

fn canary() -> impl Strategy<Value = Value> {
    prop_oneof![routed(), basic()]
}

fn routed() -> impl Strategy<Value = Value> {
    let step = prop_oneof![4 => step(), 1 => routed_step()];
    let limits = (prop::option::of(0..3u8), prop::option::of(1..4u8), prop::option::of(50..=100u8));
    (prop::collection::vec(step, 0..6), any::<[bool; 2]>(), 0..40u8, limits).prop_map(
        |(steps, [is_dynamic, takes_turns], delay, (revisions, floor, enough))| {
            let steps = Value::from(steps);
            let mut canary = if takes_turns { fixture::ping_pong(&steps) } else { fixture::routed(&steps) };
            canary["abortScaleDownDelaySeconds"] = json!(delay);
            canary["scaleDownDelayRevisionLimit"] = json!(revisions);
            canary["minPodsPerReplicaSet"] = json!(floor);
            if is_dynamic {
                canary["dynamicStableScale"] = json!(true);
            } else {
                canary["scaleDownDelaySeconds"] = json!(delay);
            }
            if let Some(percent) = enough {
                canary["replicaProgressThreshold"] = json!({ "type": "Percent", "value": percent });
            }
            canary
        },
    )
}

fn basic() -> impl Strategy<Value = Value> {
    (prop::collection::vec(step(), 0..6), 0..4u8, 0..3u8).prop_map(|(steps, surge, unavailable)| {
        let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
        json!({ "steps": steps, "maxSurge": surge, "maxUnavailable": unavailable })
    })
}

fn blue_green() -> impl Strategy<Value = Value> {
    let promotion = (prop::option::of(any::<bool>()), 0..4u8, any::<bool>(), any::<bool>());
    let sizes = (prop::option::of(0..8u8), 0..40u8, prop::option::of(0..3u8), 0..40u8);
    (promotion, sizes, any::<bool>()).prop_map(|(promotion, sizes, has_preview)| {
        let (enabled, seconds, before, after) = promotion;
        let (preview, delay, limit, abort_delay) = sizes;
        let mut fields = json!({
            "autoPromotionSeconds": seconds,
            "scaleDownDelaySeconds": delay,
            "abortScaleDownDelaySeconds": abort_delay,
        });
        let optional = [
            ("autoPromotionEnabled", enabled.map(Value::from)),
            ("previewReplicaCount", preview.map(Value::from)),
            ("scaleDownDelayRevisionLimit", limit.map(Value::from)),
            ("prePromotionAnalysis", before.then(analysis)),
            ("postPromotionAnalysis", after.then(analysis)),
            ("previewService", (!has_preview).then(|| json!(""))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                fields[name] = value;
            }
        }
        fixture::blue_green(&fields)
    })
}

fn carry_out(world: &mut World, deed: &Deed) {
    match deed {
        Deed::Apply(version) => world.apply_version(&format!("v{version}")),
        Deed::Scale(replicas) => world.scale_to(*replicas),
        Deed::Abort => world.status().abort = true,
        Deed::Retry => world.status().abort = false,
        Deed::Resume => world.status().pause_conditions.clear(),
        Deed::Skip => {
            world.status().pause_conditions.clear();
            if let Some(index) = &mut world.status().current_step_index {
                *index += 1;
            }
        }
        Deed::PromoteFull => world.status().promote_full = true,
        Deed::Pause(paused) => world.snapshot.rollout.spec.as_mut().unwrap().paused = *paused,
        Deed::Break(version) => world.broken = vec![format!("v{version}")],
        Deed::Crash(version) => world.crash(&format!("hash-v{version}")),
        Deed::Verdict(phase) => world.answer(*phase),
        Deed::Touch => {
            for route in &mut world.snapshot.routes {
                if let Some((_, version)) = &mut route.version {
                    version.push('t');
                }
            }
            for service in world.snapshot.services.values_mut() {
                service.meta.resource_version.push('t');
            }
        }
    }
}

/// Lets everything work again and gives a person who answers: then the wanted version must become healthy.
fn settle(world: &mut World) {
    world.broken.clear();
    world.verdict = AnalysisPhase::Successful;
    world.answer(AnalysisPhase::Successful);
    world.heal();
    world.snapshot.rollout.spec.as_mut().unwrap().paused = false;
    for _ in 0..40 {
        let rests = world.run(SignedDuration::from_mins(30));
        world.status().abort = false;
        world.status().pause_conditions.clear();
        if rests && world.status().phase.as_str() == "Healthy" {
            return;
        }
    }
    panic!("never healthy: {:#?}\n{:?}", world.last, world.writes);
}

/// Lives through the deeds, and demands that the end is quiet and that one version alone has pods.
fn live(world: &mut World, deeds: &[(u16, Deed)], startup: i64) -> Result<(), TestCaseError> {
    world.snapshot.templates.insert("errors".to_owned(), template().into());
    world.startup = SignedDuration::from_millis(startup);
    for (milliseconds, deed) in deeds {
        world.run(SignedDuration::from_millis(i64::from(*milliseconds)));
        carry_out(world, deed);
    }
    settle(world);
    world.writes.clear();
    prop_assert!(world.run(SignedDuration::from_hours(1)));
    prop_assert!(world.writes.is_empty(), "writes at rest: {:?}", world.writes);
    let replicas = world.snapshot.rollout.spec.as_ref().unwrap().replicas;
    let with_pods: Vec<_> = world.snapshot.replica_sets.iter().filter(|set| set.replicas > 0).collect();
    prop_assert!(with_pods.len() <= 1, "pods of several versions at rest");
    prop_assert_eq!(with_pods.first().map_or(0, |set| set.replicas), replicas.unwrap_or(1));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rollout_converges(canary in canary(), deeds in prop::collection::vec(deed(), 0..10), startup in 0..1500i64, routes in 1..3usize, measured: bool) {
        let mut canary = canary;
        if measured {
            canary["analysis"] = analysis();
        }
        let mut world = World::new(&canary);
        if let (2, Some(mut second)) = (routes, world.snapshot.routes.first().cloned()) {
            second.reference.name.push_str("-second");
            world.snapshot.routes.push(second);
        }
        live(&mut world, &deeds, startup)?;
        prop_assert!(world.snapshot.routes.iter().all(|route| route.canary_weight.unwrap_or(0) == 0));
    }

    #[test]
    fn every_blue_green_rollout_converges(strategy in blue_green(), deeds in prop::collection::vec(deed(), 0..10), startup in 0..1500i64) {
        let mut world = World::with(&strategy);
        live(&mut world, &deeds, startup)?;
        let wanted = world.snapshot.template.as_ref().unwrap().hash.clone();
        for service in ["web-active", "web-preview"] {
            let selected = world.snapshot.services[service].selector.get(POD_TEMPLATE_HASH).cloned();
            let is_named = service == "web-active" || strategy["blueGreen"]["previewService"] != "";
            prop_assert_eq!(selected, is_named.then(|| wanted.clone()), "{}", service);
        }
    }
}

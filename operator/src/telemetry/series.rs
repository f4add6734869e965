//! Series that carry an object's name, as the reference's metric names demand: they end with the object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crds::object_ref::{Kind, ObjectRef};
use crds::rollout::{RolloutSpec, RolloutStatus};
use engine::input::{Input, WatchEvent};
use engine::object::{Object, View};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What is shown of every Rollout and `AnalysisRun` that exists.
#[derive(Debug, Default)]
pub(super) struct Series(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    rollouts: BTreeMap<ObjectRef, RolloutSeries>,
    runs: BTreeMap<ObjectRef, String>,
    /// Events that were written, by object, type and reason.
    events: BTreeMap<ObjectRef, BTreeMap<(String, String), u64>>,
    /// Objects of a kind that a list under way has brought.
    listed: BTreeMap<Kind, BTreeSet<ObjectRef>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RolloutSeries {
    strategy: &'static str,
    router: String,
    phase: &'static str,
    desired: i32,
    updated: i32,
    available: i32,
    unavailable: i32,
}

impl Series {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        // The tables are numbers to look at; after a panic in between they are at most one event behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what an input says about objects.
    pub(super) fn see(&self, input: &Input) {
        if let Input::Watch { kind: kind @ (Kind::Rollout | Kind::AnalysisRun), event } = input {
            self.tables().see(*kind, event);
        }
    }

    /// Counts an event that was written about an object.
    pub(super) fn count_event(&self, object: ObjectRef, type_: &str, reason: &str) {
        let key = (type_.to_owned(), reason.to_owned());
        *self.tables().events.entry(object).or_default().entry(key).or_default() += 1;
    }
}

impl Tables {
    fn see(&mut self, kind: Kind, event: &WatchEvent) {
        match event {
            WatchEvent::Init => {
                self.listed.insert(kind, BTreeSet::new());
            }
            WatchEvent::InitApply(object) => {
                let reference = self.apply(object);
                self.listed.entry(kind).or_default().insert(reference);
            }
            WatchEvent::InitDone => {
                let listed = self.listed.remove(&kind).unwrap_or_default();
                self.keep(|reference| reference.kind != kind || listed.contains(reference));
            }
            WatchEvent::Apply(object) => {
                self.apply(object);
            }
            WatchEvent::Delete(object) => {
                let gone = reference(object);
                self.keep(|reference| *reference != gone);
            }
        }
    }

    fn apply(&mut self, object: &Object) -> ObjectRef {
        let reference = reference(object);
        match &object.view {
            View::Rollout(rollout) => {
                let spec = rollout.readable_spec();
                self.rollouts.insert(reference.clone(), rollout_series(spec, &rollout.status));
            }
            View::AnalysisRun(run) => {
                self.runs.insert(reference.clone(), run.status.phase.to_string());
            }
            _ => {}
        }
        reference
    }

    fn keep(&mut self, keep: impl Fn(&ObjectRef) -> bool) {
        self.rollouts.retain(|reference, _| keep(reference));
        self.runs.retain(|reference, _| keep(reference));
        self.events.retain(|reference, _| keep(reference));
    }
}

fn reference(object: &Object) -> ObjectRef {
    ObjectRef::new(object.kind, &object.meta.namespace, &object.meta.name)
}

fn rollout_series(spec: Option<&RolloutSpec>, status: &RolloutStatus) -> RolloutSeries {
    let desired = spec.map_or(0, |spec| spec.replicas.unwrap_or(1));
    RolloutSeries {
        strategy: spec.map_or("", strategy),
        router: spec.map_or_else(String::new, router),
        phase: status.phase.as_str(),
        desired,
        updated: status.updated_replicas,
        available: status.available_replicas,
        unavailable: status.replicas.saturating_sub(status.available_replicas).max(0),
    }
}

fn strategy(spec: &RolloutSpec) -> &'static str {
    match (&spec.strategy.canary, &spec.strategy.blue_green) {
        (Some(_), _) => "canary",
        (None, Some(_)) => "blueGreen",
        (None, None) => "",
    }
}

fn router(spec: &RolloutSpec) -> String {
    let Some(routing) = spec.strategy.canary.as_ref().and_then(|canary| canary.traffic_routing.as_ref())
    else {
        return String::new();
    };
    let known = [
        ("Istio", routing.istio.is_some()),
        ("Nginx", routing.nginx.is_some()),
        ("ALB", routing.alb.is_some()),
        ("SMI", routing.smi.is_some()),
        ("Ambassador", routing.ambassador.is_some()),
        ("AppMesh", routing.app_mesh.is_some()),
        ("Traefik", routing.traefik.is_some()),
        ("Apisix", routing.apisix.is_some()),
    ];
    let names = known.into_iter().filter(|(_, used)| *used).map(|(name, _)| name.to_owned());
    names.chain(routing.plugins.keys().cloned()).collect::<Vec<_>>().join(",")
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

fn named(reference: &ObjectRef) -> Labels<'_> {
    vec![("namespace", &reference.namespace), ("name", &reference.name)]
}

impl Collector for Series {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let tables = self.tables();
        let rollouts = &tables.rollouts;
        let info = rollouts.iter().map(|(reference, rollout)| {
            let mut labels = named(reference);
            labels.extend([
                ("strategy", rollout.strategy),
                ("traffic_router", rollout.router.as_str()),
                ("phase", rollout.phase),
            ]);
            (labels, 1)
        });
        gauge(&mut encoder, "rollout_info", "Rollouts that exist, with their phase", info)?;
        let runs = tables.runs.iter().map(|(reference, phase)| {
            let mut labels = named(reference);
            labels.push(("phase", phase));
            (labels, 1)
        });
        gauge(&mut encoder, "analysis_run_info", "AnalysisRuns that exist, with their phase", runs)?;
        replicas(&mut encoder, rollouts)?;
        events(&mut encoder, &tables.events)
    }
}

fn replicas(
    encoder: &mut DescriptorEncoder,
    rollouts: &BTreeMap<ObjectRef, RolloutSeries>,
) -> Result<(), std::fmt::Error> {
    type Count = fn(&RolloutSeries) -> i32;
    let counts: [(&str, &str, Count); 4] = [
        ("rollout_info_replicas_available", "Pods that are available", |r| r.available),
        ("rollout_info_replicas_unavailable", "Pods that are not available", |r| r.unavailable),
        ("rollout_info_replicas_desired", "Pods that the spec asks for", |r| r.desired),
        ("rollout_info_replicas_updated", "Pods of the new version", |r| r.updated),
    ];
    for (name, help, count) in counts {
        gauge(
            encoder,
            name,
            help,
            rollouts.iter().map(|(r, rollout)| (named(r), i64::from(count(rollout)))),
        )?;
    }
    Ok(())
}

fn gauge<'a>(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (Labels<'a>, i64)>,
) -> Result<(), std::fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn events(
    encoder: &mut DescriptorEncoder,
    events: &BTreeMap<ObjectRef, BTreeMap<(String, String), u64>>,
) -> Result<(), std::fmt::Error> {
    let mut metric =
        encoder.encode_descriptor("rollout_events", "Events that were written", None, MetricType::Counter)?;
    for (reference, counts) in events {
        for ((type_, reason), count) in counts {
            let mut labels = named(reference);
            labels.extend([("type", type_.as_str()), ("reason", reason.as_str())]);
            ConstCounter::new(*count).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::watch::decode;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use std::sync::Arc;

    use super::*;

    fn rollout(name: &str, phase: &str) -> Arc<Object> {
        let text = format!(
            r#"{{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout",
                "metadata":{{"name":"{name}","namespace":"shop","uid":"u","resourceVersion":"1"}},
                "spec":{{"replicas":5,"strategy":{{"canary":{{"trafficRouting":{{"nginx":{{"stableIngress":"web"}}}}}}}}}},
                "status":{{"phase":"{phase}","replicas":6,"updatedReplicas":1,"availableReplicas":4}}}}"#
        );
        Arc::new(decode(Kind::Rollout, &text).unwrap())
    }

    fn watch(event: WatchEvent) -> Input {
        Input::Watch { kind: Kind::Rollout, event }
    }

    fn shown(series: &Arc<Series>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(series)));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn a_rollout_is_shown_as_the_reference_shows_it() {
        let series = Arc::new(Series::default());
        series.see(&watch(WatchEvent::Apply(rollout("web", "Paused"))));
        series.count_event(ObjectRef::new(Kind::Rollout, "shop", "web"), "Normal", "RolloutPaused");
        let text = shown(&series);
        for line in [
            r#"rollout_info{namespace="shop",name="web",strategy="canary",traffic_router="Nginx",phase="Paused"} 1"#,
            r#"rollout_info_replicas_available{namespace="shop",name="web"} 4"#,
            r#"rollout_info_replicas_unavailable{namespace="shop",name="web"} 2"#,
            r#"rollout_info_replicas_desired{namespace="shop",name="web"} 5"#,
            r#"rollout_info_replicas_updated{namespace="shop",name="web"} 1"#,
            r#"rollout_events_total{namespace="shop",name="web",type="Normal",reason="RolloutPaused"} 1"#,
        ] {
            assert!(text.contains(line), "missing {line} in\n{text}");
        }
    }

    #[test]
    fn series_end_with_their_object() {
        let series = Arc::new(Series::default());
        series.see(&watch(WatchEvent::Apply(rollout("web", "Healthy"))));
        series.count_event(ObjectRef::new(Kind::Rollout, "shop", "web"), "Normal", "RolloutPaused");
        series.see(&watch(WatchEvent::Delete(rollout("web", "Healthy"))));
        assert!(!shown(&series).contains("shop"), "{}", shown(&series));
    }

    #[test]
    fn a_new_list_ends_what_it_does_not_bring() {
        let series = Arc::new(Series::default());
        for name in ["old", "web"] {
            series.see(&watch(WatchEvent::Apply(rollout(name, "Healthy"))));
        }
        series.see(&watch(WatchEvent::Init));
        series.see(&watch(WatchEvent::InitApply(rollout("web", "Healthy"))));
        assert!(shown(&series).contains("old"), "a list under way ends nothing");
        series.see(&watch(WatchEvent::InitDone));
        let text = shown(&series);
        assert!(text.contains("web") && !text.contains("old"), "{text}");
    }
}

//! The numbers behind `/metrics`: the reference's names where a number means the same, `linnet_` before our own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crds::object_ref::{Kind, ObjectRef};
use engine::effect::{Call, Count, Request};
use engine::input::Input;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::series::Series;
use crate::send::verb;

/// The reference's bounds for `rollout_reconcile`, with finer ones below its first.
const RECONCILE_SECONDS: [f64; 8] = [0.0001, 0.001, 0.005, 0.01, 0.15, 0.25, 0.5, 1.0];
/// Bounds for one request to the API server.
const REQUEST_SECONDS: [f64; 10] = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// A handle; clones share the numbers.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    series: Arc<Series>,
    reconciles: [(Kind, Histogram); 3],
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<VerbLabels, Histogram, fn() -> Histogram>,
    request_failures: Family<FailureLabels, Counter>,
    stale_skips: Family<KindLabels, Counter>,
    queue: Gauge,
    leading: Gauge,
}

/// Labels of `controller_clientset_k8s_request_total`. The label `name` is there because dashboards of the reference
/// know it; it never holds an object's name, which would live in it for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    kind: &'static str,
    namespace: String,
    name: &'static str,
    verb: &'static str,
    status_code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabels {
    kind: &'static str,
    verb: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    kind: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

fn reconcile_histogram() -> Histogram {
    Histogram::new(RECONCILE_SECONDS)
}

fn request_histogram() -> Histogram {
    Histogram::new(REQUEST_SECONDS)
}

impl Metrics {
    /// All numbers at their start.
    pub(crate) fn new() -> Self {
        let inner = Inner {
            registry: Mutex::default(),
            series: Arc::default(),
            reconciles: [Kind::Rollout, Kind::AnalysisRun, Kind::Experiment]
                .map(|kind| (kind, reconcile_histogram())),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(request_histogram),
            request_failures: Family::default(),
            stale_skips: Family::default(),
            queue: Gauge::default(),
            leading: Gauge::default(),
        };
        let mut registry = Registry::default();
        inner.register_reference(&mut registry);
        inner.register_own(&mut registry);
        *inner.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        Self(Arc::new(inner))
    }

    /// Takes note of what an input says about objects that are shown by name.
    pub(crate) fn saw(&self, input: &Input) {
        self.0.series.see(input);
        if let Input::Leadership(leadership) = input {
            self.0.leading.set(i64::from(*leadership == engine::input::Leadership::Leading));
        }
    }

    /// Inputs that wait for the engine.
    pub(crate) fn waiting(&self, inputs: usize) {
        self.0.queue.set(i64::try_from(inputs).unwrap_or(i64::MAX));
    }

    /// Takes a count of the engine; `elapsed` is how long the engine took for the input that it comes from.
    pub(crate) fn count(&self, count: &Count, elapsed: Duration) {
        match count {
            Count::Reconciled { kind } => {
                if let Some((_, histogram)) = self.0.reconciles.iter().find(|(of, _)| of == kind) {
                    histogram.observe(elapsed.as_secs_f64());
                }
            }
            Count::RequestFailed { kind, class } => {
                self.0.request_failures.get_or_create(&FailureLabels { kind: kind.name(), class }).inc();
            }
            Count::StaleSkip { kind } => {
                self.0.stale_skips.get_or_create(&KindLabels { kind: kind.name() }).inc();
            }
        }
    }

    /// Counts a request to the API server; `status` is 0 when there was no answer.
    pub(crate) fn requested(&self, request: &Request, status: u16, elapsed: Duration) {
        let (kind, verb) = (request.object.kind.plural(), verb(&request.call));
        let namespace = request.object.namespace.clone();
        let labels = RequestLabels { kind, namespace, name: "N/A", verb, status_code: status };
        self.0.requests.get_or_create(&labels).inc();
        self.0.request_seconds.get_or_create(&VerbLabels { kind, verb }).observe(elapsed.as_secs_f64());
        if request.object.kind == Kind::Event
            && (200..300).contains(&status)
            && let Call::Create(event) = &request.call
            && let Some((object, type_, reason)) = rollout_event(event)
        {
            self.0.series.count_event(object, type_, reason);
        }
    }

    /// All numbers in the `OpenMetrics` text format.
    ///
    /// # Errors
    /// If a number cannot be written, which none of ours can cause.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

/// The Rollout that an event is about, its type and reason.
fn rollout_event(event: &Value) -> Option<(ObjectRef, &str, &str)> {
    let about = event.get("involvedObject").or_else(|| event.get("regarding"))?;
    let text = |value: &'_ Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    if text(about, "kind").as_deref() != Some("Rollout") {
        return None;
    }
    let object = ObjectRef::new(Kind::Rollout, text(about, "namespace")?, text(about, "name")?);
    Some((object, event.get("type")?.as_str()?, event.get("reason")?.as_str()?))
}

impl Inner {
    fn register_reference(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Arc::clone(&self.series)));
        let names = ["rollout_reconcile", "analysis_run_reconcile", "experiment_reconcile"];
        for (name, (_, histogram)) in names.into_iter().zip(&self.reconciles) {
            registry.register(name, "Seconds of planning for one object", histogram.clone());
        }
        registry.register(
            "controller_clientset_k8s_request",
            "Requests to the API server; status 0 is no answer",
            self.requests.clone(),
        );
        let version = env!("CARGO_PKG_VERSION");
        let one = Family::<Vec<(&str, &str)>, Gauge>::default();
        one.get_or_create(&vec![("version", version)]).set(1);
        registry.register("argo_rollouts_controller_info", "The running operator", one);
        let build = Family::<Vec<(&str, &str)>, Gauge>::default();
        let commit = option_env!("LINNET_COMMIT").unwrap_or("unknown");
        let labels =
            [("version", version), ("goversion", ""), ("goarch", std::env::consts::ARCH), ("commit", commit)];
        build.get_or_create(&labels.to_vec()).set(1);
        registry.register("build_info", "The running operator's build", build);
    }

    fn register_own(&self, registry: &mut Registry) {
        registry.register(
            "linnet_request_duration_seconds",
            "Seconds from sending a request to its answer",
            self.request_seconds.clone(),
        );
        registry.register(
            "linnet_request_failures",
            "Requests that were refused or whose outcome is unknown",
            self.request_failures.clone(),
        );
        registry.register(
            "linnet_stale_skips",
            "Decisions that waited because the store had not shown our own write",
            self.stale_skips.clone(),
        );
        registry.register("linnet_queue_depth", "Inputs that wait for the engine", self.queue.clone());
        registry.register("linnet_leading", "Whether this process may write", self.leading.clone());
    }
}

#[cfg(test)]
mod tests {
    use engine::input::Leadership;
    use serde_json::json;

    use super::*;

    fn event(kind: &str) -> Request {
        Request {
            object: ObjectRef::new(Kind::Event, "shop", "web.1"),
            call: Call::Create(json!({
                "involvedObject": {"kind": kind, "namespace": "shop", "name": "web"},
                "type": "Warning", "reason": "RolloutAborted",
            })),
        }
    }

    #[test]
    fn requests_are_counted_without_names() {
        let metrics = Metrics::new();
        let request =
            Request { object: ObjectRef::new(Kind::ReplicaSet, "shop", "web-abc"), call: Call::Get };
        metrics.requested(&request, 200, Duration::from_millis(3));
        let text = metrics.text().unwrap();
        let line = r#"controller_clientset_k8s_request_total{kind="replicasets",namespace="shop",name="N/A",verb="get",status_code="200"} 1"#;
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains(r#"linnet_request_duration_seconds_count{kind="replicasets",verb="get"} 1"#),
            "{text}"
        );
        assert!(!text.contains("web-abc"), "{text}");
    }

    #[test]
    fn events_are_counted_once_they_are_written_and_about_a_rollout() {
        let metrics = Metrics::new();
        metrics.requested(&event("Rollout"), 201, Duration::ZERO);
        metrics.requested(&event("Rollout"), 500, Duration::ZERO);
        metrics.requested(&event("AnalysisRun"), 201, Duration::ZERO);
        let text = metrics.text().unwrap();
        let line =
            r#"rollout_events_total{namespace="shop",name="web",type="Warning",reason="RolloutAborted"} 1"#;
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("rollout_events_total{").count(), 1, "{text}");
    }

    #[test]
    fn counts_of_the_engine_are_shown() {
        let metrics = Metrics::new();
        metrics.count(&Count::Reconciled { kind: Kind::Rollout }, Duration::from_millis(2));
        metrics.count(&Count::StaleSkip { kind: Kind::Rollout }, Duration::ZERO);
        metrics.count(&Count::RequestFailed { kind: Kind::Service, class: "conflict" }, Duration::ZERO);
        metrics.saw(&Input::Leadership(Leadership::Leading));
        metrics.waiting(7);
        let text = metrics.text().unwrap();
        for line in [
            "rollout_reconcile_count 1",
            r#"linnet_stale_skips_total{kind="Rollout"} 1"#,
            r#"linnet_request_failures_total{kind="Service",class="conflict"} 1"#,
            "linnet_leading 1",
            "linnet_queue_depth 7",
            "argo_rollouts_controller_info{version=",
            "build_info{version=",
        ] {
            assert!(text.contains(line), "missing {line} in\n{text}");
        }
    }
}

//! The pods of this node as others may see them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::blueprint;
use crate::demo::app::App;
use crate::lifecycle::state::PodState;

/// The annotation by which a pod says, with `false`, that its metrics are not to be asked for.
const SCRAPE: &str = "prometheus.io/scrape";

/// A port that a container declares.
#[derive(Debug, Clone)]
struct Port {
    container: String,
    name: String,
    number: u16,
}

/// What changes while a pod lives.
#[derive(Debug, Default)]
struct View {
    phase: &'static str,
    ready: bool,
    terminating: bool,
    apps: BTreeMap<String, Arc<App>>,
    /// Ids of processes, by container.
    processes: BTreeMap<String, u32>,
    /// Switches that annotations set, by name.
    live: BTreeMap<&'static str, String>,
}

/// One pod.
#[derive(Debug)]
pub(crate) struct Entry {
    namespace: String,
    name: String,
    uid: String,
    hash: String,
    address: Ipv4Addr,
    labels: BTreeMap<String, String>,
    is_scraped: bool,
    ports: Vec<Port>,
    view: Mutex<View>,
}

impl Entry {
    /// An entry for `pod` at `address`.
    pub(crate) fn new(pod: &Pod, address: Ipv4Addr) -> Self {
        let plans = blueprint::containers(pod);
        let ports = plans.iter().flat_map(|plan| {
            plan.container.ports.iter().flatten().filter_map(|port| {
                Some(Port {
                    container: plan.container.name.clone(),
                    name: port.name.clone().unwrap_or_default(),
                    number: u16::try_from(port.container_port).ok()?,
                })
            })
        });
        Self {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            hash: blueprint::hash(pod),
            address,
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            is_scraped: blueprint::annotation(pod, SCRAPE) != Some("false"),
            ports: ports.collect(),
            view: Mutex::default(),
        }
    }

    /// Shows the pod as `state` says.
    pub(crate) fn show(&self, state: &PodState) {
        let mut view = self.view();
        view.phase = state.phase().as_str();
        view.ready = state.is_ready();
        view.terminating = state.terminating;
    }

    /// Counts `app` as the server of `container`, with the switches that annotations have set.
    pub(crate) fn serve(&self, container: &str, app: &Arc<App>) {
        let mut view = self.view();
        for (switch, value) in &view.live {
            self.switch(app, switch, value);
        }
        view.apps.insert(container.to_owned(), Arc::clone(app));
    }

    /// Notes the process that `container` runs as, or that it has ended.
    pub(crate) fn note_process(&self, container: &str, id: Option<u32>) {
        let mut view = self.view();
        match id {
            Some(id) => view.processes.insert(container.to_owned(), id),
            None => view.processes.remove(container),
        };
    }

    /// Obeys the annotations of `pod` that set switches, where they changed.
    pub(crate) fn follow_annotations(&self, pod: &Pod) {
        let mut view = self.view();
        for (annotation, switch) in blueprint::LIVE {
            let Some(value) = blueprint::annotation(pod, annotation) else { continue };
            if view.live.get(switch).is_some_and(|known| known == value) {
                continue;
            }
            for app in view.apps.values() {
                self.switch(app, switch, value);
            }
            view.live.insert(switch, value.to_owned());
        }
    }

    fn switch(&self, app: &App, switch: &str, value: &str) {
        if let Err(error) = app.set(switch, value) {
            tracing::warn!(pod = self.name, namespace = self.namespace, error, "annotation not understood");
        }
    }

    /// The targets of this pod, one for each TCP or UDP port that it declares, while it runs and unless it wants none.
    fn targets(&self) -> Vec<Value> {
        let view = self.view();
        if view.phase != "Running" || !self.is_scraped {
            return Vec::new();
        }
        let target = |port: &Port| {
            let mut labels = BTreeMap::from([
                ("__meta_pod_name".to_owned(), self.name.clone()),
                ("__meta_pod_namespace".to_owned(), self.namespace.clone()),
                ("__meta_pod_uid".to_owned(), self.uid.clone()),
                ("__meta_pod_ip".to_owned(), self.address.to_string()),
                ("__meta_pod_ready".to_owned(), view.ready.to_string()),
                ("__meta_pod_container_name".to_owned(), port.container.clone()),
                ("__meta_pod_container_port_name".to_owned(), port.name.clone()),
            ]);
            for (key, value) in &self.labels {
                labels.insert(format!("__meta_pod_label_{}", label_name(key)), value.clone());
            }
            json!({ "targets": [format!("{}:{}", self.address, port.number)], "labels": labels })
        };
        self.ports.iter().map(target).collect()
    }

    fn describe(&self) -> Value {
        let view = self.view();
        let mut served: BTreeMap<u16, u64> = BTreeMap::new();
        for app in view.apps.values() {
            for (code, count) in app.metrics().served() {
                *served.entry(code).or_default() += count;
            }
        }
        json!({
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "ip": self.address,
            "hash": self.hash,
            "version": view.apps.values().next().map(|app| app.version().to_owned()),
            "phase": view.phase,
            "ready": view.ready,
            "terminating": view.terminating,
            "served": served,
            "processes": view.processes,
        })
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A label key as Prometheus writes it: everything but letters, digits and `_` becomes `_`.
fn label_name(key: &str) -> String {
    key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// All pods of this node.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: Mutex<BTreeMap<(String, String), Arc<Entry>>>,
}

impl Registry {
    /// Adds a pod, or replaces its predecessor of the same name.
    pub(crate) fn add(&self, entry: Arc<Entry>) {
        self.entries().insert((entry.namespace.clone(), entry.name.clone()), entry);
    }

    /// Removes this very pod; a successor of the same name stays.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let key = (entry.namespace.clone(), entry.name.clone());
        let mut entries = self.entries();
        if entries.get(&key).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            entries.remove(&key);
        }
    }

    /// The target groups for Prometheus' HTTP service discovery.
    pub(crate) fn targets(&self) -> Value {
        self.entries().values().flat_map(|entry| entry.targets()).collect()
    }

    /// All pods with what they have served.
    pub(crate) fn describe(&self) -> Value {
        self.entries().values().map(|entry| entry.describe()).collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<(String, String), Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::demo::app::Identity;
    use crate::demo::args::Settings;
    use crate::lifecycle::state::{Change, Event, Slot};

    fn pod(uid: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "web-1", "namespace": "shop", "uid": uid,
                "labels": { "app.kubernetes.io/name": "web", "pod-template-hash": "6b9f" },
                "annotations": { "linnet.test/error-rate": "1" },
            },
            "spec": { "containers": [{ "name": "web", "ports": [{ "containerPort": 8080, "name": "http" }] }] },
        }))
        .unwrap()
    }

    fn running(entry: &Entry) {
        let mut state = blueprint::initial_state(&pod("u-1"), Timestamp::UNIX_EPOCH);
        for change in [Change::Started, Change::Ready(true)] {
            state.apply(Event::Container(Slot::Main(0), change), Timestamp::UNIX_EPOCH);
        }
        entry.show(&state);
    }

    #[test]
    fn a_running_pod_is_a_target_with_its_labels() {
        let registry = Registry::default();
        let entry = Arc::new(Entry::new(&pod("u-1"), Ipv4Addr::new(10, 244, 0, 9)));
        registry.add(Arc::clone(&entry));
        assert_eq!(registry.targets(), json!([]));
        running(&entry);
        let want = json!([{
            "targets": ["10.244.0.9:8080"],
            "labels": {
                "__meta_pod_name": "web-1",
                "__meta_pod_namespace": "shop",
                "__meta_pod_uid": "u-1",
                "__meta_pod_ip": "10.244.0.9",
                "__meta_pod_ready": "true",
                "__meta_pod_container_name": "web",
                "__meta_pod_container_port_name": "http",
                "__meta_pod_label_app_kubernetes_io_name": "web",
                "__meta_pod_label_pod_template_hash": "6b9f",
            },
        }]);
        assert_eq!(registry.targets(), want);
    }

    #[test]
    fn a_pod_that_wants_no_questions_is_no_target() {
        let mut pod = pod("u-1");
        pod.metadata.annotations.get_or_insert_default().insert(SCRAPE.to_owned(), "false".to_owned());
        let (registry, entry) = (Registry::default(), Arc::new(Entry::new(&pod, Ipv4Addr::LOCALHOST)));
        registry.add(Arc::clone(&entry));
        running(&entry);
        assert_eq!(registry.targets(), json!([]));
    }

    #[test]
    fn removing_a_pod_spares_its_successor() {
        let registry = Registry::default();
        let old = Arc::new(Entry::new(&pod("u-1"), Ipv4Addr::LOCALHOST));
        let new = Arc::new(Entry::new(&pod("u-2"), Ipv4Addr::LOCALHOST));
        registry.add(Arc::clone(&old));
        registry.add(Arc::clone(&new));
        registry.remove(&old);
        assert_eq!(registry.describe().as_array().unwrap().len(), 1);
        registry.remove(&new);
        assert_eq!(registry.describe(), json!([]));
    }

    #[tokio::test]
    async fn an_annotation_sets_a_switch_once_and_also_for_a_server_that_starts_later() {
        let entry = Entry::new(&pod("u-1"), Ipv4Addr::LOCALHOST);
        entry.follow_annotations(&pod("u-1"));
        let identity = Identity { pod: "web-1".to_owned(), hash: String::new() };
        let app = Arc::new(App::new(identity, &Settings::new("v1")));
        entry.serve("web", &app);
        assert_eq!(app.answer("GET", "/", "", false).await.code, 500);
        app.set("error-rate", "0").unwrap();
        entry.follow_annotations(&pod("u-1"));
        assert_eq!(app.answer("GET", "/", "", false).await.code, 200);
        assert_eq!(entry.describe().get("served").unwrap(), &json!({ "200": 1, "500": 1 }));
    }
}

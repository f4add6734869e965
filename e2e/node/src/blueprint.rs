//! A pod's spec as this node reads it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, ContainerPort, LifecycleHandler, Pod};

use crate::lifecycle::restart::Policy;
use crate::lifecycle::state::{ContainerState, PodState, Slot};
use crate::probe::spec::Spec;

/// Annotation: the pod has an address but nothing of ours listens on it.
pub(crate) const NO_LISTEN: &str = "linnet.test/no-listen";
/// Annotation: API server (`host:port`) that the pod's processes are pointed to.
pub(crate) const APISERVER: &str = "linnet.test/apiserver";
/// Annotations that set a switch of the built-in server while it runs, with the name of the switch.
pub(crate) const LIVE: [(&str, &str); 2] =
    [("linnet.test/error-rate", "error-rate"), ("linnet.test/latency", "latency")];

/// What happens around a container's start and stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hook {
    /// Waits.
    Sleep(Duration),
    /// GETs this; the answer does not matter.
    Http(Spec),
}

/// One container.
#[derive(Debug, Clone)]
pub(crate) struct ContainerPlan {
    pub(crate) slot: Slot,
    pub(crate) container: Container,
    pub(crate) sidecar: bool,
    /// TCP ports that it declares.
    pub(crate) ports: Vec<u16>,
    pub(crate) startup: Option<Spec>,
    pub(crate) readiness: Option<Spec>,
    pub(crate) liveness: Option<Spec>,
    pub(crate) post_start: Option<Hook>,
    pub(crate) pre_stop: Option<Hook>,
}

impl ContainerPlan {
    fn read(slot: Slot, container: &Container) -> Self {
        let ports = container.ports.as_deref().unwrap_or_default();
        let probe = |probe: &Option<_>| probe.as_ref().map(|probe| Spec::read(probe, ports));
        let lifecycle = container.lifecycle.as_ref();
        let is_init = matches!(slot, Slot::Init(_));
        Self {
            slot,
            sidecar: is_init && container.restart_policy.as_deref() == Some("Always"),
            ports: ports.iter().filter_map(tcp_port).collect(),
            startup: probe(&container.startup_probe),
            readiness: probe(&container.readiness_probe),
            liveness: probe(&container.liveness_probe),
            post_start: lifecycle.and_then(|hooks| hook(hooks.post_start.as_ref()?, ports)),
            pre_stop: lifecycle.and_then(|hooks| hook(hooks.pre_stop.as_ref()?, ports)),
            container: container.clone(),
        }
    }

    /// The image that the container asks for.
    pub(crate) fn image(&self) -> &str {
        self.container.image.as_deref().unwrap_or_default()
    }

    /// Whether it must end before the pod goes on.
    pub(crate) fn must_end(&self) -> bool {
        matches!(self.slot, Slot::Init(_)) && !self.sidecar
    }
}

/// The containers of `pod`, init containers first.
pub(crate) fn containers(pod: &Pod) -> Vec<ContainerPlan> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let init = spec.init_containers.iter().flatten().enumerate();
    let main = spec.containers.iter().enumerate();
    init.map(|(index, container)| ContainerPlan::read(Slot::Init(index), container))
        .chain(main.map(|(index, container)| ContainerPlan::read(Slot::Main(index), container)))
        .collect()
}

/// The pod's `restartPolicy`.
pub(crate) fn policy(pod: &Pod) -> Policy {
    Policy::parse(pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()))
}

/// The state of a pod that has just been seen.
pub(crate) fn initial_state(pod: &Pod, now: jiff::Timestamp) -> PodState {
    let state = |plan: &ContainerPlan| ContainerState::new(&plan.container.name, plan.image(), plan.sidecar);
    let (mut init, mut main) = (Vec::new(), Vec::new());
    for plan in containers(pod) {
        match plan.slot {
            Slot::Init(_) => init.push(state(&plan)),
            Slot::Main(_) => main.push(state(&plan)),
        }
    }
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let gates = gates.map(|gate| gate.condition_type.clone()).collect();
    PodState::new(policy(pod), gates, init, main, now)
}

/// The template hash label that a Rollout or a Deployment put on the pod, or nothing.
pub(crate) fn hash(pod: &Pod) -> String {
    let labels = pod.metadata.labels.as_ref();
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).cloned();
    label("rollouts-pod-template-hash").or_else(|| label("pod-template-hash")).unwrap_or_default()
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Time between SIGTERM and SIGKILL: what the deletion asks for, else what the spec says.
pub(crate) fn grace(pod: &Pod) -> Duration {
    let spec = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    let asked = pod.metadata.deletion_grace_period_seconds.or(spec).unwrap_or(30);
    Duration::from_secs(u64::try_from(asked).unwrap_or(0))
}

fn tcp_port(port: &ContainerPort) -> Option<u16> {
    let tcp = port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    u16::try_from(port.container_port).ok().filter(|_| tcp)
}

fn hook(handler: &LifecycleHandler, ports: &[ContainerPort]) -> Option<Hook> {
    let seconds = |seconds: i64| Hook::Sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    if let Some(sleep) = &handler.sleep {
        return Some(seconds(sleep.seconds));
    }
    if let Some(get) = &handler.http_get {
        let probe = k8s_openapi::api::core::v1::Probe { http_get: Some(get.clone()), ..Default::default() };
        return Some(Hook::Http(Spec::read(&probe, ports)));
    }
    let command = handler.exec.as_ref()?.command.as_deref().unwrap_or_default().join(" ");
    sleep_seconds(&command).map(seconds)
}

/// N in `sleep N`, also behind `sh -c`; any other command of a hook is taken as done at once.
fn sleep_seconds(command: &str) -> Option<i64> {
    let words: Vec<&str> = command.split([' ', ';', '&']).filter(|word| !word.is_empty()).collect();
    let sleep = words.iter().position(|word| *word == "sleep" || word.ends_with("/sleep"))?;
    words.get(sleep + 1)?.trim_end_matches('s').parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "web-1",
                "labels": { "pod-template-hash": "a", "rollouts-pod-template-hash": "b" },
                "annotations": { "linnet.test/error-rate": "0.5" },
            },
            "spec": {
                "restartPolicy": "OnFailure",
                "terminationGracePeriodSeconds": 7,
                "readinessGates": [{ "conditionType": "example.test/routed" }],
                "initContainers": [
                    { "name": "prepare", "image": "busybox" },
                    { "name": "proxy", "image": "proxy", "restartPolicy": "Always" },
                ],
                "containers": [{
                    "name": "web", "image": "linnet.test/demo:v1",
                    "ports": [{ "containerPort": 8080 }, { "containerPort": 53, "protocol": "UDP" }],
                    "readinessProbe": { "httpGet": { "port": 8080, "path": "/ready" }, "periodSeconds": 1 },
                    "lifecycle": {
                        "preStop": { "sleep": { "seconds": 3 } },
                        "postStart": { "exec": { "command": ["sh", "-c", "sleep 2; true"] } },
                    },
                }],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_spec_is_read_with_init_containers_first() {
        let plans = containers(&pod());
        let names: Vec<&str> = plans.iter().map(|plan| &*plan.container.name).collect();
        assert_eq!(names, ["prepare", "proxy", "web"]);
        let ends: Vec<bool> = plans.iter().map(ContainerPlan::must_end).collect();
        assert_eq!(ends, [true, false, false]);
        let web = &plans[2];
        assert_eq!(web.ports, [8080]);
        assert_eq!(web.pre_stop, Some(Hook::Sleep(Duration::from_secs(3))));
        assert_eq!(web.post_start, Some(Hook::Sleep(Duration::from_secs(2))));
        assert_eq!(web.readiness.as_ref().unwrap().period, Duration::from_secs(1));
    }

    #[test]
    fn the_rollouts_hash_comes_first() {
        assert_eq!(hash(&pod()), "b");
        assert_eq!(hash(&Pod::default()), "");
    }

    #[test]
    fn the_deletion_decides_the_grace() {
        let mut pod = pod();
        assert_eq!(grace(&pod), Duration::from_secs(7));
        pod.metadata.deletion_grace_period_seconds = Some(2);
        assert_eq!(grace(&pod), Duration::from_secs(2));
        assert_eq!(grace(&Pod::default()), Duration::from_secs(30));
    }

    #[rstest]
    #[case("sleep 5", Some(5))]
    #[case("/bin/sh -c /bin/sleep 15s && kill 1", Some(15))]
    #[case("nginx -s quit", None)]
    #[case("sleep", None)]
    fn a_sleep_in_a_hook_is_understood(#[case] command: &str, #[case] want: Option<i64>) {
        assert_eq!(sleep_seconds(command), want);
    }
}

//! A probe of a container spec, with the API's defaults filled in.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerPort, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::probe::tally::Tally;

/// What a probe does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// GET; 200 to 399 is success.
    Http {
        /// Host to connect to when it is not the pod itself.
        host: Option<String>,
        /// Port.
        port: u16,
        /// Path with query.
        path: String,
        /// Headers beside Host.
        headers: Vec<(String, String)>,
    },
    /// A connection that opens; also used for https and gRPC, which this node does not speak.
    Tcp {
        /// Host to connect to when it is not the pod itself.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// Always succeeds: exec probes, since there is no container to run them in.
    Nothing,
    /// Always fails: a port name that the container does not declare.
    UnknownPort,
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) check: Check,
    pub(crate) initial_delay: Duration,
    pub(crate) period: Duration,
    pub(crate) timeout: Duration,
    pub(crate) success_threshold: u32,
    pub(crate) failure_threshold: u32,
}

impl Spec {
    /// Reads `probe` of a container that declares `ports`.
    pub(crate) fn read(probe: &Probe, ports: &[ContainerPort]) -> Self {
        Self {
            check: check(probe, ports),
            initial_delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10).max(Duration::from_secs(1)),
            timeout: seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1)),
            success_threshold: count(probe.success_threshold, 1),
            failure_threshold: count(probe.failure_threshold, 3),
        }
    }

    /// A tally with this probe's thresholds.
    pub(crate) fn tally(&self, verdict: Option<bool>) -> Tally {
        Tally::new(self.success_threshold, self.failure_threshold, verdict)
    }
}

fn check(probe: &Probe, ports: &[ContainerPort]) -> Check {
    if let Some(get) = &probe.http_get {
        let Some(port) = resolve(&get.port, ports) else { return Check::UnknownPort };
        let host = get.host.clone().filter(|host| !host.is_empty());
        if get.scheme.as_deref() == Some("HTTPS") {
            return Check::Tcp { host, port };
        }
        let path = get.path.clone().filter(|path| path.starts_with('/')).unwrap_or_else(|| "/".to_owned());
        let headers = get.http_headers.iter().flatten();
        let headers = headers.map(|header| (header.name.clone(), header.value.clone())).collect();
        return Check::Http { host, port, path, headers };
    }
    if let Some(tcp) = &probe.tcp_socket {
        let host = tcp.host.clone().filter(|host| !host.is_empty());
        return resolve(&tcp.port, ports).map_or(Check::UnknownPort, |port| Check::Tcp { host, port });
    }
    if let Some(grpc) = &probe.grpc {
        return u16::try_from(grpc.port).map_or(Check::UnknownPort, |port| Check::Tcp { host: None, port });
    }
    Check::Nothing
}

/// The number of a port that is given by number or by name.
fn resolve(port: &IntOrString, ports: &[ContainerPort]) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            ports.iter().find(|port| port.name.as_ref() == Some(name))?.container_port
        }
    };
    u16::try_from(number).ok()
}

fn seconds(value: Option<i32>, default: u32) -> Duration {
    Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default.into()))
}

fn count(value: Option<i32>, default: u32) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(probe: Value) -> Spec {
        let ports = vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: 8080,
            ..ContainerPort::default()
        }];
        Spec::read(&serde_json::from_value(probe).unwrap(), &ports)
    }

    #[test]
    fn the_defaults_are_those_of_the_api() {
        let spec = read(json!({ "httpGet": { "port": "http" } }));
        let want = Spec {
            check: Check::Http { host: None, port: 8080, path: "/".to_owned(), headers: vec![] },
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
        };
        assert_eq!(spec, want);
    }

    #[test]
    fn every_field_is_honoured() {
        let spec = read(json!({
            "httpGet": { "port": 9, "path": "/ready?x=1", "host": "h", "httpHeaders": [{"name": "A", "value": "b"}] },
            "initialDelaySeconds": 2, "periodSeconds": 3, "timeoutSeconds": 4,
            "successThreshold": 5, "failureThreshold": 6,
        }));
        let headers = vec![("A".to_owned(), "b".to_owned())];
        let check =
            Check::Http { host: Some("h".to_owned()), port: 9, path: "/ready?x=1".to_owned(), headers };
        let want = Spec {
            check,
            initial_delay: Duration::from_secs(2),
            period: Duration::from_secs(3),
            timeout: Duration::from_secs(4),
            success_threshold: 5,
            failure_threshold: 6,
        };
        assert_eq!(spec, want);
    }

    #[test]
    fn other_kinds_become_what_this_node_can_do() {
        assert_eq!(
            read(json!({ "httpGet": { "port": 8443, "scheme": "HTTPS" } })).check,
            Check::Tcp { host: None, port: 8443 }
        );
        assert_eq!(
            read(json!({ "tcpSocket": { "port": "http" } })).check,
            Check::Tcp { host: None, port: 8080 }
        );
        assert_eq!(read(json!({ "exec": { "command": ["true"] } })).check, Check::Nothing);
        assert_eq!(read(json!({ "httpGet": { "port": "metrics" } })).check, Check::UnknownPort);
    }
}

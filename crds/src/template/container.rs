//! What an API server adds to a container.

use serde_json::{Map, Value};

use super::image::set_pull_policy;
use super::json::{for_each, has, set_absent, set_zero, with_child};

/// Completes a container of any sort.
pub(super) fn complete(container: &mut Map<String, Value>) {
    set_pull_policy(container, "image", "imagePullPolicy");
    set_zero(container, "terminationMessagePath", "/dev/termination-log");
    set_zero(container, "terminationMessagePolicy", "File");
    for_each(container, "ports", |port| set_zero(port, "protocol", "TCP"));
    for_each(container, "env", |variable| with_child(variable, "valueFrom", complete_field_reference));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        with_child(container, probe, complete_probe);
    }
    with_child(container, "lifecycle", |lifecycle| {
        for hook in ["postStart", "preStop"] {
            with_child(lifecycle, hook, complete_http_get);
        }
    });
    with_child(container, "resources", request_limits);
}

/// With the network of the node, the port of a container is also that of the node.
pub(super) fn open_host_ports(container: &mut Map<String, Value>) {
    for_each(container, "ports", |port| {
        if let Some(number) = port.get("containerPort").cloned() {
            set_zero(port, "hostPort", number);
        }
    });
}

/// Completes the reference to a field of the pod, in a variable or in a volume.
pub(super) fn complete_field_reference(source: &mut Map<String, Value>) {
    with_child(source, "fieldRef", |field| set_zero(field, "apiVersion", "v1"));
}

fn complete_probe(probe: &mut Map<String, Value>) {
    set_zero(probe, "timeoutSeconds", 1);
    set_zero(probe, "periodSeconds", 10);
    set_zero(probe, "successThreshold", 1);
    set_zero(probe, "failureThreshold", 3);
    complete_http_get(probe);
}

fn complete_http_get(handler: &mut Map<String, Value>) {
    with_child(handler, "httpGet", |get| {
        set_zero(get, "path", "/");
        set_zero(get, "scheme", "HTTP");
    });
}

/// What is limited and not requested is requested up to its limit; so each pod has it, though no template shows it.
fn request_limits(resources: &mut Map<String, Value>) {
    let Some(Value::Object(limits)) = resources.get("limits").cloned() else { return };
    if !has(resources, "requests") {
        resources.insert("requests".to_owned(), Value::Object(Map::new()));
    }
    with_child(resources, "requests", |requests| {
        for (name, amount) in limits {
            set_absent(requests, &name, amount);
        }
    });
}

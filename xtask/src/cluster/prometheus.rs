//! Prometheus, which asks pods and proxies for their metrics every second.

use anyhow::Result;
use serde_json::{Value, json};

use super::component::{Component, local};
use super::plan::{Extra, Plan};
use super::probe::Probe;
use super::state::{self, State};
use super::{envoy, node, traefik};

/// Port of its HTTP API.
pub(crate) const PORT: u16 = 9090;

/// Starts Prometheus.
///
/// # Errors
/// When its configuration cannot be written or it does not become ready.
pub(crate) fn start(state: &State, plan: &Plan) -> Result<()> {
    let configuration = state.path("prometheus.json");
    state::write_json(&configuration, &configure(plan))?;
    let ready = Probe::Http { address: local(PORT), path: "/-/ready".to_owned() };
    Component::new("prometheus", plan.program("prometheus")?, ready)
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!("--storage.tsdb.path={}", state.text("prometheus")))
        .arg(format!("--web.listen-address={}", local(PORT)))
        .arg("--log.level=warn")
        .start(state)?
        .wait_ready(state)
}

/// The configuration, as JSON, which is YAML too. Pods come from the node's list: a build without Kubernetes discovery
/// is enough.
fn configure(plan: &Plan) -> Value {
    let mut jobs = vec![json!({
        "job_name": "pods",
        "http_sd_configs": [{
            "url": format!("http://{}/sd", local(node::DISCOVERY_PORT)), "refresh_interval": "1s" }],
        "relabel_configs": [
            {"action": "labelmap", "regex": "__meta_pod_label_(.+)"},
            {"source_labels": ["__meta_pod_namespace"], "target_label": "namespace"},
            {"source_labels": ["__meta_pod_name"], "target_label": "pod"},
        ],
    })];
    if plan.has(Extra::Traefik) {
        jobs.push(fixed("traefik", traefik::ADMIN_PORT, "/metrics"));
    }
    if plan.has(Extra::Istio) {
        jobs.push(fixed("istio-gateway", envoy::ADMIN_PORT, "/stats/prometheus"));
    }
    json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "scrape_configs": jobs,
    })
}

fn fixed(job: &str, port: u16, path: &str) -> Value {
    json!({"job_name": job, "metrics_path": path, "static_configs": [{"targets": [local(port).to_string()]}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(extras: &[Extra]) -> Vec<String> {
        let configuration = configure(&Plan::new(extras, Vec::new()));
        let jobs = configuration["scrape_configs"].as_array().unwrap();
        jobs.iter().map(|job| job["job_name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn only_what_runs_is_scraped() {
        assert_eq!(jobs(&[Extra::Prometheus]), ["pods"]);
        assert_eq!(
            jobs(&[Extra::Prometheus, Extra::Istio, Extra::Traefik]),
            ["pods", "traefik", "istio-gateway"]
        );
    }
}

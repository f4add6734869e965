//! The operator's own servers: `/metrics` on one port, `/healthz` and `/readyz` on another.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::cli::Ports;
use crate::health::Health;
use crate::telemetry::Metrics;

/// Serves both ports from now on.
///
/// # Errors
/// If a port cannot be had; the message names it.
pub(crate) async fn start(ports: &Ports, health: Health, metrics: Metrics) -> anyhow::Result<()> {
    let on_health = listen(ports.bind_address, ports.healthz, "--healthzPort").await?;
    let on_metrics = listen(ports.bind_address, ports.metrics, "--metricsPort").await?;
    tokio::spawn(serve(on_health, probes(health)));
    tokio::spawn(serve(on_metrics, numbers(metrics)));
    Ok(())
}

async fn listen(address: IpAddr, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(address, port);
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} ({flag}, --bind-address)"))
}

async fn serve(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "a server of this operator has ended");
    }
}

fn probes(health: Health) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|State(health): State<Health>| async move { probe(health.alive(Instant::now())) }),
        )
        .route("/readyz", get(|State(health): State<Health>| async move { probe(health.ready()) }))
        .with_state(health)
}

fn probe(outcome: Result<(), String>) -> Response {
    match outcome {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

fn numbers(metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(|State(metrics): State<Metrics>| async move { scrape(&metrics) }))
        .with_state(metrics)
}

fn scrape(metrics: &Metrics) -> Response {
    const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use crds::object_ref::Kind;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn ask(router: Router, path: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: linnet\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn readiness_says_what_is_missing() {
        let health = Health::new(Instant::now());
        health.expect(Kind::Rollout);
        let answer = ask(probes(health.clone()), "/readyz").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("rollouts: is being listed"),
            "{answer}"
        );
        health.synced(Kind::Rollout);
        let answer = ask(probes(health), "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn alive_and_unknown_paths() {
        let health = Health::new(Instant::now());
        assert!(ask(probes(health.clone()), "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(ask(probes(health), "/metrics").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn metrics_are_openmetrics() {
        let answer = ask(numbers(Metrics::new()), "/metrics").await;
        assert!(answer.contains("application/openmetrics-text"), "{answer}");
        assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(IpAddr::from([127, 0, 0, 1]), port, "--metricsPort").await.unwrap_err();
        assert!(error.to_string().contains("--metricsPort"), "{error}");
    }
}

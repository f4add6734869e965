//! `/sd` for Prometheus, `/pods` for tests, `/healthz` for whoever waits.

use std::future::Future;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::discovery::registry::Registry;

/// Serves until `stop` resolves.
///
/// # Errors
///
/// When the listener fails for good.
pub(crate) async fn serve(
    listener: TcpListener,
    registry: Arc<Registry>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    axum::serve(listener, router(registry)).with_graceful_shutdown(stop).await.context("service discovery")
}

fn router(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/sd", get(async |State(registry): State<Arc<Registry>>| json(registry.targets().to_string())))
        .route(
            "/pods",
            get(async |State(registry): State<Arc<Registry>>| json(registry.describe().to_string())),
        )
        .route("/healthz", get(async || "ok\n"))
        .with_state(registry)
}

fn json(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}

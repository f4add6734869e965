//! The control port: how tests tell the proxy what to do, and read what it saw.
//!
//! | request | effect |
//! |---|---|
//! | `GET /control/counts` | requests per user agent, verb, resource, subresource |
//! | `GET /control/log?since=N` | every write behind position N |
//! | `GET /control/rules` | the rules in force, with how often each has matched |
//! | `POST /control/rules` | adds one rule or a list of rules |
//! | `DELETE /control/rules` | removes all rules |
//! | `GET /control/wait?since=N&timeoutSeconds=S` | kills and holds behind N; waits for the first one |
//! | `POST /control/release` | `{"id": N, "then": "continue"}`: lets held requests go on (`cut`: breaks them) |
//! | `GET /control/streams` | the open event streams |
//! | `POST /control/cut` | `{"match": {}, "mode": "break"}`: ends open event streams (`end`, `hang`) |
//! | `POST /control/reset` | forgets rules, counts and log, and lets held requests go on |

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bell::Release;
use crate::gate::Gate;
use crate::rule::{CutMode, Matcher, Rule};

/// The control port's routes.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/control/counts", get(counts))
        .route("/control/log", get(log))
        .route("/control/rules", get(rules).post(add_rules).delete(clear_rules))
        .route("/control/wait", get(wait))
        .route("/control/release", post(release))
        .route("/control/streams", get(streams))
        .route("/control/cut", post(cut))
        .route("/control/reset", post(reset))
        .with_state(gate)
}

type Refusal = (StatusCode, String);

async fn counts(State(gate): State<Arc<Gate>>) -> Json<Value> {
    Json(json!(gate.counts().lines()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Since {
    #[serde(default)]
    since: u64,
    #[serde(default)]
    timeout_seconds: u64,
}

async fn log(State(gate): State<Arc<Gate>>, Query(query): Query<Since>) -> Json<Value> {
    Json(json!(gate.journal().since(query.since)))
}

async fn rules(State(gate): State<Arc<Gate>>) -> Json<Value> {
    Json(json!(gate.book().standing()))
}

async fn add_rules(State(gate): State<Arc<Gate>>, Json(body): Json<Value>) -> Result<Json<Value>, Refusal> {
    let list = if body.is_array() { body } else { json!([body]) };
    gate.book().add(read::<Vec<Rule>>(list)?);
    Ok(Json(json!(gate.book().standing())))
}

async fn clear_rules(State(gate): State<Arc<Gate>>) {
    gate.book().clear();
}

async fn wait(State(gate): State<Arc<Gate>>, Query(query): Query<Since>) -> Json<Value> {
    Json(json!(gate.bell.since(query.since, Duration::from_secs(query.timeout_seconds)).await))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseOrder {
    /// All, when absent.
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    then: Release,
}

async fn release(State(gate): State<Arc<Gate>>, Json(body): Json<Value>) -> Result<Json<Value>, Refusal> {
    let order: ReleaseOrder = read(body)?;
    Ok(Json(json!({ "released": gate.bell.release(order.id, order.then) })))
}

async fn streams(State(gate): State<Arc<Gate>>) -> Json<Value> {
    Json(json!(gate.streams.list()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CutOrder {
    #[serde(default, rename = "match")]
    matcher: Matcher,
    #[serde(default)]
    mode: CutMode,
}

async fn cut(State(gate): State<Arc<Gate>>, Json(body): Json<Value>) -> Result<Json<Value>, Refusal> {
    let order: CutOrder = read(body)?;
    Ok(Json(json!({ "ended": gate.streams.end(&order.matcher, order.mode) })))
}

async fn reset(State(gate): State<Arc<Gate>>) {
    gate.reset();
}

/// Reads an order; the refusal names the field that is wrong.
fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, Refusal> {
    serde_json::from_value(body).map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}\n")))
}

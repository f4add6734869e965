//! A metric backend with doors: it answers only those who prove who they are, and notes what they showed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use serde_json::{Value, json};

/// The door that opens to a bearer token.
pub(crate) const BEARER: &str = "bearer";
/// The door that opens to a user name and a password.
pub(crate) const BASIC: &str = "basic";
/// The door that opens to nobody, and repeats what it was shown.
pub(crate) const PARROT: &str = "parrot";

/// What was shown at a door: its name, and the value of the header `Authorization`.
pub(crate) type Shown = (String, String);

/// A Prometheus API behind each of its doors.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    address: SocketAddr,
    state: Doors,
}

#[derive(Clone, Debug, Default)]
struct Doors {
    /// The values of `Authorization` that open a door, by its name.
    keys: Arc<[Shown]>,
    shown: Arc<Mutex<Vec<Shown>>>,
}

impl Backend {
    /// Listens on a free port of the loopback address.
    pub(crate) async fn start(keys: &[(&str, String)]) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let address = listener.local_addr()?;
        let keys = keys.iter().map(|(door, key)| ((*door).to_owned(), key.clone())).collect();
        let state = Doors { keys, shown: Arc::default() };
        let query = routing::get(answer).post(answer);
        let router = Router::new().route("/{door}/api/v1/query", query).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, state })
    }

    /// The address behind a door.
    pub(crate) fn url(&self, door: &str) -> String {
        format!("http://{}/{door}", self.address)
    }

    /// Everything that was shown since the last call.
    pub(crate) fn take_shown(&self) -> Vec<Shown> {
        std::mem::take(&mut *self.state.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(State(doors): State<Doors>, Path(door): Path<String>, headers: HeaderMap) -> Response {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shown = (door, key.to_owned());
    let is_open = doors.keys.contains(&shown);
    let refusal = json!({ "status": "error", "errorType": "auth", "error": format!("{key} opens no door") });
    doors.shown.lock().unwrap_or_else(PoisonError::into_inner).push(shown);
    if !is_open {
        return body(StatusCode::UNAUTHORIZED, &refusal);
    }
    let result = json!([{ "metric": {}, "value": [0, "0"] }]);
    body(
        StatusCode::OK,
        &json!({ "status": "success", "data": { "resultType": "vector", "result": result } }),
    )
}

fn body(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

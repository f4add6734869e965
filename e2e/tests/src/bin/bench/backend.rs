//! A metric backend that knows when it gave its first bad answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};

/// What a canary's metric says.
#[derive(Clone, Copy, Debug, Default)]
enum Mood {
    /// No errors.
    #[default]
    Good,
    /// Errors, but nobody has asked yet.
    Bad,
    /// Errors, and this is when somebody was first told.
    Told(Instant),
}

type Moods = Arc<Mutex<BTreeMap<String, Mood>>>;

/// A Prometheus API with one number per canary.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    address: SocketAddr,
    moods: Moods,
}

impl Backend {
    /// Listens on a free port of the loopback address.
    pub(crate) async fn start() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let address = listener.local_addr()?;
        let moods = Moods::default();
        let query = routing::get(answer).post(answer);
        let router = Router::new().route("/{canary}/api/v1/query", query).with_state(Arc::clone(&moods));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, moods })
    }

    /// The address of a canary's metric.
    pub(crate) fn url(&self, canary: &str) -> String {
        format!("http://{}/{canary}", self.address)
    }

    /// From now on, the canary's metric is bad.
    pub(crate) fn turn_bad(&self, canary: &str) {
        self.set(canary, Mood::Bad);
    }

    /// From now on, the canary's metric is good.
    pub(crate) fn turn_good(&self, canary: &str) {
        self.set(canary, Mood::Good);
    }

    /// When somebody was first told that the canary is bad.
    pub(crate) fn told(&self, canary: &str) -> Option<Instant> {
        let moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        match moods.get(canary) {
            Some(Mood::Told(when)) => Some(*when),
            Some(Mood::Good | Mood::Bad) | None => None,
        }
    }

    fn set(&self, canary: &str, mood: Mood) {
        self.moods.lock().unwrap_or_else(PoisonError::into_inner).insert(canary.to_owned(), mood);
    }
}

async fn answer(State(moods): State<Moods>, Path(canary): Path<String>) -> Response {
    let mut moods = moods.lock().unwrap_or_else(PoisonError::into_inner);
    let mood = moods.entry(canary).or_default();
    if let Mood::Bad = mood {
        *mood = Mood::Told(Instant::now());
    }
    let value = if matches!(mood, Mood::Good) { "0" } else { "1" };
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[0,"{value}"]}}]}}}}"#
    );
    ([("content-type", "application/json")], body).into_response()
}

//! Users: a steady stream of requests, each answer noted with its time, version and status.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::share::Share;
use crate::wait::{Look, until};

/// How many requests may be under way at once.
const WORKERS: u32 = 16;
/// How many lost requests are told one by one.
const SHOWN: usize = 5;

/// Where users come in.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// The URL of the data plane, such as `http://127.0.0.1:9000/`.
    pub url: String,
    /// The host that users ask for.
    pub host: String,
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was sent.
    pub sent: Instant,
    /// When its answer was complete.
    pub answered: Instant,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The application answered, be it with an error that it was told to give.
    Answered {
        /// The version that answered.
        version: String,
        /// The HTTP status.
        status: u16,
    },
    /// Nobody answered, or the data plane did in the application's place.
    Lost(String),
}

/// Requests that are being sent until [`Traffic::stop`].
#[derive(Debug)]
pub struct Traffic {
    samples: Arc<Mutex<Vec<Sample>>>,
    stopped: Arc<AtomicBool>,
    workers: JoinSet<()>,
}

impl Traffic {
    /// Starts to send `per_second` requests per second.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn start(entrance: &Entrance, per_second: u32) -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(WORKERS as usize)
            .build()
            .context("cannot build the HTTP client")?;
        let samples = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        let gap = Duration::from_secs(1) * WORKERS / per_second.max(1);
        for worker in 0..WORKERS {
            let user = User {
                client: client.clone(),
                entrance: entrance.clone(),
                samples: Arc::clone(&samples),
                stopped: Arc::clone(&stopped),
            };
            workers.spawn(user.send_until_stopped(gap * worker / WORKERS, gap));
        }
        Ok(Self { samples, stopped, workers })
    }

    /// The same once the data plane knows the way: some requests are tried before, until all of them are answered.
    ///
    /// # Errors
    /// When they are not within `limit`.
    pub async fn once_answered(entrance: &Entrance, per_second: u32, limit: Duration) -> Result<Self> {
        until("the first version to answer", limit, || async {
            let probe = Self::start(entrance, 50)?;
            let tally = probe.next(10).await?;
            probe.stop().await;
            Ok(Look::when(tally.lost().is_empty(), tally.to_string()))
        })
        .await?;
        Self::start(entrance, per_second)
    }

    /// The requests that were sent at or after `since` and have been answered or lost by now.
    #[must_use]
    pub fn since(&self, since: Instant) -> Tally {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        Tally { samples: samples.iter().filter(|sample| sample.sent >= since).cloned().collect() }
    }

    /// The requests that were sent from `since` on and before `end`.
    #[must_use]
    pub fn between(&self, since: Instant, end: Instant) -> Tally {
        let mut tally = self.since(since);
        tally.samples.retain(|sample| sample.sent < end);
        tally
    }

    /// Waits until `count` requests that were sent from now on have been answered or lost.
    ///
    /// # Errors
    /// When that takes longer than a minute.
    pub async fn next(&self, count: usize) -> Result<Tally> {
        let since = Instant::now();
        while since.elapsed() < Duration::from_mins(1) {
            let tally = self.since(since);
            if tally.samples.len() >= count {
                return Ok(tally);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("{count} requests were not answered within a minute: {}", self.since(since))
    }

    /// Stops and returns everything that was sent.
    pub async fn stop(mut self) -> Tally {
        self.stopped.store(true, Ordering::Relaxed);
        while self.workers.join_next().await.is_some() {}
        Tally { samples: std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner)) }
    }
}

struct User {
    client: reqwest::Client,
    entrance: Entrance,
    samples: Arc<Mutex<Vec<Sample>>>,
    stopped: Arc<AtomicBool>,
}

impl User {
    async fn send_until_stopped(self, offset: Duration, gap: Duration) {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + offset, gap);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.stopped.load(Ordering::Relaxed) {
            ticks.tick().await;
            let sent = Instant::now();
            let outcome = self.send().await;
            let sample = Sample { sent, answered: Instant::now(), outcome };
            self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        }
    }

    async fn send(&self) -> Outcome {
        let request = self.client.get(&self.entrance.url).header("host", &self.entrance.host);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Outcome::Lost(format!("{error:?}")),
        };
        let status = response.status().as_u16();
        // Only the application names its version: an answer without it came from the data plane.
        let version =
            response.headers().get("x-version").and_then(|value| value.to_str().ok().map(str::to_owned));
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return Outcome::Lost(format!("the answer was cut: {error}")),
        };
        let said = String::from_utf8_lossy(&body);
        version.map_or_else(
            || Outcome::Lost(format!("status {status} from the data plane: {:.120}", said.trim())),
            |version| Outcome::Answered { version, status },
        )
    }
}

/// A set of requests, counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The requests, in the order of their answers.
    pub samples: Vec<Sample>,
}

impl Tally {
    /// The share of `version` among the answered requests.
    #[must_use]
    pub fn share(&self, version: &str) -> Share {
        let answered = self.answered().count() as u64;
        let hits = self.answered().filter(|(by, _)| *by == version).count() as u64;
        Share { hits, total: answered }
    }

    /// Requests that nobody of the application answered.
    #[must_use]
    pub fn lost(&self) -> Vec<&str> {
        self.lost_with_reasons().map(|(_, why)| why).collect()
    }

    /// How many answers were server errors of the application itself.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.answered().filter(|(_, status)| *status >= 500).count()
    }

    /// How many answers of `version` were server errors.
    #[must_use]
    pub fn errors_of(&self, version: &str) -> usize {
        self.answered().filter(|(by, status)| *by == version && *status >= 500).count()
    }

    /// When the last request was sent that `version` answered.
    #[must_use]
    pub fn last_of(&self, version: &str) -> Option<Instant> {
        self.samples.iter().filter(|sample| sample.outcome.is_by(version)).map(|sample| sample.sent).max()
    }

    fn lost_with_reasons(&self) -> impl Iterator<Item = (&Sample, &str)> {
        self.samples.iter().filter_map(|sample| match &sample.outcome {
            Outcome::Lost(why) => Some((sample, why.as_str())),
            Outcome::Answered { .. } => None,
        })
    }

    fn answered(&self) -> impl Iterator<Item = (&str, u16)> {
        self.samples.iter().filter_map(|sample| match &sample.outcome {
            Outcome::Answered { version, status } => Some((version.as_str(), *status)),
            Outcome::Lost(_) => None,
        })
    }
}

impl Outcome {
    fn is_by(&self, wanted: &str) -> bool {
        matches!(self, Self::Answered { version, .. } if version == wanted)
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut counts = BTreeMap::<(&str, u16), usize>::new();
        for answer in self.answered() {
            *counts.entry(answer).or_default() += 1;
        }
        write!(f, "{} requests", self.samples.len())?;
        for ((version, status), count) in counts {
            write!(f, ", {count} x {version} {status}")?;
        }
        write!(f, ", {} lost", self.lost().len())?;
        let first = self.samples.iter().map(|sample| sample.sent).min();
        for (sample, why) in self.lost_with_reasons().take(SHOWN) {
            let (after, took) = (sample.sent - first.unwrap_or(sample.sent), sample.answered - sample.sent);
            write!(f, "; sent {after:.1?} after the first, {took:.1?} under way: {why}")?;
        }
        Ok(())
    }
}

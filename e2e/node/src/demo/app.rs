//! What the built-in server answers.
//!
//! `/health` and `/ready` are for probes, `/metrics` for Prometheus, `POST /fault` changes the behaviour at
//! run time, and every other path is the application: it takes the latency, fails at the error rate, and is
//! counted. Which requests fail follows from their number alone, evenly spread (`errors`).

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::demo::args::Settings;
use crate::demo::errors::Share;
use crate::demo::metrics::Metrics;
use crate::duration;

/// Who answers: shown in headers, bodies and metric labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Name of the pod.
    pub(crate) pod: String,
    /// Its template hash (`rollouts-pod-template-hash`, else `pod-template-hash`), or nothing.
    pub(crate) hash: String,
}

/// An answer before it becomes HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status code.
    pub(crate) code: u16,
    /// Content type.
    pub(crate) kind: &'static str,
    /// Body.
    pub(crate) body: String,
}

impl Answer {
    fn text(code: u16, body: impl Into<String>) -> Self {
        Self { code, kind: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// One container's server: its settings, its switches and its counters.
#[derive(Debug)]
pub(crate) struct App {
    identity: Identity,
    version: String,
    error_rate: AtomicU32,
    latency_micros: AtomicU64,
    ready: watch::Sender<bool>,
    healthy: AtomicBool,
    draining: AtomicBool,
    requests: AtomicU64,
    metrics: Metrics,
}

impl App {
    /// A server that behaves as `settings` say.
    pub(crate) fn new(identity: Identity, settings: &Settings) -> Self {
        Self {
            identity,
            version: settings.version.clone(),
            error_rate: AtomicU32::new(settings.error_rate.millionths()),
            latency_micros: AtomicU64::new(micros(settings.latency)),
            ready: watch::Sender::new(!settings.never_ready),
            healthy: AtomicBool::new(true),
            draining: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            metrics: Metrics::default(),
        }
    }

    /// Who answers.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The version that it says it is.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// What it has answered.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether `/ready` succeeds.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Follows whether `/ready` succeeds.
    pub(crate) fn readiness(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Whether it was told to stop: answers then ask the peer to close its connection.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Tells it that it is about to stop.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Changes one of `error-rate`, `latency`, `ready`, `healthy`.
    ///
    /// # Errors
    ///
    /// A sentence that names the switch or value that is not understood.
    pub(crate) fn set(&self, name: &str, value: &str) -> Result<(), String> {
        let switch =
            || value.parse::<bool>().map_err(|_| format!("{name}: {value:?} is neither true nor false"));
        match name {
            "error-rate" => {
                let share = Share::parse(value)
                    .ok_or_else(|| format!("{name}: {value:?} is not a share such as 0.05 or 5%"))?;
                self.error_rate.store(share.millionths(), Ordering::Relaxed);
            }
            "latency" => {
                let latency = duration::parse(value).map_err(|error| format!("{name}: {error:#}"))?;
                self.latency_micros.store(micros(latency), Ordering::Relaxed);
            }
            "ready" => {
                self.ready.send_replace(switch()?);
            }
            "healthy" => self.healthy.store(switch()?, Ordering::Relaxed),
            _ => {
                return Err(format!(
                    "unknown fault {name}: error-rate, latency, ready and healthy are known"
                ));
            }
        }
        Ok(())
    }

    /// Answers one request; `json` is whether the client asked for JSON.
    pub(crate) async fn answer(&self, method: &str, path: &str, query: &str, json: bool) -> Answer {
        let state = |good: bool| if good { Answer::text(200, "ok\n") } else { Answer::text(503, "no\n") };
        match (method, path) {
            (_, "/health") => state(self.healthy.load(Ordering::Relaxed)),
            (_, "/ready") => state(self.is_ready()),
            (_, "/metrics") => Answer {
                code: 200,
                kind: "text/plain; version=0.0.4; charset=utf-8",
                body: self.metrics.text(&self.version, &self.identity.hash),
            },
            ("POST", "/fault") => self.fault(query),
            _ => self.application(json).await,
        }
    }

    fn fault(&self, query: &str) -> Answer {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Err(error) = self.set(name, &value.replace("%25", "%")) {
                return Answer::text(400, error + "\n");
            }
        }
        Answer::text(200, "ok\n")
    }

    async fn application(&self, json: bool) -> Answer {
        let began = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let latency = Duration::from_micros(self.latency_micros.load(Ordering::Relaxed));
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let fails = Share::from_millionths(self.error_rate.load(Ordering::Relaxed)).takes(number);
        let code = if fails { 500 } else { 200 };
        self.metrics.observe(code, began.elapsed());
        let Identity { pod, hash } = &self.identity;
        let version = &self.version;
        if json {
            let body = serde_json::json!({ "pod": pod, "version": version, "hash": hash, "code": code });
            return Answer { code, kind: "application/json", body: format!("{body}\n") };
        }
        let word = if fails { "error from" } else { "hello from" };
        Answer::text(code, format!("{word} {pod}, version {version}\n"))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(args: &[&str]) -> App {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let identity = Identity { pod: "web-1".to_owned(), hash: "6b9f".to_owned() };
        App::new(identity, &Settings::parse(&args, "v2").unwrap())
    }

    #[tokio::test]
    async fn the_application_says_who_it_is() {
        let app = app(&[]);
        assert_eq!(
            app.answer("GET", "/", "", false).await,
            Answer::text(200, "hello from web-1, version v2\n")
        );
        let json = app.answer("GET", "/any", "", true).await;
        let body: serde_json::Value = serde_json::from_str(&json.body).unwrap();
        assert_eq!(body, serde_json::json!({"pod": "web-1", "version": "v2", "hash": "6b9f", "code": 200}));
    }

    #[tokio::test]
    async fn the_error_rate_holds_and_can_be_changed_while_it_runs() {
        let app = app(&["--error-rate=0.1"]);
        for _ in 0..1000 {
            app.answer("GET", "/", "", false).await;
        }
        let failed = *app.metrics().served().get(&500).unwrap();
        assert!(failed.abs_diff(100) <= 4, "{failed}");
        assert_eq!(app.answer("POST", "/fault", "error-rate=0", false).await.code, 200);
        for _ in 0..100 {
            assert_eq!(app.answer("GET", "/", "", false).await.code, 200);
        }
    }

    #[tokio::test]
    async fn probes_follow_their_switches_and_are_not_counted() {
        let app = app(&["--never-ready"]);
        assert_eq!(app.answer("GET", "/ready", "", false).await.code, 503);
        assert_eq!(app.answer("GET", "/health", "", false).await.code, 200);
        assert_eq!(app.answer("POST", "/fault", "ready=true&healthy=false", false).await.code, 200);
        assert_eq!(app.answer("GET", "/ready", "", false).await.code, 200);
        assert_eq!(app.answer("GET", "/health", "", false).await.code, 503);
        assert!(app.metrics().served().is_empty());
    }

    #[tokio::test]
    async fn an_unknown_fault_is_refused_by_name() {
        let answer = app(&[]).answer("POST", "/fault", "colour=blue", false).await;
        assert_eq!(answer.code, 400);
        assert!(answer.body.contains("colour"));
    }
}

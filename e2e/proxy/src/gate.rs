//! What every request passes through: counted, noted, and treated as the rules say.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::attributes::Attributes;
use crate::bell::{Bell, Fired, Release};
use crate::body::{self, Cut, Reply};
use crate::counts::Counts;
use crate::journal::{Journal, Position};
use crate::rule::{Action, CutMode, When};
use crate::rulebook::Rulebook;
use crate::streams::Streams;
use crate::upstream::Upstream;

/// The gate.
#[derive(Debug)]
pub(crate) struct Gate {
    upstream: Upstream,
    book: Mutex<Rulebook>,
    counts: Mutex<Counts>,
    journal: Mutex<Journal>,
    pub(crate) streams: Streams,
    pub(crate) bell: Bell,
}

/// A request on its way.
struct Passage {
    attributes: Attributes,
    head: Parts,
    body: Bytes,
    /// Its place in the journal, if it is a write.
    position: Option<Position>,
    /// When and how its stream must end, if it is a watch.
    end: Option<(Duration, CutMode)>,
}

/// What follows once the moment of an action has come.
enum Effect {
    Answer { status: u16, retry_after_seconds: Option<u32> },
    Cut,
    Silence,
    Kill { pid: i32 },
    Hold,
}

impl Gate {
    /// A gate without rules before `upstream`.
    pub(crate) fn new(upstream: Upstream) -> Self {
        Self {
            upstream,
            book: Mutex::default(),
            counts: Mutex::default(),
            journal: Mutex::default(),
            streams: Streams::default(),
            bell: Bell::default(),
        }
    }

    /// The rules.
    pub(crate) fn book(&self) -> MutexGuard<'_, Rulebook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts.
    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal.
    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets rules, counts and journal, and lets held requests go on.
    pub(crate) fn reset(&self) {
        self.book().clear();
        *self.counts() = Counts::default();
        self.journal().clear();
        self.bell.clear();
    }

    /// Takes a request through.
    ///
    /// # Errors
    ///
    /// When its connection must break.
    pub(crate) async fn pass(&self, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| Cut(error.to_string()))?.to_bytes();
        let attributes = attributes(&head, &body);
        self.counts().add(&attributes);
        let decision = self.book().decide(&attributes);
        let rule = decision.action.as_ref().map(|(rule, _)| rule.clone());
        let position = attributes
            .is_write()
            .then(|| self.journal().arrive(attributes.clone(), rule.clone(), Timestamp::now()));
        let mut passage = Passage { attributes, head, body, position, end: None };
        if !decision.delay.is_zero() {
            tokio::time::sleep(decision.delay).await;
        }
        let (when, effect) = match decision.action.map(|(_, action)| action) {
            None | Some(Action::Delay { .. }) => return self.forward(&passage).await,
            Some(Action::EndStream { milliseconds, mode }) => {
                passage.end = Some((Duration::from_millis(milliseconds), mode));
                return self.forward(&passage).await;
            }
            Some(Action::Answer { status, when, retry_after_seconds }) => {
                (when, Effect::Answer { status, retry_after_seconds })
            }
            Some(Action::Cut { when }) => (when, Effect::Cut),
            Some(Action::Drop { when }) => (when, Effect::Silence),
            Some(Action::Kill { pid, when }) => (when, Effect::Kill { pid }),
            Some(Action::Hold { when }) => (when, Effect::Hold),
        };
        self.act(&passage, rule.unwrap_or_default(), when, effect).await
    }

    async fn act(
        &self,
        passage: &Passage,
        rule: String,
        when: When,
        effect: Effect,
    ) -> Result<Response<Reply>, Cut> {
        let answered = match when {
            When::After => Some(self.forward(passage).await?),
            When::Before => None,
        };
        let mut fired = Fired {
            id: 0,
            rule,
            request: passage.attributes.clone(),
            index: passage.position.map(Position::index),
            when,
            held: false,
            error: None,
        };
        match effect {
            Effect::Answer { status, retry_after_seconds } => Ok(refusal(status, retry_after_seconds)),
            Effect::Cut => Err(Cut("by a rule".to_owned())),
            Effect::Silence => std::future::pending().await,
            Effect::Kill { pid } => {
                fired.error = kill(pid).err();
                self.bell.ring(fired);
                Err(Cut("its client was killed".to_owned()))
            }
            Effect::Hold => match (self.bell.hold(fired).await, answered) {
                (Release::Cut, _) => Err(Cut("by whoever released it".to_owned())),
                (Release::Continue, Some(answered)) => Ok(answered),
                (Release::Continue, None) => self.forward(passage).await,
            },
        }
    }

    async fn forward(&self, passage: &Passage) -> Result<Response<Reply>, Cut> {
        let response =
            self.upstream.forward(&passage.head, passage.body.clone()).await.inspect_err(|error| {
                tracing::warn!(request = %passage.attributes, %error, "no answer from upstream");
            })?;
        if let Some(position) = passage.position {
            self.journal().answer(position, response.status().as_u16(), Timestamp::now());
        }
        let (head, body) = response.into_parts();
        if !passage.attributes.is_watch() {
            return Ok(Response::from_parts(head, body::passed_on(body)));
        }
        let (membership, ended) = self.streams.join(passage.attributes.clone());
        let planned = passage.end;
        let end = async move {
            tokio::select! {
                Ok(mode) = ended => mode,
                mode = end_as_planned(planned) => mode,
            }
        };
        Ok(Response::from_parts(head, body::events(body, end, membership)))
    }
}

async fn end_as_planned(planned: Option<(Duration, CutMode)>) -> CutMode {
    match planned {
        Some((after, mode)) => {
            tokio::time::sleep(after).await;
            mode
        }
        None => std::future::pending().await,
    }
}

/// What the request is about; the name of an object that is created stands in its body.
fn attributes(head: &Parts, body: &Bytes) -> Attributes {
    let agent = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let mut attributes = Attributes::read(head.method.as_str(), head.uri.path(), query, agent);
    if attributes.verb == "create"
        && attributes.name.is_empty()
        && let Ok(object) = serde_json::from_slice::<Value>(body)
        && let Some(name) = object.pointer("/metadata/name").and_then(Value::as_str)
    {
        name.clone_into(&mut attributes.name);
    }
    attributes
}

/// Sends SIGKILL; the error says why it could not.
fn kill(pid: i32) -> Result<(), String> {
    let process = Some(pid).filter(|pid| *pid > 1).and_then(Pid::from_raw);
    let process = process.ok_or_else(|| format!("{pid} is not the id of a process"))?;
    kill_process(process, Signal::KILL).map_err(|error| format!("cannot kill {pid}: {error}"))
}

/// The API's own form of a refusal.
fn refusal(status: u16, retry_after_seconds: Option<u32>) -> Response<Reply> {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = match code.as_u16() {
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "Unknown",
    };
    let object = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "answered by the proxy before the API server", "reason": reason, "code": code.as_u16(),
        "details": retry_after_seconds.map(|seconds| json!({ "retryAfterSeconds": seconds })),
    });
    let mut response = Response::new(body::whole(Bytes::from(object.to_string())));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

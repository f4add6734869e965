//! Requests to the API server: bounded in flight, and each write only while this process may write.

mod exchange;
mod lanes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header;
use engine::effect::{Request, RequestId, Urgency};
use engine::input::{Answer, Input};
use kube::Client;
use kube::client::Body;
use tokio::sync::mpsc;

use self::lanes::Lanes;
use crate::api::Directory;
use crate::leader::Fence;
use crate::telemetry::Metrics;

pub(crate) use self::exchange::verb;

/// A request without an answer after this long has an unknown outcome.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a decision rests on is at most this old when its write leaves, as far as this process can tell: after a
/// standstill, or a long wait for a place, it is decided anew. Nothing follows from news, so they may be late.
const DECISION_HOLDS: Duration = Duration::from_secs(1);

/// What a sender speaks through.
#[derive(Clone)]
pub(crate) struct Link {
    /// The client of the API server.
    pub(crate) client: Client,
    /// Where objects live.
    pub(crate) directory: Directory,
    /// Whether this process may write.
    pub(crate) fence: Fence,
    /// What is counted.
    pub(crate) metrics: Metrics,
}

/// Sends requests; clones share everything.
#[derive(Clone)]
pub(crate) struct Sender(Arc<Inner>);

struct Inner {
    link: Link,
    answers: mpsc::UnboundedSender<Input>,
    lanes: Lanes,
}

impl Sender {
    /// A sender whose answers go to `answers`, with `places` requests of one urgency on their way at once.
    pub(crate) fn new(link: Link, places: u32, answers: mpsc::UnboundedSender<Input>) -> Self {
        Self(Arc::new(Inner { link, answers, lanes: Lanes::new(places) }))
    }

    /// Sends a request; its answer comes as an input, exactly once.
    pub(crate) fn send(&self, id: RequestId, request: Request, urgency: Urgency) {
        let (inner, decided) = (Arc::clone(&self.0), Instant::now());
        tokio::spawn(async move {
            let answer = inner.answer(&request, urgency, decided).await;
            // Nobody listens only when the process is ending.
            let _ = inner.answers.send(Input::Answer { id, answer });
        });
    }

    /// Waits until no request is on its way, at most for `limit`; nothing is sent afterwards.
    /// Says whether all had been answered.
    pub(crate) async fn drain(&self, limit: Duration) -> bool {
        self.0.lanes.drain(limit).await
    }
}

impl Inner {
    async fn answer(&self, request: &Request, urgency: Urgency, decided: Instant) -> Answer {
        let Some(_place) = self.lanes.enter(urgency).await else {
            return not_sent("Stopping", "the process is ending");
        };
        if let Some(reason) = self.link.directory.excluded(request.object.kind) {
            return refused(404, "NotFound", reason);
        }
        if request.call.is_write() && !self.link.fence.may_write(Instant::now()) {
            return not_sent("NotLeading", "this process may not write: it does not hold the Lease");
        }
        if request.call.is_write() && urgency != Urgency::News && decided.elapsed() > DECISION_HOLDS {
            return outdated();
        }
        let started = Instant::now();
        let (status, answer) = self.exchange(request).await;
        self.link.metrics.requested(request, status, started.elapsed());
        tracing::debug!(
            object = %request.object, verb = verb(&request.call), status,
            milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "request"
        );
        answer
    }

    /// Sends one request. The status is 0 when there was no answer.
    async fn exchange(&self, request: &Request) -> (u16, Answer) {
        let http = match exchange::http_request(&self.link.directory, request) {
            Ok(http) => http.map(Body::from),
            Err(problem) => return (0, refused(400, "BadRequest", &problem)),
        };
        let exchanged = async {
            let response = self.link.client.send(http).await?;
            let (head, body) = response.into_parts();
            Ok::<_, kube::Error>((head, body.collect_bytes().await?))
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, exchanged).await {
            Ok(Ok((head, body))) => {
                let status = head.status.as_u16();
                let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                (status, exchange::answer(request, status, retry_after, &body))
            }
            Ok(Err(error)) => (0, Answer::Unknown { message: error.to_string() }),
            Err(_) => {
                let message = format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
                (0, Answer::Unknown { message })
            }
        }
    }
}

/// The answer to a request that never left: nothing was changed, and it may be tried later.
fn not_sent(reason: &str, message: &str) -> Answer {
    refused(503, reason, message)
}

/// The answer to a write that was decided too long ago: like a conflict, it leads to a fresh look and a new decision.
fn outdated() -> Answer {
    refused(409, "Outdated", "the decision is older than a second: it is made anew")
}

fn refused(status: u16, reason: &str, message: &str) -> Answer {
    Answer::Refused { status, reason: reason.to_owned(), message: message.to_owned(), retry_after: None }
}

//! Questions to metric backends: one HTTP exchange each, bounded in time, size, number and reach.

mod address;
mod failure;
mod hosts;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use analysis::provider::{Answer, Ask, HttpAsk, HttpMethod, TransportError};
use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use engine::effect::QuestionId;
use engine::input::Input;
use reqwest::{Client, ClientBuilder, Method, Response, Url, redirect};
use tokio::sync::mpsc;

use self::address::{ForbiddenAddress, GuardedResolver};
use self::hosts::Hosts;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks metric backends; clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Measurer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    answers: mpsc::UnboundedSender<Input>,
    verifying: Client,
    trusting: Client,
    hosts: Hosts,
    allow_all: bool,
}

impl Measurer {
    /// A measurer whose answers go to `answers`.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub(crate) fn new(allow_link_local: bool, answers: mpsc::UnboundedSender<Input>) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            answers,
            verifying: verifying_client(allow_link_local)?,
            trusting: client(allow_link_local)
                .tls_danger_accept_invalid_certs(true)
                .build()
                .context("cannot build the HTTP client for metrics with insecure: true")?,
            hosts: Hosts::default(),
            allow_all: allow_link_local,
        })))
    }

    /// Asks a question; its outcome comes as an input, exactly once.
    pub(crate) fn ask(&self, id: QuestionId, ask: Ask) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let Ask::Http(ask) = ask;
            let exchange = tokio::time::timeout(ask.timeout, inner.exchange(&ask)).await;
            let outcome = exchange.unwrap_or(Err(TransportError::Timeout { seconds: ask.timeout }));
            match &outcome {
                Ok(answer) => {
                    let bytes = answer.body.len();
                    tracing::debug!(
                        question = id.0,
                        status = answer.status,
                        bytes,
                        "metric backend answered"
                    );
                }
                Err(error) => tracing::debug!(question = id.0, %error, "metric backend did not answer"),
            }
            // Nobody listens only when the process is ending.
            let _ = inner.answers.send(Input::Measured { id, outcome });
        });
    }
}

/// What both clients have in common.
fn client(allow_link_local: bool) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("linnet/", env!("CARGO_PKG_VERSION")))
        // A redirect would lead past the check of the address, and so would a proxy.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(GuardedResolver { allow_all: allow_link_local })
        .connect_timeout(CONNECT_TIMEOUT)
}

/// Trusts the system's certificates, or those of `SSL_CERT_FILE`. Where there are none at all, as in an image of one
/// file, plain HTTP still works.
fn verifying_client(allow_link_local: bool) -> anyhow::Result<Client> {
    client(allow_link_local).build().or_else(|error| {
        tracing::warn!(%error, "no trusted certificates (SSL_CERT_FILE names a file of them): metrics over https will fail");
        client(allow_link_local).tls_certs_only([]).build().context("cannot build the HTTP client for metrics")
    })
}

impl Inner {
    async fn exchange(&self, ask: &HttpAsk) -> Result<Answer, TransportError> {
        let url = Url::parse(&ask.url).map_err(|error| unusable(error.to_string()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        self.check_literal(&host)?;
        let client = if ask.insecure { &self.trusting } else { &self.verifying };
        let mut request = client.request(method(ask.method), url).headers(headers(ask)?);
        if !ask.body.is_empty() {
            request = request.body(ask.body.clone());
        }
        let _place = self.hosts.enter(&host).await;
        let exchanged = async { read(request.send().await?, ask.max_bytes).await };
        exchanged.await.map_err(|error| failure::classify(error, &host, ask.timeout))
    }

    /// A host that is an address never meets the resolver.
    fn check_literal(&self, host: &str) -> Result<(), TransportError> {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) if !self.allow_all && address::is_forbidden(ip) => {
                Err(failure::forbidden_at(host, ForbiddenAddress(ip)))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

const fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
    }
}

fn unusable(message: String) -> TransportError {
    TransportError::Url { message }
}

/// The headers of a request. A value is marked as a secret, so that no debug line of a library prints it.
fn headers(ask: &HttpAsk) -> Result<HeaderMap, TransportError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &ask.headers {
        let name: HeaderName =
            name.parse().map_err(|_| unusable(format!("{name:?} is no name of a header")))?;
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            unusable(format!("the value of the header {name} holds characters that cannot be sent"))
        })?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Reads an answer, at most `max_bytes` of its body.
async fn read(mut response: Response, max_bytes: usize) -> Result<Answer, reqwest::Error> {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut answer = Answer {
        status: response.status().as_u16(),
        content_type: content_type.map(str::to_owned),
        ..Answer::default()
    };
    while let Some(chunk) = response.chunk().await? {
        let room = max_bytes.saturating_sub(answer.body.len());
        answer.body.extend(chunk.iter().take(room));
        if chunk.len() > room {
            answer.truncated = true;
            break;
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;

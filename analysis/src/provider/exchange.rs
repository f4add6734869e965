//! One exchange with a metric backend: what is sent, what comes back, and how it can fail on the way.

use std::time::Duration;

/// What to ask: a closed list of the kinds of exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// An HTTP request.
    Http(HttpAsk),
}

/// An HTTP request, complete: whoever sends it adds nothing and follows no redirect.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpAsk {
    /// The method.
    pub method: HttpMethod,
    /// The absolute URL.
    pub url: String,
    /// The headers, in order; `Authorization` is one of them. Values may be secret.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// How many bytes of the body are read at the most.
    pub max_bytes: usize,
    /// Whether any certificate is accepted, because the user asked for that.
    pub insecure: bool,
}

impl std::fmt::Debug for HttpAsk {
    /// Leaves out the values of headers and the body: they may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpAsk")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The HTTP methods that providers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The body, up to the cap.
    pub body: Vec<u8>,
    /// Whether the body was longer than the cap.
    pub truncated: bool,
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It took longer than the timeout.
    #[error("no answer within {} s: check the address, or raise the timeout", seconds.as_secs_f64())]
    Timeout {
        /// The timeout.
        seconds: Duration,
    },
    /// The address may not be asked.
    #[error("{address} may not be asked: {reason}")]
    Forbidden {
        /// The host or address.
        address: String,
        /// Why.
        reason: String,
    },
    /// The URL cannot be used.
    #[error("the URL cannot be used: {message}")]
    Url {
        /// What is wrong with it.
        message: String,
    },
    /// Name resolution, connection, TLS or reading failed.
    #[error("cannot reach the metric backend: {message}")]
    Connection {
        /// What failed, with its causes.
        message: String,
    },
}

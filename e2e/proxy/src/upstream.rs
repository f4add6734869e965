//! The API server behind the proxy.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING, UPGRADE};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme, Uri};
use hyper::{Request, Response, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::body::Cut;
use crate::tls;

/// Shorter than the API server keeps idle connections, so that none is used while it closes.
const IDLE: Duration = Duration::from_secs(30);
/// Headers that belong to one connection.
const OF_ONE_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("te"),
];

/// The API server.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    scheme: Scheme,
    authority: Authority,
}

impl Upstream {
    /// The server at `url` (scheme, host and port), verified by `ca`, or not at all without one.
    ///
    /// # Errors
    ///
    /// When the URL lacks scheme or host, or the authority's file is bad.
    pub(crate) fn new(url: &Uri, ca: Option<&Path>) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client(ca)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
        ensure!(matches!(url.path(), "" | "/"), "{url}: the upstream must not have a path");
        let scheme = url.scheme().cloned().with_context(|| format!("{url}: no scheme"))?;
        let authority = url.authority().cloned().with_context(|| format!("{url}: no host"))?;
        Ok(Self { client, scheme, authority })
    }

    /// Forwards a request; all headers of the request itself pass untouched, `Authorization` among them.
    ///
    /// # Errors
    ///
    /// When there is no answer: the caller's connection then breaks, too.
    pub(crate) async fn forward(&self, head: &Parts, body: Bytes) -> Result<Response<Incoming>, Cut> {
        let request = self.request(head, body).map_err(|error| Cut(error.to_string()))?;
        let mut response = self.client.request(request).await.map_err(|error| Cut(reason(&error)))?;
        strip(response.headers_mut());
        Ok(response)
    }

    fn request(&self, head: &Parts, body: Bytes) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()?;
        let mut request = Request::builder()
            .method(head.method.clone())
            .uri(uri)
            .version(Version::HTTP_11)
            .body(Full::new(body))?;
        *request.headers_mut() = head.headers.clone();
        strip(request.headers_mut());
        request.headers_mut().remove(HOST);
        Ok(request)
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in OF_ONE_CONNECTION {
        headers.remove(name);
    }
}

/// An error with its causes: the outermost alone says nothing.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

//! The side that clients see.

use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::gate::Gate;

/// Time that a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Accepts connections for ever; without `tls` they are plain.
pub(crate) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, gate: Arc<Gate>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(greet(stream, tls.clone(), Arc::clone(&gate)));
            }
            Err(error) => {
                // Out of descriptors, or the peer is gone already: neither ends a proxy.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, gate: Arc<Gate>) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, gate).await };
    // A client that cannot shake hands sees for itself why.
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        converse(stream, gate).await;
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, gate: Arc<Gate>) {
    let service = service_fn(move |request| {
        let gate = Arc::clone(&gate);
        async move { gate.pass(request).await }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    // A connection that breaks, by a rule or by its client, is no news.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

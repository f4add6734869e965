//! A reverse proxy before the API server that counts, delays, drops, cuts and kills at the k-th request.
//!
//! Clients speak to it as to the API server itself: their credentials pass through, event streams flow, and
//! whatever the rules do not name is forwarded unchanged. `control` says how rules are set and results read.
//! Connections that are upgraded (exec, attach, port-forward) are not supported.

mod attributes;
mod bell;
mod body;
mod cli;
mod control;
mod counts;
mod gate;
mod journal;
mod listen;
mod rule;
mod rulebook;
mod streams;
mod tls;
mod upstream;

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::cli::Args;
use crate::gate::Gate;
use crate::upstream::Upstream;

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let gate = Arc::new(Gate::new(Upstream::new(&args.upstream, args.ca.as_deref())?));
    let tls = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Some(TlsAcceptor::from(Arc::new(tls::server(cert, key)?))),
        _ => None,
    };
    let clients = bind(args.listen).await?;
    let control = bind(args.control).await?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tracing::info!(listen = %args.listen, upstream = %args.upstream, control = %args.control, "the proxy is up");
    tokio::select! {
        () = listen::run(clients, tls, Arc::clone(&gate)) => Ok(()),
        result = axum::serve(control, control::router(gate)) => result.context("the control port"),
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

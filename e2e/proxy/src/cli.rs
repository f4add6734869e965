//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use hyper::Uri;

/// A reverse proxy before the API server that counts, delays, drops, cuts and kills at the k-th request.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Where clients connect.
    #[arg(long, default_value = "127.0.0.1:16443")]
    pub(crate) listen: SocketAddr,
    /// The API server.
    #[arg(long, default_value = "https://127.0.0.1:6443")]
    pub(crate) upstream: Uri,
    /// Certificate authority (PEM) of the API server; without it any certificate is accepted.
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate chain (PEM) shown to clients; without it they speak plain HTTP.
    #[arg(long, requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Key (PEM) of the certificate.
    #[arg(long, requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Where tests give orders and read what happened, over plain HTTP.
    #[arg(long, default_value = "127.0.0.1:16080")]
    pub(crate) control: SocketAddr,
}

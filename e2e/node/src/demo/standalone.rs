//! The built-in server as a program of its own: what pods run on clusters whose nodes run real images.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::demo::app::{App, Identity};
use crate::demo::args::Settings;
use crate::demo::server::serve;
use crate::stop::{Stop, channel};

/// First argument of this program when it is to be the built-in server.
pub(crate) const WORD: &str = "demo";

const PORT: u16 = 8080;
/// What Kubernetes grants after SIGTERM where nobody says something else.
const GRACE: Duration = Duration::from_secs(30);

/// Serves on port 8080 until SIGTERM, as the arguments and these variables say: `VERSION`, which the image sets,
/// `POD_TEMPLATE_HASH`, which the Rollout sets, `HOSTNAME`, which is the pod's name, and `POD_IP`, without which it
/// listens on all addresses.
///
/// # Errors
/// When an argument or an address is not understood, the port is taken, or it was told to crash.
pub(crate) async fn run(args: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<()> {
    let text = |name: &str| variable(name).filter(|value| !value.is_empty());
    let version = text("VERSION").unwrap_or_else(|| "latest".to_owned());
    let settings = Settings::parse(args, &version).map_err(|message| anyhow!(message))?;
    let ip = match text("POD_IP") {
        Some(ip) => ip.parse().with_context(|| format!("POD_IP is no address: {ip:?}"))?,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let identity = Identity {
        pod: text("HOSTNAME").unwrap_or_default(),
        hash: text("POD_TEMPLATE_HASH").unwrap_or_default(),
    };
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let (stop, stopper) = channel();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.send_replace(Stop::By(Instant::now() + GRACE));
        // The sender lives as long as the server: without it, the server would be killed.
        std::future::pending::<()>().await;
    });
    let app = Arc::new(App::new(identity, &settings));
    let (listening, _) = watch::channel(false);
    let ending = serve(app, settings, vec![SocketAddr::new(ip, PORT)], stopper, listening).await;
    if ending.code == 0 { Ok(()) } else { Err(anyhow!("ended with {}: {}", ending.code, ending.message)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_understood_is_named() {
        let bad = |name: &str| (name == "POD_IP").then(|| "here".to_owned());
        let error = run(&[], bad).await.unwrap_err().to_string();
        assert!(error.contains("POD_IP") && error.contains("here"), "{error}");
        let error = run(&["--colour=blue".to_owned()], |_| None).await.unwrap_err().to_string();
        assert!(error.contains("--colour"), "{error}");
    }
}

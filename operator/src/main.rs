//! The shell: carries the engine's effects to a real cluster and feeds it what comes back.

mod api;
mod cli;
mod client;
mod health;
mod leader;
mod measure;
mod send;
mod server;
mod shell;
mod telemetry;
mod watch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use engine::engine::Engine;
use engine::settings::Settings;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::api::Directory;
use self::cli::Cli;
use self::health::Health;
use self::leader::{Candidate, Fence};
use self::measure::Measurer;
use self::send::{Link, Sender};
use self::shell::{EnginePanic, Inputs, Outlets, Shell};
use self::telemetry::Metrics;
use self::watch::Watches;

/// Watch events that may wait for the engine before the watches wait.
const WATCH_BUFFER: usize = 1024;
/// How long the end of the process waits for answers to requests that are on their way.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Err(error) = telemetry::init(&cli.log) {
        eprintln!("linnet: {error:#}");
        return ExitCode::FAILURE;
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    cli.check()?;
    if !cli.ignored.is_empty() {
        tracing::info!(flags = ?cli.ignored, "flags without a meaning here are ignored");
    }
    // The only source of cryptography in the process. It fails only where one has been set before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(operate(cli))
}

/// Everything that runs beside the loop.
struct Running {
    shell: JoinHandle<Result<(), EnginePanic>>,
    candidate: JoinHandle<()>,
    sender: Sender,
    fence: Fence,
    health: Health,
    stop_shell: tokio::sync::watch::Sender<bool>,
    stop_candidate: tokio::sync::watch::Sender<bool>,
}

async fn operate(cli: &Cli) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut running = start(cli).await?;
    let ended = tokio::select! {
        _ = terminated.recv() => Ok(Ok(())),
        _ = interrupted.recv() => Ok(Ok(())),
        ended = &mut running.shell => ended,
    };
    running.stop().await;
    ended.context("the loop was cancelled")?.map_err(Into::into)
}

impl Running {
    /// Writes nothing more, waits for the answers to what is on its way, gives the Lease up.
    async fn stop(self) {
        self.health.stop();
        self.fence.stop();
        let drained = self.sender.drain(DRAIN_LIMIT).await;
        // Receivers that have gone have nothing left to stop.
        let _ = self.stop_shell.send(true);
        let _ = self.stop_candidate.send(true);
        let released = self.candidate.await.is_ok();
        tracing::info!(drained, released, "ended");
    }
}

async fn start(cli: &Cli) -> anyhow::Result<Running> {
    let (client, own_namespace) = client::connect(&cli.cluster).await?;
    let pod_namespace = cli.pod.namespace.clone().unwrap_or_else(|| own_namespace.clone());
    let identity = identity(cli);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity, pod_namespace, "starting");

    let (health, metrics, fence) = (Health::new(Instant::now()), Metrics::new(), Fence::default());
    server::start(&cli.ports, health.clone(), metrics.clone()).await?;

    let (answers_in, answers) = mpsc::unbounded_channel();
    let (events_in, watched) = mpsc::channel(WATCH_BUFFER);
    let (stop_shell, shell_stopped) = tokio::sync::watch::channel(false);
    let (stop_candidate, candidate_stopped) = tokio::sync::watch::channel(false);

    let directory = Directory::new(&cli.scope, &own_namespace);
    let engine = Engine::new(settings(cli, &directory, &identity));
    let link = Link {
        client: client.clone(),
        directory: directory.clone(),
        fence: fence.clone(),
        metrics: metrics.clone(),
    };
    let sender = Sender::new(link, cli.cluster.max_requests_in_flight, answers_in.clone());
    let measurer = Measurer::new(cli.behaviour.allow_link_local_metrics, answers_in.clone())?;
    let watchers = Watches::new(client.clone(), directory, events_in, health.clone());
    let outlets =
        Outlets { sender: sender.clone(), measurer, watches: watchers, metrics, health: health.clone() };
    let shell = tokio::spawn(Shell::new(engine, outlets).run(Inputs { answers, watched }, shell_stopped));

    let outlets = leader::Outlets { inputs: answers_in, fence: fence.clone(), health: health.clone() };
    let candidate = Candidate::new(cli, &client, &pod_namespace, identity, outlets);
    let candidate = tokio::spawn(candidate.run(candidate_stopped));
    Ok(Running { shell, candidate, sender, fence, health, stop_shell, stop_candidate })
}

fn settings(cli: &Cli, directory: &Directory, identity: &str) -> Settings {
    Settings {
        route_drain_seconds: cli.behaviour.route_drain_seconds,
        observed_generation: cli.behaviour.observed_generation,
        prometheus_address: cli.behaviour.prometheus_address.clone().filter(|address| !address.is_empty()),
        instance_id: cli.instance_id().map(str::to_owned),
        namespace: directory.namespace().map(str::to_owned),
        event_instance: identity.to_owned(),
        ..Settings::default()
    }
}

/// A name that no other process has or had: a restarted container is another candidate than the one before.
fn identity(cli: &Cli) -> String {
    let host = cli.pod.name.clone().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.unwrap_or_else(|| "linnet".to_owned());
    format!("{host}_{}_{:x}", std::process::id(), Timestamp::now().as_nanosecond())
}

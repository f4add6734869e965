//! A node whose pods answer real HTTP as their spec says.
//!
//! It registers one Node, keeps its Lease fresh, and lives through the life of every Pod that is bound to it
//! as a kubelet would: addresses, probes, readiness gates, hooks, deletion grace, restarts, status. What a
//! container does follows from its image (see `image` and `behaviour`):
//!
//! | image | behaviour |
//! |---|---|
//! | last part is `demo` | built-in HTTP server; arguments and paths in `demo` |
//! | given by `--image NAME=/path` | that binary, as a process with the token of its `ServiceAccount` |
//! | contains `does-not-exist`, or tag `missing` | `ErrImagePull` and `ImagePullBackOff` in turn |
//! | `busybox`, `alpine` | `sh -c ...`, `sleep`, `true`, `false`, `echo`, as a process |
//! | any other | ready; the built-in server where it declares ports |
//!
//! Started as `e2e-node demo ARGUMENTS` it is the built-in server alone: so does the image `demo` on other clusters.
//!
//! Not emulated: file systems and volumes (also `readOnlyRootFilesystem`), users and capabilities, resource
//! limits, exec probes (they succeed), hooks that execute something else than a sleep (done at once), https
//! and gRPC probes (a connection that opens is enough). Processes find the API server by `KUBECONFIG`, since
//! the usual fixed path cannot be shared by several of them.

mod addresses;
mod behaviour;
mod blueprint;
mod cli;
mod credentials;
mod demo;
mod discovery;
mod duration;
mod env;
mod expand;
mod image;
mod lifecycle;
mod node;
mod pod;
mod probe;
mod process;
mod quantity;
mod registration;
mod sender;
mod stop;
mod watch;

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use clap::Parser;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::addresses::Pool;
use crate::cli::Args;
use crate::credentials::Server;
use crate::demo::standalone;
use crate::node::{Node, Options};
use crate::sender::Sender;

fn main() -> Result<()> {
    let mut words = std::env::args_os().skip(1);
    let first = words.next();
    if first.as_ref().is_some_and(|word| word == process::SHIM) {
        return process::become_program(words);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    if first.as_ref().is_some_and(|word| word == standalone::WORD) {
        let args: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        return runtime.block_on(standalone::run(&args, |name| std::env::var(name).ok()));
    }
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    raise_open_files();
    runtime.block_on(run(args))
}

/// Every pod needs a socket and more: asks for as many open files as the system grants.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files stays");
    }
}

async fn run(args: Args) -> Result<()> {
    let kubeconfig = Kubeconfig::read_from(&args.kubeconfig)
        .with_context(|| format!("cannot read {}", args.kubeconfig.display()))?;
    let server = Server::read(&kubeconfig, args.apiserver.as_deref(), args.extra_ca.as_deref())?;
    let client = client(kubeconfig).await?;
    let listener = TcpListener::bind(args.sd_listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", args.sd_listen))?;
    registration::register(&client, &args.node_name, &args.node_ip).await?;
    let node = Arc::new(node(&args, client.clone(), server));
    let stop = terminated()?;
    announce(&args);
    let registry = Arc::clone(&node.registry);
    tokio::select! {
        () = watch::run(node, stop) => Ok(()),
        result = discovery::server::serve(listener, registry, std::future::pending()) => result,
        () = registration::keep_alive(client, args.node_name, args.node_ip) => Ok(()),
    }
}

fn announce(args: &Args) {
    tracing::info!(node = args.node_name, sd = %args.sd_listen, "the node is up");
}

fn node(args: &Args, client: Client, server: Server) -> Node {
    Node {
        options: Options {
            name: args.node_name.clone(),
            ip: args.node_ip.clone(),
            start_delay: args.start_delay,
            back_off: args.back_off,
            dir: args.dir(),
            binaries: args.binaries(),
        },
        server,
        sender: Sender::start(client.clone()),
        registry: Arc::default(),
        pool: Mutex::new(Pool::new(args.pod_cidr)),
        client,
    }
}

/// Resolves when this process is asked to end.
fn terminated() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}

async fn client(kubeconfig: Kubeconfig) -> Result<Client> {
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.context("the kubeconfig")?;
    // A status is sent again by the sender itself, which knows a newer one.
    config.default_retry = false;
    config.headers.push((
        axum::http::header::USER_AGENT,
        axum::http::HeaderValue::from_static(concat!("e2e-node/", env!("CARGO_PKG_VERSION"))),
    ));
    Client::try_from(config).context("cannot make a client")
}

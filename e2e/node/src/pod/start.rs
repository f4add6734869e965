//! Starting what a container does.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use crate::behaviour::Behaviour;
use crate::blueprint;
use crate::credentials::{Credentials, Server};
use crate::demo::app::{App, Identity};
use crate::demo::args::Settings;
use crate::demo::server;
use crate::lifecycle::exit::Ending;
use crate::pod::container::Runner;
use crate::pod::observe::BuiltIn;
use crate::process::{self, Order};
use crate::stop::Stopper;

/// `PATH` of every process, as container runtimes set it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Something that runs and will say how it ended.
pub(crate) struct Running {
    pub(crate) ending: Pin<Box<dyn Future<Output = Ending> + Send>>,
    pub(crate) built_in: Option<BuiltIn>,
}

/// Starts `behaviour`; `stop` ends it.
///
/// # Errors
///
/// How the container ended instead of starting.
pub(crate) async fn start(
    runner: &Runner,
    behaviour: Behaviour,
    env: BTreeMap<String, String>,
    stop: Stopper,
) -> Result<Running, Ending> {
    match behaviour {
        Behaviour::Identity => Ok(plain(identity(stop))),
        Behaviour::Done => Ok(plain(async { Ending::completed() })),
        Behaviour::Demo { settings, ports } => Ok(demo(runner, settings, &ports, stop)),
        Behaviour::Process { program, args } => {
            let order = Order { program, args, env, dir: runner.context.dir.clone(), log: runner.log() };
            start_process(runner, order, stop)
                .await
                .map_err(|error| Ending::not_started(format!("{error:#}")))
        }
    }
}

fn plain(ending: impl Future<Output = Ending> + Send + 'static) -> Running {
    Running { ending: Box::pin(ending), built_in: None }
}

async fn identity(mut stop: Stopper) -> Ending {
    stop.requested().await;
    Ending::completed()
}

fn demo(runner: &Runner, mut settings: Settings, ports: &[u16], stop: Stopper) -> Running {
    if runner.adopted {
        settings.startup = Duration::ZERO;
    }
    let context = &runner.context;
    let identity = Identity { pod: context.name.clone(), hash: blueprint::hash(&context.pod) };
    let app = Arc::new(App::new(identity, &settings));
    context.entry.serve(&runner.plan.container.name, &app);
    let addresses = ports.iter().map(|port| SocketAddr::from((context.address, *port))).collect();
    let (listening, follow) = watch::channel(false);
    let ending = server::serve(Arc::clone(&app), settings, addresses, stop, listening);
    Running { ending: Box::pin(ending), built_in: Some(BuiltIn { app, listening: follow }) }
}

async fn start_process(runner: &Runner, mut order: Order, stop: Stopper) -> Result<Running> {
    let context = &runner.context;
    let node = &runner.node;
    let server: Server = match blueprint::annotation(&context.pod, blueprint::APISERVER) {
        Some(address) => node.server.at(address)?,
        None => node.server.clone(),
    };
    let (host, port) = server.host_and_port();
    let kubeconfig = context.dir.join("kubeconfig");
    for (name, value) in [
        ("PATH", PATH),
        ("HOME", "/"),
        ("HOSTNAME", &context.name),
        ("POD_IP", &context.address.to_string()),
        ("KUBERNETES_SERVICE_HOST", host),
        ("KUBERNETES_SERVICE_PORT", port),
        ("KUBERNETES_SERVICE_PORT_HTTPS", port),
        ("KUBECONFIG", &kubeconfig.to_string_lossy()),
    ] {
        // The spec's own variables win.
        order.env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    let mounts = context.pod.spec.as_ref().and_then(|spec| spec.automount_service_account_token);
    if mounts == Some(false) {
        return Ok(plain(process(runner, &order, stop)?));
    }
    let credentials = Credentials::new(node.client.clone(), &context.pod, context.dir.clone());
    let due = credentials.write(&server).await?;
    let process = process(runner, &order, stop)?;
    Ok(plain(async move {
        tokio::select! {
            ending = process => ending,
            () = credentials.keep_fresh(due) => Ending::killed(),
        }
    }))
}

fn process(
    runner: &Runner,
    order: &Order,
    stop: Stopper,
) -> Result<impl Future<Output = Ending> + Send + 'static + use<>> {
    let child = process::spawn(order)?;
    let entry = Arc::clone(&runner.context.entry);
    let container = runner.plan.container.name.clone();
    entry.note_process(&container, child.id());
    Ok(async move {
        let ending = process::attend(child, stop).await;
        entry.note_process(&container, None);
        ending
    })
}

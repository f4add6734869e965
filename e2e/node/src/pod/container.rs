//! One container from its first start to its last end.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::behaviour::{self, Behaviour};
use crate::blueprint::{self, ContainerPlan, Hook};
use crate::discovery::registry::Entry;
use crate::env::{self, Facts};
use crate::expand::expand;
use crate::image::{self, Image};
use crate::lifecycle::exit::Ending;
use crate::lifecycle::restart::{self, Policy};
use crate::lifecycle::state::{Change, Event};
use crate::node::Node;
use crate::pod::observe::{BuiltIn, Observer};
use crate::pod::start::{Running, start};
use crate::probe::request::succeeds;
use crate::stop::{Stop, Stopper, channel};

/// How long a failed pull shows as `ErrImagePull` before it shows as `ImagePullBackOff`.
const PULL: Duration = Duration::from_secs(1);
/// Runs at least this many times the first back-off make a container forget its earlier crashes.
const WELL: u32 = 60;

/// What the containers of one pod share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) pod: Arc<Pod>,
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) entry: Arc<Entry>,
    /// Directory of its own.
    pub(crate) dir: PathBuf,
    pub(crate) policy: Policy,
    pub(crate) grace: Duration,
}

/// Runs one container.
pub(crate) struct Runner {
    pub(crate) node: Arc<Node>,
    pub(crate) context: Arc<Context>,
    pub(crate) plan: ContainerPlan,
    pub(crate) stop: Stopper,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    /// It was running when an earlier node went away.
    pub(crate) adopted: bool,
    /// It was ready then.
    pub(crate) ready: bool,
    /// Told when a sidecar has started.
    pub(crate) passed: Option<oneshot::Sender<()>>,
}

impl Runner {
    /// Runs and restarts the container until it ends for good, and says how.
    pub(crate) async fn run(mut self) -> Ending {
        let base = self.node.options.back_off;
        let mut exits = 0;
        loop {
            let began = Instant::now();
            let ending = match self.create().await {
                Some((behaviour, env)) => self.once(behaviour, env).await,
                None => Ending { message: "stopped before it ran".to_owned(), ..Ending::killed() },
            };
            self.tell(Change::Exited(ending.clone()));
            (self.adopted, self.ready) = (false, false);
            if self.stop.is_requested() {
                return ending;
            }
            exits = if began.elapsed() >= base * WELL { 1 } else { exits + 1 };
            let Some(delay) = restart::delay(self.policy(), ending.code, exits, base) else { return ending };
            if !delay.is_zero() && !self.wait_as("CrashLoopBackOff", &back_off_message(delay), delay).await {
                return ending;
            }
        }
    }

    fn policy(&self) -> Policy {
        if self.plan.sidecar {
            return Policy::Always;
        }
        match self.context.policy {
            Policy::Always if self.plan.must_end() => Policy::OnFailure,
            policy => policy,
        }
    }

    /// Waits until the container can run; `None` when it is stopped before.
    async fn create(&mut self) -> Option<(Result<Behaviour, Ending>, Env)> {
        let image = image::classify(self.plan.image(), &self.node.options.binaries);
        if image == Image::Missing {
            self.fail_to_pull().await;
            return None;
        }
        if !self.adopted {
            self.pause(self.node.options.start_delay).await.then_some(())?;
        }
        loop {
            let facts = Facts {
                pod: &self.context.pod,
                address: self.context.address,
                node_ip: &self.node.options.ip,
            };
            match env::resolve(&self.node.client, facts, &self.plan.container).await {
                Ok(env) => return Some((self.decide(&image, &env), env)),
                Err(message) => {
                    let reason = "CreateContainerConfigError";
                    self.wait_as(reason, &message, Duration::from_secs(2)).await.then_some(())?;
                }
            }
        }
    }

    fn decide(&self, image: &Image, env: &Env) -> Result<Behaviour, Ending> {
        let words = |words: &Option<Vec<String>>| -> Vec<String> {
            words.iter().flatten().map(|word| expand(word, env)).collect()
        };
        let (command, args) = (words(&self.plan.container.command), words(&self.plan.container.args));
        let no_listen = blueprint::annotation(&self.context.pod, blueprint::NO_LISTEN).is_some();
        behaviour::decide(&self.plan, image, &command, &args, no_listen)
    }

    /// Never gets the image; returns when stopped.
    async fn fail_to_pull(&mut self) {
        let image = self.plan.image().to_owned();
        let longest = self.node.options.back_off * 30;
        let mut wait = self.node.options.back_off;
        loop {
            let message = format!("failed to pull image {image:?}: not found");
            if !self.wait_as("ErrImagePull", &message, PULL).await {
                return;
            }
            let message = format!("Back-off pulling image {image:?}: not found");
            if !self.wait_as("ImagePullBackOff", &message, wait).await {
                return;
            }
            wait = (wait * 2).min(longest);
        }
    }

    /// One run, from start to end.
    async fn once(&mut self, behaviour: Result<Behaviour, Ending>, env: Env) -> Ending {
        if self.adopted && matches!(behaviour, Ok(Behaviour::Process { .. })) {
            // Processes die with their node; only what is built in can be taken over.
            return Ending { message: "it ended with the node".to_owned(), ..Ending::killed() };
        }
        let (inner, stopper) = channel();
        let running = match behaviour {
            Ok(behaviour) => start(self, behaviour, env, stopper).await,
            Err(ending) => Err(ending),
        };
        let Running { mut ending, built_in } = match running {
            Ok(running) => running,
            Err(ending) => return ending,
        };
        let passed = self.passed.take();
        let killed = async {
            self.stop.clone().killed().await;
            inner.send_replace(Stop::Kill);
            // Its ending follows.
            std::future::pending::<()>().await;
        };
        let attended = async {
            self.attend(built_in, passed, &inner).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ending = &mut ending => ending,
            () = killed => Ending::killed(),
            () = attended => Ending::killed(),
        }
    }

    /// Accompanies a run: hooks and probes, until `inner` has been told to stop.
    async fn attend(
        &self,
        built_in: Option<BuiltIn>,
        passed: Option<oneshot::Sender<()>>,
        inner: &watch::Sender<Stop>,
    ) {
        let began = Instant::now();
        if !self.adopted {
            self.hook(self.plan.post_start.as_ref()).await;
            self.tell(Change::Started);
        }
        if let Some(passed) = passed {
            // Whoever waited may have been stopped.
            let _ = passed.send(());
        }
        let observer = Observer {
            plan: &self.plan,
            address: self.context.address,
            events: &self.events,
            ready: self.ready,
            began,
        };
        let mut stop = self.stop.clone();
        let asked = tokio::select! {
            asked = stop.requested() => asked,
            () = observer.run(built_in) => Stop::By(Instant::now() + self.context.grace),
        };
        if let Stop::By(deadline) = asked {
            // A hook that takes longer than the grace does not matter.
            let _ = tokio::time::timeout_at(deadline, self.hook(self.plan.pre_stop.as_ref())).await;
        }
        inner.send_if_modified(|stop| {
            let first = *stop == Stop::Run;
            if first {
                *stop = asked;
            }
            first
        });
    }

    async fn hook(&self, hook: Option<&Hook>) {
        match hook {
            None => {}
            Some(Hook::Sleep(time)) => sleep(*time).await,
            Some(Hook::Http(spec)) => {
                succeeds(&spec.check, self.context.address, spec.timeout).await;
            }
        }
    }

    /// Shows the container as waiting, for a while; false when it is stopped.
    async fn wait_as(&mut self, reason: &'static str, message: &str, time: Duration) -> bool {
        self.tell(Change::Waiting { reason, message: message.to_owned() });
        self.pause(time).await
    }

    /// Waits; false when it is stopped.
    async fn pause(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = sleep(time) => true,
            _ = self.stop.requested() => false,
        }
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> PathBuf {
        let namespace = self.context.pod.metadata.namespace.as_deref().unwrap_or_default();
        let file = format!("{namespace}_{}_{}.log", self.context.name, self.plan.container.name);
        self.node.options.dir.join(file)
    }

    fn tell(&self, change: Change) {
        // The worker outlives its containers; an error means that nobody asks any more.
        let _ = self.events.send(Event::Container(self.plan.slot, change));
    }
}

type Env = std::collections::BTreeMap<String, String>;

fn back_off_message(delay: Duration) -> String {
    format!("back-off {}s restarting failed container", delay.as_secs())
}

//! The task of one pod.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::blueprint;
use crate::discovery::registry::Entry;
use crate::lifecycle::restart::Policy;
use crate::lifecycle::state::{Event, PodState, Run, Slot};
use crate::lifecycle::status;
use crate::node::Node;
use crate::pod::container::{Context, Runner};
use crate::pod::sequence;
use crate::sender::Outbox;
use crate::stop::{self, Stop, Stopper};

/// Time between two looks for a free address.
const ADDRESS_RETRY: Duration = Duration::from_secs(1);

/// What the watch says about a pod.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    /// It looks like this now.
    Seen(Arc<Pod>),
    /// It does not exist any more.
    Gone,
    /// This node ends: stop what runs, and say nothing.
    Leave,
}

/// Lives through the life of `pod`; `address` is the one it has already, if any.
pub(crate) async fn run(
    node: Arc<Node>,
    pod: Arc<Pod>,
    address: Option<Ipv4Addr>,
    mut updates: mpsc::UnboundedReceiver<Update>,
) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let metadata = &pod.metadata;
    let (namespace, name, uid) = (text(&metadata.namespace), text(&metadata.name), text(&metadata.uid));
    let outbox = Arc::new(Outbox::new(&namespace, &name, &uid));
    if metadata.deletion_timestamp.is_some() {
        // Nothing of it runs here.
        node.sender.delete(&outbox).await;
        if let Some(address) = address {
            node.free_address(address);
        }
        return;
    }
    let address = match address {
        Some(address) => address,
        None => match find_address(&node, &outbox, &mut updates).await {
            Some(address) => address,
            None => return,
        },
    };
    let mut state = blueprint::initial_state(&pod, Timestamp::now());
    if let Some(status) = pod.status.as_ref().filter(|status| status.pod_ip.is_some()) {
        state.adopt(status, Timestamp::now());
    }
    state.apply(Event::Address(address), Timestamp::now());
    state.apply(Event::Gates(met(&pod)), Timestamp::now());
    let entry = Arc::new(Entry::new(&pod, address));
    entry.follow_annotations(&pod);
    node.registry.add(Arc::clone(&entry));
    let (stop, stopper) = stop::channel();
    let (events, inbox) = mpsc::unbounded_channel();
    let dir = node.options.dir.join("pods").join(&uid);
    let context = Arc::new(Context {
        name,
        address,
        entry: Arc::clone(&entry),
        dir,
        policy: blueprint::policy(&pod),
        grace: blueprint::grace(&pod),
        pod,
    });
    let runners = runners(&node, &context, &state, &stopper, &events);
    let has_work = !state.phase().is_final();
    let tasks = tokio::spawn(async move {
        if has_work {
            sequence::run(runners).await;
        }
    });
    let worker =
        Worker { node, context, outbox, uid, state, stop, tasks, inbox, published: None, ready: None };
    worker.live(updates).await;
}

/// A free address, or `None` when the pod went away before there was one.
async fn find_address(
    node: &Node,
    outbox: &Outbox,
    updates: &mut mpsc::UnboundedReceiver<Update>,
) -> Option<Ipv4Addr> {
    loop {
        if let Some(address) = node.take_address() {
            return Some(address);
        }
        tracing::warn!("no free pod address: the pod waits");
        tokio::select! {
            () = sleep(ADDRESS_RETRY) => {}
            update = updates.recv() => match update {
                Some(Update::Seen(pod)) if pod.metadata.deletion_timestamp.is_some() => {
                    node.sender.delete(outbox).await;
                    return None;
                }
                Some(Update::Seen(_)) => {}
                Some(Update::Gone | Update::Leave) | None => return None,
            }
        }
    }
}

fn runners(
    node: &Arc<Node>,
    context: &Arc<Context>,
    state: &PodState,
    stop: &Stopper,
    events: &mpsc::UnboundedSender<Event>,
) -> Vec<Runner> {
    let plans = blueprint::containers(&context.pod).into_iter();
    let known = |slot: Slot| match slot {
        Slot::Init(index) => state.init.get(index),
        Slot::Main(index) => state.main.get(index),
    };
    plans
        .filter(|plan| !(plan.must_end() && known(plan.slot).is_some_and(|known| known.code() == Some(0))))
        .map(|plan| {
            let runs = |state: &&_| is_running(state);
            let adopted = known(plan.slot).filter(runs);
            Runner {
                node: Arc::clone(node),
                context: Arc::clone(context),
                stop: stop.clone(),
                events: events.clone(),
                adopted: adopted.is_some(),
                ready: adopted.is_some_and(|state| state.ready),
                passed: None,
                plan,
            }
        })
        .collect()
}

fn is_running(state: &crate::lifecycle::state::ContainerState) -> bool {
    matches!(state.run, Run::Running { .. })
}

/// The readiness gates that hold on the live pod.
fn met(pod: &Pod) -> BTreeSet<String> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions
        .filter(|condition| condition.status == "True")
        .map(|condition| condition.type_.clone())
        .collect()
}

struct Worker {
    node: Arc<Node>,
    context: Arc<Context>,
    outbox: Arc<Outbox>,
    uid: String,
    state: PodState,
    stop: watch::Sender<Stop>,
    tasks: JoinHandle<()>,
    inbox: mpsc::UnboundedReceiver<Event>,
    /// The last status handed over for sending.
    published: Option<Value>,
    /// What it said about readiness.
    ready: Option<bool>,
}

/// Why a pod's task ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The pod was deleted and everything of it has stopped.
    Stopped,
    /// The API server has it no more.
    Gone,
    /// This node ends.
    Leave,
}

impl Worker {
    async fn live(mut self, mut updates: mpsc::UnboundedReceiver<Update>) {
        self.publish();
        let end = loop {
            tokio::select! {
                biased;
                Some(event) = self.inbox.recv() => self.take_in(event),
                update = updates.recv() => {
                    if let Some(end) = self.update(update) {
                        break end;
                    }
                }
                _ = &mut self.tasks, if self.state.terminating => break End::Stopped,
            }
            self.publish();
        };
        self.end(end).await;
    }

    /// Takes in an event, and those behind it that are there already: one status tells them all.
    fn take_in(&mut self, event: Event) {
        self.state.apply(event, Timestamp::now());
        while let Ok(event) = self.inbox.try_recv() {
            self.state.apply(event, Timestamp::now());
        }
    }

    fn update(&mut self, update: Option<Update>) -> Option<End> {
        match update {
            Some(Update::Seen(pod)) => {
                self.context.entry.follow_annotations(&pod);
                let met = met(&pod);
                if self.state.gates.iter().any(|gate| met.contains(gate) != self.state.met.contains(gate)) {
                    self.state.apply(Event::Gates(met), Timestamp::now());
                }
                if pod.metadata.deletion_timestamp.is_some() && !self.state.terminating {
                    self.state.apply(Event::Terminating, Timestamp::now());
                    self.stop.send_replace(Stop::By(Instant::now() + blueprint::grace(&pod)));
                }
                None
            }
            Some(Update::Gone) => Some(End::Gone),
            Some(Update::Leave) | None => Some(End::Leave),
        }
    }

    fn publish(&mut self) {
        self.context.entry.show(&self.state);
        if self.state.is_over() && !self.needs_last_word() {
            // It is about to be removed: a last status would only cost a write.
            return;
        }
        let patch = status::patch(&self.uid, &self.node.options.ip, &self.state);
        if self.published.as_ref() == Some(&patch) {
            return;
        }
        let ready = Some(self.state.is_ready());
        let urgent = self.ready != ready && (ready == Some(true) || self.ready.is_some());
        self.ready = ready;
        self.published = Some(patch.clone());
        self.node.sender.send(&self.outbox, patch, urgent);
    }

    async fn end(mut self, end: End) {
        match end {
            End::Stopped => self.remove().await,
            End::Gone => {
                self.stop.send_replace(Stop::Kill);
                // A panic of a container's task has been printed already.
                let _ = (&mut self.tasks).await;
            }
            End::Leave => {
                self.stop.send_replace(Stop::By(Instant::now() + self.context.grace.min(LEAVE_GRACE)));
                let _ = (&mut self.tasks).await;
            }
        }
        self.node.registry.remove(&self.context.entry);
        self.node.free_address(self.context.address);
        // Most pods have none.
        let _ = std::fs::remove_dir_all(&self.context.dir);
    }

    /// Says the last word where somebody waits for it, and removes the pod from the API server.
    async fn remove(&mut self) {
        while let Ok(event) = self.inbox.try_recv() {
            self.state.apply(event, Timestamp::now());
        }
        if self.needs_last_word() {
            self.publish();
            self.node.sender.flush(&self.outbox).await;
        }
        self.node.sender.delete(&self.outbox).await;
    }

    /// Whether somebody waits for the final phase before the pod may vanish, as the Job controller does.
    fn needs_last_word(&self) -> bool {
        let finalizers = self.context.pod.metadata.finalizers.as_ref();
        self.context.policy != Policy::Always || finalizers.is_some_and(|finalizers| !finalizers.is_empty())
    }
}

/// Time that processes have to end when this node ends.
const LEAVE_GRACE: Duration = Duration::from_secs(5);

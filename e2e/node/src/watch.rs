//! Watches the pods of this node and hands each to its own task.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::node::Node;
use crate::pod::worker::{self, Update};

/// Runs the node's pods until `stop` resolves; returns when all that ran has ended.
pub(crate) async fn run(node: Arc<Node>, stop: impl Future<Output = ()>) {
    let selector = watcher::Config::default().fields(&format!("spec.nodeName={}", node.options.name));
    let events = watcher(Api::<Pod>::all(node.client.clone()), selector).default_backoff();
    let mut events = pin!(events);
    let mut stop = pin!(stop);
    let mut pods = Pods { node, workers: BTreeMap::new(), tasks: JoinSet::new(), listed: Vec::new() };
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => pods.take_in(event),
                Some(Err(error)) => tracing::warn!(%error, "watching pods"),
                None => break,
            },
            Some(_) = pods.tasks.join_next() => {}
            () = &mut stop => break,
        }
    }
    pods.leave().await;
}

struct Pods {
    node: Arc<Node>,
    /// By uid: a successor of the same name is another pod.
    workers: BTreeMap<String, mpsc::UnboundedSender<Update>>,
    tasks: JoinSet<()>,
    /// What a list that is under way has shown so far.
    listed: Vec<Pod>,
}

impl Pods {
    fn take_in(&mut self, event: Event<Pod>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(pod) => self.listed.push(pod),
            Event::InitDone => self.complete_list(),
            Event::Apply(pod) => self.see(pod, None),
            Event::Delete(pod) => {
                if let Some(worker) = pod.metadata.uid.and_then(|uid| self.workers.remove(&uid)) {
                    // Its task may have ended by itself.
                    let _ = worker.send(Update::Gone);
                }
            }
        }
    }

    /// Addresses that pods have already are taken before any new one is given.
    fn complete_list(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let uids: BTreeSet<&String> = listed.iter().filter_map(|pod| pod.metadata.uid.as_ref()).collect();
        self.workers.retain(|uid, worker| {
            let stays = uids.contains(uid);
            if !stays {
                let _ = worker.send(Update::Gone);
            }
            stays
        });
        let mut with_address = Vec::with_capacity(listed.len());
        for pod in listed {
            let known = pod.metadata.uid.as_ref().is_some_and(|uid| self.workers.contains_key(uid));
            let address =
                if known { None } else { address(&pod).filter(|had| self.node.adopt_address(*had)) };
            with_address.push((pod, address));
        }
        for (pod, address) in with_address {
            self.see(pod, address);
        }
    }

    fn see(&mut self, mut pod: Pod, address: Option<Ipv4Addr>) {
        let Some(uid) = pod.metadata.uid.clone() else { return };
        pod.metadata.managed_fields = None;
        let pod = Arc::new(pod);
        if let Some(worker) = self.workers.get(&uid) {
            let _ = worker.send(Update::Seen(pod));
            return;
        }
        let (updates, inbox) = mpsc::unbounded_channel();
        self.workers.insert(uid, updates);
        self.tasks.spawn(worker::run(Arc::clone(&self.node), pod, address, inbox));
    }

    async fn leave(mut self) {
        for worker in self.workers.values() {
            let _ = worker.send(Update::Leave);
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The address that an earlier node gave the pod.
fn address(pod: &Pod) -> Option<Ipv4Addr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

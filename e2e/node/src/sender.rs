//! Sends pod statuses: urgent ones first, and only the newest of each pod.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};

/// Requests under way at once.
const IN_FLIGHT: usize = 48;
/// Longest wait after failed attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// One pod's mailbox: at most one status waits in it, and at most one request is under way.
#[derive(Debug)]
pub(crate) struct Outbox {
    namespace: String,
    name: String,
    uid: String,
    pending: Mutex<Option<Value>>,
    under_way: tokio::sync::Mutex<()>,
}

impl Outbox {
    /// An empty outbox.
    pub(crate) fn new(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            pending: Mutex::new(None),
            under_way: tokio::sync::Mutex::new(()),
        }
    }

    fn put(&self, status: Value) -> Option<Value> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).replace(status)
    }

    /// Puts back what could not be sent, unless there is something newer.
    fn put_back(&self, status: Value) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(status);
    }

    fn take(&self) -> Option<Value> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The way out for all pods.
#[derive(Clone)]
pub(crate) struct Sender {
    client: Client,
    urgent: mpsc::UnboundedSender<Arc<Outbox>>,
    usual: mpsc::UnboundedSender<Arc<Outbox>>,
    permits: Arc<Semaphore>,
}

impl Sender {
    /// Starts sending.
    pub(crate) fn start(client: Client) -> Self {
        let (urgent, mut urgent_queue) = mpsc::unbounded_channel::<Arc<Outbox>>();
        let (usual, mut usual_queue) = mpsc::unbounded_channel::<Arc<Outbox>>();
        let permits = Arc::new(Semaphore::new(IN_FLIGHT));
        let sender = Self { client, urgent, usual, permits: Arc::clone(&permits) };
        let this = sender.clone();
        tokio::spawn(async move {
            while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
                let outbox = tokio::select! {
                    biased;
                    Some(outbox) = urgent_queue.recv() => outbox,
                    Some(outbox) = usual_queue.recv() => outbox,
                    else => return,
                };
                let this = this.clone();
                tokio::spawn(async move {
                    this.flush(&outbox).await;
                    drop(permit);
                });
            }
        });
        sender
    }

    /// Sends `status` soon; an older one that still waits is forgotten.
    pub(crate) fn send(&self, outbox: &Arc<Outbox>, status: Value, urgent: bool) {
        let waited = outbox.put(status).is_some();
        let queue = if urgent { &self.urgent } else { &self.usual };
        if urgent || !waited {
            // The queues end only with the program.
            let _ = queue.send(Arc::clone(outbox));
        }
    }

    /// Sends what waits in the outbox, and returns when it has been answered.
    pub(crate) async fn flush(&self, outbox: &Arc<Outbox>) {
        let _turn = outbox.under_way.lock().await;
        let mut wait = Duration::from_millis(100);
        while let Some(status) = outbox.take() {
            let pods = Api::<Pod>::namespaced(self.client.clone(), &outbox.namespace);
            let answer =
                pods.patch_status(&outbox.name, &PatchParams::default(), &Patch::Strategic(&status)).await;
            match answer {
                Ok(_) => {}
                Err(error) if is_gone(&error) => return,
                Err(error) => {
                    tracing::warn!(pod = outbox.name, namespace = outbox.namespace, %error, "status not sent");
                    outbox.put_back(status);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Removes the pod from the API server for good; returns when it is gone.
    pub(crate) async fn delete(&self, outbox: &Outbox) {
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(outbox.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        let pods = Api::<Pod>::namespaced(self.client.clone(), &outbox.namespace);
        let mut wait = Duration::from_millis(100);
        loop {
            let Ok(permit) = self.permits.acquire().await else { return };
            let answer = pods.delete(&outbox.name, &params).await;
            drop(permit);
            match answer {
                Ok(_) => return,
                Err(error) if is_gone(&error) => return,
                Err(error) => {
                    tracing::warn!(pod = outbox.name, namespace = outbox.namespace, %error, "not deleted");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}

/// Whether the pod does not exist any more: not found, another uid, or a status that is refused for ever.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 404 | 409 | 422))
}

//! Watches: one task per kind, kept open through errors, expiry and kinds that come and go.

mod failure;
mod raw;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use crds::object_ref::Kind;
use engine::input::{Input, WatchEvent};
use engine::object::{self, Object};
use futures::StreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::mpsc;

use self::failure::{Failure, RETRY_MISSING};
use self::raw::RawObject;
use crate::api::Directory;
use crate::health::Health;

/// The API server ends a watch after this long; a stream that is silent for 5 s more is dead.
pub(crate) const WATCH_TIMEOUT_SECONDS: u32 = 50;
/// Objects per page of a list: bounds what a list of large objects costs at once.
const PAGE_SIZE: u32 = 100;

/// Opens watches, once per kind.
pub(crate) struct Watches {
    client: Client,
    directory: Directory,
    inputs: mpsc::Sender<Input>,
    health: Health,
    open: BTreeSet<Kind>,
}

impl Watches {
    /// Watches whose events go to `inputs`.
    pub(crate) fn new(
        client: Client,
        directory: Directory,
        inputs: mpsc::Sender<Input>,
        health: Health,
    ) -> Self {
        Self { client, directory, inputs, health, open: BTreeSet::new() }
    }

    /// Opens the watch of a kind, unless it is open.
    pub(crate) fn open(&mut self, kind: Kind) {
        if !self.open.insert(kind) {
            return;
        }
        self.health.expect(kind);
        let watch = Watch {
            kind,
            api: self.api(kind),
            config: self.config(kind),
            excluded: self.directory.excluded(kind),
            inputs: self.inputs.clone(),
            health: self.health.clone(),
        };
        tokio::spawn(watch.run());
    }

    fn api(&self, kind: Kind) -> Api<RawObject> {
        let resource = self.directory.resource(kind);
        match self.directory.namespace() {
            Some(namespace) if kind != Kind::ClusterAnalysisTemplate => {
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
            _ => Api::all_with(self.client.clone(), &resource),
        }
    }

    fn config(&self, kind: Kind) -> watcher::Config {
        let config = watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS).page_size(PAGE_SIZE);
        match self.directory.selector(kind) {
            Some(selector) => config.labels(&selector),
            None => config,
        }
    }
}

/// The watch of one kind.
struct Watch {
    kind: Kind,
    api: Api<RawObject>,
    config: watcher::Config,
    excluded: Option<&'static str>,
    inputs: mpsc::Sender<Input>,
    health: Health,
}

/// The shell no longer takes inputs: the process is ending.
struct Ended;

impl Watch {
    async fn run(self) {
        if let Some(reason) = self.excluded {
            tracing::info!(kind = self.kind.name(), reason, "kind is not watched");
            // The send fails only when the process is ending.
            let _ = self.missing().await;
            return;
        }
        // Ends only when the process does.
        let _: Result<(), Ended> = self.follow().await;
    }

    async fn follow(&self) -> Result<(), Ended> {
        let mut events = watcher::watcher(self.api.clone(), self.config.clone()).boxed();
        let mut backoff = failure::Backoff::default();
        let mut missing = false;
        let mut list_begun = false;
        while let Some(event) = events.next().await {
            match event {
                // A list begins for the engine with its first page: one that is refused must not empty its store.
                Ok(Event::Init) => list_begun = true,
                Ok(event) => {
                    if std::mem::take(&mut list_begun) {
                        self.deliver(Event::Init).await?;
                    }
                    if matches!(event, Event::InitDone | Event::Apply(_) | Event::Delete(_)) {
                        backoff.reset();
                        missing = false;
                    }
                    self.deliver(event).await?;
                }
                Err(error) => {
                    let pause = self.failed(&error, &mut backoff, &mut missing).await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Ok(())
    }

    /// Says what has failed, tells the engine if the kind is out of reach, and returns how long to wait.
    async fn failed(
        &self,
        error: &watcher::Error,
        backoff: &mut failure::Backoff,
        missing: &mut bool,
    ) -> Result<Duration, Ended> {
        let failure = failure::classify(error, self.kind);
        let pause = match failure {
            Failure::Missing => RETRY_MISSING,
            Failure::Expired => Duration::ZERO,
            Failure::Refused | Failure::Passing => backoff.next_pause(),
        };
        if failure != Failure::Missing || !*missing {
            let (kind, error) = (self.kind.name(), failure::words(error));
            tracing::warn!(kind, error, ?pause, "{}", failure.advice());
        }
        match failure {
            Failure::Missing if !std::mem::replace(missing, true) => self.missing().await?,
            Failure::Refused => self.health.unsynced(self.kind, failure::words(error)),
            Failure::Missing | Failure::Expired | Failure::Passing => {}
        }
        Ok(pause)
    }

    async fn missing(&self) -> Result<(), Ended> {
        self.health.synced(self.kind);
        self.send(Input::KindMissing(self.kind)).await
    }

    async fn deliver(&self, event: Event<RawObject>) -> Result<(), Ended> {
        let event = match event {
            Event::Init => Some(WatchEvent::Init),
            Event::InitApply(raw) => self.read(&raw).map(WatchEvent::InitApply),
            Event::InitDone => {
                self.health.synced(self.kind);
                Some(WatchEvent::InitDone)
            }
            Event::Apply(raw) => self.read(&raw).map(WatchEvent::Apply),
            Event::Delete(raw) => self.read(&raw).map(WatchEvent::Delete),
        };
        match event {
            Some(event) => self.send(Input::Watch { kind: self.kind, event }).await,
            None => Ok(()),
        }
    }

    async fn send(&self, input: Input) -> Result<(), Ended> {
        self.inputs.send(input).await.map_err(|_| Ended)
    }

    /// Reads an object. One that cannot be read at all, or whose reading panics, is left out and named in the log.
    fn read(&self, raw: &RawObject) -> Option<Arc<Object>> {
        match decode(self.kind, raw.text()) {
            Ok(object) => Some(Arc::new(object)),
            Err(problem) => {
                let (namespace, name) = (raw.namespace().unwrap_or_default(), raw.name_any());
                tracing::warn!(kind = self.kind.name(), namespace, name, problem, "object cannot be read");
                None
            }
        }
    }
}

/// Reads one object; a panic is a problem of that object alone, because reading has no state.
pub(crate) fn decode(kind: Kind, text: &str) -> Result<Object, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| object::decode(kind, text)))
        .unwrap_or_else(|_| Err("reading it failed in a way that is a defect of Linnet".to_owned()))
}

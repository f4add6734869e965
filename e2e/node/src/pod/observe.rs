//! The probes of a running container.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::blueprint::ContainerPlan;
use crate::demo::app::App;
use crate::lifecycle::state::{Change, Event};
use crate::probe::request::succeeds;
use crate::probe::spec::Spec;
use crate::probe::tally::Tally;

/// The built-in server of a container, as far as readiness without a probe needs it.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) app: Arc<App>,
    pub(crate) listening: watch::Receiver<bool>,
}

/// Probes one container at `address` and tells what follows.
#[derive(Debug)]
pub(crate) struct Observer<'a> {
    pub(crate) plan: &'a ContainerPlan,
    pub(crate) address: Ipv4Addr,
    pub(crate) events: &'a mpsc::UnboundedSender<Event>,
    /// What an earlier node reported; spares an adopted pod a moment of unreadiness.
    pub(crate) ready: bool,
    pub(crate) began: Instant,
}

impl Observer<'_> {
    /// Returns when a startup or liveness probe wants the container restarted; otherwise never.
    pub(crate) async fn run(self, built_in: Option<BuiltIn>) {
        if let Some(startup) = &self.plan.startup
            && !self.verdict(startup, &mut startup.tally(None)).await
        {
            return;
        }
        self.tell(Change::Passed);
        tokio::select! {
            () = self.readiness(built_in) => {}
            () = self.liveness() => {}
        }
    }

    async fn readiness(&self, built_in: Option<BuiltIn>) {
        if let Some(readiness) = &self.plan.readiness {
            let mut tally = readiness.tally(Some(self.ready));
            loop {
                let ready = self.verdict(readiness, &mut tally).await;
                self.tell(Change::Ready(ready));
                sleep(readiness.period).await;
            }
        }
        match built_in {
            None => self.tell(Change::Ready(true)),
            Some(built_in) => self.own_word(built_in).await,
        }
        std::future::pending::<()>().await;
    }

    /// Without a readiness probe the built-in server says itself when it is ready.
    async fn own_word(&self, BuiltIn { app, mut listening }: BuiltIn) {
        let mut ready = app.readiness();
        loop {
            self.tell(Change::Ready(*listening.borrow_and_update() && *ready.borrow_and_update()));
            let changed = tokio::select! {
                changed = listening.changed() => changed,
                changed = ready.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    async fn liveness(&self) {
        let Some(liveness) = &self.plan.liveness else { return std::future::pending().await };
        self.verdict(liveness, &mut liveness.tally(Some(true))).await;
    }

    /// Probes until the verdict changes.
    async fn verdict(&self, spec: &Spec, tally: &mut Tally) -> bool {
        sleep_until(self.began + spec.initial_delay).await;
        loop {
            let success = succeeds(&spec.check, self.address, spec.timeout).await;
            if let Some(verdict) = tally.observe(success) {
                return verdict;
            }
            sleep(spec.period).await;
        }
    }

    fn tell(&self, change: Change) {
        // The worker outlives its containers; an error means that nobody asks any more.
        let _ = self.events.send(Event::Container(self.plan.slot, change));
    }
}

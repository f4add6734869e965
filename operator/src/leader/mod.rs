//! Who of several replicas acts: a Lease, renewed with a precondition and judged by a local clock.
//!
//! Nothing else in the process waits for leadership: a standby watches everything and is ready to go on at once.

mod announce;
mod coexistence;
mod fence;
mod lease;
mod state;

use std::time::{Duration, Instant};

use engine::input::{Input, Leadership};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tokio::sync::{mpsc, watch};

use self::announce::Announcer;
use self::coexistence::Argo;
pub(crate) use self::fence::Fence;
use self::lease::{LeaseClient, record};
use self::state::{Election, Next, Times};
use crate::cli::Cli;
use crate::health::Health;

/// What an election tells the rest of the process through.
#[derive(Debug)]
pub(crate) struct Outlets {
    /// Takes changes of leadership.
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    /// Lets writes through.
    pub(crate) fence: Fence,
    /// Knows that another operator is in charge.
    pub(crate) health: Health,
}

/// Takes part in the election for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// `None`: every process acts.
    lease: Option<LeaseClient>,
    election: Election,
    times: Times,
    /// `None`: Argo Rollouts is not looked for.
    argo: Option<Argo>,
    announcer: Announcer,
    outlets: Outlets,
    start: Instant,
    /// The Lease as our last write left it.
    held: Option<Lease>,
    /// What the engine was told last.
    told: Option<Leadership>,
    blocked: bool,
}

/// Returns the name of our own Lease. It is not the reference's: both can be seen side by side.
fn lease_name(instance_id: Option<&str>) -> String {
    match instance_id {
        Some(id) => format!("linnet-controller-lock-{id}"),
        None => "linnet-controller-lock".to_owned(),
    }
}

impl Candidate {
    /// A candidate with its Lease in `namespace`.
    pub(crate) fn new(
        cli: &Cli,
        client: &Client,
        namespace: &str,
        identity: String,
        outlets: Outlets,
    ) -> Self {
        let election = &cli.election;
        let times = Times {
            lease: election.leader_election_lease_duration,
            renew_deadline: election.leader_election_renew_deadline,
            retry_period: election.leader_election_retry_period,
        };
        let id = cli.instance_id();
        let name = lease_name(id);
        let places = [Some(namespace), election.argo_namespace.as_deref()];
        Self {
            lease: election
                .leader_elect
                .then(|| LeaseClient::new(client.clone(), (namespace, &name), &identity, times.lease)),
            argo: (!election.ignore_argo_lease)
                .then(|| Argo::new(client, id, places, times.renew_deadline / 4)),
            announcer: Announcer::new(client.clone(), namespace, cli.pod.name.as_deref(), &name),
            election: Election::new(identity, times),
            times,
            outlets,
            start: Instant::now(),
            held: None,
            told: None,
            blocked: false,
        }
    }

    /// Takes part until `stop` says otherwise, then gives the Lease up.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let pause = self.round().await;
            // An error means that the other end has gone: the process is ending.
            let stopped = tokio::time::timeout(pause, stop.changed()).await;
            if matches!(stopped, Ok(Err(_))) {
                break;
            }
        }
        self.give_up().await;
    }

    /// The local clock: never set, never compared with another machine's.
    fn clock(&self) -> Duration {
        self.start.elapsed()
    }

    /// One look at who is in charge; returns how long to wait for the next.
    async fn round(&mut self) -> Duration {
        self.lapse();
        let now = self.clock();
        let other = match &mut self.argo {
            Some(argo) => argo.look(now).await,
            None => None,
        };
        self.note_other(other.as_deref()).await;
        if let Some(reason) = other {
            self.give_up().await;
            self.tell(Leadership::Following { reason });
            return self.times.retry_period;
        }
        self.lapse();
        let Some(lease) = self.lease.clone() else {
            self.outlets.fence.open();
            self.tell(Leadership::Leading);
            return self.times.retry_period;
        };
        let patience = self.election.patience(self.clock());
        let attempt = tokio::time::timeout(patience, self.attempt(&lease)).await;
        let pause = match attempt {
            Ok(Ok(next)) => self.settle(next),
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(_) => self.failed("the API server does not answer"),
        };
        pause.max(Duration::from_millis(10))
    }

    /// Reads the Lease, and writes it if it is ours to have.
    async fn attempt(&mut self, client: &LeaseClient) -> Result<Next, kube::Error> {
        // While we lead, the version that our last write returned is the precondition: one request, not two.
        let current = match self.held.take() {
            Some(lease) if self.election.leads(self.clock()) => Some(lease),
            _ => client.read().await?,
        };
        let next = self.election.read(current.as_ref().map(record), self.clock());
        if next == Next::Take {
            let sent_at = self.clock();
            let written = client.take(current.as_ref()).await?;
            self.election.renewed(record(&written), sent_at);
            self.held = Some(written);
        }
        Ok(next)
    }

    /// Tells everybody what an answered attempt means.
    fn settle(&mut self, next: Next) -> Duration {
        match next {
            Next::Take => {
                if let Some(until) = self.election.acts_until() {
                    self.outlets.fence.open_until(self.start + until);
                }
                self.tell(Leadership::Leading);
                self.election.pause(self.clock())
            }
            Next::Wait { holder, pause } => {
                self.outlets.fence.close();
                self.tell(Leadership::Following { reason: format!("{holder} holds the Lease") });
                pause
            }
        }
    }

    /// An attempt has failed: the leader goes on until its deadline.
    fn failed(&mut self, problem: &str) -> Duration {
        let leads = self.election.leads(self.clock());
        tracing::warn!(problem, leads, "Lease was not read or written; trying again");
        self.lapse();
        self.election.pause(self.clock())
    }

    /// Ends a term whose deadline has passed. The fence has closed by itself already.
    fn lapse(&mut self) {
        if self.lease.is_some() && !self.election.leads(self.clock()) {
            self.election.step_down();
            self.outlets.fence.close();
            if self.told == Some(Leadership::Leading) {
                self.tell(Leadership::Following { reason: "the Lease is not renewed in time".to_owned() });
            }
        }
    }

    /// Says once that Argo Rollouts is in charge, and once that it no longer is.
    async fn note_other(&mut self, reason: Option<&str>) {
        self.outlets.health.set_blocked(reason.map(str::to_owned));
        if self.blocked == reason.is_some() {
            return;
        }
        self.blocked = reason.is_some();
        let (type_, word, message) = match reason {
            Some(reason) => ("Warning", "ArgoRolloutsInCharge", reason),
            None => ("Normal", "ArgoRolloutsGone", "Argo Rollouts no longer holds its Lease"),
        };
        tracing::warn!(reason = word, "{message}");
        if self.blocked {
            self.outlets.fence.close();
        }
        self.announcer.announce(type_, word, message).await;
    }

    /// Tells the engine, if it does not know yet.
    fn tell(&mut self, leadership: Leadership) {
        if self.told.as_ref() == Some(&leadership) {
            return;
        }
        tracing::info!(?leadership, "leadership");
        self.told = Some(leadership.clone());
        // Nobody listens only when the process is ending.
        let _ = self.outlets.inputs.send(Input::Leadership(leadership));
    }

    /// Stops acting and lets others have the Lease at once.
    async fn give_up(&mut self) {
        self.outlets.fence.close();
        self.election.step_down();
        let (Some(lease), Some(held)) = (&self.lease, self.held.take()) else { return };
        let outcome = match tokio::time::timeout(self.times.renew_deadline / 2, lease.give_up(&held)).await {
            Ok(Ok(())) => "given up".to_owned(),
            Ok(Err(error)) => format!("not given up, it runs out by itself: {error}"),
            Err(_) => "not given up in time, it runs out by itself".to_owned(),
        };
        tracing::info!(outcome, "end of this term as leader");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lease_is_not_the_references() {
        assert_eq!(lease_name(None), "linnet-controller-lock");
        assert_eq!(lease_name(Some("blue")), "linnet-controller-lock-blue");
    }
}

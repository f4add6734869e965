//! Whether this process is alive and ready, shared by everything that knows a part of the answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crds::object_ref::Kind;

/// A loop that has taken no step for this long hangs: it takes one at least every few seconds.
const STUCK_AFTER: Duration = Duration::from_mins(1);

/// A handle to what is known; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Health(Arc<Mutex<Facts>>);

#[derive(Debug)]
struct Facts {
    beat: Instant,
    /// Why a kind's store is not complete.
    unsynced: BTreeMap<Kind, String>,
    /// Whether the engine has asked for its watches.
    started: bool,
    /// Why another operator keeps this one from acting.
    blocked: Option<String>,
    stopping: bool,
}

impl Health {
    /// Nothing is known yet but that the process has started.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Facts {
            beat: now,
            unsynced: BTreeMap::new(),
            started: false,
            blocked: None,
            stopping: false,
        })))
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Every change is one assignment, so a poisoned lock guards sound facts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The loop has taken a step.
    pub(crate) fn beat(&self, now: Instant) {
        self.facts().beat = now;
    }

    /// A kind is needed and not complete yet.
    pub(crate) fn expect(&self, kind: Kind) {
        let mut facts = self.facts();
        facts.started = true;
        facts.unsynced.insert(kind, "is being listed".to_owned());
    }

    /// A kind's list is complete, or the kind is not there.
    pub(crate) fn synced(&self, kind: Kind) {
        self.facts().unsynced.remove(&kind);
    }

    /// A kind cannot be read any more.
    pub(crate) fn unsynced(&self, kind: Kind, reason: String) {
        self.facts().unsynced.insert(kind, reason);
    }

    /// Another operator manages the Rollouts, or no longer does.
    pub(crate) fn set_blocked(&self, reason: Option<String>) {
        self.facts().blocked = reason;
    }

    /// The process is ending.
    pub(crate) fn stop(&self) {
        self.facts().stopping = true;
    }

    /// `Err` says why the process should be started anew.
    pub(crate) fn alive(&self, now: Instant) -> Result<(), String> {
        let silent = now.saturating_duration_since(self.facts().beat);
        if silent < STUCK_AFTER {
            Ok(())
        } else {
            Err(format!("the engine has taken no step for {} s", silent.as_secs()))
        }
    }

    /// `Err` says why the process cannot do its work, as leader or standby.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let facts = self.facts();
        if facts.stopping {
            return Err("the process is ending".to_owned());
        }
        if let Some(reason) = &facts.blocked {
            return Err(reason.clone());
        }
        if !facts.started {
            return Err("the engine has not started".to_owned());
        }
        match facts.unsynced.iter().next() {
            Some((kind, reason)) => Err(format!("{}: {reason}", kind.plural())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_once_every_kind_is_complete() {
        let health = Health::new(Instant::now());
        assert_eq!(health.ready(), Err("the engine has not started".to_owned()));
        health.expect(Kind::Rollout);
        health.expect(Kind::ReplicaSet);
        health.synced(Kind::Rollout);
        assert_eq!(health.ready(), Err("replicasets: is being listed".to_owned()));
        health.synced(Kind::ReplicaSet);
        assert_eq!(health.ready(), Ok(()));
        health.unsynced(Kind::Rollout, "403".to_owned());
        assert_eq!(health.ready(), Err("rollouts: 403".to_owned()));
    }

    #[test]
    fn not_ready_while_blocked_or_ending() {
        let health = Health::new(Instant::now());
        health.expect(Kind::Rollout);
        health.synced(Kind::Rollout);
        health.set_blocked(Some("Argo Rollouts holds its Lease".to_owned()));
        assert_eq!(health.ready(), Err("Argo Rollouts holds its Lease".to_owned()));
        health.set_blocked(None);
        assert_eq!(health.ready(), Ok(()));
        health.stop();
        assert_eq!(health.ready(), Err("the process is ending".to_owned()));
    }

    #[test]
    fn alive_while_the_loop_takes_steps() {
        let start = Instant::now();
        let health = Health::new(start);
        let later = start + Duration::from_secs(61);
        assert_eq!(health.alive(later), Err("the engine has taken no step for 61 s".to_owned()));
        health.beat(later);
        assert_eq!(health.alive(later), Ok(()));
    }
}

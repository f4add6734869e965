//! Every write of a story gone through, one fault at a time.

use std::sync::Arc;

use super::rows::Row;
use super::trial::{Ready, Trial};
use crate::fault::{CrashMoment, Fault, Harm};
use crate::outcome::{Outcome, Write};
use crate::prepared::PrepareError;
use crate::scenario::When;
use crate::world::World;

/// How many of the operators' own writes back an old list may be: further back, the story was another one.
const WRITES_BACK: usize = 12;
/// How long a process is down.
const DOWN_MS: u64 = 700;

/// A story with a fault at one of its writes, played up to that write already.
#[derive(Debug)]
pub struct Plan {
    /// The story and the fault.
    pub trial: Trial,
    begun: World,
}

impl Plan {
    /// Plays the rest and judges all of it, just as [`Trial::run`] does.
    #[must_use]
    pub fn run(self) -> Outcome {
        self.trial.ready.play_on(self.begun, &self.trial.faults)
    }
}

/// All plans of a row: a crash before and after every write, every write carried out but not answered, never arrived,
/// or overtaken by somebody else, and a list as old as each of the last writes before every write that takes pods away
/// or moves traffic.
///
/// The first plan has no fault at all. What comes before a fault is played once for all faults at that write.
///
/// # Errors
/// If the row cannot be played.
pub fn plans(row: &Row) -> Result<impl Iterator<Item = Plan>, PrepareError> {
    let ready = Arc::new(Ready::new(&row.scenario)?);
    let (shape, seed) = (row.shape, row.scenario.seed);
    let mut calm = ready.begin(seed);
    let plan = move |ready: &Arc<Ready>, faults: Vec<Fault>, begun: World| {
        let ready = Arc::clone(ready);
        Plan { trial: Trial { shape, ready, seed, faults }, begun }
    };
    let first = plan(&ready, Vec::new(), calm.clone());
    let at_writes = (0..ready.writes.len()).flat_map(move |index| {
        calm.play_until_write(index);
        let (ready, begun) = (Arc::clone(&ready), calm.clone());
        let faults = faults_at(&ready.writes, index).into_iter();
        faults.map(move |fault| plan(&ready, vec![fault], begun.clone()))
    });
    Ok(std::iter::once(first).chain(at_writes))
}

/// What may go wrong at any write, and before one that takes pods away or moves traffic, old lists.
fn faults_at(writes: &[Write], index: usize) -> Vec<Fault> {
    let when = When::Write(u64::try_from(index).unwrap_or(u64::MAX));
    let at_any = [
        Harm::Crash { moment: CrashMoment::BeforeCommit, down_ms: DOWN_MS },
        Harm::Crash { moment: CrashMoment::AfterCommit, down_ms: DOWN_MS },
        Harm::LoseAnswers { count: 1 },
        Harm::LoseRequests { count: 1 },
        Harm::Conflicts { count: 1 },
    ];
    let harms = at_any.into_iter().chain(old_lists(writes, index));
    harms.map(|harm| Fault { when: when.clone(), harm }).collect()
}

/// Only versions right before a write of an operator: between them, nothing changed that was decided on.
fn old_lists(writes: &[Write], index: usize) -> impl Iterator<Item = Harm> {
    let destructive = writes.get(index).filter(|write| write.destructive);
    destructive.into_iter().flat_map(move |write| {
        let earlier = writes.get(index.saturating_sub(WRITES_BACK)..index).unwrap_or_default();
        earlier.iter().map(|other| {
            let back = write.version.saturating_sub(other.version).max(1);
            Harm::RelistStale { back, kind: None }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::rows;

    #[test]
    fn what_is_played_from_the_fault_on_is_what_is_played_from_the_beginning() {
        let rows = rows::all();
        let row = rows.iter().find(|row| row.scenario.name == "canary-nginx AbortAndRetry").unwrap();
        let plans: Vec<Plan> = super::plans(row).unwrap().collect();
        assert!(plans.len() > 200, "{}", plans.len());
        for plan in plans.into_iter().step_by(23) {
            let trial = plan.trial.clone();
            assert_eq!(plan.run(), trial.run(), "{:?}", trial.faults);
        }
    }
}

//! Every write of a story gone through, one fault at a time.

use std::sync::Arc;

use super::rows::Row;
use super::trial::{Ready, Trial};
use crate::fault::{CrashMoment, Fault, Harm};
use crate::outcome::Write;
use crate::prepared::PrepareError;
use crate::scenario::When;

/// How many of the operators' own writes back an old list may be: further back, the story was another one.
const WRITES_BACK: usize = 12;
/// How long a process is down.
const DOWN_MS: u64 = 700;

/// All plans of a row: a crash before and after every write, every write carried out but not answered, never arrived,
/// or overtaken by somebody else, and a list as old as each of the last writes before every write that takes pods away
/// or moves traffic.
///
/// The first plan has no fault at all.
///
/// # Errors
/// If the row cannot be played.
pub fn plans(row: &Row) -> Result<impl Iterator<Item = Trial>, PrepareError> {
    let ready = Arc::new(Ready::new(&row.scenario)?);
    let faults: Vec<Fault> = at_every_write(&ready.writes).chain(old_lists(&ready.writes)).collect();
    let plans = std::iter::once(None).chain(faults.into_iter().map(Some));
    let (shape, seed) = (row.shape, row.scenario.seed);
    Ok(plans.map(move |fault| Trial {
        shape,
        ready: Arc::clone(&ready),
        seed,
        faults: fault.into_iter().collect(),
    }))
}

fn at_every_write(writes: &[Write]) -> impl Iterator<Item = Fault> {
    let writes = u64::try_from(writes.len()).unwrap_or(u64::MAX);
    (0..writes).flat_map(|write| {
        [
            Harm::Crash { moment: CrashMoment::BeforeCommit, down_ms: DOWN_MS },
            Harm::Crash { moment: CrashMoment::AfterCommit, down_ms: DOWN_MS },
            Harm::LoseAnswers { count: 1 },
            Harm::LoseRequests { count: 1 },
            Harm::Conflicts { count: 1 },
        ]
        .map(|harm| Fault { when: When::Write(write), harm })
    })
}

/// Only versions right before a write of an operator: between them, nothing changed that was decided on.
fn old_lists(writes: &[Write]) -> impl Iterator<Item = Fault> {
    writes.iter().enumerate().filter(|(_, write)| write.destructive).flat_map(|(index, write)| {
        let earlier = writes.get(index.saturating_sub(WRITES_BACK)..index).unwrap_or_default();
        earlier.iter().map(move |other| {
            let back = write.version.saturating_sub(other.version).max(1);
            let when = When::Write(u64::try_from(index).unwrap_or(u64::MAX));
            Fault { when, harm: Harm::RelistStale { back, kind: None } }
        })
    })
}

//! Every write, in the order of arrival.

use jiff::Timestamp;
use serde::Serialize;

use crate::attributes::Attributes;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Write {
    /// Position, from 1.
    pub(crate) index: u64,
    /// When it arrived.
    pub(crate) time: Timestamp,
    /// What it is about.
    #[serde(flatten)]
    pub(crate) request: Attributes,
    /// The API server's status; absent while unknown and when it was never forwarded.
    pub(crate) status: Option<u16>,
    /// When that answer came.
    pub(crate) answered: Option<Timestamp>,
    /// Name of the rule that acted on it.
    pub(crate) rule: Option<String>,
}

/// The journal.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    writes: Vec<Write>,
    /// Moves with every reset, so that a late answer does not land in another run.
    epoch: u64,
}

/// Where a write stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    epoch: u64,
    index: u64,
}

impl Position {
    /// The index, from 1.
    pub(crate) fn index(self) -> u64 {
        self.index
    }
}

impl Journal {
    /// Notes the arrival of a write.
    pub(crate) fn arrive(&mut self, request: Attributes, rule: Option<String>, time: Timestamp) -> Position {
        let index = self.writes.len() as u64 + 1;
        self.writes.push(Write { index, time, request, status: None, answered: None, rule });
        Position { epoch: self.epoch, index }
    }

    /// Notes the API server's answer to it.
    pub(crate) fn answer(&mut self, position: Position, status: u16, time: Timestamp) {
        if position.epoch != self.epoch {
            return;
        }
        let found = self.writes.iter_mut().rev().find(|write| write.index == position.index);
        if let Some(write) = found {
            write.status = Some(status);
            write.answered = Some(time);
        }
    }

    /// The writes behind `since`.
    pub(crate) fn since(&self, since: u64) -> &[Write] {
        let since = usize::try_from(since).unwrap_or(usize::MAX);
        self.writes.get(since..).unwrap_or_default()
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.writes.clear();
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn writes_are_listed_from_a_position_on() {
        let mut journal = Journal::default();
        let first = journal.arrive(Attributes::default(), None, AT);
        journal.arrive(Attributes::default(), Some("rule".to_owned()), AT);
        journal.answer(first, 201, AT);
        assert_eq!(journal.since(0).iter().map(|write| write.status).collect::<Vec<_>>(), [Some(201), None]);
        assert_eq!(journal.since(1)[0].index, 2);
        assert!(journal.since(2).is_empty());
        assert!(journal.since(9).is_empty());
    }

    #[test]
    fn an_answer_after_a_reset_is_not_taken_for_another_write() {
        let mut journal = Journal::default();
        let old = journal.arrive(Attributes::default(), None, AT);
        journal.clear();
        journal.arrive(Attributes::default(), None, AT);
        journal.answer(old, 200, AT);
        assert_eq!(journal.since(0)[0].status, None);
    }
}

//! What requests meet on their way: refusals, losses, conflicts, denials.

use crds::object_ref::Kind;
use engine::input::{Answer, KIND_NOT_SERVED};
use jiff::Timestamp;
use std::time::Duration;

use crate::fault::{CrashMoment, FaultKind};

/// What requests meet at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Meeting {
    /// The next so many requests are refused.
    pub(super) refuse: Option<(u16, Option<u64>, u32)>,
    /// The next so many writes never arrive.
    pub(super) lose_requests: u32,
    /// The answers to the next so many writes are lost.
    pub(super) lose_answers: u32,
    /// Somebody else is faster at the next so many writes.
    pub(super) conflicts: u32,
    /// The store does not answer until then.
    pub(super) down_until: Option<Timestamp>,
    /// Writes are denied until then: of which kind, with which status.
    pub(super) deny: Vec<(Option<Kind>, u16, Timestamp)>,
    /// Kinds that are not served until then.
    pub(super) missing: Vec<(Kind, Timestamp)>,
    /// Whose names are taken when they are created next, and for how long.
    pub(super) squat: Vec<(Kind, u64)>,
    /// The sender dies at the request that is being carried out.
    pub(super) crash: Option<(CrashMoment, u64)>,
}

/// What one request meets.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// Nothing.
    Served,
    /// It is refused.
    Refused(Answer, FaultKind),
    /// It never arrives.
    Lost,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// Somebody else is faster.
    Overtaken,
}

impl Meeting {
    /// Whether the store does not answer.
    pub(super) fn is_down(&self, now: Timestamp) -> bool {
        self.down_until.is_some_and(|until| until > now)
    }

    /// Until when a kind is not served, if it is not.
    pub(super) fn missing_until(&self, kind: Kind, now: Timestamp) -> Option<Timestamp> {
        let missing = self.missing.iter().filter(|(missing, until)| *missing == kind && *until > now);
        missing.map(|(_, until)| *until).max()
    }

    /// What a request meets; used up by it.
    pub(super) fn fate(&mut self, kind: Kind, is_write: bool, now: Timestamp) -> Fate {
        if self.is_down(now) {
            return Fate::Refused(refused(500, "etcdserver: leader changed", None), FaultKind::F8);
        }
        if self.missing_until(kind, now).is_some() {
            let message = "the server could not find the requested resource".to_owned();
            let answer = Answer::Refused {
                status: 404,
                reason: KIND_NOT_SERVED.to_owned(),
                message,
                retry_after: None,
            };
            return Fate::Refused(answer, FaultKind::F17);
        }
        if let Some((status, retry_after)) = self.take_refusal() {
            return Fate::Refused(refused(status, "no", retry_after), FaultKind::F6);
        }
        if !is_write {
            return Fate::Served;
        }
        let denied = self
            .deny
            .iter()
            .find(|(denied, _, until)| denied.is_none_or(|denied| denied == kind) && *until > now);
        if let Some((_, status, _)) = denied {
            return Fate::Refused(
                refused(*status, "admission webhook denied the request", None),
                FaultKind::F16,
            );
        }
        if take_one(&mut self.lose_requests) {
            return Fate::Lost;
        }
        if take_one(&mut self.lose_answers) {
            return Fate::AnswerLost;
        }
        if take_one(&mut self.conflicts) { Fate::Overtaken } else { Fate::Served }
    }

    fn take_refusal(&mut self) -> Option<(u16, Option<u64>)> {
        let (status, retry_after, left) = self.refuse.as_mut()?;
        let found = (*status, *retry_after);
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.refuse = None;
        }
        Some(found)
    }
}

fn take_one(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

fn refused(status: u16, message: &str, retry_after_seconds: Option<u64>) -> Answer {
    let reason = match status {
        403 => "Forbidden",
        404 => "NotFound",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    Answer::Refused {
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
        retry_after: retry_after_seconds.map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::START;

    #[test]
    fn what_was_met_is_used_up() {
        let mut meeting = Meeting { lose_answers: 1, refuse: Some((503, None, 1)), ..Meeting::default() };
        assert!(matches!(meeting.fate(Kind::Rollout, false, START), Fate::Refused(_, FaultKind::F6)));
        assert!(
            matches!(meeting.fate(Kind::Rollout, false, START), Fate::Served),
            "only writes lose answers"
        );
        assert!(matches!(meeting.fate(Kind::Rollout, true, START), Fate::AnswerLost));
        assert!(matches!(meeting.fate(Kind::Rollout, true, START), Fate::Served));
    }

    #[test]
    fn a_denial_is_about_its_kind_and_its_time() {
        let until = crate::clock::after_ms(START, 10);
        let mut meeting = Meeting { deny: vec![(Some(Kind::Ingress), 403, until)], ..Meeting::default() };
        assert!(matches!(meeting.fate(Kind::Service, true, START), Fate::Served));
        assert!(matches!(meeting.fate(Kind::Ingress, false, START), Fate::Served), "reads are allowed");
        assert!(matches!(meeting.fate(Kind::Ingress, true, START), Fate::Refused(_, FaultKind::F16)));
        assert!(matches!(meeting.fate(Kind::Ingress, true, until), Fate::Served));
    }
}

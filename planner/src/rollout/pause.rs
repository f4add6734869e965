//! Pauses: when one begins, when it is over, and how a person ends it.

use crds::Time;
use crds::rollout::{PauseCondition, PauseReason, RolloutStatus};
use jiff::{SignedDuration, Timestamp};
use planted_bugs::{Bug, planted};

use super::blue_green;
use super::draft::Draft;
use super::view::View;
use crate::waiting::Waiting;

/// A moment for an object, never earlier than the real one: what is counted from it never ends early.
pub(crate) fn rounded_up(moment: Timestamp) -> Time {
    let cut = Time::from(moment);
    if cut.get() < moment {
        cut.get().checked_add(SignedDuration::from_millis(1)).map_or(cut, Time::from)
    } else {
        cut
    }
}

/// The sum, or the last moment there is.
pub(crate) fn after(moment: Timestamp, length: SignedDuration) -> Timestamp {
    moment.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// Begins a pause, unless one for that reason is under way.
pub(crate) fn begin(status: &mut RolloutStatus, reason: PauseReason, now: Timestamp) {
    if planted(Bug::PauseBegunAnewOnEveryLook) {
        status.pause_conditions.retain(|pause| pause.reason != reason);
    }
    if find(status, reason).is_none() {
        status.pause_conditions.push(PauseCondition { reason, start_time: Some(rounded_up(now)) });
    }
    status.controller_pause = true;
}

/// Ends all pauses.
pub(crate) fn clear(status: &mut RolloutStatus) {
    status.pause_conditions.clear();
    status.controller_pause = false;
}

/// The pause for that reason.
pub(crate) fn find(status: &RolloutStatus, reason: PauseReason) -> Option<&PauseCondition> {
    status.pause_conditions.iter().find(|pause| pause.reason == reason)
}

/// Whether a person ended a pause that the operator had begun.
pub(crate) fn was_resumed(status: &RolloutStatus) -> bool {
    status.controller_pause && status.pause_conditions.is_empty() && !planted(Bug::ResumeNotNoticed)
}

/// Whether a pause step is over: a person ended it, or its time has passed.
pub(crate) fn is_over(status: &RolloutStatus, length: Option<SignedDuration>, now: Timestamp) -> bool {
    if was_resumed(status) {
        return true;
    }
    if find(status, PauseReason::InconclusiveAnalysis).is_some() {
        return false;
    }
    ends_at(status, PauseReason::CanaryPauseStep, length).is_some_and(|end| now >= end)
}

/// When the pause for that reason ends by itself.
pub(crate) fn ends_at(
    status: &RolloutStatus,
    reason: PauseReason,
    length: Option<SignedDuration>,
) -> Option<Timestamp> {
    let start = find(status, reason)?.start_time?;
    let length = length.map(|length| if planted(Bug::PauseEndsEarly) { length / 2 } else { length });
    Some(after(start.get(), length?))
}

/// Says why a paused rollout waits, and when to look again.
pub(crate) fn explain(view: &View<'_>, draft: &mut Draft) {
    if view.spec.paused {
        draft.wait(Waiting::PausedByUser);
    }
    for pause in &view.status().pause_conditions {
        match ends_at(view.status(), pause.reason, length(view, pause.reason)) {
            Some(at) => draft.wait(Waiting::PauseEnds { at }),
            None => draft.wait(Waiting::Resume {
                since: pause.start_time.map_or(view.now, crds::Time::get),
                reason: pause.reason.as_str().to_owned(),
            }),
        }
    }
}

/// How long a pause lasts; nothing if it takes a person to end it.
fn length(view: &View<'_>, reason: PauseReason) -> Option<SignedDuration> {
    match reason {
        PauseReason::CanaryPauseStep => {
            let step = view.current_index().and_then(|index| view.steps().get(index))?;
            crds::duration::seconds_or_text(step.pause.as_ref()?.duration.as_ref()?).ok()
        }
        PauseReason::BlueGreenPause => blue_green::gate::length(view.blue_green()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const START: &str = "2026-11-21T03:00:00.000400Z";

    fn paused() -> RolloutStatus {
        let mut status = RolloutStatus::default();
        begin(&mut status, PauseReason::CanaryPauseStep, START.parse().unwrap());
        status
    }

    #[test]
    fn a_start_is_kept_precisely_and_never_too_early() {
        let start = paused().pause_conditions[0].start_time.unwrap();
        assert_eq!(start.to_string(), "2026-11-21T03:00:00.001Z");
    }

    #[rstest]
    #[case::too_early("2026-11-21T03:00:02.000999Z", Some(2), false)]
    #[case::exactly("2026-11-21T03:00:02.001Z", Some(2), true)]
    #[case::for_ever("2036-11-21T03:00:02.001Z", None, false)]
    #[case::as_long_as_time("9999-11-21T03:00:02.001Z", Some(i64::MAX), false)]
    fn over(#[case] now: &str, #[case] seconds: Option<i64>, #[case] want: bool) {
        let length = seconds.map(SignedDuration::from_secs);
        assert_eq!(is_over(&paused(), length, now.parse().unwrap()), want);
    }

    #[test]
    fn a_person_ends_it_by_clearing_the_conditions() {
        let mut status = paused();
        status.pause_conditions.clear();
        assert!(was_resumed(&status));
        assert!(is_over(&status, None, START.parse().unwrap()));
        clear(&mut status);
        assert!(!was_resumed(&status));
    }

    #[test]
    fn a_pause_does_not_end_while_an_inconclusive_analysis_waits_for_a_person() {
        let mut status = paused();
        begin(&mut status, PauseReason::InconclusiveAnalysis, START.parse().unwrap());
        assert!(!is_over(&status, Some(SignedDuration::ZERO), "2026-11-21T04:00:00Z".parse().unwrap()));
    }
}

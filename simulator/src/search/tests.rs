//! Stories and faults that only some bugs need: each comes about as it says, and breaks no rule by itself.

use crds::object_ref::Kind;
use rstest::rstest;

use super::rows::{self, Row};
use super::story::Story;
use super::trial::Ready;
use crate::fault::{CrashMoment, Fault, Harm, Target};
use crate::outcome::{Happened, Outcome};
use crate::scenario::When;

fn row(shape: &str, story: Story) -> Row {
    let name = format!("{shape} {story:?}");
    rows::all().into_iter().find(|row| row.scenario.name == name).unwrap()
}

fn played(shape: &str, story: Story, faults: &[Fault]) -> Outcome {
    let row = row(shape, story);
    let outcome = Ready::new(&row.scenario).unwrap().play_recorded(5, faults);
    assert_eq!(outcome.violations, [], "{}", row.scenario.name);
    outcome
}

fn acts(outcome: &Outcome) -> usize {
    outcome.timeline.iter().filter(|entry| matches!(entry.what, Happened::Act { .. })).count()
}

#[rstest]
#[case::an_abort_is_left_so(Story::Abort, 2)]
#[case::an_abort_comes_while_it_grows(Story::GrowAndAbort, 5)]
#[case::a_promotion_comes_before_the_pods(Story::PromoteFullAtOnce, 2)]
#[case::somebody_holds_a_pause(Story::HoldInBetween, 4)]
#[case::the_backend_is_silent(Story::SilentBackend, 4)]
#[case::another_rollout_is_beside(Story::Neighbour, 2)]
#[case::the_pods_are_restarted_twice(Story::Restart, 4)]
#[case::the_rollout_is_deleted(Story::Delete, 2)]
#[case::a_return_inside_the_window(Story::Return, 3)]
fn stories_come_about(
    #[values("canary", "canary-nginx", "blue-green")] shape: &str,
    #[case] story: Story,
    #[case] want: usize,
) {
    assert_eq!(acts(&played(shape, story, &[])), want);
}

#[rstest]
#[case::canary("canary-istio", 2)]
#[case::somebody_promotes_it_again("blue-green", 3)]
fn a_rollout_is_made_anew(#[case] shape: &str, #[case] want: usize) {
    assert_eq!(acts(&played(shape, Story::MakeAnew, &[])), want);
}

#[rstest]
#[case::canary("canary-istio", 240)]
#[case::blue_green("blue-green", 240)]
fn long_pauses_outlast_the_deadline(#[case] shape: &str, #[case] seconds: u64) {
    let outcome = played(shape, Story::LongPauses, &[]);
    assert!(outcome.ended_ms > seconds * 1000, "{}", outcome.ended_ms);
    assert!(outcome.end.rollouts.values().all(|end| end.phase == "Healthy"), "{:?}", outcome.end);
}

fn at_once(harm: Harm) -> Fault {
    Fault { when: When::At(0), harm }
}

#[test]
fn a_name_that_is_taken_leads_to_another_one() {
    let squat = at_once(Harm::Squat { kind: Kind::ReplicaSet, for_ms: 5000 });
    let outcome = played("canary-nginx", Story::Plain, &[squat]);
    let calm = played("canary-nginx", Story::Plain, &[]);
    let stable = |outcome: &Outcome| outcome.end.rollouts["shop/web"].stable.clone();
    assert_ne!(stable(&outcome), stable(&calm));
}

#[test]
fn a_canary_ingress_of_somebody_else_is_waited_out() {
    let squat = at_once(Harm::Squat { kind: Kind::Ingress, for_ms: 30_000 });
    let outcome = played("canary-nginx", Story::Plain, &[squat]);
    let calm = played("canary-nginx", Story::Plain, &[]);
    assert_eq!(outcome.end, calm.end);
    assert!(outcome.ended_ms > calm.ended_ms + 20_000, "{} {}", outcome.ended_ms, calm.ended_ms);
}

#[test]
fn a_neighbour_that_cannot_be_read_disturbs_nobody() {
    let malform = at_once(Harm::Malform { target: Target::Neighbour, for_ms: 600_000 });
    let outcome = played("canary-nginx", Story::Neighbour, &[malform]);
    assert_eq!(outcome.end, played("canary-nginx", Story::Neighbour, &[]).end);
}

#[test]
fn a_takeover_goes_on_with_the_step_whatever_hash_the_steps_had() {
    let takeover =
        Fault { when: When::Step { index: 1, plus_ms: 300 }, harm: Harm::TakeOver { down_ms: 500 } };
    let outcome = played("canary-nginx", Story::Plain, &[takeover]);
    assert!(outcome.effective_faults.contains(&crate::fault::FaultKind::F22));
}

#[rstest]
fn what_is_bad_is_so_however_often_it_is_measured(
    #[values("canary", "canary-istio", "blue-green")] shape: &str,
    #[values(Story::BadStep, Story::BadVersion)] story: Story,
) {
    let crashes: Vec<Fault> = (2..20)
        .map(|second| Fault {
            when: When::At(second * 1000),
            harm: Harm::Crash { moment: CrashMoment::AfterCommit, down_ms: 300 },
        })
        .collect();
    let calm = played(shape, story, &[]);
    let aborts = calm.timeline.iter().filter(|entry| match &entry.what {
        Happened::Told { reason, .. } => reason == "RolloutAborted",
        _ => false,
    });
    assert_eq!(aborts.count(), 1);
    assert_eq!(played(shape, story, &crashes).end, calm.end);
}

#[test]
fn whoever_starts_while_a_kind_is_not_served_lists_it_afterwards() {
    let at = |plus_ms, harm| Fault { when: When::Step { index: 1, plus_ms }, harm };
    let faults = [
        at(100, Harm::KindMissing { kind: Kind::VirtualService, for_ms: 10_000 }),
        at(300, Harm::Crash { moment: CrashMoment::AfterCommit, down_ms: 500 }),
    ];
    let outcome = played("canary-istio", Story::Plain, &faults);
    assert_eq!(outcome.end, played("canary-istio", Story::Plain, &[]).end);
}

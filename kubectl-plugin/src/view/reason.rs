//! The planner's reasons to wait in words, each in two forms: a short one for a line of the tree, which has to name the
//! command that moves it on, and a long one for `explain`, which has times and commands beside it.

use crds::object_ref::ObjectRef;
use crds::rollout::PauseReason;
use jiff::Timestamp;
use planner::waiting::Waiting;

use super::age;

/// A reason in words.
#[derive(Debug, PartialEq)]
pub(crate) struct Words {
    /// What is waited for, in a line of the tree.
    pub(crate) short: String,
    /// What is waited for, where there is room.
    pub(crate) long: String,
}

/// Puts a reason of the rollout with that name into words.
pub(crate) fn words(reason: &Waiting, name: &str, now: Timestamp) -> Words {
    match reason {
        Waiting::StoreBehindOwnWrites { objects } => behind(objects),
        Waiting::InvalidSpec { message } => about("a spec that can be acted on", message),
        Waiting::PausedByUser => by_hand(name),
        Waiting::Resume { reason, .. } => resume(reason, name),
        Waiting::PauseEnds { at } => pause_ends(*at, now),
        Waiting::CanaryPodsNotReady { want, have } => available("new", *want, *have),
        Waiting::StablePodsNotReady { want, have } => available("stable", *want, *have),
        Waiting::OldPodsLeaving { left } => both(format!("old pods to go: {left} left")),
        Waiting::RouteDraining { route, .. } => {
            let reason = "no pod behind the old route is taken away before";
            about(&format!("{route} to be in force at every proxy"), reason)
        }
        Waiting::RouteProblem { route, message } => about(&format!("{route} to be put right"), message),
        Waiting::ServiceNotReady { service, message } => both(format!("Service {service}: {message}")),
        Waiting::Analysis { run } => both(format!("the verdict of analysis run {run}")),
        Waiting::MeasurementDue { metric, .. } => both(format!("the next measurement of metric {metric}")),
        Waiting::MeasurementUnderWay { metric } => {
            both(format!("the answer to a measurement of metric {metric}"))
        }
        Waiting::SecretsUnread { secrets } => {
            both(format!("Secrets that the analysis needs: {}", secrets.join(", ")))
        }
        Waiting::AnalysisTemplate { message } => about("an analysis that can be begun", message),
        Waiting::PodsUnread { replica_set } => {
            more(format!("the list of all pods of ReplicaSet {replica_set}"), "which are to be changed")
        }
        Waiting::RestartDue { .. } => both("the time of the restart that was asked for".to_owned()),
        Waiting::PodsRestarting { left } => {
            let next = "the next one goes when enough others are available";
            more(format!("pods to be restarted: {left} left"), next)
        }
        Waiting::PodKept { pod, message, .. } => {
            about(&format!("pod {pod} to be let go"), message.trim_end_matches('.'))
        }
        Waiting::ScaleDownDelay { replica_set, .. } => {
            both(format!("the end of the time that ReplicaSet {replica_set} is kept for a quick way back"))
        }
        Waiting::WorkloadKept { workload, .. } => {
            let kept = format!("the last pods of {workload} are kept until then");
            about("the rollout to be healthy for a while", &kept)
        }
        Waiting::Aborted { message } => aborted(message, name),
        Waiting::AtRest => both("nothing".to_owned()),
    }
}

/// The short form says all.
fn both(text: String) -> Words {
    Words { short: text.clone(), long: text }
}

/// The long form says why, or what is wrong.
fn about(short: &str, message: &str) -> Words {
    Words { short: short.to_owned(), long: format!("{short}: {message}") }
}

/// The long form goes on.
fn more(short: String, rest: &str) -> Words {
    Words { long: format!("{short}, {rest}"), short }
}

fn behind(objects: &[ObjectRef]) -> Words {
    let short = "the API server to show the operator its own last write".to_owned();
    let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
    Words { long: format!("{short} of {}", names.join(", ")), short }
}

fn by_hand(name: &str) -> Words {
    Words {
        short: format!("a person: `kubectl linnet promote {name}` goes on"),
        long: "a person: spec.paused is set".to_owned(),
    }
}

fn resume(reason: &str, name: &str) -> Words {
    // The steps and the strategy, which the tree shows as well, tell of the usual ones.
    let usual = [PauseReason::CanaryPauseStep, PauseReason::BlueGreenPause].map(PauseReason::as_str);
    let why = if usual.contains(&reason) { String::new() } else { format!(" ({reason})") };
    Words {
        short: format!("a person{why}: `kubectl linnet promote {name}` goes on, `abort` goes back"),
        long: format!("a person: the update is paused ({reason})"),
    }
}

fn pause_ends(at: Timestamp, now: Timestamp) -> Words {
    let left = age::seconds(now.duration_until(at).as_secs());
    Words { short: format!("the end of the pause, in {left}"), long: "the end of the pause".to_owned() }
}

fn available(version: &str, want: i32, have: i32) -> Words {
    both(format!("pods of the {version} version: {have} of {want} are available"))
}

fn aborted(message: &str, name: &str) -> Words {
    let why = if message.is_empty() { "the update was aborted" } else { message };
    Words {
        short: format!(
            "a fix: apply another template, or start over with `kubectl linnet retry rollout {name}`"
        ),
        long: format!("another template, or a retry: {why}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crds::object_ref::Kind;
    use rstest::rstest;

    use super::*;

    /// Every reason that there is; each has a word of its own, and tests count them.
    pub(crate) fn reasons() -> Vec<Waiting> {
        let route = || ObjectRef::new(Kind::Ingress, "shop", "web-web-canary");
        let at = "2026-11-21T03:10:30Z".parse().unwrap();
        let since = "2026-11-21T03:00:00Z".parse().unwrap();
        vec![
            Waiting::StoreBehindOwnWrites { objects: vec![route()] },
            Waiting::InvalidSpec {
                message: "spec.strategy: Multiple Strategies can not be listed".to_owned(),
            },
            Waiting::PausedByUser,
            Waiting::Resume { since, reason: "CanaryPauseStep".to_owned() },
            Waiting::PauseEnds { at },
            Waiting::CanaryPodsNotReady { want: 2, have: 1 },
            Waiting::StablePodsNotReady { want: 4, have: 3 },
            Waiting::OldPodsLeaving { left: 1 },
            Waiting::RouteDraining { route: route(), until: at },
            Waiting::RouteProblem { route: route(), message: "it belongs to somebody else".to_owned() },
            Waiting::ServiceNotReady {
                service: "web-canary".to_owned(),
                message: "it does not exist".to_owned(),
            },
            Waiting::Analysis { run: "web-b-2-2".to_owned() },
            Waiting::MeasurementDue { metric: "errors".to_owned(), at },
            Waiting::MeasurementUnderWay { metric: "errors".to_owned() },
            Waiting::SecretsUnread { secrets: vec!["token".to_owned(), "key".to_owned()] },
            Waiting::AnalysisTemplate { message: "AnalysisTemplate \"errors\" does not exist".to_owned() },
            Waiting::PodsUnread { replica_set: "web-a".to_owned() },
            Waiting::RestartDue { at },
            Waiting::PodsRestarting { left: 2 },
            Waiting::PodKept {
                pod: "web-a-1".to_owned(),
                message: "The disruption budget web needs 5 healthy pods and has 5 currently".to_owned(),
                until: at,
            },
            Waiting::ScaleDownDelay { replica_set: "web-a".to_owned(), until: at },
            Waiting::WorkloadKept { workload: ObjectRef::new(Kind::Deployment, "shop", "web"), until: at },
            Waiting::Aborted { message: "Rollout aborted update to revision 2".to_owned() },
            Waiting::AtRest,
        ]
    }

    fn of_web(reason: &Waiting) -> Words {
        words(reason, "web", "2026-11-21T03:10:00Z".parse().unwrap())
    }

    #[test]
    fn every_reason_in_both_forms() {
        let reasons = reasons();
        let forms = reasons.iter().map(of_web).map(|it| format!("{}\n    {}\n", it.short, it.long));
        insta::assert_snapshot!(forms.collect::<String>());
    }

    #[rstest]
    #[case::usual("BlueGreenPause", "a person: `kubectl linnet promote web` goes on, `abort` goes back")]
    #[case::unusual(
        "InconclusiveAnalysisRun",
        "a person (InconclusiveAnalysisRun): `kubectl linnet promote web` goes on, `abort` goes back"
    )]
    fn why_a_person_is_asked(#[case] reason: &str, #[case] want: &str) {
        let reason = Waiting::Resume { since: Timestamp::UNIX_EPOCH, reason: reason.to_owned() };
        assert_eq!(of_web(&reason).short, want);
    }

    #[test]
    fn an_abort_without_a_message() {
        let reason = Waiting::Aborted { message: String::new() };
        assert_eq!(of_web(&reason).long, "another template, or a retry: the update was aborted");
    }
}

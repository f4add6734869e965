//! What people do during an update, beside the steps themselves.

use serde_json::{Value, json};

use super::manifests::{self, Wishes};
use super::shape::Shape;
use crate::scenario::{
    Act, Behaviour, Deed, MetricAnswer, MetricScript, Operators, PodRule, Scenario, Start, When,
};

/// A story around one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Story {
    /// Nobody interferes.
    Plain,
    /// The first deployment, and an update after it.
    FirstDeploy,
    /// A person promotes at a pause without an end.
    Promote,
    /// A person aborts there, and tries again later.
    AbortAndRetry,
    /// A person aborts there, and applies a better version.
    AbortAndReplace,
    /// A person aborts and goes back to the old template.
    AbortAndUndo,
    /// A second new version comes in the middle.
    NewVersionInBetween,
    /// The old template comes back in the middle; a new version follows.
    UndoInBetween,
    /// A person promotes in full in the middle.
    PromoteFull,
    /// A person holds the update by `spec.paused`, and lets it go on.
    PauseAndResume,
    /// The number of pods grows and shrinks in the middle.
    Scale,
    /// The analysis of a step fails; a person tries again, and it is better.
    BadStep,
    /// The analysis beside the steps fails; a better version follows.
    BadVersion,
    /// The new version never starts; a better one follows.
    NeverReady,
    /// The new version never starts and the update takes itself back at its deadline; a better one follows.
    DeadlineAbort,
}

/// All stories.
pub const STORIES: &[Story] = &[
    Story::Plain,
    Story::FirstDeploy,
    Story::Promote,
    Story::AbortAndRetry,
    Story::AbortAndReplace,
    Story::AbortAndUndo,
    Story::NewVersionInBetween,
    Story::UndoInBetween,
    Story::PromoteFull,
    Story::PauseAndResume,
    Story::Scale,
    Story::BadStep,
    Story::BadVersion,
    Story::NeverReady,
    Story::DeadlineAbort,
];

/// The steps of a story, the index of the step at which people act, and how often all of it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The steps.
    pub steps: Vec<Value>,
    /// A pause without an end.
    pub stop: i32,
    /// How many updates follow each other.
    pub rounds: u32,
}

impl Course {
    /// Weights with pauses of so many seconds between them, and in the middle a pause without an end and an analysis.
    #[must_use]
    pub fn new(weights: &[u32], pause_seconds: u32) -> Self {
        let mut steps = Vec::new();
        let middle = weights.len() / 2;
        let mut stop = 0;
        for (index, weight) in weights.iter().enumerate() {
            steps.push(json!({ "setWeight": weight }));
            if index == middle {
                stop = i32::try_from(steps.len()).unwrap_or(0);
                steps.push(json!({ "pause": {} }));
                steps.push(json!({ "analysis": { "templates": [{ "templateName": manifests::SMOKE }] } }));
            } else {
                steps.push(json!({ "pause": { "duration": format!("{pause_seconds}s") } }));
            }
        }
        Self { steps, stop, rounds: 1 }
    }
}

impl Story {
    /// The story behind that router, with these wishes.
    #[must_use]
    pub fn scenario(self, shape: &Shape, wishes: &Wishes, course: &Course) -> Scenario {
        let mut wishes = wishes.clone();
        wishes.background |= self == Self::BadVersion;
        if matches!(self, Self::NeverReady | Self::DeadlineAbort) {
            let aborts = self == Self::DeadlineAbort;
            let deadline = json!({ "progressDeadlineSeconds": 20, "progressDeadlineAbort": aborts });
            manifests::merge(&mut wishes.spec, &deadline);
        }
        Scenario {
            name: format!("{} {self:?}", shape.name),
            start: if self == Self::FirstDeploy { Start::Applied } else { Start::Healthy },
            operators: Operators { count: 2, ..Operators::default() },
            manifests: manifests::all(shape, &wishes),
            pods: self.pods(),
            metrics: self.metrics(),
            acts: self.all_acts(shape, course, wishes.replicas),
            ..Scenario::default()
        }
    }

    fn pods(self) -> Vec<PodRule> {
        match self {
            Self::NeverReady | Self::DeadlineAbort => {
                vec![PodRule { image: "web:2".to_owned(), behaviour: Behaviour::NeverReady }]
            }
            _ => Vec::new(),
        }
    }

    fn metrics(self) -> Vec<MetricScript> {
        let script = |matching: &str, answers: &[f64]| MetricScript {
            matching: matching.to_owned(),
            answers: answers.iter().map(|value| MetricAnswer::Values(vec![*value])).collect(),
        };
        match self {
            Self::BadStep => vec![script("smoke_rate", &[0.01, 0.5, 0.01])],
            Self::BadVersion => vec![script("errors_rate", &[0.01, 0.02, 0.5, 0.01])],
            _ => Vec::new(),
        }
    }

    fn all_acts(self, shape: &Shape, course: &Course, replicas: i32) -> Vec<Act> {
        let rounds = 0..course.rounds.max(1);
        rounds.flat_map(|number| self.acts(&Round { shape, stop: course.stop, replicas, number })).collect()
    }

    fn acts(self, round: &Round<'_>) -> Vec<Act> {
        let first = round.first(self);
        let promote = round.at_stop(2000, Deed::Promote);
        let healthy = |deed: Deed| Round::at("Healthy", 5000, deed);
        let degraded = |deed: Deed| Round::at("Degraded", 4000, deed);
        let better = || Round::at("Degraded", 3000, round.image(2));
        let abort = round.at_stop(1500, Deed::Abort);
        let then = match self {
            // What is bad is so only once: later rounds are calm.
            _ if round.number > 0 && self.is_bad_once() => vec![promote],
            Self::Plain | Self::Promote | Self::FirstDeploy => vec![promote],
            Self::AbortAndRetry => vec![abort, degraded(Deed::Retry), promote],
            Self::AbortAndReplace => vec![abort, better(), promote],
            Self::AbortAndUndo => vec![abort, degraded(Deed::Undo), healthy(round.image(2)), promote],
            Self::NewVersionInBetween => vec![round.at_stop(500, round.image(2)), promote],
            Self::UndoInBetween => {
                vec![round.at_stop(500, Deed::Undo), healthy(round.image(2)), promote]
            }
            Self::PromoteFull => vec![round.at_stop(1000, Deed::PromoteFull)],
            Self::PauseAndResume => {
                vec![round.at_stop(500, Deed::Pause), round.at_stop(8000, Deed::Resume), promote]
            }
            Self::Scale => vec![
                round.at_stop(500, Deed::Scale(round.replicas + 3)),
                round.at_stop(8000, Deed::Scale((round.replicas - 1).max(1))),
                round.at_stop(8000, Deed::Promote),
            ],
            Self::BadStep => vec![promote.clone(), degraded(Deed::Retry), promote],
            Self::BadVersion => vec![promote.clone(), better(), promote],
            Self::NeverReady | Self::DeadlineAbort => vec![better(), promote],
        };
        std::iter::once(first).chain(then).collect()
    }

    /// Whether a version of the first round is bad.
    const fn is_bad_once(self) -> bool {
        matches!(self, Self::BadStep | Self::BadVersion | Self::NeverReady | Self::DeadlineAbort)
    }
}

/// One of several updates.
struct Round<'a> {
    shape: &'a Shape,
    stop: i32,
    replicas: i32,
    number: u32,
}

impl Round<'_> {
    fn first(&self, story: Story) -> Act {
        let deed = self.image(1);
        if self.number == 0 && story != Story::FirstDeploy {
            return Act { when: When::At(1000), deed };
        }
        Self::at("Healthy", 1000, deed)
    }

    /// The n-th image of this round.
    fn image(&self, nth: u32) -> Deed {
        Deed::SetImage(format!("web:{}", self.number * 2 + nth + 1))
    }

    fn at_stop(&self, plus_ms: u64, deed: Deed) -> Act {
        let when = if self.shape.has_steps {
            When::Step { index: self.stop, plus_ms }
        } else {
            When::Phase { phase: "Paused".to_owned(), plus_ms }
        };
        Act { when, deed }
    }

    fn at(phase: &str, plus_ms: u64, deed: Deed) -> Act {
        Act { when: When::Phase { phase: phase.to_owned(), plus_ms }, deed }
    }
}

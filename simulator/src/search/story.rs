//! What people do during an update, beside the steps themselves.

use crds::object_ref::{Kind, ObjectRef};
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
    /// A person aborts and leaves it so; the next version comes much later.
    Abort,
    /// The number of pods doubles, and before the new ones are there a person aborts.
    GrowAndAbort,
    /// A person promotes in full before the new version has pods.
    PromoteFullAtOnce,
    /// A person holds the update by `spec.paused` in the middle of a pause that ends by itself.
    HoldInBetween,
    /// The pauses take longer than the deadline of an update that takes itself back.
    LongPauses,
    /// The metric backend is silent at first, and a person aborts before it says anything.
    SilentBackend,
    /// Another Rollout beside this one.
    Neighbour,
    /// A person restarts the pods in the middle, and again afterwards.
    Restart,
    /// A person deletes the Rollout in the middle.
    Delete,
    /// A person deletes the Rollout without its ReplicaSets in the middle, and applies it again.
    MakeAnew,
    /// A person goes back to the old template after the promotion, inside the rollback window.
    Return,
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
    Story::Abort,
    Story::GrowAndAbort,
    Story::PromoteFullAtOnce,
    Story::HoldInBetween,
    Story::LongPauses,
    Story::SilentBackend,
    Story::Neighbour,
    Story::Restart,
    Story::Delete,
    Story::MakeAnew,
    Story::Return,
];

/// The first step of a course behind that router which is a pause that ends by itself.
pub(crate) fn first_pause(shape: &Shape) -> i32 {
    let opening = (shape.opening)().len();
    i32::try_from(opening).unwrap_or(0).saturating_add(1)
}

/// How long a person holds an update in the middle of such a pause.
const HELD_MS: u64 = 20_000;
/// How long a long pause is.
const LONG_PAUSE_SECONDS: u32 = 240;
/// After what time an update with long pauses counts as stuck where none is.
const DEADLINE_SECONDS: u32 = 150;

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

    /// The same after other steps.
    #[must_use]
    pub fn after(mut self, opening: Vec<Value>) -> Self {
        self.stop = self.stop.saturating_add(i32::try_from(opening.len()).unwrap_or(0));
        self.steps = opening.into_iter().chain(self.steps).collect();
        self
    }
}

impl Story {
    /// The story behind that router, with these wishes.
    #[must_use]
    pub fn scenario(self, shape: &Shape, wishes: &Wishes, course: &Course) -> Scenario {
        let wishes = self.wishes(shape, wishes);
        let mut manifests = manifests::all(shape, &wishes);
        if self == Self::Neighbour {
            manifests.push(manifests::neighbour());
        }
        Scenario {
            name: format!("{} {self:?}", shape.name),
            start: if self == Self::FirstDeploy { Start::Applied } else { Start::Healthy },
            operators: Operators { count: 2, ..Operators::default() },
            manifests,
            pods: self.pods(),
            metrics: self.metrics(shape),
            // With and without a budget.
            disruption_budget: (self == Self::Restart && wishes.replicas % 2 == 1).then_some(1),
            acts: self.all_acts(shape, course, wishes.replicas),
            ..Scenario::default()
        }
    }

    /// How long its pauses have to be, if that matters.
    #[must_use]
    pub const fn pause_seconds(self) -> Option<u32> {
        match self {
            Self::LongPauses => Some(LONG_PAUSE_SECONDS),
            _ => None,
        }
    }

    fn wishes(self, shape: &Shape, wishes: &Wishes) -> Wishes {
        let mut wishes = wishes.clone();
        wishes.background |= matches!(self, Self::BadVersion | Self::SilentBackend);
        let deadline = match self {
            Self::NeverReady => Some((20, false)),
            Self::DeadlineAbort => Some((20, true)),
            Self::LongPauses => Some((DEADLINE_SECONDS, true)),
            _ => None,
        };
        if let Some((seconds, aborts)) = deadline {
            let deadline = json!({ "progressDeadlineSeconds": seconds, "progressDeadlineAbort": aborts });
            manifests::merge(&mut wishes.spec, &deadline);
        }
        if self == Self::Return {
            manifests::merge(&mut wishes.spec, &json!({ "rollbackWindow": { "revisions": 2 } }));
        }
        if self == Self::LongPauses && !shape.has_steps {
            let pause = json!({ "autoPromotionEnabled": true, "autoPromotionSeconds": LONG_PAUSE_SECONDS });
            manifests::merge(&mut wishes.strategy, &pause);
        }
        wishes
    }

    fn pods(self) -> Vec<PodRule> {
        match self {
            Self::NeverReady | Self::DeadlineAbort => {
                vec![PodRule { image: "web:2".to_owned(), behaviour: Behaviour::NeverReady }]
            }
            _ => Vec::new(),
        }
    }

    fn metrics(self, shape: &Shape) -> Vec<MetricScript> {
        match self {
            // The step of a canary is measured after a promotion, the preview of blue-green before it.
            Self::BadStep => {
                bad_until_answered("smoke_rate", &[0.01, 0.5], if shape.has_steps { 2 } else { 1 })
            }
            // A canary is measured from its beginning, the active version of blue-green after a promotion.
            Self::BadVersion => {
                bad_until_answered("errors_rate", &[0.01, 0.02, 0.5], if shape.has_steps { 1 } else { 2 })
            }
            Self::SilentBackend => ["errors_rate", "smoke_rate"].map(silent_at_first).to_vec(),
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
            Self::Plain | Self::Promote | Self::FirstDeploy | Self::Neighbour => vec![promote],
            Self::AbortAndRetry => vec![abort, degraded(Deed::Retry), promote],
            Self::AbortAndReplace | Self::SilentBackend => vec![abort, better(), promote],
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
            // What is measured before a promotion fails whether it comes or not.
            Self::BadStep if round.shape.has_steps => vec![promote.clone(), degraded(Deed::Retry), promote],
            Self::BadStep => vec![degraded(Deed::Retry), promote],
            Self::BadVersion if round.shape.has_steps => vec![better(), promote],
            Self::BadVersion => vec![promote.clone(), better(), promote],
            Self::NeverReady | Self::DeadlineAbort => vec![better(), promote],
            Self::Abort => vec![abort],
            Self::GrowAndAbort => vec![
                round.at_stop(500, Deed::Scale(round.replicas * 2)),
                round.at_stop(50, Deed::Abort),
                degraded(Deed::Retry),
                promote,
            ],
            Self::PromoteFullAtOnce => vec![Round::at("Progressing", 50, Deed::PromoteFull)],
            Self::HoldInBetween => {
                vec![round.in_between(200, Deed::Pause), round.in_between(HELD_MS, Deed::Resume), promote]
            }
            Self::Delete => {
                let rollout = ObjectRef::new(Kind::Rollout, manifests::NAMESPACE, manifests::ROLLOUT);
                vec![round.at_stop(500, Deed::Delete(rollout))]
            }
            Self::Return => vec![promote, healthy(Deed::Undo)],
            Self::MakeAnew if round.shape.has_steps => vec![round.at_stop(500, Deed::MakeAnew)],
            Self::MakeAnew => vec![round.at_stop(500, Deed::MakeAnew), promote],
            Self::Restart => vec![
                round.at_stop(500, Deed::Restart),
                round.at_stop(9000, Deed::Promote),
                healthy(Deed::Restart),
            ],
            Self::LongPauses if round.shape.has_steps => vec![promote],
            Self::LongPauses => Vec::new(),
        };
        std::iter::once(first).chain(then).collect()
    }

    /// Whether a version of the first round is bad.
    const fn is_bad_once(self) -> bool {
        matches!(
            self,
            Self::BadStep | Self::BadVersion | Self::NeverReady | Self::DeadlineAbort | Self::SilentBackend
        )
    }
}

/// A backend that is content, measures these values once so many acts are over, the last one again and again, and is
/// content again after the next act: so the update is taken back however many measurements are lost or repeated.
fn bad_until_answered(matching: &str, values: &[f64], after_acts: usize) -> Vec<MetricScript> {
    let script = |after_acts: usize, values: &[f64]| MetricScript {
        matching: matching.to_owned(),
        after_acts,
        answers: values.iter().map(|value| MetricAnswer::Values(vec![*value])).collect(),
    };
    vec![script(0, &[0.01]), script(after_acts, values), script(after_acts + 1, &[0.01])]
}

/// A backend that does not answer the first question and is content from then on.
fn silent_at_first(matching: &str) -> MetricScript {
    let answers = vec![MetricAnswer::Timeout, MetricAnswer::Values(vec![0.01])];
    MetricScript { matching: matching.to_owned(), answers, ..MetricScript::default() }
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
        let before = if story == Story::Abort { "Degraded" } else { "Healthy" };
        Self::at(before, 1000, deed)
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

    /// In a pause that ends by itself; without steps, before the new version is ready.
    fn in_between(&self, plus_ms: u64, deed: Deed) -> Act {
        if self.shape.has_steps {
            return Act { when: When::Step { index: first_pause(self.shape), plus_ms }, deed };
        }
        let phase = if deed == Deed::Resume { "Paused" } else { "Progressing" };
        Self::at(phase, plus_ms, deed)
    }

    fn at(phase: &str, plus_ms: u64, deed: Deed) -> Act {
        Act { when: When::Phase { phase: phase.to_owned(), plus_ms }, deed }
    }
}

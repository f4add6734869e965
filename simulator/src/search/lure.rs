//! Where each planted bug shows: behind which routers, in which stories, with which faults.
//!
//! Hints for the search alone, so that few seeds suffice. A bug without a hint is searched for everywhere.

use crds::object_ref::Kind;
use fastrand::Rng;
use planted_bugs::Bug;

use super::faults::{Length, choose};
use super::shape::{SHAPES, Shape};
use super::story::{STORIES, Story};
use super::swarm::Setting;
use crate::fault::{CrashMoment, Edit, Fault, Harm, Target, Version};
use crate::scenario::{MetricAnswer, When};

/// What draws a bug out.
#[derive(Clone, Copy, Debug)]
pub struct Lure {
    /// The names of the shapes; empty: all.
    pub shapes: &'static [&'static str],
    /// The stories; empty: all.
    pub stories: &'static [Story],
    /// What else a story needs.
    pub setting: Setting,
    /// What goes wrong, all of it in every trial.
    pub baits: &'static [Bait],
}

/// A fault that draws a bug out.
#[derive(Clone, Copy, Debug)]
pub struct Bait {
    /// When it strikes.
    pub moment: Moment,
    /// What it does.
    pub harm: fn(&mut Rng) -> Harm,
}

/// When a bait strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// At any write.
    Write,
    /// At one of the first so many writes.
    FirstWrites(u64),
    /// At any step, up to so many milliseconds later.
    Step(u64),
    /// At the first pause, between so many milliseconds later.
    FirstPause(u64, u64),
    /// Where people act, between so many milliseconds later.
    Stop(u64, u64),
    /// At the beginning.
    Beginning,
    /// At any time.
    Any,
}

/// No hint.
const ANYWHERE: Lure = Lure { shapes: &[], stories: &[], setting: Setting::DEFAULT, baits: &[] };
const BACKGROUND: Setting = Setting { background: true, two_operators: false };
const TWO_OPERATORS: Setting = Setting { background: false, two_operators: true };

const STEPS: &[&str] = &["canary", "canary-nginx", "canary-nginx-two", "canary-istio", "canary-istio-two"];
const ROUTED: &[&str] = &["canary-nginx", "canary-nginx-two", "canary-istio", "canary-istio-two"];
const TURNS: &[&str] = &["canary-istio-turns"];
const NGINX: &[&str] = &["canary-nginx", "canary-nginx-two"];
const ISTIO: &[&str] = &["canary-istio", "canary-istio-two"];
const ROLES: &[&str] = &["canary-roles"];
const STEERED: &[&str] =
    &["canary-nginx", "canary-nginx-two", "canary-istio", "canary-istio-two", "blue-green"];
const WORKLOADS: &[&str] = &["canary-workload", "canary-nginx-workload"];
const BLUE_GREEN: &[&str] = &["blue-green"];

const CALM: &[Story] = &[Story::Plain, Story::Promote, Story::Scale, Story::NewVersionInBetween];

const RESTART: &[Story] = &[Story::Restart];

const CONFLICTS: Bait = Bait { moment: Moment::Write, harm: |rng| Harm::Conflicts { count: rng.u32(1..12) } };
const CRASH: fn(&mut Rng) -> Harm = |rng| Harm::Crash {
    moment: if rng.bool() { CrashMoment::BeforeCommit } else { CrashMoment::AfterCommit },
    down_ms: rng.u64(50..1000),
};
const SCALED_BY_HAND: Bait = Bait {
    moment: Moment::Write,
    harm: |rng| {
        let version = if rng.bool() { Version::Stable } else { Version::Canary };
        Harm::Edit { edit: Edit::ScaleReplicaSet { version, replicas: rng.i32(0..9) } }
    },
};
const OLD_REPLICA_SETS: Bait = Bait {
    moment: Moment::FirstWrites(12),
    harm: |rng| Harm::RestartStale {
        back: rng.u64(1..12),
        kind: Some(Kind::ReplicaSet),
        down_ms: rng.u64(50..500),
    },
};

/// The hints.
const LURES: &[(Bug, Lure)] = &[
    (Bug::AbortIntoMissingPods, Lure { shapes: ROUTED, stories: &[Story::GrowAndAbort], ..ANYWHERE }),
    (
        Bug::BadSpecForgetsRoutes,
        Lure {
            shapes: ROUTED,
            stories: &[Story::Abort],
            baits: &[Bait {
                moment: Moment::Stop(100, 1200),
                harm: |_| Harm::Malform { target: Target::Rollout, for_ms: 90_000 },
            }],
            ..ANYWHERE
        },
    ),
    (
        Bug::StepsBegunAnewOnTakeover,
        Lure {
            shapes: STEPS,
            stories: CALM,
            baits: &[Bait {
                moment: Moment::Step(2000),
                harm: |rng| Harm::TakeOver { down_ms: rng.u64(50..5000) },
            }],
            ..ANYWHERE
        },
    ),
    (
        Bug::PauseBegunAnewAfterRestart,
        Lure {
            shapes: STEPS,
            stories: &[Story::LongPauses],
            baits: &[Bait { moment: Moment::FirstPause(60_000, 180_000), harm: CRASH }],
            ..ANYWHERE
        },
    ),
    (Bug::UserPauseIgnored, Lure { stories: &[Story::HoldInBetween], ..ANYWHERE }),
    (Bug::DeadlineCountsPauses, Lure { stories: &[Story::LongPauses], ..ANYWHERE }),
    (
        Bug::ActiveServiceSwitchedBeforePods,
        Lure { shapes: BLUE_GREEN, stories: &[Story::PromoteFullAtOnce], ..ANYWHERE },
    ),
    (
        Bug::NanIsSuccess,
        Lure {
            stories: CALM,
            setting: BACKGROUND,
            baits: &[Bait {
                moment: Moment::Step(3000),
                harm: |rng| Harm::Metrics { answer: MetricAnswer::NotANumber, count: rng.u32(1..4) },
            }],
            ..ANYWHERE
        },
    ),
    (Bug::NothingMeasuredIsSuccess, Lure { shapes: STEPS, stories: &[Story::SilentBackend], ..ANYWHERE }),
    (
        Bug::WeightRaisedOnTakeover,
        Lure {
            shapes: ROUTED,
            stories: CALM,
            setting: BACKGROUND,
            baits: &[
                Bait { moment: Moment::Step(3000), harm: CRASH },
                Bait { moment: Moment::Step(3000), harm: CRASH },
            ],
        },
    ),
    (Bug::StatusWithoutVersion, Lure { stories: CALM, baits: &[CONFLICTS, CONFLICTS], ..ANYWHERE }),
    (Bug::AbortOverwritten, Lure { stories: CALM, baits: &[CONFLICTS, CONFLICTS], ..ANYWHERE }),
    (
        Bug::ScaleWithoutCondition,
        Lure { baits: &[SCALED_BY_HAND, SCALED_BY_HAND, SCALED_BY_HAND], ..ANYWHERE },
    ),
    (
        Bug::RoutesWithoutVersion,
        Lure { shapes: ROUTED, baits: &[CONFLICTS, CONFLICTS, CONFLICTS], ..ANYWHERE },
    ),
    (Bug::OwnReplicaSetTakenForForeign, Lure { baits: &[OLD_REPLICA_SETS], ..ANYWHERE }),
    (
        Bug::LostLeaseIgnored,
        Lure {
            setting: TWO_OPERATORS,
            baits: &[Bait {
                moment: Moment::Step(3000),
                harm: |rng| Harm::StoreDown { for_ms: rng.u64(11_000..16_000) },
            }],
            ..ANYWHERE
        },
    ),
    (
        Bug::ForeignReplicaSetAdopted,
        Lure {
            baits: &[Bait {
                moment: Moment::Beginning,
                harm: |rng| Harm::Squat { kind: Kind::ReplicaSet, for_ms: rng.u64(20_000..60_000) },
            }],
            ..ANYWHERE
        },
    ),
    (
        Bug::ForeignIngressWritten,
        Lure {
            shapes: NGINX,
            baits: &[Bait {
                moment: Moment::Beginning,
                harm: |rng| Harm::Squat { kind: Kind::Ingress, for_ms: rng.u64(2000..20_000) },
            }],
            ..ANYWHERE
        },
    ),
    (
        Bug::BadRolloutStopsOthers,
        Lure {
            stories: &[Story::Neighbour],
            baits: &[
                Bait {
                    moment: Moment::Beginning,
                    harm: |_| Harm::Malform { target: Target::Neighbour, for_ms: 600_000 },
                },
                Bait { moment: Moment::Any, harm: CRASH },
            ],
            ..ANYWHERE
        },
    ),
    (
        Bug::ServiceReleasedWithoutLook,
        Lure {
            shapes: STEERED,
            stories: CALM,
            baits: &[Bait {
                moment: Moment::Step(2000),
                harm: |rng| Harm::RestartStale {
                    back: rng.u64(20..400),
                    kind: Some(Kind::Rollout),
                    down_ms: 50,
                },
            }],
            ..ANYWHERE
        },
    ),
    (
        Bug::WorkloadScaledBeforePods,
        Lure { shapes: &["canary-workload"], stories: &[Story::FirstDeploy], ..ANYWHERE },
    ),
    (
        Bug::WorkloadScaledAtEveryRevision,
        Lure {
            shapes: WORKLOADS,
            stories: CALM,
            baits: &[Bait {
                moment: Moment::Stop(100, 3000),
                harm: |rng| Harm::Edit { edit: Edit::ScaleDeployment { replicas: rng.i32(1..6) } },
            }],
            ..ANYWHERE
        },
    ),
    (Bug::ReturnGoesStepByStep, Lure { stories: &[Story::Return], ..ANYWHERE }),
    (Bug::ReturnMeasured, Lure { stories: &[Story::Return], setting: BACKGROUND, shapes: STEPS, ..ANYWHERE }),
    (Bug::AllPodsRestartedAtOnce, Lure { stories: RESTART, ..ANYWHERE }),
    (Bug::SinglePodNeverRestarted, Lure { stories: RESTART, ..ANYWHERE }),
    (Bug::RestartEndsEarly, Lure { stories: RESTART, ..ANYWHERE }),
    (Bug::WorkloadChangeNotNoticed, Lure { shapes: WORKLOADS, stories: CALM, ..ANYWHERE }),
    (
        Bug::SwitchedFromNobody,
        Lure {
            shapes: TURNS,
            stories: &[
                Story::FirstDeploy,
                Story::AbortAndUndo,
                Story::UndoInBetween,
                Story::PromoteFullAtOnce,
            ],
            baits: &[Bait {
                moment: Moment::Any,
                harm: |rng| Harm::SlowProxy { proxy: None, lag_ms: rng.u64(2000..4900), for_ms: 120_000 },
            }],
            ..ANYWHERE
        },
    ),
    (Bug::RoutesReadByFirstRoles, Lure { shapes: TURNS, ..ANYWHERE }),
    (Bug::PodsKeepEarlierRole, Lure { shapes: ROLES, ..ANYWHERE }),
    (Bug::TemplateKeepsEarlierRole, Lure { shapes: ROLES, ..ANYWHERE }),
    (
        Bug::EarlierRoleForgotten,
        Lure { shapes: ROLES, stories: CALM, baits: &[CONFLICTS, CONFLICTS], ..ANYWHERE },
    ),
    (Bug::DestinationsExchanged, Lure { shapes: ISTIO, ..ANYWHERE }),
    (Bug::WrongRouteOfVirtualService, Lure { shapes: ISTIO, ..ANYWHERE }),
    (Bug::ForeignFieldsLost, Lure { shapes: ISTIO, ..ANYWHERE }),
    (Bug::SecondIngressForgotten, Lure { shapes: &["canary-nginx-two"], ..ANYWHERE }),
    (Bug::CanaryIngressNeverLowered, Lure { shapes: NGINX, ..ANYWHERE }),
];

impl Lure {
    /// What draws that bug out.
    #[must_use]
    pub fn of(bug: Bug) -> &'static Self {
        LURES.iter().find(|(other, _)| *other == bug).map_or(&ANYWHERE, |(_, lure)| lure)
    }

    /// The place of one of its shapes.
    pub(crate) fn shape(&self, rng: &mut Rng) -> usize {
        if self.shapes.is_empty() {
            return rng.usize(0..SHAPES.len());
        }
        let name = choose(rng, self.shapes);
        SHAPES.iter().position(|shape| shape.name == name).unwrap_or(0)
    }

    /// The place of one of its stories.
    pub(crate) fn story(&self, rng: &mut Rng) -> usize {
        if self.stories.is_empty() {
            return rng.usize(0..STORIES.len());
        }
        let story = choose(rng, self.stories);
        STORIES.iter().position(|one| *one == story).unwrap_or(0)
    }

    /// Its faults, for a story of that length.
    pub(crate) fn baits(&self, rng: &mut Rng, shape: &Shape, length: &Length) -> Vec<Fault> {
        let mut bait =
            |bait: &Bait| Fault { when: bait.moment.draw(rng, shape, length), harm: (bait.harm)(rng) };
        self.baits.iter().map(&mut bait).collect()
    }
}

impl Moment {
    fn draw(self, rng: &mut Rng, shape: &Shape, length: &Length) -> When {
        let last = length.writes.max(1);
        let step = |index: i32, plus_ms: u64| {
            if shape.has_steps {
                When::Step { index, plus_ms }
            } else {
                When::Phase { phase: "Paused".to_owned(), plus_ms }
            }
        };
        match self {
            Self::Write => When::Write(rng.u64(0..last)),
            Self::FirstWrites(count) => When::Write(rng.u64(0..count.min(last))),
            Self::Step(up_to) => step(rng.i32(0..length.steps.max(1)), rng.u64(0..up_to)),
            Self::FirstPause(from, to) => step(super::story::first_pause(shape), rng.u64(from..to)),
            Self::Stop(from, to) => step(length.stop, rng.u64(from..to)),
            Self::Beginning => When::At(0),
            Self::Any => When::At(rng.u64(0..length.ms.max(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_at_most_one_lure_and_its_shapes_exist() {
        for (place, (bug, lure)) in LURES.iter().enumerate() {
            assert!(LURES.iter().skip(place + 1).all(|(other, _)| other != bug), "{bug} twice");
            for name in lure.shapes {
                assert!(Shape::named(name).is_some(), "{bug}: {name}");
            }
        }
        assert!(Lure::of(Bug::StepSkipped).baits.is_empty());
    }

    #[test]
    fn a_lure_draws_what_it_names() {
        let mut rng = Rng::with_seed(1);
        let lure = Lure::of(Bug::BadSpecForgetsRoutes);
        let length = Length { writes: 60, steps: 9, stop: 5, ms: 60_000 };
        for _ in 0..20 {
            let shape = &SHAPES[lure.shape(&mut rng)];
            assert!(ROUTED.contains(&shape.name), "{}", shape.name);
            assert_eq!(STORIES[lure.story(&mut rng)], Story::Abort);
            let faults = lure.baits(&mut rng, shape, &length);
            assert!(matches!(faults[0].when, When::Step { index: 5, plus_ms: 100..1200 }), "{faults:?}");
        }
    }
}

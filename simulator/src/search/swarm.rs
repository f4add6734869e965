//! Stories by chance: each seed draws one, its sizes and times, and the faults that it meets.
//!
//! A seed enables a random subset of the kinds of faults, with random parameters. The stories without their faults come
//! from a limited number of variants, so that the end of each variant without faults is worked out only once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use serde_json::{Value, json};

use super::among::Among;
use super::faults::{self, Length, choose};
use super::lure::Lure;
use super::manifests::Wishes;
use super::shape::{SHAPES, Shape};
use super::story::{Course, STORIES, Story};
use super::trial::{Ready, Trial};
use crate::fault::{Fault, FaultKind};
use crate::prepared::PrepareError;
use crate::scenario::{Autoscaler, Range, Scenario, Timings};

/// How often each story is told for each shape, with other sizes and times.
pub const COPIES: u32 = 2;

/// Draws trials, and remembers how each variant ends without faults. A clone shares what is remembered.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    told: Arc<Mutex<BTreeMap<(Number, Setting), Told>>>,
    among: Among,
}

/// A variant made ready.
#[derive(Clone, Debug)]
struct Told {
    shape: &'static Shape,
    ready: Arc<Ready>,
    length: Length,
}

/// The number of a variant: the places of its shape and its story, and which copy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    /// The place of its shape among [`SHAPES`].
    pub shape: usize,
    /// The place of its story among [`STORIES`].
    pub story: usize,
    /// Below [`COPIES`].
    pub copy: u32,
}

/// What of a variant is not left to chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The update is measured beside its steps.
    pub background: bool,
    /// There are two processes.
    pub two_operators: bool,
}

/// A story without its faults.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its strategy and router.
    pub shape: &'static Shape,
    /// What people do.
    pub story: Story,
    /// What is played, without seed and faults.
    pub scenario: Scenario,
    /// How many steps it has.
    pub steps: i32,
    /// The step at which people act.
    pub stop: i32,
}

impl Setting {
    /// All is left to chance.
    pub const DEFAULT: Self = Self { background: false, two_operators: false };
}

impl Swarm {
    /// Draws stories for these shapes.
    #[must_use]
    pub fn among(among: Among) -> Self {
        Self { among, ..Self::default() }
    }

    /// The trial of a seed.
    ///
    /// # Errors
    /// If the story that it draws cannot be played.
    pub fn trial(&self, seed: u64) -> Result<Trial, PrepareError> {
        let mut rng = Rng::with_seed(seed);
        let shape = self.among.draw(&mut rng);
        let number = Number { shape, story: rng.usize(0..STORIES.len()), copy: rng.u32(0..COPIES) };
        let Told { shape, ready, length } = self.tell(number, Setting::DEFAULT)?;
        let density = choose(&mut rng, &[0.05, 0.1, 0.25, 0.5]);
        let faults = draw_faults(&mut rng, density, shape, &length);
        Ok(Trial { shape, ready, seed, faults })
    }

    /// The trial of a seed among those that a lure names, with its baits; now and then with other faults, too.
    ///
    /// # Errors
    /// If the story that it draws cannot be played.
    pub fn lured(&self, lure: &Lure, seed: u64) -> Result<Trial, PrepareError> {
        let mut rng = Rng::with_seed(seed);
        let number =
            Number { shape: lure.shape(&mut rng), story: lure.story(&mut rng), copy: rng.u32(0..COPIES) };
        let Told { shape, ready, length } = self.tell(number, lure.setting)?;
        let mut faults = lure.baits(&mut rng, shape, &length);
        if rng.u32(0..if lure.baits.is_empty() { 2 } else { 4 }) == 0 {
            let density = choose(&mut rng, &[0.05, 0.1]);
            faults.extend(draw_faults(&mut rng, density, shape, &length));
        }
        Ok(Trial { shape, ready, seed, faults })
    }

    /// Makes a variant ready, so that no trial of it has to; nothing if there is no such variant.
    ///
    /// # Errors
    /// If its story cannot be played.
    pub fn prepare(&self, place: u64) -> Result<(), PrepareError> {
        if let Some(number) = numbers().nth(usize::try_from(place).unwrap_or(usize::MAX)) {
            self.tell(number, Setting::DEFAULT)?;
        }
        Ok(())
    }

    /// A variant made ready, once.
    fn tell(&self, number: Number, setting: Setting) -> Result<Told, PrepareError> {
        let remembered = || self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = remembered().get(&(number, setting)) {
            return Ok(told.clone());
        }
        let variant = variant(number, setting);
        let ready = Arc::new(Ready::new(&variant.scenario)?);
        let writes = u64::try_from(ready.writes.len()).unwrap_or(u64::MAX);
        let length = Length { writes, steps: variant.steps, stop: variant.stop, ms: ready.ended_ms };
        let told = Told { shape: variant.shape, ready, length };
        remembered().insert((number, setting), told.clone());
        Ok(told)
    }
}

/// All variants that a seed can draw.
pub fn numbers() -> impl Iterator<Item = Number> {
    let stories = |shape| (0..STORIES.len()).map(move |story| (shape, story));
    let told = (0..SHAPES.len()).flat_map(stories);
    told.flat_map(|(shape, story)| (0..COPIES).map(move |copy| Number { shape, story, copy }))
}

fn draw_faults(rng: &mut Rng, density: f64, shape: &Shape, length: &Length) -> Vec<Fault> {
    let mut drawn = Vec::new();
    for kind in FaultKind::ALL {
        if rng.f64() < density && faults::is_valid(shape, kind) {
            for _ in 0..rng.u32(1..=3) {
                drawn.push(faults::draw(rng, kind, shape, length));
            }
        }
    }
    drawn
}

/// The story of that number: equal numbers give equal stories.
#[must_use]
pub fn variant(number: Number, setting: Setting) -> Variant {
    let shape =
        SHAPES.get(number.shape).or(SHAPES.first()).unwrap_or_else(|| unreachable!("there are shapes"));
    let story = STORIES.get(number.story).copied().unwrap_or(Story::Plain);
    let mut rng = Rng::with_seed(chance(number));
    let mut course = course(&mut rng, shape, story);
    course.rounds = rounds(story, shape);
    let wishes = Wishes {
        replicas: choose(&mut rng, &[2, 3, 5, 8]),
        steps: course.steps.clone(),
        background: rng.u32(0..3) == 0 || setting.background,
        strategy: strategy(&mut rng, shape),
        spec: json!({ "revisionHistoryLimit": choose(&mut rng, &[1, 10]) }),
    };
    let mut scenario = story.scenario(shape, &wishes, &course);
    scenario.name = format!("{} copy {}", scenario.name, number.copy);
    scenario.timings = timings(&mut rng);
    let is_sized = matches!(story, Story::Scale | Story::GrowAndAbort);
    scenario.autoscaler = (!is_sized && rng.u32(0..4) == 0).then(|| autoscaler(&mut rng));
    scenario.operators.count = choose(&mut rng, &[1, 1, 2]).max(if setting.two_operators { 2 } else { 1 });
    let steps = i32::try_from(course.steps.len()).unwrap_or(i32::MAX);
    Variant { shape, story, scenario, steps, stop: course.stop }
}

/// Where the chance of a variant comes from.
fn chance(number: Number) -> u64 {
    let place = number.shape * STORIES.len() + number.story;
    (u64::try_from(place).unwrap_or(0) * u64::from(COPIES) + u64::from(number.copy)) ^ 0x5f0f_5f0f
}

/// How many updates follow each other: short ones are told more often.
const fn rounds(story: Story, shape: &Shape) -> u32 {
    match story {
        Story::PromoteFullAtOnce => 4,
        Story::Delete => 1,
        Story::Abort | Story::LongPauses => 2,
        _ if shape.has_steps => 1,
        _ => 3,
    }
}

/// As many steps as make some sixty writes: a story of two updates needs fewer than one that is cut short.
fn course(rng: &mut Rng, shape: &Shape, story: Story) -> Course {
    let weights = match story {
        Story::Plain
        | Story::Promote
        | Story::PauseAndResume
        | Story::HoldInBetween
        | Story::Scale
        | Story::Neighbour => choose(rng, &[vec![5, 10, 25, 50, 75, 100], vec![10, 60, 30, 80, 50, 100]]),
        Story::PromoteFull => vec![1, 10, 20, 30, 40, 50, 60, 70, 80, 90],
        Story::LongPauses => vec![20, 40, 60],
        _ => choose(rng, &[vec![20, 40, 60, 80], vec![10, 60, 30, 100]]),
    };
    let short = rng.u32(1..5);
    Course::new(&weights, story.pause_seconds().unwrap_or(short)).after((shape.opening)())
}

fn strategy(rng: &mut Rng, shape: &Shape) -> Value {
    let mut fields = serde_json::Map::new();
    if rng.bool() && shape.keeps_old_versions() {
        fields.insert("scaleDownDelaySeconds".to_owned(), json!(rng.u32(0..10)));
    }
    if rng.bool() && shape.keeps_old_versions() {
        fields.insert("abortScaleDownDelaySeconds".to_owned(), json!(rng.u32(1..10)));
    }
    match rng.u32(0..4) {
        _ if !shape.has_steps => {}
        0 => {
            fields.insert("maxSurge".to_owned(), json!(0));
            fields.insert("maxUnavailable".to_owned(), json!(1));
        }
        1 => {
            fields.insert("maxSurge".to_owned(), json!("50%"));
            fields.insert("maxUnavailable".to_owned(), json!(0));
        }
        _ => {}
    }
    Value::Object(fields)
}

fn autoscaler(rng: &mut Rng) -> Autoscaler {
    let mut at = 0;
    let mut load = Vec::new();
    for _ in 0..rng.u32(2..6) {
        load.push((at, rng.u32(1..1000)));
        at += rng.u64(5_000..60_000);
    }
    Autoscaler { min: 2, max: 10, per_pod: 100, load, every_ms: 15_000 }
}

fn timings(rng: &mut Rng) -> Timings {
    let scale = |rng: &mut Rng, choices: &[(u64, u64)]| {
        let (from, to) = choose(rng, choices);
        Range(from, to)
    };
    Timings {
        request_ms: scale(rng, &[(1, 5), (1, 5), (5, 80)]),
        answer_ms: scale(rng, &[(1, 5), (1, 5), (5, 80)]),
        watch_ms: scale(rng, &[(1, 20), (1, 20), (1, 400)]),
        controller_ms: scale(rng, &[(5, 50), (50, 500)]),
        pod_start_ms: scale(rng, &[(500, 3000), (100, 200), (1000, 10_000)]),
        pod_stop_ms: scale(rng, &[(0, 500), (0, 5000)]),
        proxy_ms: scale(rng, &[(10, 2000), (10, 100), (1000, 4500)]),
        ..Timings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_always_gives_the_same_story_of_its_shape() {
        let mut told = std::collections::BTreeSet::new();
        for number in numbers() {
            let of = || variant(number, Setting::DEFAULT);
            assert_eq!(of().scenario, of().scenario);
            assert_eq!((of().shape.name, of().story), (SHAPES[number.shape].name, STORIES[number.story]));
            assert!(told.insert(of().scenario.name), "{number:?} twice");
        }
        assert_eq!(told.len(), SHAPES.len() * STORIES.len() * 2);
    }

    #[test]
    fn a_setting_is_not_left_to_chance() {
        let number = Number { shape: 1, story: 0, copy: 0 };
        let setting = Setting { background: true, two_operators: true };
        let scenario = variant(number, setting).scenario;
        assert_eq!(scenario.operators.count, 2);
        let rollout = scenario.manifests.iter().find(|it| it["kind"] == "Rollout").unwrap();
        assert!(rollout["spec"]["strategy"]["canary"]["analysis"].is_object(), "{rollout}");
    }
}

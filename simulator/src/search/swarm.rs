//! Stories by chance: each seed draws one, its sizes and times, and the faults that it meets.
//!
//! A seed enables a random subset of the kinds of faults, with random parameters. The stories without their faults come
//! from a limited number of variants, so that the end of each variant without faults is worked out only once.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Value, json};

use super::faults::{self, Length, choose};
use super::manifests::Wishes;
use super::shape::{SHAPES, Shape};
use super::story::{Course, STORIES, Story};
use super::trial::{Ready, Trial};
use crate::fault::{Fault, FaultKind};
use crate::prepared::PrepareError;
use crate::scenario::{Autoscaler, Range, Scenario, Timings};

/// How many stories there are for each shape.
pub const VARIANTS_PER_SHAPE: u32 = 30;

/// Draws trials, and remembers how each variant ends without faults.
#[derive(Debug, Default)]
pub struct Swarm {
    known: BTreeMap<u32, Known>,
    only: Option<&'static Shape>,
}

/// What is left to draw from a variant that was played once.
#[derive(Clone, Debug)]
struct Known {
    shape: &'static Shape,
    ready: Arc<Ready>,
    steps: i32,
}

/// A story without its faults.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its number.
    pub number: u32,
    /// Its strategy and router.
    pub shape: &'static Shape,
    /// What people do.
    pub story: Story,
    /// What is played, without seed and faults.
    pub scenario: Scenario,
    /// How many steps it has.
    pub steps: i32,
}

impl Swarm {
    /// Draws stories of that shape only, if one is named.
    #[must_use]
    pub fn of(only: Option<&'static Shape>) -> Self {
        Self { only, ..Self::default() }
    }

    /// The trial of a seed.
    ///
    /// # Errors
    /// If the story that it draws cannot be played.
    pub fn trial(&mut self, seed: u64) -> Result<Trial, PrepareError> {
        let mut rng = Rng::with_seed(seed);
        let shapes = u32::try_from(SHAPES.len()).unwrap_or(1);
        let mut number = rng.u32(0..shapes * VARIANTS_PER_SHAPE);
        if let Some(index) = self.only.and_then(|only| SHAPES.iter().position(|one| one.name == only.name)) {
            let index = u32::try_from(index).unwrap_or(0);
            number = index * VARIANTS_PER_SHAPE + number % VARIANTS_PER_SHAPE;
        }
        let Known { shape, ready, steps } = self.known(number)?;
        let writes = u64::try_from(ready.writes.len()).unwrap_or(u64::MAX);
        let length = Length { writes, steps, ms: ready.ended_ms };
        let faults = draw_faults(&mut rng, shape, &length);
        Ok(Trial { shape, ready, seed, faults })
    }

    fn known(&mut self, number: u32) -> Result<Known, PrepareError> {
        if let Some(known) = self.known.get(&number) {
            return Ok(known.clone());
        }
        let Variant { shape, scenario, steps, .. } = variant(number);
        let known = Known { shape, ready: Arc::new(Ready::new(&scenario)?), steps };
        self.known.insert(number, known.clone());
        Ok(known)
    }
}

fn draw_faults(rng: &mut Rng, shape: &Shape, length: &Length) -> Vec<Fault> {
    let density = choose(rng, &[0.05, 0.1, 0.25, 0.5]);
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
pub fn variant(number: u32) -> Variant {
    let mut rng = Rng::with_seed(u64::from(number) ^ 0x5f0f_5f0f);
    let index = usize::try_from(number / VARIANTS_PER_SHAPE).unwrap_or(0);
    let shape = SHAPES.get(index).or(SHAPES.first()).unwrap_or_else(|| unreachable!("there are shapes"));
    let story = usize::try_from(number).ok().and_then(|number| STORIES.get(number % STORIES.len()).copied());
    let story = story.unwrap_or(Story::Plain);
    let mut course = course(&mut rng, story);
    course.rounds = if shape.has_steps { 1 } else { 3 };
    let wishes = Wishes {
        replicas: choose(&mut rng, &[2, 3, 5, 8]),
        steps: course.steps.clone(),
        background: rng.u32(0..3) == 0,
        strategy: strategy(&mut rng, shape),
        spec: json!({ "revisionHistoryLimit": choose(&mut rng, &[1, 10]) }),
    };
    let mut scenario = story.scenario(shape, &wishes, &course);
    scenario.name = format!("{} variant {number}", scenario.name);
    scenario.timings = timings(&mut rng);
    scenario.autoscaler = (story != Story::Scale && rng.u32(0..4) == 0).then(|| autoscaler(&mut rng));
    scenario.operators.count = choose(&mut rng, &[1, 1, 2]);
    let steps = i32::try_from(course.steps.len()).unwrap_or(i32::MAX);
    Variant { number, shape, story, scenario, steps }
}

/// As many steps as make some sixty writes: a story of two updates needs fewer than one that is cut short.
fn course(rng: &mut Rng, story: Story) -> Course {
    let weights = match story {
        Story::Plain | Story::Promote | Story::PauseAndResume | Story::Scale => {
            choose(rng, &[vec![5, 10, 25, 50, 75, 100], vec![10, 60, 30, 80, 50, 100]])
        }
        Story::PromoteFull => vec![1, 10, 20, 30, 40, 50, 60, 70, 80, 90],
        _ => choose(rng, &[vec![20, 40, 60, 80], vec![10, 60, 30, 100]]),
    };
    Course::new(&weights, rng.u32(1..5))
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
    fn a_number_always_gives_the_same_story_and_every_shape_has_some() {
        let all = u32::try_from(SHAPES.len()).unwrap() * VARIANTS_PER_SHAPE;
        for number in 0..all {
            let (one, other) = (variant(number), variant(number));
            assert_eq!(one.scenario, other.scenario);
            assert_eq!(one.shape.name, SHAPES[usize::try_from(number / VARIANTS_PER_SHAPE).unwrap()].name);
        }
    }
}

use std::sync::Arc;

use super::*;
use crate::outcome::Outcome;
use crate::prepared::Prepared;
use crate::world::{World, play};

/// Plays a scenario with a seed, and shows its timeline if a rule was broken.
fn played(scenario: &Scenario, seed: u64) -> Outcome {
    let prepared: Arc<Prepared> = Prepared::new(scenario).unwrap_or_else(|error| panic!("{error}"));
    let outcome = prepared.play(seed, &[]);
    if !outcome.violations.is_empty() {
        let mut world = World::with(&prepared, seed, &[]).recording();
        while world.step() {}
        let outcome = world.into_outcome();
        let lines: Vec<String> =
            outcome.timeline.iter().map(|entry| format!("{:>9} {:?}", entry.at_ms, entry.what)).collect();
        let violations: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
        panic!("{} with seed {seed}\n{}\n{}", scenario.name, lines.join("\n"), violations.join("\n"));
    }
    outcome
}

#[test]
fn without_faults_no_rule_is_broken() {
    for scenario in all() {
        for seed in 0..5 {
            let outcome = played(&scenario, seed);
            assert!(outcome.commits >= 5, "{}: {} commits", scenario.name, outcome.commits);
        }
    }
}

#[test]
fn equal_seeds_give_equal_traces() {
    let scenario = named("canary-nginx/steps").unwrap();
    let (one, other) = (play(&scenario).unwrap(), play(&scenario).unwrap());
    assert_eq!(one, other);
    let different = play(&Scenario { seed: 1, ..scenario }).unwrap();
    assert_ne!(one.trace_hash, different.trace_hash);
}

#[test]
fn names_are_unique() {
    let mut names: Vec<String> = all().into_iter().map(|scenario| scenario.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_scenario_survives_its_yaml() {
    for scenario in all() {
        let text = scenario.to_yaml().unwrap();
        assert_eq!(Scenario::from_yaml(&text).unwrap(), scenario, "{text}");
    }
}

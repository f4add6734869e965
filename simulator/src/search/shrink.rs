//! The smallest scenario that still fails.

use serde_json::Value;

use super::trial::{self, Ready};
use crate::outcome::{Rule, Violation};
use crate::scenario::{Operators, Scenario, Timings};

/// Makes a failing scenario smaller as long as it breaks the same rule: first its faults, then what people do, then
/// the number of pods, the steps, and the times. Plays at most `budget` scenarios; returns the smallest that failed.
#[must_use]
pub fn shrink(scenario: &Scenario, rule: Rule, budget: usize) -> Scenario {
    let alone = Scenario { faults: Vec::new(), ..scenario.clone() };
    let is_calm = !breaks(&alone, rule);
    let mut search = Shrinking { rule, left: budget, is_calm };
    let mut best = scenario.clone();
    loop {
        let before = best.clone();
        best = search.faults(best);
        best = search.acts(best);
        best = search.sizes(best);
        best = search.steps(best);
        best = search.surroundings(best);
        if best == before || search.left == 0 {
            return best;
        }
    }
}

struct Shrinking {
    rule: Rule,
    left: usize,
    /// Whether the story holds without its faults: then every smaller one has to, too.
    is_calm: bool,
}

impl Shrinking {
    /// Whether it still fails in the same way; `false` once the budget is spent.
    fn fails(&mut self, scenario: &Scenario) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        let Ok(ready) = Ready::new(scenario) else { return false };
        let is_it = |violation: &Violation| violation.rule == self.rule;
        let outcome = ready.play(scenario.seed, &scenario.faults);
        outcome.violations.iter().any(is_it) && !(self.is_calm && ready.violations.iter().any(is_it))
    }

    fn or(&mut self, candidate: Scenario, best: Scenario) -> Scenario {
        if candidate != best && self.fails(&candidate) { candidate } else { best }
    }

    fn faults(&mut self, mut best: Scenario) -> Scenario {
        let all = best.faults.clone();
        best.faults =
            smallest(&all, |faults| self.fails(&Scenario { faults: faults.to_vec(), ..best.clone() }));
        best
    }

    fn acts(&mut self, mut best: Scenario) -> Scenario {
        let all = best.acts.clone();
        best.acts = smallest(&all, |acts| self.fails(&Scenario { acts: acts.to_vec(), ..best.clone() }));
        best
    }

    fn sizes(&mut self, mut best: Scenario) -> Scenario {
        for replicas in [1, 2, 3] {
            let mut candidate = best.clone();
            for spec in rollouts(&mut candidate) {
                if spec.get("replicas").and_then(Value::as_i64).is_some_and(|now| now > replicas) {
                    set(spec, "replicas", replicas.into());
                }
            }
            best = self.or(candidate, best);
        }
        best
    }

    /// Takes steps away from the end: what people do names steps by their index.
    fn steps(&mut self, mut best: Scenario) -> Scenario {
        loop {
            let mut candidate = best.clone();
            for spec in rollouts(&mut candidate) {
                let steps = spec.pointer_mut("/strategy/canary/steps").and_then(Value::as_array_mut);
                steps.map(Vec::pop);
            }
            let next = self.or(candidate, best.clone());
            if next == best {
                return best;
            }
            best = next;
        }
    }

    fn surroundings(&mut self, mut best: Scenario) -> Scenario {
        best = self.or(Scenario { timings: Timings::default(), ..best.clone() }, best);
        let operators = Operators { count: 1, ..best.operators.clone() };
        best = self.or(Scenario { operators, ..best.clone() }, best);
        best = self.or(Scenario { metrics: Vec::new(), ..best.clone() }, best);
        self.or(Scenario { pods: Vec::new(), ..best.clone() }, best)
    }
}

/// Whether a scenario breaks the rule; one that cannot be played breaks none.
fn breaks(scenario: &Scenario, rule: Rule) -> bool {
    let violations = trial::alone(scenario).map(|outcome| outcome.violations).unwrap_or_default();
    violations.iter().any(|violation| violation.rule == rule)
}

fn rollouts(scenario: &mut Scenario) -> impl Iterator<Item = &mut Value> {
    let rollouts = scenario.manifests.iter_mut().filter(|object| object["kind"] == "Rollout");
    rollouts.filter_map(|rollout| rollout.get_mut("spec"))
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// The smallest part of a list, in its order, that still fails (delta debugging): ever smaller chunks are left out.
fn smallest<T: Clone>(all: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut best = all.to_vec();
    let mut chunk = best.len();
    while chunk > 0 {
        let mut start = 0;
        while start < best.len() {
            let end = (start + chunk).min(best.len());
            let rest: Vec<T> = best.iter().take(start).chain(best.iter().skip(end)).cloned().collect();
            if fails(&rest) {
                best = rest;
            } else {
                start = end;
            }
        }
        chunk /= 2;
    }
    best
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::smallest;

    #[rstest]
    #[case::one(&[7], &[7])]
    #[case::two_far_apart(&[2, 19], &[2, 19])]
    #[case::nothing_is_needed(&[], &[])]
    fn only_what_is_needed_is_left(#[case] needed: &[u32], #[case] want: &[u32]) {
        let all: Vec<u32> = (0..20).collect();
        let found = smallest(&all, |part| needed.iter().all(|one| part.contains(one)));
        assert_eq!(found, want);
    }
}

//! S11: a missing value is no success, and a verdict is final.

use std::collections::BTreeMap;

use crds::analysis::AnalysisPhase;
use planner::facts::AnalysisRunFacts;

use crate::store::Verb;

/// What is remembered of the AnalysisRuns, by uid.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    phases: BTreeMap<String, AnalysisPhase>,
    /// Successful measurements.
    successes: BTreeMap<String, i64>,
    /// How many values the backends have given.
    values: i64,
}

impl Verdicts {
    /// The store went back in time: the runs are learned anew; answers that are on their way still count.
    pub(super) fn restored(&mut self) {
        *self = Self { values: self.values, ..Self::default() };
    }

    /// A backend answered, with a value or with something else.
    pub(super) fn answered(&mut self, is_value: bool) {
        self.values += i64::from(is_value);
    }

    /// A run that is there from the beginning.
    pub(super) fn known(&mut self, facts: &AnalysisRunFacts) {
        self.phases.insert(facts.meta.uid.clone(), facts.status.phase);
        let successes = successes(facts);
        self.values += successes;
        self.successes.insert(facts.meta.uid.clone(), successes);
    }

    /// A run has changed; returns what must not be.
    pub(super) fn changed(&mut self, facts: &AnalysisRunFacts, verb: Verb) -> Vec<String> {
        if verb == Verb::Deleted {
            return Vec::new();
        }
        if verb == Verb::Added {
            // Operators create runs without a status: this one is somebody's copy of another.
            self.known(facts);
            return Vec::new();
        }
        let (name, uid) = (&facts.meta.name, &facts.meta.uid);
        let mut messages = Vec::new();
        let phase = facts.status.phase;
        let before = self.phases.insert(uid.clone(), phase);
        if let Some(before) = before.filter(|before| before.is_completed() && *before != phase) {
            messages.push(format!("the verdict of {name} changes from {before} to {phase}"));
        }
        messages.extend(unearned(facts));
        self.successes.insert(uid.clone(), successes(facts));
        let all: i64 = self.successes.values().sum();
        if all > self.values {
            let values = self.values;
            messages
                .push(format!("{name}: {all} measurements were successful, but there were {values} values"));
        }
        messages
    }
}

fn successes(facts: &AnalysisRunFacts) -> i64 {
    let measured = facts.status.metric_results.iter().flat_map(|metric| &metric.measurements);
    let kept = measured.filter(|measurement| measurement.phase == AnalysisPhase::Successful).count();
    i64::try_from(kept).unwrap_or(i64::MAX)
}

/// Successes of a run that no value has earned, of metrics whose condition does not ask for odd values.
fn unearned(facts: &AnalysisRunFacts) -> Vec<String> {
    let (name, status) = (&facts.meta.name, &facts.status);
    let Ok(spec) = &facts.spec else { return Vec::new() };
    let mut messages = Vec::new();
    for metric in &spec.metrics {
        let condition = &metric.success_condition;
        let is_plain = !condition.is_empty()
            && !["isNaN", "isInf", "len(result) == 0"].iter().any(|it| condition.contains(it));
        let Some(result) = status.metric_results.iter().find(|it| it.name == metric.name && is_plain) else {
            continue;
        };
        let good = result.measurements.iter().filter(|it| it.phase == AnalysisPhase::Successful);
        if let Some(odd) = good.map(|it| &it.value).find(|value| !is_finite(value)) {
            messages.push(format!("{name}: a measurement of {odd:?} is a success"));
        }
        if status.phase == AnalysisPhase::Successful && result.successful == 0 && !result.dry_run {
            messages.push(format!("{name} is successful although {} never was", metric.name));
        }
    }
    messages
}

/// Whether a value as a measurement shows it holds numbers, all of them finite.
fn is_finite(value: &str) -> bool {
    let numbers = value.split(['[', ']', ',', ' ']).filter(|part| !part.is_empty());
    let mut read = numbers.map(|part| part.parse::<f64>().is_ok_and(f64::is_finite)).peekable();
    read.peek().is_some() && read.all(|is_number| is_number)
}

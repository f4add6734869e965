//! What the metrics answered.

use std::collections::BTreeMap;

use crds::analysis::{AnalysisPhase, Measurement};
use crds::names::{ROLLOUT_TYPE, STEP_INDEX};
use planner::facts::AnalysisRunFacts;

use crate::preview::report::{AnswerPlayed, MetricPlayed};

/// Value, phase and message of a measurement.
type Answer = (String, AnalysisPhase, String);

/// The measurements that were seen, each once.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// By run and metric, then by the measurement's beginning.
    seen: BTreeMap<(String, String), BTreeMap<String, Answer>>,
    /// Run and metric, in the order of their first measurements.
    order: Vec<(String, String)>,
}

impl Measured {
    /// Takes in a run as it is now.
    pub(super) fn take(&mut self, run: &AnalysisRunFacts) {
        for result in &run.status.metric_results {
            let done = result.measurements.iter().filter(|it| it.phase.is_completed());
            for measurement in done {
                let key = (name_of(run), result.name.clone());
                if !self.seen.contains_key(&key) {
                    self.order.push(key.clone());
                }
                self.seen.entry(key).or_default().insert(id(measurement), answer(measurement));
            }
        }
    }

    /// Each metric with its answers: equal ones that follow each other count together.
    pub(super) fn report(&self) -> Vec<MetricPlayed> {
        let metric = |key: &(String, String)| {
            let mut answers: Vec<AnswerPlayed> = Vec::new();
            for (value, phase, message) in self.seen.get(key).into_iter().flat_map(BTreeMap::values) {
                let value = if value.is_empty() { message } else { value };
                match answers.last_mut() {
                    Some(last) if last.value == *value && last.phase == phase.as_str() => last.times += 1,
                    _ => answers.push(AnswerPlayed {
                        value: value.clone(),
                        phase: phase.as_str().to_owned(),
                        times: 1,
                    }),
                }
            }
            MetricPlayed { name: format!("{} of the {}", key.1, key.0), answers }
        };
        self.order.iter().map(metric).collect()
    }
}

fn id(measurement: &Measurement) -> String {
    measurement.started_at.map(|at| at.get().to_string()).unwrap_or_default()
}

fn answer(measurement: &Measurement) -> Answer {
    (measurement.value.clone(), measurement.phase, measurement.message.clone())
}

/// What a run is to its Rollout, in words.
pub(super) fn name_of(run: &AnalysisRunFacts) -> String {
    let label = |key: &str| run.meta.labels.get(key).map(String::as_str).unwrap_or_default();
    match label(ROLLOUT_TYPE) {
        "Background" => "background analysis".to_owned(),
        "Step" => {
            let step = label(STEP_INDEX).parse::<usize>().map_or(0, |index| index + 1);
            format!("analysis of step {step}")
        }
        "PrePromotion" => "analysis before the switch".to_owned(),
        "PostPromotion" => "analysis after the switch".to_owned(),
        _ => format!("analysis {}", run.meta.name),
    }
}

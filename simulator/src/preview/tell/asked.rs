//! Which metric was asked when.

use std::collections::BTreeSet;

use crds::analysis::Measurement;
use crds::analysis::provider::MetricProvider;
use planner::facts::AnalysisRunFacts;

use super::history::{Event, Played};

/// When each question was asked, in seconds, whose metric's address has `matching` in it; in order.
pub(in crate::preview) fn asked(played: &Played<'_>, matching: &str) -> Vec<f64> {
    let mut seen: BTreeSet<(String, String, i64)> = BTreeSet::new();
    for happening in played.happenings() {
        let Event::Run(run) = happening.event else { continue };
        for result in &run.status.metric_results {
            if address(run, &result.name).is_some_and(|address| address.contains(matching)) {
                let started = result.measurements.iter().filter_map(started);
                seen.extend(started.map(|at| (run.meta.name.clone(), result.name.clone(), at)));
            }
        }
    }
    let mut times: Vec<i64> = seen.into_iter().map(|(_, _, at)| at).collect();
    times.sort_unstable();
    times.into_iter().map(|at| played.seconds_at(at)).collect()
}

fn started(measurement: &Measurement) -> Option<i64> {
    measurement.started_at.map(|at| at.get().as_millisecond())
}

fn address<'a>(run: &'a AnalysisRunFacts, metric: &str) -> Option<&'a str> {
    let metric = run.spec.as_ref().ok()?.metrics.iter().find(|it| it.name == metric)?;
    let MetricProvider { prometheus: Some(prometheus), .. } = &metric.provider else { return None };
    Some(&prometheus.address)
}

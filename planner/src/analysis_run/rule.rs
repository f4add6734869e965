//! How one metric of a run is measured and judged.

use std::collections::BTreeMap;

use analysis::arguments::{self, InvalidAnalysis, ResolvedMetric};
use crds::analysis::AnalysisRunSpec;

use super::resolve::masked;
use super::retention::{PatternError, Patterns};

/// A metric, without the values of Secrets, and how the run treats it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub metric: ResolvedMetric,
    /// Whether it never decides.
    pub dry_run: bool,
    /// How many measurements are kept, at least 1.
    pub retention: usize,
}

/// Why an analysis cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error(transparent)]
    Analysis(#[from] InvalidAnalysis),
    #[error("Analysis spec invalid: {0}")]
    Pattern(#[from] PatternError),
}

/// The rules of all metrics.
///
/// # Errors
/// The first thing that is wrong with arguments, metrics or patterns.
pub(super) fn rules(spec: &AnalysisRunSpec) -> Result<Vec<Rule>, Unfit> {
    let values: BTreeMap<String, String> = masked(spec).map_err(InvalidAnalysis::from)?;
    let metrics = arguments::resolve_all(&spec.metrics, &values)?;
    let patterns = Patterns::of(spec, &metrics)?;
    Ok(metrics
        .into_iter()
        .map(|metric| Rule {
            dry_run: patterns.is_dry_run(&metric.name),
            retention: patterns.retention(&metric.name),
            metric,
        })
        .collect())
}

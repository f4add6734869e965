//! What a metric backend would have to answer so that a measurement passes, or fails.
//!
//! Conditions are free expressions, so an answer is looked for, not computed: candidates are made from the numbers,
//! texts and fields that the expressions speak of, and judged as the operator would judge them.

mod candidates;
#[cfg(test)]
mod tests;
mod wire;
mod words;

use analysis::Value;
use analysis::verdict::Conditions;
use crds::analysis::AnalysisPhase;

pub use wire::prometheus;

use self::candidates::candidates;
use self::words::Words;

/// How many candidates are judged at most: a search must never be felt.
const MAX_TRIES: usize = 4_000;

/// What a backend can answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Numbers: one, or a list of them, as time series databases do.
    Numbers,
    /// Any JSON document.
    Document,
}

/// An answer after which a measurement ends in `phase`, the plainest first; `None` if none was found.
///
/// That nothing was found is no proof that there is nothing.
#[must_use]
pub fn find(conditions: &Conditions<'_>, shape: Shape, phase: AnalysisPhase) -> Option<Value> {
    let words = Words::of(&[conditions.success, conditions.failure]);
    candidates(&words, shape).take(MAX_TRIES).find(|value| conditions.judge(value).phase == phase)
}

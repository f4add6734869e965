//! How single probe results add up to a verdict.

/// Counts results against the thresholds of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    success_threshold: u32,
    failure_threshold: u32,
    verdict: Option<bool>,
    streak: Option<(bool, u32)>,
}

impl Tally {
    /// Nothing seen yet; `verdict` is what holds before any threshold is reached.
    pub(crate) fn new(success_threshold: u32, failure_threshold: u32, verdict: Option<bool>) -> Self {
        Self { success_threshold, failure_threshold, verdict, streak: None }
    }

    /// Takes in one result; returns the new verdict when it changed.
    pub(crate) fn observe(&mut self, success: bool) -> Option<bool> {
        let length = match self.streak {
            Some((kind, length)) if kind == success => length.saturating_add(1),
            _ => 1,
        };
        self.streak = Some((success, length));
        let threshold = if success { self.success_threshold } else { self.failure_threshold };
        if length < threshold || self.verdict == Some(success) {
            return None;
        }
        self.verdict = Some(success);
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(mut tally: Tally, results: &[bool]) -> Vec<Option<bool>> {
        results.iter().map(|result| tally.observe(*result)).collect()
    }

    #[test]
    fn readiness_needs_its_successes_in_a_row() {
        let tally = Tally::new(2, 3, Some(false));
        assert_eq!(verdicts(tally, &[true, false, true, true]), [None, None, None, Some(true)]);
    }

    #[test]
    fn a_verdict_falls_after_failures_in_a_row_and_is_said_once() {
        let tally = Tally::new(1, 3, Some(true));
        let results = [false, false, true, false, false, false, false];
        assert_eq!(verdicts(tally, &results), [None, None, None, None, None, Some(false), None]);
    }

    #[test]
    fn a_verdict_that_holds_already_is_not_repeated() {
        assert_eq!(verdicts(Tally::new(1, 1, Some(true)), &[true, true]), [None, None]);
        assert_eq!(verdicts(Tally::new(1, 1, None), &[true, true]), [Some(true), None]);
    }
}
